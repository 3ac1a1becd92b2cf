# SPDX-License-Identifier: Apache-2.0
"""harness -- starts and stops the real processes that system tests drive.

Called by every tests/system/test_*.py.  Ports are picked at random, every wait has a
limit, and only processes started here are ever signalled, by their pid.

    with start_gateway({"services": {...}, "routes": [...]}) as gw:
        res = request(gw.port, "/users")
"""
import atexit
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from wire import Client, Cut, Fields, Malformed, Response  # noqa: F401 (part of our interface)

HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR = os.environ.get("SRCDIR") or os.path.dirname(os.path.dirname(HERE))
BUILDDIR = os.environ.get("BUILDDIR") or SRCDIR
# Sanitizer and coverage builds on a busy machine are several times slower.
SLOW = float(os.environ.get("TEST_SLOW_FACTOR", "1"))

_running = []
_ports_given = set()
_workdir = None


class HarnessError(AssertionError):
    """A process did not do in time what the harness needs; the text carries its log."""


def wait_until(predicate, limit=5.0, what="condition", poll=0.01):
    """Polls until predicate() is true and returns its value; fails after limit seconds."""
    deadline = time.monotonic() + limit * SLOW
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise HarnessError("not within %g s: %s" % (limit * SLOW, what))
        time.sleep(poll)


def free_port():
    """Returns a TCP port that is free now on 127.0.0.1 and was not handed out before.

    It lies below the range that the kernel takes ports of outgoing connections from: one of
    those could be gone again before the program that it is meant for listens on it.
    """
    while True:
        port = random.randrange(10240, 32000)
        if port in _ports_given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports_given.add(port)
        return port


def workdir():
    """Returns this run's scratch directory; removed at exit unless KEEP_TEST_FILES is set."""
    global _workdir
    if _workdir is None:
        _workdir = tempfile.mkdtemp(prefix="gatehouse-test-")
        if os.environ.get("KEEP_TEST_FILES"):
            print("test files: " + _workdir, file=sys.stderr)
    return _workdir


def scratch(name):
    """Returns a path for a new file in the scratch directory, unique to this call."""
    fd, path = tempfile.mkstemp(prefix=name + ".", dir=workdir())
    os.close(fd)
    return path


def env_path(variable, *fallbacks):
    """Returns the file that an environment variable names, else the first that exists."""
    value = os.environ.get(variable)
    if value:
        return os.path.abspath(value)
    for path in fallbacks:
        path = os.path.join(BUILDDIR, path)
        if os.path.exists(path):
            return path
    raise HarnessError("%s is not set and none of %s is in %s" % (
        variable, ", ".join(fallbacks), BUILDDIR))


def gatehouse():
    """Returns the gateway's binary."""
    return env_path("GATEHOUSE", "gatehouse", "core/gatehouse")


def plugin_dir():
    """Returns the directory of the built plugins."""
    return env_path("PLUGIN_DIR", "plugins/.libs", "plugins")


# Becomes the program behind "--", with the descriptors before it from 3 on: what a service manager
# does between fork and exec.
_PASS_FDS = """
import fcntl, os, sys
at = sys.argv.index("--")
fds = [fcntl.fcntl(int(x), fcntl.F_DUPFD, 100) for x in sys.argv[1:at]]
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[at + 1], sys.argv[at + 1:])
"""


class Process:
    """A child in its own session whose standard output and error go to files."""

    def __init__(self, argv, name=None, env=None, cwd=None, fds=()):
        """fds: sockets that it is passed as a service manager does (LISTEN_FDS)."""
        self.name = name or os.path.basename(argv[0])
        self.argv = list(argv)
        if fds:
            argv = [sys.executable, "-c", _PASS_FDS, *map(str, fds), "--", *argv]
        self.out_path = scratch(self.name + ".out")
        self.err_path = scratch(self.name + ".err")
        full_env = dict(os.environ)
        full_env.update(env or {})
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                env=full_env, start_new_session=True, pass_fds=fds)
        self.pid = self.popen.pid
        _running.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def alive(self):
        """True while the process has not ended."""
        return self.popen.poll() is None

    def returncode(self):
        """Returns the exit status (negative: the signal), or None while it runs."""
        return self.popen.poll()

    def signal(self, number):
        """Sends a signal to the process itself, not to its children."""
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, limit=10.0):
        """Waits for the end and returns the exit status; fails after limit seconds."""
        try:
            return self.popen.wait(limit * SLOW)
        except subprocess.TimeoutExpired:
            raise HarnessError("%s did not end within %g s\n%s" % (
                self.name, limit * SLOW, self.tail())) from None

    def stop(self, limit=10.0):
        """SIGTERM, wait, then SIGKILL to its whole session.  Returns the exit status."""
        if self in _running:
            _running.remove(self)
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(limit * SLOW)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        """SIGKILL to the process and its session.  Returns the exit status."""
        if self in _running:
            _running.remove(self)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.popen.wait(5)

    def stdout(self):
        """Returns what the process wrote to standard output so far."""
        return _read(self.out_path)

    def stderr(self):
        """Returns what the process wrote to standard error so far."""
        return _read(self.err_path)

    def tail(self, lines=30):
        """Returns the last lines of both streams, to put into a failure."""
        text = self.stdout() + self.stderr()
        return "--- %s ---\n%s" % (self.name, "\n".join(text.splitlines()[-lines:]))

    def log(self):
        """Returns standard error as a list: an object per JSON line, {"text": ...} else."""
        return parse_lines(self.stderr())

    def wait_listening(self, port, limit=10.0):
        """Waits until something accepts on the port; fails at once if the process ends."""
        def accepts():
            if not self.alive():
                raise HarnessError("%s ended with %s\n%s" % (
                    self.name, self.returncode(), self.tail()))
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        wait_until(accepts, limit, "%s accepts on %d" % (self.name, port))
        return self


def _read(path):
    with open(path, "rb") as f:
        return f.read().decode("utf-8", "replace")


def parse_lines(text):
    """Returns complete lines as a list: an object per JSON line, {"text": line} else."""
    out = []
    for line in text.split("\n")[:-1]:
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        out.append(value if isinstance(value, dict) else {"text": line})
    return out


def request(port, target="/", method="GET", headers=(), body=None, limit=5.0,
            host="127.0.0.1"):
    """One request on a connection of its own; returns the Response (see wire.py)."""
    lines = ["%s %s HTTP/1.1" % (method, target), "Host: gatehouse", "Connection: close"]
    lines += ["%s: %s" % pair for pair in headers]
    if body is not None:
        lines.append("Content-Length: %d" % len(body))
    with Client(port, host, limit * SLOW) as c:
        c.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            c.send(body)
        return c.response(method)


class Gateway(Process):
    """A running gateway: port (first listener), ports, admin (its port), config."""

    def __init__(self, path, config, env=None, args=(), fds=()):
        self.path = path
        self.config = config
        self.ports = [_port_of(item) for item in config["listen"] if not _is_unix(item)]
        self.port = self.ports[0]
        admin = config.get("admin", "off")
        self.admin = None if admin == "off" or admin.startswith("unix:") else _port_of(admin)
        super().__init__([gatehouse(), "run", "-c", path, *args], "gatehouse", env, fds=fds)

    def ready(self):
        """True if /readyz says so."""
        try:
            return request(self.admin, "/readyz", limit=1).status == 200
        except OSError:
            return False

    def wait_ready(self, limit=10.0):
        """Waits for /readyz; fails at once if the gateway ends."""
        def is_ready():
            if not self.alive():
                raise HarnessError("gatehouse ended with %s\n%s" % (
                    self.returncode(), self.tail()))
            return self.ready()
        try:
            wait_until(is_ready, limit, "gatehouse is ready")
        except HarnessError as e:
            if self.alive():
                self.kill()
            raise HarnessError("%s\n%s" % (e, self.tail())) from None
        return self

    def status(self):
        """Returns the admin listener's /status as an object."""
        return request(self.admin, "/status").json()

    def metrics(self):
        """Returns /metrics as {"name{labels}": value}."""
        values = {}
        for line in request(self.admin, "/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def worker_pids(self):
        """Returns the pids of the workers that /status lists."""
        return [w["pid"] for w in self.status()["workers"] if w.get("pid")]

    def access_log(self):
        """Returns the access log's lines so far, parsed."""
        where = self.config.get("access_log", "stdout")
        return parse_lines(self.stdout() if where == "stdout" else _read(where))

    def wait_access(self, match, limit=5.0):
        """Waits for an access-log line for which match(line) is true and returns it."""
        return wait_until(lambda: next((a for a in self.access_log() if match(a)), None),
                          limit, "a matching line in the access log")


def _is_unix(item):
    return isinstance(item, str) and item.startswith("unix:")


def _port_of(item):
    address = item["address"] if isinstance(item, dict) else item
    return int(address.rpartition(":")[2])


def write_config(config):
    """Writes a configuration (object or text) to a new file and returns its path."""
    path = scratch("gateway.json")
    with open(path, "w", encoding="utf-8") as f:
        if isinstance(config, str):
            f.write(config)
        else:
            json.dump(config, f, indent=2)
    return path


def start_gateway(config, env=None, wait=True, limit=10.0, args=(), fds=()):
    """Starts a gateway and waits until it is ready (wait=False: only starts it).

    config is an object, to which listen, admin, workers, plugin_dir, autoload (off) and
    access_log are added where missing, or the complete text of a file with literal ports.
    """
    if isinstance(config, str):
        parsed = json.loads(config)
    else:
        parsed = {
            "listen": ["127.0.0.1:%d" % free_port()],
            "admin": "127.0.0.1:%d" % free_port(),
            "workers": 1,
            "plugin_dir": plugin_dir(),
            "autoload": False,
            "access_log": scratch("access.log"),
        }
        parsed.update(config)
        config = parsed
    gw = Gateway(write_config(config), parsed, env, args, fds)
    return gw.wait_ready(limit) if wait else gw


def relay_config(backends, **more):
    """Returns a configuration: {"/prefix/*": [ports]} each relayed to static endpoints."""
    services, routes = {}, []
    for i, (path, ports) in enumerate(backends.items()):
        name = "backend-%d" % i
        services[name] = {"endpoints": ["127.0.0.1:%d" % p for p in ports]}
        routes.append({"path": path, "plugin": "relay", "config": {"service": name}})
    config = {"services": services, "routes": routes}
    config.update(more)
    return config


def run_gatehouse(*args, limit=20.0, env=None):
    """Runs a gatehouse command to its end; returns (exit status, stdout, stderr)."""
    full_env = dict(os.environ)
    full_env.update(env or {})
    done = subprocess.run([gatehouse(), *args], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=limit * SLOW, env=full_env, check=False)
    return (done.returncode, done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"))


def consul_binary():
    """Returns the consul binary: CONSUL_BIN, else PATH, else fetched by scripts/."""
    found = os.environ.get("CONSUL_BIN") or shutil.which("consul")
    if found:
        return found
    dest = os.path.join(tempfile.gettempdir(), "gatehouse-consul-%d" % os.getuid())
    path = os.path.join(dest, "consul")
    if not os.path.exists(path):
        subprocess.run([os.path.join(SRCDIR, "scripts", "fetch-consul"), dest], check=True,
                       timeout=300, stdout=subprocess.DEVNULL)
    return path


class Consul(Process):
    """A real dev agent: port, address ("127.0.0.1:port"), and calls to its HTTP API."""

    def __init__(self, ports=None, args=()):
        self.ports = ports or {name: free_port() for name in (
            "http", "dns", "grpc", "serf-lan", "serf-wan", "server")}
        self.args = tuple(args)
        self.port = self.ports["http"]
        self.address = "127.0.0.1:%d" % self.port
        argv = [consul_binary(), "agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1",
                "-log-level=warn"]
        argv += ["-%s-port=%d" % item for item in self.ports.items()]
        super().__init__(argv + list(args), "consul")

    def wait_ready(self, limit=30.0):
        """Waits until the agent answers and has a leader and its own node is registered."""
        def leads():
            if not self.alive():
                raise HarnessError("consul ended\n" + self.tail())
            try:
                leader = self.call("GET", "/v1/status/leader", limit=2)
                nodes = self.call("GET", "/v1/catalog/nodes", limit=2)
            except OSError:
                return False
            return (leader.status == 200 and leader.body.strip() not in (b"", b'""') and
                    nodes.status == 200 and nodes.json())
        wait_until(leads, limit, "consul has a leader", poll=0.05)
        return self

    def call(self, method, path, value=None, limit=5.0):
        """One API call; value is sent as JSON.  Returns the Response."""
        body = None if value is None else json.dumps(value).encode()
        if body is None and method == "PUT":
            body = b""
        return request(self.port, path, method, body=body, limit=limit)

    def register(self, name, port, ident=None, address="127.0.0.1", **more):
        """Registers an instance with the agent."""
        value = {"ID": ident or name, "Name": name, "Address": address, "Port": port}
        value.update(more)
        res = self.call("PUT", "/v1/agent/service/register?replace-existing-checks=true", value)
        if res.status != 200:
            raise HarnessError("register %s: %s %r" % (name, res.status, res.body))

    def deregister(self, ident):
        """Removes an instance; one that is not there is no failure."""
        self.call("PUT", "/v1/agent/service/deregister/" + ident)

    def instances(self, name):
        """Returns /v1/health/service/NAME as a list."""
        return self.call("GET", "/v1/health/service/" + name).json()

    def restart(self):
        """Kills the agent and returns a new one, empty, on the same ports."""
        self.kill()
        return Consul(self.ports, self.args).wait_ready()


def start_consul(*args):
    """Starts a dev agent on free ports and waits until it can be used."""
    return Consul(args=args).wait_ready()


def _stop_all():
    for process in list(_running):
        process.kill()
    if _workdir and not os.environ.get("KEEP_TEST_FILES"):
        shutil.rmtree(_workdir, ignore_errors=True)


def _on_sigterm(_number, _frame):
    sys.exit(143)


atexit.register(_stop_all)
try:
    signal.signal(signal.SIGTERM, _on_sigterm)
except ValueError:
    pass  # Imported outside the main thread: the importer handles signals.
