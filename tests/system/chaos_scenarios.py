# SPDX-License-Identifier: Apache-2.0
"""The scenarios of tests/chaos: each does one kind of thing to a gateway under traffic, so many
times, and gives a row of the table."""
import collections
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import time

from chaos_lab import CHECKERS, WRK_CONNECTIONS, Lab, Service, seconds
from chaos_machine import clock_shim, file_system
from harness import free_port, request, scratch, start_consul, start_gateway, wait_until
from test_dropin import build
from test_systemd import listening

# One request can be in flight on each connection of the traffic.
INSIDE = WRK_CONNECTIONS + CHECKERS
# What a client sees of a worker that is gone; anything else is not a request inside it.
GONE = {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError", "IncompleteRead",
        "wrk: read", "wrk: write"}


class Row:
    """What became of one scenario."""

    def __init__(self, name, events, allowed=0):
        self.name, self.events, self.allowed = name, events, allowed
        self.sent, self.failed = 0, collections.Counter()
        self.note, self.problems, self.skipped = "", [], None
        self.seconds = None

    def take(self, lab):
        """Ends the lab and takes over what its clients counted."""
        lab.stop()
        if lab.traffic:
            self.sent += lab.traffic.sent
            self.failed += lab.traffic.failed
        return self

    def failures(self):
        """How many requests failed."""
        return sum(self.failed.values())

    def judge(self):
        """What of this row misses the target."""
        problems = list(self.problems)
        if self.failures() > self.allowed:
            problems.append("%d requests failed, %d may" % (self.failures(), self.allowed))
        if self.allowed and set(self.failed) - GONE:
            problems.append("failed otherwise than with their worker: %s" % ", ".join(
                sorted(set(self.failed) - GONE)))
        return problems


def control_kib(gateway):
    """Resident memory of the control process."""
    with open("/proc/%d/status" % gateway.pid, encoding="ascii", errors="replace") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def reloads(n):
    """The file changes, and is reloaded."""
    row, lab = Row("reload", n), Lab()
    traffic, gateway = lab.start_traffic(), lab.gateway
    before = control_kib(gateway)
    for i in range(n):
        config = json.loads(json.dumps(gateway.config))
        if i % 2:
            config["routes"].append({"path": "/more", "plugin": "relay",
                                     "config": {"service": "users"}})
        with open(gateway.path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        res = request(gateway.admin, "/reload", "POST", body=b"", limit=60)
        if res.status != 200:
            row.problems.append("reload %d: %s" % (i + 1, res.body.decode()))
            break
        traffic.wait_more(50)
    row.note = "control process %+.1f %%" % (100 * (control_kib(gateway) / before - 1))
    return row.take(lab)


def copied(lab, source):
    """Written over, byte after byte."""
    lab.put("hot", source)


def renamed(lab, source):
    """A new file takes the name."""
    lab.put(".hot.new", source)
    os.rename(lab.file(".hot.new"), lab.file("hot"))


def switched(lab, source):
    """A link points elsewhere."""
    os.symlink(source, lab.file(".hot.link"))
    os.rename(lab.file(".hot.link"), lab.file("hot"))


def swaps(way, n):
    """The file of a plugin that serves becomes another."""
    row, lab, took = Row("plugin " + way.__name__, n), Lab(autoload=True), []
    sources = {text: build("hot", text) for text in ("one", "two")}
    way(lab, sources["one"])
    lab.wait_body("/hot", "one", 16)
    traffic = lab.start_traffic({"/hot": b"one"})
    traffic.answers["/hot"].add(b"two")
    for i in range(n):
        text, began = ("two", "one")[i % 2], time.monotonic()
        way(lab, sources[text])
        lab.wait_body("/hot", text, 1)
        took.append(seconds(began))
        # Until the old workers have stopped to accept, they answer too.
        lab.wait_body("/hot", text, 16)
    row.note = "new answer after %.2f s (median)" % statistics.median(took)
    return row.take(lab)


def dropins(n):
    """A file comes, is served, and goes."""
    row, lab, took = Row("drop-in and removal", n), Lab(autoload=True), []
    source, port = build("drop", "here"), lab.gateway.port
    traffic = lab.start_traffic()
    for _ in range(n):
        began = time.monotonic()
        lab.put("drop", source)
        wait_until(lambda: request(port, "/drop").status == 200, 20, "the new plugin is served",
                   poll=0.005)
        took.append(seconds(began))
        os.unlink(lab.file("drop"))
        wait_until(lambda: all(request(port, "/drop").status == 404 for _ in range(16)), 20,
                   "its route has gone")
        traffic.wait_more(50)
    row.note = "first answer after %.2f s (median)" % statistics.median(took)
    row.seconds = statistics.median(took)
    return row.take(lab)


def faulty_lab(**more):
    """With the plugin that goes wrong when asked to."""
    return Lab(plugins=("relay", "faults"), routes=[{"path": "/faults/*", "plugin": "faults"}],
               **more)


def go_wrong(lab, how, row):
    """Ends a worker by the plugin; waits until all are there again."""
    before = lab.restarts()
    try:
        res = request(lab.gateway.port, "/faults/" + how, limit=20)
        row.problems += ["/faults/%s was answered" % how] if res.complete else []
    except OSError:
        pass
    wait_until(lambda: lab.restarts() > before and lab.all_ready(), 30, "the worker is replaced")


def crashes(how, n):
    """A plugin ends its worker."""
    row, lab = Row("plugin: " + how, n, n * INSIDE), faulty_lab(quarantine={"crashes": "off"})
    traffic = lab.start_traffic()
    for _ in range(n):
        go_wrong(lab, how, row)
        traffic.wait_more(50)
    row.note = "%.1f inside each worker" % (row.take(lab).failures() / n)
    return row


def quarantine(_):
    """Three crashes keep a plugin out; nobody else sees anything from then on."""
    row, lab = Row("quarantine", 3, 3 * INSIDE), faulty_lab()
    traffic = lab.start_traffic()
    for _ in range(3):
        go_wrong(lab, "null", row)
    # Requests that were inside the last worker are counted at the end of wrk's window.
    traffic.wait_more(2000, 60)
    res = request(lab.gateway.port, "/faults/fine")
    if (res.status, b"plugin_quarantined" in res.body) != (503, True):
        row.problems.append("after three crashes: %d %r" % (res.status, res.body))
    row.take(lab)
    return row


def wait_ended(pids):
    """Waits until none of these processes is there."""
    wait_until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in pids), 40,
               "the old workers have finished")


def control_killed(n):
    """The control process is killed, and started again on the sockets that a supervisor holds."""
    row, port = Row("control process kill -9", n), free_port()
    held = listening(("127.0.0.1", port))
    fds = (held.fileno(),)
    lab = Lab(listen=["127.0.0.1:%d" % port], fds=fds)
    traffic = lab.start_traffic()
    for _ in range(n):
        old = lab.gateway
        workers = old.worker_pids()
        old.signal(signal.SIGKILL)
        old.popen.wait()
        lab.gateway = start_gateway(old.config, fds=fds)
        wait_ended(workers)
        traffic.wait_more(50)
    held.close()
    return row.take(lab)


def disk_full(n):
    """No room for the access log and for what discovery keeps."""
    row = Row("disk full: log and snapshot", n)
    place, why = file_system("256k")
    if not place:
        row.skipped = why
        return row
    consul = start_consul()
    service = Service(consul.address)
    lab = Lab(service=service, services={"users": {"consul_name": "user-service"}},
              access_log=os.path.join(place, "access.log"),
              discovery={"snapshot": os.path.join(place, "snapshot.json")},
              env={"CONSUL_HTTP_ADDR": consul.address})
    wait_until(lambda: request(lab.gateway.port, "/users").status == 200, 20, "Consul's service")
    traffic = lab.start_traffic()
    with open(os.path.join(place, "rest"), "wb") as f:
        try:
            f.write(b"x" * (1 << 20))
        except OSError:
            pass
    wait_until(lambda: lab.gateway.metrics()["gatehouse_access_log_dropped_total"] > 0, 30,
               "lines are lost and counted")
    traffic.wait_more(500)
    row.note = "%d log lines lost, and counted" % (
        lab.gateway.metrics()["gatehouse_access_log_dropped_total"])
    row.take(lab)
    consul.stop()
    subprocess.run(["umount", place], check=True)
    return row


def descriptors(n):
    """Workers have no file descriptor left for a new connection."""
    row, lab = Row("no file descriptors", n), Lab()
    traffic = lab.start_traffic(wrk=False)
    for _ in range(n):
        for pid in lab.gateway.worker_pids():
            used = 1 + max(int(fd) for fd in os.listdir("/proc/%d/fd" % pid))
            _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            # The last sixteenth is not for clients.
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(used + 4, 64), hard))
        crowd = [socket.create_connection(("127.0.0.1", lab.gateway.port), 5) for _ in range(100)]
        for c in crowd:
            c.sendall(b"GET /users HTTP/1.1\r\n")
        traffic.wait_more(300)
        for c in crowd:
            c.close()
        wait_until(lambda: served(lab), 20, "new connections are served again")
    row.note = "kept connections go on"
    return row.take(lab)


def served(lab):
    """Whether a new connection gets an answer."""
    try:
        return request(lab.gateway.port, "/users").status == 200
    except OSError:
        return False


def clock_jumps(n):
    """The wall clock jumps a day ahead, and back."""
    row = Row("clock jumps a day", n)
    env, jump = clock_shim(scratch("clock"))
    lab = Lab(env=env)
    traffic = lab.start_traffic()
    for i in range(n):
        jump(0 if i % 2 else 86400)
        lab.wait_day(0 if i % 2 else 86400)
        traffic.wait_more(200)
    return row.take(lab)


def leaks(n):
    """A plugin leaks until its worker is over the limit and is replaced."""
    row, lab = Row("plugin: leak, memory limit", n), faulty_lab(limits={"worker_memory": "96MiB"})
    traffic, most = lab.start_traffic(), 0
    for i in range(n):
        while lab.gateway.status()["generations"][-1]["generation"] < i + 2:
            if most < 100 << 20:
                request(lab.gateway.port, "/faults/leak")
            most = max(w["memory_bytes"] for w in lab.gateway.status()["workers"])
        wait_until(lambda: all(w["memory_bytes"] < 96 << 20 and w["state"] == "ready"
                               for w in lab.gateway.status()["workers"]), 30, "new workers serve")
        row.note = "replaced at %d MiB; " % (most >> 20) + row.note
        most = 0
        traffic.wait_more(50)
    row.note = row.note.rstrip("; ")
    return row.take(lab)


def scenarios(long):
    """[(name, function, how often)], in the order of the table."""
    many, some, few = (200, 50, 5) if long else (6, 3, 1)
    rows = [("reload", reloads, many)]
    rows += [("swap-" + way.__name__, lambda n, w=way: swaps(w, n), some)
             for way in (copied, renamed, switched)]
    rows.append(("dropin", dropins, some))
    rows += [("crash-" + how, lambda n, h=how: crashes(h, n), few)
             for how in ("null", "abort", "overflow", "heap", "exit", "loop")]
    rows += [("quarantine", quarantine, 3), ("control-kill", control_killed, few),
             ("disk-full", disk_full, 1), ("descriptors", descriptors, few),
             ("leak", leaks, 2 if long else 1),
             ("clock", clock_jumps, 2 * few)]
    return rows
