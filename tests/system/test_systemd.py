# SPDX-License-Identifier: Apache-2.0
"""The service manager's side: what it is told (sd_notify), and the sockets that it passes."""
import json
import os
import re
import shutil
import signal
import socket
import time
import unittest

from backend import Backend
from harness import (SLOW, Process, free_port, gatehouse, plugin_dir, relay_config, request,
                     scratch, start_gateway, wait_until, write_config)


class Manager:
    """The socket of a service manager, and all that it was told: a dict a message."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.socket.settimeout(0.02)
        self.name = name
        self.heard = []

    def read(self):
        """Takes what has arrived."""
        try:
            while True:
                text = self.socket.recv(8192).decode()
                self.heard.append(dict(line.split("=", 1) for line in text.split("\n")))
        except socket.timeout:
            return

    def wait(self, limit=10.0, **members):
        """Waits for a message with these members and returns it; it is not found again."""
        def found():
            self.read()
            for i, m in enumerate(self.heard):
                if all(re.search(v, m.get(k, "")) for k, v in members.items()):
                    del self.heard[:i + 1]
                    return m
            return None
        return wait_until(found, limit, "%s in %s" % (members, self.heard))


def listening(address, family=socket.AF_INET):
    """A listening socket as a service manager has it."""
    s = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(address)
    s.listen(64)
    return s


def environment(pid):
    """A process's environment variables."""
    with open("/proc/%d/environ" % pid, "rb") as f:
        return f.read().decode("utf-8", "replace").split("\0")


class Notify(unittest.TestCase):
    def setUp(self):
        self.backend = Backend()
        self.addCleanup(self.backend.close)
        path = scratch("notify")
        os.unlink(path)
        self.manager = Manager(path)
        self.addCleanup(self.manager.socket.close)

    def test_a_life(self):
        gw = start_gateway(relay_config({"/web/*": [self.backend.port]}), wait=False,
                           env={"NOTIFY_SOCKET": self.manager.name, "WATCHDOG_USEC": "600000"})
        self.addCleanup(gw.stop)
        ready = self.manager.wait(READY="1")
        # It serves by then, and not only soon.
        self.assertEqual(request(gw.port, "/web/x").status, 200)
        self.assertEqual(ready["MAINPID"], str(gw.pid))
        self.assertEqual(ready["STATUS"], "generation 1 serves with 1 workers")
        for pid in gw.worker_pids():
            self.assertEqual([e for e in environment(pid)
                              if e.startswith(("NOTIFY_", "WATCHDOG_"))], [])
        # Twice as often as the manager asks for; a busy machine may lose one turn.
        self.manager.wait(WATCHDOG="1")
        began = time.monotonic()
        for _ in range(3):
            self.manager.wait(WATCHDOG="1")
        self.assertLess(time.monotonic() - began, 3 * 0.6 * SLOW)
        self.assertGreater(time.monotonic() - began, 2 * 0.3)

        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        gw.signal(signal.SIGHUP)
        reloading = self.manager.wait(RELOADING="1")
        self.assertGreaterEqual(int(reloading["MONOTONIC_USEC"]), before)
        self.manager.wait(READY="1", STATUS="^generation 2 serves with 1 workers$")
        with open(gw.path, "w", encoding="utf-8") as f:
            f.write("{")
        gw.signal(signal.SIGHUP)
        self.manager.wait(RELOADING="1")
        self.manager.wait(READY="1", STATUS="^a reload was refused; generation 2 serves ")
        gw.signal(signal.SIGTERM)
        self.manager.wait(STOPPING="1")
        self.assertEqual(gw.wait(), 0)
        self.manager.read()
        self.assertEqual([m for m in self.manager.heard if "READY" in m], [])


class Passed(unittest.TestCase):
    def setUp(self):
        self.backend = Backend()
        self.addCleanup(self.backend.close)

    def config(self, listen, **more):
        more = {"admin": "127.0.0.1:%d" % free_port(), **more}
        return relay_config({"/web/*": [self.backend.port]}, listen=listen, **more)

    def socket(self, *args):
        s = listening(*args)
        self.addCleanup(s.close)
        return s

    def test_matched_by_address(self):
        tcp, admin, other = [self.socket(("127.0.0.1", free_port())) for _ in range(3)]
        path = scratch("clients")
        os.unlink(path)
        unix = self.socket(path, socket.AF_UNIX)
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(datagram.close)
        port, bound = tcp.getsockname()[1], free_port()
        manager = Manager("@gatehouse-test-%d-%d" % (os.getpid(), port))
        self.addCleanup(manager.socket.close)
        config = self.config(["127.0.0.1:%d" % port, "127.0.0.1:%d" % bound, "unix:" + path],
                             workers=2, admin="127.0.0.1:%d" % admin.getsockname()[1])
        fds = [s.fileno() for s in (tcp, unix, datagram, admin, other)]
        # This connection is older than the gateway.
        early = socket.create_connection(("127.0.0.1", port), 5)
        self.addCleanup(early.close)
        early.sendall(b"GET /web/early HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        gw = start_gateway(config, fds=fds, env={"NOTIFY_SOCKET": manager.name,
                                                 "LISTEN_FDNAMES": "http:sock:dns:admin:more"})
        self.addCleanup(gw.stop)
        manager.wait(READY="1", STATUS="generation 1 serves with 2 workers")
        early.settimeout(10 * SLOW)
        self.assertIn(b" 200 ", early.recv(4096))
        # Of the manager's and of its own; both workers serve on the one socket that was passed.
        for number in (port, bound):
            self.assertEqual(request(number, "/web/x").body, b"/web/x")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"GET /web/u HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertIn(b" 200 ", s.recv(4096))
        unused = {x.get("name"): x for x in gw.log()
                  if x.get("message") == "a socket of the service manager is not used"}
        self.assertIn("not a stream socket", unused["dns"]["why"])
        self.assertEqual(unused["more"]["address"], "127.0.0.1:%d" % other.getsockname()[1])
        self.assertIn("neither", unused["more"]["why"])
        self.assertEqual(sorted(unused), ["dns", "more"])
        for pid in gw.worker_pids():
            self.assertEqual([e for e in environment(pid) if e.startswith("LISTEN_")], [])

        # More workers and fewer: the socket stays the one that there is.
        for workers, generation in ((3, 2), (1, 3)):
            with open(gw.path, "w", encoding="utf-8") as f:
                json.dump({**gw.config, "workers": workers}, f)
            gw.signal(signal.SIGHUP)
            manager.wait(READY="1", STATUS="generation %d serves with %d " % (generation, workers))
            self.assertEqual(request(port, "/web/x").status, 200)

        # The control process is killed: what comes meanwhile waits, and the next one serves it.
        os.kill(gw.pid, signal.SIGKILL)
        gw.wait()
        late = socket.create_connection(("127.0.0.1", port), 5)
        self.addCleanup(late.close)
        late.sendall(b"GET /web/late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        again = start_gateway({**config, "listen": [config["listen"][0], "unix:" + path]}, fds=fds)
        self.addCleanup(again.stop)
        late.settimeout(10 * SLOW)
        answer = b"".join(iter(lambda: late.recv(4096), b""))
        self.assertIn(b" 200 ", answer, answer.decode() + again.tail() + gw.tail())
        # At its end the file of the manager's socket stays.
        self.assertEqual(again.stop(), 0)
        self.assertTrue(os.path.exists(path))

    def test_one_socket_for_both_families(self):
        s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        self.addCleanup(s.close)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            s.bind(("::", free_port()))
        except OSError:
            self.skipTest("no IPv6")
        s.listen(8)
        port = s.getsockname()[1]
        with start_gateway(self.config(["0.0.0.0:%d" % port]), fds=[s.fileno()]):
            self.assertEqual(request(port, "/web/x").body, b"/web/x")

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "scripts/setup --tests brings it")
    def test_systemd_socket_activate(self):
        address = "127.0.0.1:%d" % free_port()
        config = self.config([address], plugin_dir=plugin_dir(), autoload=False,
                             access_log="off", workers=2)
        # It listens, and starts the gateway for the first connection.
        program = Process(["systemd-socket-activate", "-l", address, gatehouse(), "run", "-c",
                           write_config(config)], "socket-activate")
        self.addCleanup(program.stop)
        port = int(address.rpartition(":")[2])
        program.wait_listening(port)
        self.assertEqual(request(port, "/web/x", limit=10).body, b"/web/x")
        self.assertEqual([x for x in program.log() if x.get("level") in ("warn", "error")], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
