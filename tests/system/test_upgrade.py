# SPDX-License-Identifier: Apache-2.0
"""Another binary takes over from the running gateway: nothing is dropped, and what does not work
changes nothing.  UPGRADES=N asks for more than a few in a row."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from backend import Backend
from discovery_lab import NEUTRAL
from discovery_lab import Backend as Named
from discovery_lab import gateway_config
from harness import (SLOW, env_path, free_port, gatehouse, relay_config, request,
                     run_gatehouse, scratch, start_consul, start_gateway, wait_until)
from test_processes import Load
from test_systemd import Manager, listening

UPGRADES = int(os.environ.get("UPGRADES", "5"))


def alive(pid):
    """True while a process exists and is no zombie."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Case(unittest.TestCase):
    def start(self, config, **more):
        """A gateway from a binary of its own; what follows it is ended too."""
        self.binary = scratch("gatehouse")
        shutil.copy(gatehouse(), self.binary)
        os.environ["GATEHOUSE"], before = self.binary, os.environ.get("GATEHOUSE")
        self.pid_file = scratch("pid")
        try:
            gw = start_gateway(config, args=("--pid-file", self.pid_file), **more)
        finally:
            if before is None:
                del os.environ["GATEHOUSE"]
            else:
                os.environ["GATEHOUSE"] = before
        self.addCleanup(self.end, gw)
        return gw

    def serving(self):
        """The process that the pid file names."""
        with open(self.pid_file, encoding="ascii") as f:
            return int(f.read())

    def end(self, gw):
        """Ends whoever serves: its exit is seen by its sockets, since it is no child of ours."""
        pid = self.serving() if os.path.exists(self.pid_file) else gw.pid
        if pid != gw.pid and alive(pid):
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not alive(pid), 20, "process %d ends" % pid)
        gw.kill()

    def renew(self):
        """Puts another file under the binary's name, as a package does."""
        shutil.copy(gatehouse(), self.binary + ".new")
        os.rename(self.binary + ".new", self.binary)

    def upgrade(self, gw, *args):
        """Runs the command; returns the pid that serves."""
        status, out, err = run_gatehouse("upgrade", "-c", gw.path, *args, limit=60)
        self.assertEqual((status, err), (0, ""), gw.tail(60))
        pid = int(re.fullmatch(r"upgraded: process (\d+) serves\n", out)[1])
        self.assertEqual(pid, self.serving())
        return pid

    def refused(self, gw, *args):
        """Runs it in vain; returns why.  The same process serves as before."""
        before = self.serving()
        status, out, err = run_gatehouse("upgrade", "-c", gw.path, *args, limit=60)
        self.assertEqual((status, out), (1, ""), err)
        lines = err.splitlines()
        self.assertEqual(lines.pop(), "gatehouse upgrade: refused; the gateway goes on as it was")
        self.assertEqual(self.serving(), before)
        self.assertEqual(request(gw.admin, "/status").json()["pid"], before)
        return "\n".join(lines)


class Upgrade(Case):
    def setUp(self):
        self.backend = Backend()
        self.addCleanup(self.backend.close)

    def test_nothing_is_dropped(self):
        path = scratch("clients")
        os.unlink(path)
        config = relay_config({"/web/*": [self.backend.port]}, workers=2,
                              listen=["127.0.0.1:%d" % free_port(), "unix:" + path])
        gw = self.start(config)
        kept, fresh = Load(gw.port), Load(gw.port, clients=2, keep=False)
        slow = threading.Thread(target=lambda: answers.append(
            request(gw.port, "/web/slow/1500", limit=20)))
        answers = []
        slow.start()
        self.assertTrue(self.backend.slow_started.wait(10 * SLOW))
        wrk = shutil.which("wrk")
        hammer = wrk and subprocess.Popen(
            [wrk, "-t1", "-c8", "-d%d" % (UPGRADES + 2), "http://127.0.0.1:%d/web/x" % gw.port],
            stdout=subprocess.PIPE, text=True)
        if hammer:
            self.addCleanup(hammer.stdout.close)
            self.addCleanup(hammer.kill)
        pids, took = [gw.pid], []
        for i in range(UPGRADES):
            self.renew()
            began = time.monotonic()
            if i == 1:
                os.kill(pids[-1], signal.SIGUSR2)
                wait_until(lambda: self.serving() != pids[-1], 30, "another process serves")
                pids.append(self.serving())
            else:
                pids.append(self.upgrade(gw))
            took.append(time.monotonic() - began)
            # The number goes on, and the admin listener is the new process's.
            status = request(gw.admin, "/status").json()
            self.assertEqual((status["pid"], status["generation"]), (pids[-1], i + 2))
            kept.wait_more(20)
            fresh.wait_more(20)
        self.assertEqual(len(set(pids)), UPGRADES + 1)
        if hammer:
            said = hammer.communicate(timeout=60 * SLOW)[0]
            counted = int(re.search(r"(\d+) requests in", said)[1])
            self.assertNotIn("Non-2xx", said)
            self.assertNotIn("Socket errors", said)
        failed = kept.stop() + fresh.stop()
        slow.join(20 * SLOW)
        print("upgrades: %d, requests: %d, failed: %d; an upgrade took %.2f s at the median" % (
            UPGRADES, kept.done + fresh.done + (counted if hammer else 0), len(failed),
            sorted(took)[len(took) // 2]))
        self.assertEqual(failed, [])
        # What was in hand when the first one was asked to go.
        self.assertEqual(answers[0].body, b"/web/slow/1500")
        self.assertEqual(gw.wait(), 0)
        # The socket's file has passed through all hands, and goes with the last.
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"GET /web/u HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertIn(b" 200 ", s.recv(4096))
        for pid in pids[:-1]:
            wait_until(lambda: not alive(pid), 10, "process %d has ended" % pid)
        os.kill(pids[-1], signal.SIGTERM)
        wait_until(lambda: not alive(pids[-1]), 10, "the last one ends")
        self.assertFalse(os.path.exists(path) or os.path.exists(self.pid_file))

    def script(self, text):
        path = scratch("binary")
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
        return path

    def test_what_does_not_work_changes_nothing(self):
        config = relay_config({"/web/*": [self.backend.port]}, workers=2)
        gw = self.start(config)
        load = Load(gw.port)
        for binary, why in (
                (self.script("exit 7"), "ended with exit status 7 before it was ready"),
                (self.script("exit 0"), "is it gatehouse?"),
                (self.script("kill -SEGV $$"), "ended by SIGSEGV before it was ready")):
            self.assertIn(why, self.refused(gw, "--binary", binary))
        loose = self.script("exit 0")
        os.chmod(loose, 0o757)
        self.assertIn("may write it", self.refused(gw, "--binary", loose))
        os.chmod(loose, 0o644)
        self.assertIn("not a program that may be executed", self.refused(gw, "--binary", loose))
        status, _, err = run_gatehouse("upgrade", "-c", gw.path, "--binary", "/no/such")
        self.assertEqual((status, err),
                         (1, "gatehouse upgrade: /no/such: No such file or directory\n"))
        admin = request(gw.admin, "/upgrade", "POST", body=b"[]")
        self.assertEqual(admin.status, 409)
        # A configuration that the new one cannot use: the reason has its place in the file.
        for more, why in (({"workers": 300}, "/workers: 300 is out of range"),
                          ({"routes": [{"path": "/f", "plugin": "faults",
                                        "config": {"load": True}}],
                            "plugin_dir": env_path("TEST_PLUGIN_DIR", "tests/plugins")},
                           "was killed by SIGABRT before it was ready")):
            with open(gw.path, "w", encoding="utf-8") as f:
                json.dump({**gw.config, **more}, f)
            self.assertIn(why, self.refused(gw, "--admin", "127.0.0.1:%d" % gw.admin))
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump(gw.config, f)
        load.wait_more(20)
        # And the next one, with all in order, does work.
        self.upgrade(gw)
        load.wait_more(20)
        self.assertEqual(load.stop(), [])

    def test_under_a_service_manager(self):
        path = scratch("notify")
        os.unlink(path)
        manager = Manager(path)
        self.addCleanup(manager.socket.close)
        passed = listening(("127.0.0.1", free_port()))
        self.addCleanup(passed.close)
        port = passed.getsockname()[1]
        gw = self.start(relay_config({"/web/*": [self.backend.port]},
                                     listen=["127.0.0.1:%d" % port]),
                        env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000"},
                        fds=[passed.fileno()])
        manager.wait(READY="1", MAINPID=str(gw.pid))
        pid = self.upgrade(gw)
        # The manager takes the new one's word only once the old one has named it.
        named = manager.wait(MAINPID=str(pid))
        self.assertNotIn("READY", named)
        manager.wait(READY="1", MAINPID=str(pid))
        manager.wait(WATCHDOG="1")
        self.assertEqual(gw.wait(), 0)
        self.assertEqual(request(port, "/web/x").body, b"/web/x")
        self.assertEqual([x for x in gw.log() if x.get("level") in ("warn", "error")], [])
        manager.read()
        self.assertEqual([m for m in manager.heard if "STOPPING" in m], [])


class Discovery(Case):
    def test_what_is_known_is_handed_on(self):
        consul = start_consul()
        self.addCleanup(lambda: consul.kill())
        backend = Named("there")
        self.addCleanup(backend.close)
        consul.register("web", backend.port, "w1")
        config = gateway_config(consul.address)
        config["discovery"]["consul"]["register"] = {"name": "edge", "linger": "0s"}
        gw = self.start(config, env=NEUTRAL)

        def passing():
            return len(consul.call("GET", "/v1/health/service/edge?passing").json())
        wait_until(lambda: passing() == 1, 10, "it is registered")
        seen, over = [], threading.Event()

        def look():
            while not over.wait(0.005):
                seen.append(passing())
        looker = threading.Thread(target=look, daemon=True)
        looker.start()
        load = Load(gw.port, path="/web")
        load.one = lambda conn: self.one(conn)
        self.upgrade(gw)
        self.assertEqual(gw.wait(40), 0)
        over.set()
        looker.join(10)
        self.assertEqual(set(seen), {1}, "registered once, all the time")
        # Consul is gone; there is no snapshot on disk: what the old one knew serves.
        consul.kill()
        self.upgrade(gw)
        self.assertEqual(request(gw.port, "/web").body, b"there")
        load.stop()
        self.assertEqual(self.bad, [])

    bad = []

    def one(self, conn):
        """For the load: the answer of the only backend."""
        try:
            conn.request("GET", "/web")
            res = conn.getresponse()
            body = res.read()
            if (res.status, body) != (200, b"there"):
                self.bad.append((res.status, body))
            return None, res.will_close
        except OSError as e:
            self.bad.append(repr(e))
            return repr(e), True


if __name__ == "__main__":
    unittest.main(verbosity=2)
