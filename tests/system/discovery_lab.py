# SPDX-License-Identifier: Apache-2.0
"""discovery_lab -- what the tests of discovery share: backends, steady load, a gateway that asks
an agent, and what its /status says.

Used by test_discovery*.py, test_registration.py and test_why.py.
"""
import json
import os
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import (Consul, consul_binary, free_port, request, scratch, start_consul,
                     start_gateway, wait_until, workdir)

HOLD = 2.0
# Variables of the person who runs the tests must not reach the gateway.
NEUTRAL = {name: "" for name in os.environ if name.startswith("CONSUL_")}


class Backend:
    """An instance of a service: answers every GET with its own name."""

    def __init__(self, name="backend", host="127.0.0.1", port=0):
        reply = name.encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

        self.server = ThreadingHTTPServer((host, port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Refuses connections from now on."""
        self.server.shutdown()
        self.server.server_close()


class Load:
    """A request every few milliseconds; failures is what a client must not see."""

    def __init__(self, gw, path="/web"):
        self.gw, self.path = gw, path
        self.sent, self.failures = 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.005):
            self.sent += 1
            try:
                res = request(self.gw.port, self.path)
                if res.status != 200:
                    self.failures.append((res.status, res.body))
            except OSError as e:
                self.failures.append(e)

    def stop(self):
        """Ends the load and returns the failures."""
        self.over.set()
        self.thread.join()
        return self.failures


def gateway_config(address, services=None, **consul):
    """A configuration that asks that agent, with a route /NAME for each service."""
    services = services or {"web": {}}
    routes = [{"path": "/" + name, "plugin": "relay", "config": {"service": name}}
              for name in services]
    consul = {"address": address, "hold": "%dms" % (HOLD * 1000), **consul}
    return {"discovery": {"consul": consul}, "services": services, "routes": routes}


def gateway(address, services=None, wait=True, **consul):
    """A gateway with such a configuration."""
    return start_gateway(gateway_config(address, services, **consul), env=NEUTRAL, wait=wait)


def end(gw):
    """Stops a gateway, which must end well."""
    status = gw.stop()
    if status:
        raise AssertionError("gatehouse ended with %s\n%s" % (status, gw.tail()))


def service(gw, name="web"):
    """Returns what /status says of a service, or None."""
    return next((s for s in gw.status()["services"] if s["name"] == name), None)


def used(gw, name="web"):
    """Returns the ids of the endpoints that get traffic, without the node's name."""
    record = service(gw, name) or {"endpoints": []}
    return sorted(e["id"].partition("/")[2] for e in record["endpoints"] if e["usable"])


def get(gw, name="web"):
    """Returns (status, body) of one request."""
    res = request(gw.port, "/" + name)
    return res.status, res.body


def wait_used(gw, ids, name="web", limit=5.0):
    """Waits until exactly these get traffic; returns the seconds that took."""
    begun = time.monotonic()
    wait_until(lambda: used(gw, name) == sorted(ids), limit,
               "%s uses %s\n%s" % (name, ids, gw.tail()), poll=0.002)
    return time.monotonic() - begun


def wait_served(gw, limit=5.0, status=200, name="web"):
    """Waits until requests are answered with that status; returns the seconds that took."""
    begun = time.monotonic()
    wait_until(lambda: get(gw, name)[0] == status, limit,
               "/%s answers %d\n%s" % (name, status, gw.tail()), poll=0.002)
    return time.monotonic() - begun


def report(what, seconds):
    """Leaves a figure in the log of the test."""
    print("    %s: %.0f ms" % (what, seconds * 1000))


def connections_to(pid, port):
    """Returns how many sockets of a process are connected to a local port."""
    inodes = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return sum(1 for r in rows if r[9] in inodes and int(r[2].rpartition(":")[2], 16) == port)


def said(gw, text):
    """Returns the lines of the gateway's log that contain the text."""
    return [line for line in gw.stderr().splitlines() if text in line]


ROOT_TOKEN = "11111111-2222-3333-4444-555555555555"


class AclAgent(Consul):
    """A dev agent with ACLs: who has no token may do nothing."""

    def __init__(self):
        super().__init__(args=("-hcl", 'acl { enabled = true default_policy = "deny" '
                               'tokens { master = "%s" agent = "%s" } }' %
                               (ROOT_TOKEN, ROOT_TOKEN)))
        wait_until(self._serves, 30, "consul with ACLs")

    def _serves(self):
        try:
            return self.root("GET", "/v1/catalog/nodes") != []
        except (OSError, AssertionError):
            return False

    def root(self, method, path, value=None):
        """One API call with the token that may do everything."""
        res = request(self.port, path, method, [("X-Consul-Token", ROOT_TOKEN)],
                      b"" if value is None and method == "PUT" else
                      None if value is None else json.dumps(value).encode())
        assert res.status == 200, (path, res.status, res.body)
        return res.json() if res.body else None

    def token(self, policy, rules=None):
        """(accessor, secret) of a new token with that policy, which is made from rules."""
        if rules:
            self.root("PUT", "/v1/acl/policy", {"Name": policy, "Rules": rules})
        token = self.root("PUT", "/v1/acl/token", {"Policies": [{"Name": policy}]})
        return token["AccessorID"], token["SecretID"]


def https_agent():
    """A dev agent that speaks https and wants a client certificate; its address, and the settings
    of a gateway that has one."""
    folder, port = tempfile.mkdtemp(dir=workdir()), free_port()
    for args in ("ca create", "cert create -server", "cert create -client"):
        subprocess.run([consul_binary(), "tls", *args.split()], cwd=folder, check=True,
                       timeout=30, stdout=subprocess.DEVNULL)
    hcl = ('verify_incoming_https = true ca_file = "{0}/consul-agent-ca.pem" '
           'cert_file = "{0}/dc1-server-consul-0.pem" '
           'key_file = "{0}/dc1-server-consul-0-key.pem" ports {{ https = {1} }}')
    consul = start_consul("-hcl", hcl.format(folder, port))
    return consul, "https://127.0.0.1:%d" % port, {
        "ca_file": folder + "/consul-agent-ca.pem",
        "client_cert": folder + "/dc1-client-consul-0.pem",
        "client_key": folder + "/dc1-client-consul-0-key.pem",
        "tls_server_name": "server.dc1.consul"}


def unix_agent():
    """A dev agent that listens on a unix socket too, and its address."""
    path = scratch("agent.sock")
    os.unlink(path)
    consul = start_consul("-hcl", 'addresses { http = "127.0.0.1 unix://%s" }' % path)
    return consul, "unix://" + path
