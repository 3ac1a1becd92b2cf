# SPDX-License-Identifier: Apache-2.0
"""Plugins that crash are kept out, and a worker that cannot accept strands nobody."""
import json
import os
import shutil
import signal
import socket
import time
import unittest

from backend import Backend
from harness import (SLOW, env_path, plugin_dir, relay_config, request, run_gatehouse, scratch,
                     start_gateway, wait_until)


def plugins_of(*names):
    """A directory with copies of these built plugins."""
    where = scratch("plugins")
    os.unlink(where)
    os.mkdir(where, 0o755)
    for name in names:
        built = os.path.join(plugin_dir(), name + ".so")
        if not os.path.exists(built):
            built = os.path.join(env_path("TEST_PLUGIN_DIR", "tests/plugins"), name + ".so")
        shutil.copy(built, os.path.join(where, name + ".so"))
    return where


def reason(res):
    """The reason word of a problem document."""
    return json.loads(res.body)["type"].rpartition(":")[2]


class Case(unittest.TestCase):
    """A backend behind /web/*, and a plugin that crashes behind /faults/*."""

    def setUp(self):
        self.backend = Backend()
        self.addCleanup(self.backend.close)
        self.plugins = plugins_of("relay", "faults", "request_id")

    def config(self, **more):
        """The configuration; "filtered" has the faulty plugin as a filter."""
        config = relay_config({"/web/*": [self.backend.port]}, plugin_dir=self.plugins, **more)
        config["routes"].append({"path": "/faults/*", "plugin": "faults"})
        web = config["routes"][0]
        config["routes"].append(dict(web, path="/filtered/*", filters=["faults"]))
        return config

    def start(self, **more):
        """A ready gateway that ends with the test."""
        gw = start_gateway(self.config(**more))
        self.addCleanup(gw.stop)
        return gw

    def crash(self, gw, path="/faults/null"):
        """Ends a worker; waits until all are there again."""
        before = self.restarts(gw)
        try:
            res = request(gw.port, path, limit=10)
        except OSError:
            res = None
        self.assertFalse(res and res.complete, res)
        wait_until(lambda: self.restarts(gw) > before, 6.0, "the crash is seen")
        wait_until(lambda: self.all_ready(gw), 10.0, "the worker is replaced")

    def restarts(self, gw):
        """How often workers were replaced."""
        return sum(w["restarts"] for w in gw.status()["workers"])

    def all_ready(self, gw):
        """Whether every worker serves."""
        return all(w["state"] == "ready" for w in gw.status()["workers"])

    def plugin(self, gw, name="faults"):
        """The plugin in /status."""
        return next(p for p in gw.status()["plugins"] if p["name"] == name)

    def check_held(self, gw):
        """The plugin's routes answer 503, all else is served."""
        for path in ("/faults/fine", "/filtered/x"):
            res = request(gw.port, path)
            self.assertEqual((res.status, reason(res)), (503, "plugin_quarantined"), path)
        self.assertEqual(request(gw.port, "/web/x").body, b"/web/x")


class Quarantine(Case):
    def test_three_crashes(self):
        gw = self.start(workers=2)
        for n in range(3):
            self.assertIsNone(self.plugin(gw)["quarantined"])
            self.assertEqual(self.plugin(gw)["crashes"], n)
            self.crash(gw, "/faults/abort" if n == 1 else "/faults/null")
        self.assertTrue(self.plugin(gw)["quarantined"])
        self.check_held(gw)
        metrics = gw.metrics()
        self.assertEqual(metrics['gatehouse_plugin_quarantined{plugin="faults"}'], 1)
        self.assertEqual(metrics['gatehouse_plugin_crashes_total{plugin="faults"}'], 3)
        line = next(a for a in gw.log() if a.get("message") == "plugin quarantined")
        self.assertEqual((line["plugin"], line["version"], line["crashes"], line["within_s"]),
                         ("faults", "1.2", 3, 60))
        # Workers that start now do not load it, and say so all the same.
        for pid in gw.worker_pids():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.restarts(gw) == 5 and self.all_ready(gw), 10.0)
        self.check_held(gw)
        self.assertTrue(self.plugin(gw)["quarantined"])

    def test_a_filter_counts_as_its_plugin(self):
        config = self.config(workers=2, quarantine={"crashes": 1})
        config["routes"][2]["path"] = "/faults/null"
        config["routes"][1]["path"] = "/faults/fine"
        gw = start_gateway(config)
        self.addCleanup(gw.stop)
        self.crash(gw, "/faults/null")
        res = request(gw.port, "/faults/fine")
        self.assertEqual((res.status, reason(res)), (503, "plugin_quarantined"))

    def test_an_endless_loop_counts(self):
        gw = self.start(workers=1, quarantine={"crashes": 1})
        self.crash(gw, "/faults/loop")
        self.check_held(gw)

    def test_off(self):
        gw = self.start(workers=1, quarantine={"crashes": "off"})
        for _ in range(4):
            self.crash(gw)
        self.assertEqual(request(gw.port, "/faults/fine").body, b"fine")

    def test_a_new_file_ends_it(self):
        gw = self.start(workers=2, quarantine={"crashes": 2, "window": "10m"})
        for _ in range(2):
            self.crash(gw)
        # A reload alone changes nothing.
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["reloads"] == 1, 10.0)
        self.check_held(gw)
        # A byte behind the end of an ELF file makes it another file of the same code.
        new = os.path.join(self.plugins, "new")
        shutil.copy(os.path.join(self.plugins, "faults.so"), new)
        with open(new, "ab") as f:
            f.write(b"\n")
        os.rename(new, os.path.join(self.plugins, "faults.so"))
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["reloads"] == 2, 10.0)
        self.assertEqual(request(gw.port, "/faults/fine").body, b"fine")
        self.assertEqual(request(gw.port, "/filtered/x").body, b"fine")
        self.assertIsNone(self.plugin(gw)["quarantined"])
        self.assertEqual(gw.metrics()['gatehouse_plugin_quarantined{plugin="faults"}'], 0)


class Release(Case):
    """gatehouse plugin release NAME, and POST /plugins/NAME/release."""

    def held(self, **more):
        """A gateway whose plugin has crashed once too often."""
        gw = self.start(quarantine={"crashes": 1}, **more)
        self.crash(gw)
        self.check_held(gw)
        return gw

    def release(self, gw, name="faults", by="--admin"):
        """Runs the command: status, stdout, stderr."""
        where = "127.0.0.1:%d" % gw.admin if by == "--admin" else gw.path
        return run_gatehouse("plugin", "release", name, by, where, limit=30.0)

    def post(self, gw, name, method="POST", **more):
        """Asks the admin listener."""
        return request(gw.admin, "/plugins/%s/release" % name, method, limit=30.0, **more)

    def check_runs(self, gw):
        """The plugin's routes are served, and nothing is said to be held."""
        self.assertEqual(request(gw.port, "/faults/fine").body, b"fine")
        self.assertEqual(request(gw.port, "/filtered/x").body, b"fine")
        self.assertIsNone(self.plugin(gw)["quarantined"])
        self.assertEqual(gw.metrics()['gatehouse_plugin_quarantined{plugin="faults"}'], 0)

    def test_command(self):
        gw = self.held(workers=2)
        for by in ("--admin", "-c"):
            self.assertEqual(self.release(gw, by=by),
                             (0, 'released: plugin "faults" runs again, generation %d serves\n'
                              % gw.status()["generation"], ""))
            self.check_runs(gw)
            # Its crashes are forgotten, but not what it is: the next one counts anew.
            self.crash(gw)
            self.check_held(gw)
        line = next(a for a in gw.log()
                    if a.get("message") == "plugin released from quarantine")
        self.assertEqual((line["plugin"], line["hash"], line["generation"]),
                         ("faults", self.plugin(gw)["hash"], 2))

    def test_nothing_to_release(self):
        gw = self.start(workers=1)
        for name, text in (("faults", 'The plugin "faults" is not in quarantine.'),
                           ("nobody", 'No plugin "nobody" is loaded; /status lists those that '
                                      'are.'),
                           ("a b/\u00e9%", 'No plugin "a b/\u00e9%" is loaded; /status lists those '
                                           'that are.')):
            self.assertEqual(self.release(gw, name),
                             (1, "", "gatehouse plugin release: %s\n" % text))
        self.assertEqual(gw.status()["reloads"], 0)

    def test_json(self):
        gw = self.held(workers=1)
        args = ("plugin", "release", "faults", "--json", "-c", gw.path)
        status, out, err = run_gatehouse(*args, limit=30.0)
        self.assertEqual((status, json.loads(out)["outcome"], err), (0, "done", ""))
        status, out, err = run_gatehouse(*args, limit=30.0)
        self.assertEqual((status, json.loads(out)["detail"], err),
                         (1, 'The plugin "faults" is not in quarantine.', ""))

    def test_no_gateway(self):
        gw = self.start(workers=1)
        gw.stop()
        status, out, err = self.release(gw)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("no gateway answers at 127.0.0.1:%d" % gw.admin, err)

    def test_post(self):
        gw = self.held(workers=1)
        for name, status in (("nobody", 404), ("relay", 409), ("%ff", 404), ("faults%00", 404),
                             ("f" * 300, 404), ("%", 404)):
            res = self.post(gw, name)
            self.assertEqual((res.status, json.loads(res.body)["status"]), (status, status), name)
        res = self.post(gw, "faults", "GET")
        self.assertEqual((res.status, res.header("allow")), (405, "POST"))
        res = self.post(gw, "faults", headers=[("Origin", "http://elsewhere.example")])
        self.assertEqual(res.status, 403)
        self.check_held(gw)
        res = self.post(gw, "%66aults")
        self.assertEqual(res.status, 200)
        self.assertEqual(json.loads(res.body), {"outcome": "done", "errors": [], "notes": [],
                                                "generation": gw.status()["generation"]})
        self.check_runs(gw)
        self.assertEqual(self.post(gw, "faults").status, 409)

    def test_refused(self):
        """A reload that fails releases nothing, for workers that start later neither."""
        gw = self.held(workers=1)
        broken = os.path.join(self.plugins, "relay.so")
        with open(broken + ".new", "wb") as f:
            f.write(b"no plugin")
        os.rename(broken + ".new", broken)
        status, out, err = self.release(gw)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("relay.so", err)
        self.assertTrue(err.endswith(
            'gatehouse plugin release: refused; "faults" stays in quarantine\n'), err)
        self.check_held(gw)
        before = self.restarts(gw)
        os.kill(gw.worker_pids()[0], signal.SIGKILL)
        wait_until(lambda: self.restarts(gw) > before and self.all_ready(gw), 10.0)
        self.check_held(gw)
        self.assertTrue(self.plugin(gw)["quarantined"])


class Stranded(Case):
    """Connections that the kernel gave to a worker that cannot accept."""

    def serve_all(self, gw, count, limit):
        """Opens connections, more than one worker would get, and asks on each; all are answered
        within the limit."""
        conns, started = [], time.monotonic()
        for i in range(count):
            s = socket.create_connection(("127.0.0.1", gw.port), timeout=10 * SLOW)
            s.sendall(b"GET /web/%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % i)
            conns.append(s)
        for s in conns:
            data = b""
            while piece := s.recv(65536):
                data += piece
            self.assertTrue(data.startswith(b"HTTP/1.1 200"), data)
            s.close()
        self.assertLess(time.monotonic() - started, limit * SLOW)

    def test_waiting_to_be_replaced(self):
        gw = self.start(workers=2, quarantine={"crashes": "off"})
        # Until the next wait is long: 0, 100, 200, 400, 800, 1600, 3200 ms.
        index = gw.status()["workers"][0]["worker"]
        for n in range(7):
            pid = wait_until(lambda: self.ready_pid(gw, index), 10.0)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: self.restarts(gw) > n, 3.0)
        self.assertEqual(gw.status()["workers"][index]["state"], "waiting")
        self.serve_all(gw, 24, 2.0)
        self.assertEqual(gw.status()["workers"][index]["state"], "waiting",
                         "the test took too long to show anything")
        # Back again, it takes its own.
        wait_until(lambda: self.ready_pid(gw, index), 10.0)
        self.serve_all(gw, 24, 5.0)

    def ready_pid(self, gw, index):
        """The worker's process once it is ready."""
        w = gw.status()["workers"][index]
        return w["pid"] if w["state"] == "ready" else None

    def test_frozen(self):
        gw = self.start(workers=2)
        pid = gw.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        self.serve_all(gw, 24, 5.0)

    def test_alone_it_comes_back_quickly(self):
        gw = self.start(workers=1)
        for n in range(6):
            pid = wait_until(lambda: self.ready_pid(gw, 0), 3.0)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: self.restarts(gw) > n, 3.0)
        waits = [a["restart_in_ms"] for a in gw.log() if a.get("message") == "worker died"]
        self.assertEqual(waits, [0, 100, 200, 250, 250, 250])

    def test_end_while_lent(self):
        gw = self.start(workers=2)
        pid = gw.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        self.serve_all(gw, 24, 5.0)
        os.kill(pid, signal.SIGCONT)
        gw.signal(signal.SIGTERM)
        self.assertEqual(gw.wait(10), 0)
        with socket.socket() as s:
            self.assertNotEqual(s.connect_ex(("127.0.0.1", gw.port)), 0)


if __name__ == "__main__":
    unittest.main()
