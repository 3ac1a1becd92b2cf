#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the sample system: Consul, user-service, order-service and gatehouse.

Called by scripts/quickstart as: quickstart.py BUILD_DIR [--check], with CONSUL_BIN in the
environment (empty where no Consul can be had).  Whatever it started is gone when it ends.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
READY_LIMIT = 60.0
STOP_LIMIT = 20.0

GATEWAY, ADMIN, CONSUL = 5000, 5080, 8500
SERVICES = {"user-service": 5001, "order-service": 5002}
# What the sample agent opens besides its HTTP port; it is told to leave its others closed.
CONSUL_PORTS = {"server": 8300, "serf LAN": 8301}

EXPECTED = {
    "/users": [{"id": 1, "name": "Alice"}, {"id": 2, "name": "Bob"}],
    "/orders": [{"id": 1, "item": "Laptop", "price": 1200},
                {"id": 2, "item": "Phone", "price": 800}],
}


class Trouble(Exception):
    """Ends the run; its text is the one line that the user reads."""


class Interrupted(Exception):
    """A signal asked for the end."""


def say(text):
    print(text, flush=True)


signals = []


def on_signal(number, _frame):
    """Only notes the signal: an exception here could lose a process that is being started."""
    signals.append(number)


def pause(seconds):
    """Sleeps, and raises Interrupted when a signal has come."""
    time.sleep(seconds)
    if signals:
        raise Interrupted


def get(url):
    """The answer's status, content type and body; None when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Content-Type", ""), error.read()
    except OSError:
        return None


def port_is_free(port, address="127.0.0.1"):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((address, port))
            s.listen(1)
        except OSError:
            return False
    return True


def need_port(port, who, address="127.0.0.1"):
    if not port_is_free(port, address):
        raise Trouble(f"port {port}, which {who} needs, is taken: stop the program that listens "
                      f"there and try again")


class Process:
    """A program in the background whose output goes to a file of its own."""

    def __init__(self, name, build, words, env=None, cwd=None):
        self.name = name
        self.log = os.path.join(build, name + ".log")
        with open(self.log, "wb") as log:
            # A group of its own: the terminal's Ctrl-C comes to this script alone, which then
            # stops the programs in their order.
            self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, start_new_session=True,
                                          cwd=cwd, env=dict(os.environ, **(env or {})))

    def must_run(self):
        if self.child.poll() is not None:
            raise Trouble(f"{self.name} ended with {self.child.returncode}: {self.last_line()} "
                          f"(all of it: {self.log})")

    def last_line(self):
        with open(self.log, errors="replace") as log:
            lines = [line.strip() for line in log if line.strip()]
        return lines[-1] if lines else "no output"

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not stop within {STOP_LIMIT:g} s and is killed")
        # Also what a killed program may have left in its group.
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class System:
    """The processes of the sample, in the order in which they were started."""

    def __init__(self, build):
        self.build = build
        self.processes = []

    def start(self, name, words, env=None, cwd=None):
        process = Process(name, self.build, words, env, cwd)
        self.processes.append(process)
        return process

    def wait(self, what, ready):
        """Waits until ready() is true, every process running meanwhile."""
        deadline = time.monotonic() + READY_LIMIT
        while not ready():
            for process in self.processes:
                process.must_run()
            if time.monotonic() > deadline:
                raise Trouble(f"{what} was not ready within {READY_LIMIT:g} s; logs: {self.build}")
            pause(0.05)

    def stop(self):
        """Stops all, the gateway first and Consul last, since the services deregister."""
        while self.processes:
            self.processes.pop().stop()


def consul_answers(base):
    """Whether a Consul with a leader answers at this address."""
    answer = get(base + "/v1/status/leader")
    return answer is not None and answer[0] == 200 and answer[2].strip() not in (b"", b'""')


def start_consul(system):
    """Has a Consul ready; returns whether there is one."""
    if os.environ.get("CONSUL_HTTP_ADDR"):
        say(f"Consul: the one at CONSUL_HTTP_ADDR={os.environ['CONSUL_HTTP_ADDR']}")
        return True
    base = f"http://127.0.0.1:{CONSUL}"
    if not port_is_free(CONSUL):
        if not consul_answers(base):
            raise Trouble(f"port {CONSUL}, which Consul needs, is taken by something that is not "
                          "a Consul with a leader: stop it, or set CONSUL_HTTP_ADDR")
        say(f"Consul: the one that listens on 127.0.0.1:{CONSUL} already; it is left running")
        return True
    binary = os.environ.get("CONSUL_BIN")
    if not binary:
        say("Consul: none here and none could be fetched (see "
            f"{system.build}/fetch-consul.log); running on config/gateway-static.json instead")
        return False
    for name, port in CONSUL_PORTS.items():
        need_port(port, f"Consul ({name})")
    system.start("consul", [
        binary, "agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1",
        f"-http-port={CONSUL}", f"-server-port={CONSUL_PORTS['server']}",
        f"-serf-lan-port={CONSUL_PORTS['serf LAN']}", "-serf-wan-port=-1", "-dns-port=-1",
        "-grpc-port=-1", "-log-level=warn"],
        # It would read a folder services/ in its own folder as its configuration.
        cwd="/")
    system.wait("Consul", lambda: consul_answers(base))
    say(f"Consul: a development agent on 127.0.0.1:{CONSUL}")
    return True


def start_all(system):
    """Starts everything and waits until both routes answer."""
    need_port(GATEWAY, "the gateway", "0.0.0.0")
    need_port(ADMIN, "the gateway's admin listener")
    for name, port in SERVICES.items():
        need_port(port, name)
    config = "gateway.json" if start_consul(system) else "gateway-static.json"
    for name, port in SERVICES.items():
        system.start(name, [os.path.join(system.build, name)], {
            "SERVICE_ADDRESS": "127.0.0.1", "SERVICE_BIND": "127.0.0.1",
            "SERVICE_PORT": str(port), "SERVICE_DRAIN_SECONDS": "0"})
        say(f"{name}: 127.0.0.1:{port}")
    config = os.path.join(TOP, "config", config)
    system.start("gatehouse", [os.path.join(system.build, "gatehouse"), "run", "-c", config],
                 {"GATEHOUSE_PLUGIN_DIR": os.path.join(system.build, "plugins")})
    base = f"http://127.0.0.1:{GATEWAY}"

    def ready():
        return all((get(base + path) or (0,))[0] == 200 for path in EXPECTED)

    system.wait("the gateway", ready)
    say(f"gatehouse: 127.0.0.1:{GATEWAY}, with {os.path.relpath(config, TOP)}")


def show_answers():
    """Prints the answers to both routes; returns whether both are right."""
    good = True
    for path, expected in EXPECTED.items():
        url = f"http://127.0.0.1:{GATEWAY}{path}"
        status, content_type, body = get(url) or (0, "", b"")
        say(f"\n$ curl {url}\n{body.decode(errors='replace').rstrip()}")
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        if status != 200 or content_type != "application/json" or value != expected:
            say(f"not what it should be: status {status}, Content-Type \"{content_type}\", "
                f"expected {json.dumps(expected)}")
            good = False
    return good


def run(system, check):
    """The whole run; the exit status."""
    start_all(system)
    good = show_answers()
    if check:
        say("\nboth answers are right" if good else "\nfailed")
        return 0 if good else 1
    say(f"""
Where to look next:
  http://127.0.0.1:{ADMIN}/status   routes, services and each endpoint's state
  http://127.0.0.1:{ADMIN}/metrics  the counters, for Prometheus
  config/gateway.json             the configuration
  docs/plugins.md                 how to add a backend of your own
  {os.path.relpath(system.build)}/*.log
                                  what each process says

Ctrl-C stops everything.""")
    while True:
        for process in system.processes:
            process.must_run()
        pause(0.25)


def main():
    build, check = os.path.abspath(sys.argv[1]), "--check" in sys.argv[2:]
    system = System(build)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        return run(system, check)
    except Trouble as trouble:
        print(f"quickstart: {trouble}", file=sys.stderr)
        return 1
    except Interrupted:
        say("\nstopping")
        return 1 if check else 0
    finally:
        system.stop()


if __name__ == "__main__":
    sys.exit(main())
