# SPDX-License-Identifier: Apache-2.0
"""The processes: workers that die, hang and drain; signals; sockets; reload."""
import http.client
import json
import os
import signal
import socket
import threading
import time
import unittest

from backend import Backend
from harness import (SLOW, env_path, free_port, plugin_dir, relay_config, request, run_gatehouse,
                     scratch, start_gateway, wait_until)


def alive(pid):
    """True while a process exists and is no zombie."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def refused(port):
    """True when nothing listens on the port."""
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def peers_of(pid):
    """The ports at the other ends of a process's TCP connections."""
    inodes = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            inodes.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except FileNotFoundError:
            pass
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return {int(r[2].rpartition(":")[2], 16) for r in rows if "socket:[%s]" % r[9] in inodes}


def test_plugins():
    """A directory with the built plugins and the faulty one."""
    where = scratch("plugins")
    os.unlink(where)
    os.mkdir(where, 0o755)
    os.symlink(os.path.join(plugin_dir(), "relay.so"), os.path.join(where, "relay.so"))
    os.symlink(os.path.join(env_path("TEST_PLUGIN_DIR", "tests/plugins"), "faults.so"),
               os.path.join(where, "faults.so"))
    return where


class Load:
    """Clients that send one request after the other, each on a connection it keeps, or not."""

    def __init__(self, port, clients=4, path="/web/x", keep=True):
        self.port, self.path, self.keep = port, path, keep
        self.done, self.failed = 0, []
        self.slowest = 0.0
        # By client: the port of its connection, how many requests failed, the slowest answer.
        self.ports, self.failures, self.slow = {}, dict.fromkeys(range(clients), 0), {}
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True)
                        for i in range(clients)]
        for t in self.threads:
            t.start()

    def one(self, conn):
        """Sends a request; returns None or what went wrong."""
        started = time.monotonic()
        try:
            conn.request("GET", self.path)
            res = conn.getresponse()
            body = res.read()
            if res.status == 200 and body == self.path.encode():
                self.slowest = max(self.slowest, time.monotonic() - started)
                return None, res.will_close or not self.keep
            return "%d %r" % (res.status, body), True
        except (OSError, http.client.HTTPException) as e:
            return repr(e), True

    def run(self, client):
        """One client."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10 * SLOW)
        while not self.over.is_set():
            started = time.monotonic()
            error, close = self.one(conn)
            with self.lock:
                self.done += error is None
                self.slow[client] = max(self.slow.get(client, 0), time.monotonic() - started)
                if error:
                    self.failed.append(error)
                    self.failures[client] += 1
                if conn.sock and not close:
                    self.ports[client] = conn.sock.getsockname()[1]
            if close:
                conn.close()
        conn.close()

    def wait_more(self, n, limit=10.0):
        """Waits until n more requests have been answered."""
        goal = self.done + n
        wait_until(lambda: self.done >= goal, limit, "%d more requests" % n)

    def stop(self):
        """Ends the clients; returns what went wrong."""
        self.over.set()
        for t in self.threads:
            t.join(20 * SLOW)
        return self.failed


class InFlight(threading.Thread):
    """A request that takes a while, and its answer."""

    def __init__(self, gw, backend, ms):
        super().__init__(daemon=True)
        self.gw, self.ms, self.result = gw, ms, None
        self.start()
        if not backend.slow_started.wait(5 * SLOW):
            raise AssertionError("the slow request did not arrive")
        backend.slow_started.clear()

    def run(self):
        try:
            self.result = request(self.gw.port, "/web/slow/%d" % self.ms, limit=20)
        except OSError as e:
            self.result = e

    def answer(self):
        """The response, after waiting for it."""
        self.join(20 * SLOW)
        return self.result


class ProcessCase(unittest.TestCase):
    """A backend, and gateways that relay /web/* to it."""

    def setUp(self):
        self.backend = Backend()
        self.addCleanup(self.backend.close)

    def config(self, **more):
        """relay_config() for the backend."""
        return relay_config({"/web/*": [self.backend.port]}, **more)

    def start(self, **more):
        """A ready gateway that ends with the test."""
        gw = start_gateway(self.config(**more))
        self.addCleanup(gw.stop)
        return gw

    def worker(self, gw, index=0):
        """The status of one worker."""
        return gw.status()["workers"][index]

    def wait_replaced(self, gw, pid, limit=1.0, index=0):
        """Waits until another worker is ready in the place of that pid."""
        def ready():
            w = self.worker(gw, index)
            return w if w["pid"] not in (None, pid) and w["state"] == "ready" else None
        return wait_until(ready, limit, "worker %d is replaced" % index)

    def logged(self, gw, message):
        """The first log line with that message, or None."""
        return next((a for a in gw.log() if a.get("message") == message), None)


class Workers(ProcessCase):
    def start_spread(self, gw, pids):
        """A load with clients on each of the workers; and which client is on which."""
        while True:
            load = Load(gw.port, clients=12)
            load.wait_more(200)
            wait_until(lambda: len(load.ports) == 12, 5.0, "each client has had an answer")
            held = {pid: peers_of(pid) for pid in pids}
            on = {c: next((pid for pid in pids if port in held[pid]), None)
                  for c, port in load.ports.items()}
            self.assertNotIn(None, on.values())
            if set(on.values()) == set(pids):
                return load, on
            self.assertEqual(load.stop(), [])

    def test_killed_under_load(self):
        """Only what was in that worker fails; it is back within a second; the rest go on."""
        gw = self.start(workers=2)
        victim, other = gw.worker_pids()
        load, on = self.start_spread(gw, (victim, other))
        before = gw.metrics()["gatehouse_requests_received_total"]
        with load.lock:
            load.slow.clear()
        os.kill(victim, signal.SIGKILL)
        self.wait_replaced(gw, victim, limit=1.0)
        load.wait_more(300)
        load.stop()
        for client, pid in on.items():
            if pid == victim:
                # The request in hand, and none after it.
                self.assertLessEqual(load.failures[client], 1, load.failed)
            else:
                self.assertEqual(load.failures[client], 0, load.failed)
                self.assertLess(load.slow[client], 1.0 * SLOW)
        self.assertEqual(self.worker(gw, 1)["pid"], other)
        self.assertEqual(self.worker(gw)["restarts"], 1)
        after = gw.metrics()
        self.assertGreater(after["gatehouse_requests_received_total"], before)
        self.assertEqual(after["gatehouse_worker_restarts_total"], 1)
        line = self.logged(gw, "worker died")
        self.assertEqual((line["how"], line["pid"]), ("SIGKILL", victim))

    def test_all_killed_at_once(self):
        gw = self.start(workers=2)
        pids = gw.worker_pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for i, pid in enumerate(pids):
            self.wait_replaced(gw, pid, index=i)
        self.assertEqual(request(gw.port, "/web/a").body, b"/web/a")

    def test_crash_loop_backs_off(self):
        gw = self.start()
        for _ in range(4):
            pid = self.worker(gw)["pid"]
            os.kill(pid, signal.SIGKILL)
            self.wait_replaced(gw, pid, limit=3.0)
        waits = [a["restart_in_ms"] for a in gw.log() if a.get("message") == "worker died"]
        self.assertEqual(waits, [0, 100, 200, 250])

    def test_gauges_of_a_dead_worker_are_gone(self):
        gw = self.start()
        slow = InFlight(gw, self.backend, 1000)
        self.assertEqual(gw.metrics()["gatehouse_requests_active"], 1)
        pid = self.worker(gw)["pid"]
        os.kill(pid, signal.SIGKILL)
        self.wait_replaced(gw, pid)
        slow.answer()
        metrics = gw.metrics()
        self.assertEqual(metrics["gatehouse_requests_active"], 0)
        self.assertEqual(metrics["gatehouse_connections"], 0)

    def test_a_signal_to_the_whole_group_drains(self):
        gw = self.start(workers=2)
        slow = InFlight(gw, self.backend, 400)
        os.killpg(gw.pid, signal.SIGINT)
        self.assertEqual(slow.answer().status, 200)
        self.assertEqual(gw.wait(5), 0)
        self.assertIsNone(self.logged(gw, "worker died"))


class Faults(ProcessCase):
    """Plugins that crash and hang."""

    def start_faulty(self):
        """A gateway with a route to the faulty plugin."""
        config = self.config(plugin_dir=test_plugins(), workers=2)
        config["routes"].append({"path": "/faults/*", "plugin": "faults"})
        gw = start_gateway(config)
        self.addCleanup(gw.stop)
        return gw

    def break_worker(self, gw, path):
        """Sends the request that ends its worker; it gets no answer."""
        try:
            res = request(gw.port, path, limit=10)
        except OSError:
            return
        self.assertFalse(res.complete, res)

    def check_line(self, line, how):
        """What the log line of a crash must name."""
        self.assertEqual(line["how"], how)
        self.assertEqual(line["plugin"], "faults")
        self.assertEqual(line["version"], "1.2")
        self.assertEqual(line["hook"], "on_request")
        self.assertEqual(line["route"], "/faults/*")
        self.assertTrue(line["request_id"])

    def test_crash_is_named(self):
        for path, how in (("null", "SIGSEGV"), ("abort", "SIGABRT")):
            with self.subTest(path):
                gw = self.start_faulty()
                load = Load(gw.port)
                load.wait_more(20)
                self.break_worker(gw, "/faults/" + path)
                line = wait_until(lambda: self.logged(gw, "worker died in plugin code"), 5.0)
                self.check_line(line, how)
                self.wait_replaced(gw, line["pid"], index=line["worker"])
                load.wait_more(50)
                self.assertLessEqual(len(load.stop()), 4)
                self.assertEqual(request(gw.port, "/faults/none").body, b"fine")
                gw.stop()

    def test_endless_loop_is_ended(self):
        gw = self.start_faulty()
        self.break_worker(gw, "/faults/loop")
        line = wait_until(lambda: self.logged(gw, "worker stuck in plugin code: killed"), 5.0)
        self.assertEqual((line["plugin"], line["hook"], line["route"]),
                         ("faults", "on_request", "/faults/*"))
        self.assertGreaterEqual(line["for_ms"], 2000)
        self.wait_replaced(gw, line["pid"], index=line["worker"])
        self.assertEqual(request(gw.port, "/web/a").status, 200)

    def test_crash_at_start_is_told(self):
        config = self.config(plugin_dir=test_plugins())
        config["routes"].append({"path": "/f", "plugin": "faults", "config": {"load": True}})
        gw = start_gateway(config, wait=False)
        self.assertEqual(gw.wait(10), 1)
        self.assertRegex(gw.stderr(), r"worker 0 was killed by SIGABRT before it was ready.*"
                                      r"hook route_open")


class Drain(ProcessCase):
    def check_ends(self, number):
        """The request in flight is answered, new ones are refused, the status is 0."""
        gw = self.start(workers=2)
        pids = gw.worker_pids()
        slow = InFlight(gw, self.backend, 700)
        gw.signal(number)
        wait_until(lambda: refused(gw.port), 2.0, "new connections are refused")
        self.assertIsNone(gw.returncode())
        res = slow.answer()
        self.assertEqual((res.status, res.body), (200, b"/web/slow/700"))
        self.assertEqual(gw.wait(5), 0)
        self.assertFalse([p for p in pids if alive(p)])

    def test_sigterm(self):
        self.check_ends(signal.SIGTERM)

    def test_sigint(self):
        self.check_ends(signal.SIGINT)

    def test_idle_gateway_ends_at_once(self):
        gw = self.start(workers=2)
        conn = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=5 * SLOW)
        conn.request("GET", "/web/a")
        conn.getresponse().read()
        started = time.monotonic()
        gw.signal(signal.SIGTERM)
        self.assertEqual(gw.wait(10), 0)
        conn.close()
        self.assertLess(time.monotonic() - started, 5 * SLOW)

    def test_second_signal_ends_at_once(self):
        gw = self.start()
        pids = gw.worker_pids()
        InFlight(gw, self.backend, 8000)
        gw.signal(signal.SIGTERM)
        wait_until(lambda: self.logged(gw, "draining"), 3.0)
        started = time.monotonic()
        gw.signal(signal.SIGTERM)
        self.assertEqual(gw.wait(5), 0)
        self.assertLess(time.monotonic() - started, 3 * SLOW)
        self.assertFalse([p for p in pids if alive(p)])

    def test_drain_limit(self):
        gw = self.start(defaults={"timeout": {"drain": "500ms"}})
        slow = InFlight(gw, self.backend, 8000)
        started = time.monotonic()
        gw.signal(signal.SIGTERM)
        self.assertEqual(gw.wait(6), 0)
        self.assertLess(time.monotonic() - started, 5 * SLOW)
        res = slow.answer()
        self.assertFalse(getattr(res, "complete", False) and res.status == 200, res)

    def test_frozen_worker_does_not_hold_the_end(self):
        gw = self.start(defaults={"timeout": {"drain": "300ms"}})
        os.kill(gw.worker_pids()[0], signal.SIGSTOP)
        gw.signal(signal.SIGTERM)
        self.assertEqual(gw.wait(5), 0)
        self.assertTrue(self.logged(gw, "worker did not finish within the drain limit: killed"))

    def test_workers_outlive_the_control_process_for_their_requests(self):
        gw = self.start(workers=2)
        pids = gw.worker_pids()
        slow = InFlight(gw, self.backend, 500)
        gw.signal(signal.SIGKILL)
        self.assertEqual(gw.wait(5), -signal.SIGKILL)
        res = slow.answer()
        self.assertEqual((res.status, res.body), (200, b"/web/slow/500"))
        wait_until(lambda: not [p for p in pids if alive(p)], 5.0, "the workers end")


class Start(ProcessCase):
    def check_refused(self, config, text):
        """The gateway ends with 1 and says why in a line."""
        gw = start_gateway(config, wait=False)
        self.assertEqual(gw.wait(10), 1)
        self.assertIn(text, gw.stderr())
        return gw

    def test_taken_port(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            address = "127.0.0.1:%d" % s.getsockname()[1]
            why = "cannot listen on %s: address already in use (is another gatehouse or service " \
                "running there?)" % address
            gw = self.check_refused(self.config(listen=[address]), why)
            self.assertEqual(len(gw.stderr().splitlines()), 1)
            self.check_refused(self.config(admin=address), why)

    def test_port_of_another_gateway(self):
        first = self.start()
        self.check_refused(self.config(listen=["127.0.0.1:%d" % first.port]),
                           "address already in use")
        self.assertEqual(request(first.port, "/web/a").status, 200)

    def test_address_of_nobody(self):
        self.check_refused(self.config(listen=["192.0.2.1:%d" % free_port()]),
                           "no network interface has this address")

    def test_all_configuration_errors_at_once(self):
        config = self.config(worker=1, acces_log="off")
        gw = self.check_refused(config, "did you mean \"workers\"?")
        self.assertGreaterEqual(len(gw.stderr().splitlines()), 2)

    def test_plugin_that_is_not_there(self):
        config = self.config()
        config["routes"][0]["plugin"] = "rely"
        self.check_refused(config, "rely")

    def test_no_file(self):
        status, _, err = run_gatehouse("run", "-c", "/nonexistent/gateway.json")
        self.assertEqual(status, 1)
        self.assertIn("/nonexistent/gateway.json", err)

    def test_ipv6_and_several_addresses(self):
        try:
            with socket.socket(socket.AF_INET6) as s:
                s.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 here")
        ports = [free_port(), free_port()]
        gw = self.start(listen=["127.0.0.1:%d" % ports[0], "[::1]:%d" % ports[1]])
        self.assertEqual(request(ports[0], "/web/a").status, 200)
        self.assertEqual(request(ports[1], "/web/a", host="::1").status, 200)
        self.assertIn("http://[::1]:%d" % ports[1], gw.status()["listen"])


class UnixSocket(ProcessCase):
    def get(self, path, target):
        """One request over a unix socket; the whole answer."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5 * SLOW)
            s.connect(path)
            s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
            return b"".join(iter(lambda: s.recv(65536), b""))

    def test_relays_and_cleans_up(self):
        path = scratch("gateway.sock")
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        gw = self.start(listen=["127.0.0.1:%d" % free_port(), "unix:" + path], workers=2)
        for _ in range(8):
            self.assertTrue(self.get(path, b"/web/u").endswith(b"\r\n\r\n/web/u"))
        other = start_gateway(self.config(listen=["127.0.0.1:%d" % free_port(), "unix:" + path]),
                              wait=False)
        self.assertEqual(other.wait(10), 1)
        self.assertIn("address already in use", other.stderr())
        self.assertEqual(gw.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_another_file_is_left_alone(self):
        path = scratch("precious")
        gw = start_gateway(self.config(listen=["127.0.0.1:%d" % free_port(), "unix:" + path]),
                              wait=False)
        self.assertEqual(gw.wait(10), 1)
        self.assertIn("a file that is not a socket is there", gw.stderr())
        self.assertTrue(os.path.exists(path))


class Reload(ProcessCase):
    def rewrite(self, gw, config):
        """Replaces the gateway's file and asks it to reload."""
        with open(gw.path, "w", encoding="utf-8") as f:
            f.write(config if isinstance(config, str) else json.dumps(config))
        gw.signal(signal.SIGHUP)

    def wait_generation(self, gw, number):
        """Waits until that generation serves alone."""
        def alone():
            status = gw.status()
            return status["generation"] == number and len(status["generations"]) == 1
        wait_until(alone, 10.0, "generation %d serves alone" % number)

    def test_nothing_fails_meanwhile(self):
        gw = self.start(workers=2)
        config = dict(gw.config)
        load = Load(gw.port, clients=6)
        load.wait_more(100)
        before = gw.metrics()["gatehouse_requests_received_total"]
        for number in range(2, 12):
            config["workers"] = 1 + number % 3
            self.rewrite(gw, config)
            self.wait_generation(gw, number)
            load.wait_more(20)
        self.assertEqual(load.stop(), [])
        metrics = gw.metrics()
        self.assertGreaterEqual(metrics["gatehouse_requests_received_total"], before)
        # A client has its answer a moment before the worker counts it.
        wait_until(lambda: gw.metrics()['gatehouse_requests_ended_total{reason="ok"}'] >= load.done,
                   5.0, "all are counted")
        self.assertEqual(metrics['gatehouse_reloads_total{result="done"}'], 10)

    def test_new_connections_while_workers_come_and_go(self):
        gw = self.start(workers=4)
        config = dict(gw.config)
        load = Load(gw.port, clients=4, keep=False)
        for number, workers in enumerate((1, 3, 2, 5, 1, 4), 2):
            config["workers"] = workers
            self.rewrite(gw, config)
            self.wait_generation(gw, number)
            load.wait_more(100)
        self.assertEqual(load.stop(), [])
        self.assertLess(load.slowest, 1.0 * SLOW)

    def test_workers_of_a_refused_reload_take_no_connections(self):
        gw = self.start(workers=2)
        bad = json.loads(json.dumps(gw.config))
        bad["workers"] = 6
        bad["routes"][0]["config"]["servise"] = "x"
        self.rewrite(gw, bad)
        wait_until(lambda: gw.status()["reloads_refused"] == 1, 5.0, "the reload is refused")
        load = Load(gw.port, clients=4, keep=False)
        load.wait_more(200)
        self.assertEqual(load.stop(), [])
        self.assertLess(load.slowest, 1.0 * SLOW)

    def test_routes_and_addresses_change(self):
        gw = self.start()
        other = free_port()
        config = self.config(listen=["127.0.0.1:%d" % other], admin=gw.config["admin"],
                             plugin_dir=plugin_dir(), access_log="off", workers=1)
        config["routes"][0]["path"] = "/new/*"
        self.rewrite(gw, config)
        self.wait_generation(gw, 2)
        self.assertEqual(request(other, "/new/a").status, 200)
        self.assertEqual(request(other, "/web/a").status, 404)
        self.assertTrue(refused(gw.port))

    def test_bad_files_change_nothing(self):
        gw = self.start()
        pids = gw.worker_pids()
        bad_plugin = json.loads(json.dumps(gw.config))
        bad_plugin["routes"][0]["plugin"] = "nothing"
        bad_option = json.loads(json.dumps(gw.config))
        bad_option["routes"][0]["config"]["servise"] = "x"
        taken = dict(gw.config, listen=["192.0.2.1:%d" % free_port()])
        for n, bad in enumerate(("{", bad_plugin, bad_option, taken), 1):
            self.rewrite(gw, bad)
            wait_until(lambda n=n: gw.status()["reloads_refused"] == n, 5.0, "reload %d" % n)
            wait_until(lambda: len(gw.status()["generations"]) == 1, 5.0)
            self.assertEqual(gw.worker_pids(), pids)
            self.assertEqual(request(gw.port, "/web/a").status, 200)
        self.assertTrue(self.logged(gw, "reload refused"))
        self.rewrite(gw, gw.config)
        wait_until(lambda: gw.status()["reloads"] == 1, 10.0)

    def test_requests_in_flight_are_finished(self):
        gw = self.start()
        slow = InFlight(gw, self.backend, 800)
        self.rewrite(gw, gw.config)
        wait_until(lambda: gw.status()["generation"] == 2, 5.0)
        self.assertEqual(request(gw.port, "/web/a").status, 200)
        self.assertEqual(slow.answer().status, 200)
        self.wait_generation(gw, 2)

    def test_signals_while_reloading(self):
        gw = self.start()
        for _ in range(5):
            gw.signal(signal.SIGHUP)
        self.assertEqual(gw.stop(), 0)


if __name__ == "__main__":
    unittest.main()
