#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clients, services and plugins can do at the worst moment: no worker may die of it, no
request may hang, and no byte of one exchange may turn up in another.

Run alone:  tests/system/test_proxy_edges.py
"""
import os
import resource
import socket
import threading
import time
import unittest

import harness
from harness import Client, free_port, request, start_gateway, wait_until
from origin import AWAIT, BODY, CLOSE, EARLY, HOLD, Origin
from plugin_lab import PLUGINS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# 16 of them are as many as the gateway lets pass, and more than a client's buffers hold soon.
HINTS = [b"HTTP/1.1 103 Early Hints\r\nLink: " + b"h" * 30000 + b"\r\n\r\n"] * 16
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
DEAF = 40  # Requests that are sent by a client that reads nothing.


def get(target="/", *fields):
    return ("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (
        target, "".join(f + "\r\n" for f in fields))).encode()


class Edges(unittest.TestCase):
    """A gateway of its own for each class; the worker must be the same one at the end."""

    plugin = {"plugin": "lab_edges"}
    timeouts = {"write": "1s", "response": "1s", "body": "2s", "drain": "20s"}

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin()
        cls.gateway = start_gateway({
            "plugin_dir": PLUGINS,
            "defaults": {"timeout": cls.timeouts},
            "services": {"origin": {"endpoints": ["127.0.0.1:%d" % cls.origin.port]}},
            "routes": [{"path": "/*", "plugin": "lab_edges", "config": {"service": "origin"}}],
        })
        cls.pids = cls.gateway.worker_pids()

    @classmethod
    def tearDownClass(cls):
        status = cls.gateway.stop()
        cls.origin.close()
        text = cls.gateway.stderr()
        for bad in ("Sanitizer", "runtime error:", "worker died", "must hold"):
            if bad in text:
                raise AssertionError(cls.gateway.tail(60))
        if status != 0:
            raise AssertionError("gateway ended with %s\n%s" % (status, cls.gateway.tail()))

    def setUp(self):
        self.addCleanup(self.origin.finish)

    def tearDown(self):
        self.assertEqual(self.gateway.worker_pids(), self.pids, self.gateway.tail(60))

    def deaf(self, data, limit=5.0):
        """A client with small buffers that has sent data and reads nothing."""
        client = Client(self.gateway.port, rcvbuf=4096, limit=limit)
        self.addCleanup(client.close)
        sender = threading.Thread(target=client.send, args=(data,), daemon=True)
        sender.start()
        return client

    def ended(self, path, reason, limit=10.0):
        """Waits until a request for that path has ended so."""
        return self.gateway.wait_access(
            lambda a: a["path"] == path and a["reason"] == reason, limit)

    def quiet(self):
        """All gauges are back at nothing but idle connections of the pool."""
        def level():
            m = self.gateway.metrics()
            busy = {k: v for k, v in m.items() if v and k.startswith((
                "gatehouse_connections_open", "gatehouse_requests_active",
                "gatehouse_connections_idle"))}
            return not busy
        wait_until(level, 10, "no connection and no request is left")


class Held(Edges):
    """Interim answers that a client does not take."""

    def test_answer_of_our_own_behind_held_interim(self):
        self.origin.begin(HINTS + [CLOSE])
        self.deaf(get("/own") * DEAF)
        self.ended("/own", "client_slow")
        self.quiet()

    def test_answer_behind_held_interim_is_given_up(self):
        self.origin.begin(HINTS + [OK])
        self.deaf(get("/final") * DEAF)
        self.ended("/final", "client_slow")

    def test_answer_behind_held_interim_arrives(self):
        self.origin.begin(HINTS + [CLOSE])
        client = self.deaf(get("/late") * DEAF, limit=20)
        self.addCleanup(client.close)
        wait_until(lambda: self.gateway.metrics()["gatehouse_requests_active"] == 1, 5, "held")
        for _ in range(DEAF):
            res = client.response()
            self.assertEqual((res.status, res.complete), (502, True), res)

    def test_switch_behind_held_interim(self):
        self.origin.begin(*([HINTS + [OK]] * 3 + [HINTS + [
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
            b"Upgrade: chat\r\n\r\n", CLOSE]]))
        for _ in range(4):
            client = self.deaf(get("/switch", "Connection: upgrade", "Upgrade: chat") * DEAF)
            wait_until(lambda: self.gateway.metrics()["gatehouse_requests_active"] <= 1, 5,
                       "one request at most is left")
            client.reset()

    def test_nothing_of_it_is_left_for_the_next_request(self):
        """A request that ended while its answer waited behind an interim one."""
        self.origin.begin(HINTS + [OK])
        client = self.deaf(get("/gone") * DEAF)
        held = "gatehouse_requests_active"
        wait_until(lambda: self.gateway.metrics()[held] == 1, 5, "a request is held")
        lines = [-1]

        def stands_still():
            before, lines[0] = lines[0], len(self.gateway.access_log())
            return before == lines[0]
        wait_until(stands_still, 5, "nothing goes on", poll=0.1)
        client.reset()
        wait_until(lambda: self.gateway.metrics()[held] == 0, 5, "it has ended")
        body = bytes(range(256)) * 32768
        self.origin.begin([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body])
        with Client(self.gateway.port, rcvbuf=4096, limit=60 * harness.SLOW) as slow:
            slow.send(get("/big"))
            wait_until(lambda: self.gateway.metrics()[held] == 1, 5, "the answer is held")
            res = slow.response()
        self.assertTrue(res.complete, res)
        self.assertEqual(res.body, body)

    def test_go_on_of_our_own_that_is_not_taken(self):
        """100 Continue for gh_read_body(), and the plugin's answer behind it."""
        post = (b"POST /read?do=read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                b"Content-Length: 5\r\n\r\nhello")
        client = self.deaf(post * 60000)
        self.ended("/read", "client_slow", 20)
        client.reset()
        self.quiet()


class Uploads(Edges):
    def test_upload_after_continue_may_take_longer_than_the_answer(self):
        self.origin.begin([EARLY, CONTINUE, BODY, OK])
        with Client(self.gateway.port) as c:
            c.send("PUT /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 20\r\n\r\n")
            self.assertEqual(c.recv_until("\r\n\r\n"), CONTINUE)
            for _ in range(20):
                self.assertTrue(c.quiet(0.1), c.buf)  # 2 s in all; timeout.response is 1 s
                c.send(b"x")
            self.assertEqual(c.response("PUT").status, 200)

    def test_body_that_a_plugin_reads_has_a_pace(self):
        config = dict(self.gateway.config, limits={"body_rate_grace": "500ms"},
                      listen=["127.0.0.1:%d" % free_port()],
                      admin="127.0.0.1:%d" % free_port())
        with start_gateway(config) as gw, Client(gw.port) as c:
            c.send("POST /?do=read HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
            sent = 0
            while sent < 30 and c.quiet(0.1):
                c.send(b"x")
                sent += 1
            self.assertLess(sent, 15)
            self.assertEqual(c.response("POST").status, 408)

    def test_service_that_stops_reading_is_to_blame(self):
        self.origin.begin([EARLY, HOLD])
        sent = b"x" * (64 << 20)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        self.addCleanup(listener.close)
        config = dict(self.gateway.config, listen=["127.0.0.1:%d" % free_port()],
                      admin="127.0.0.1:%d" % free_port(),
                      services={"origin": {
                          "endpoints": ["127.0.0.1:%d" % listener.getsockname()[1]]}},
                      defaults={"timeout": {"body": "500ms", "response": "1500ms"}})
        with start_gateway(config) as gw, Client(gw.port) as c:
            c.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(sent))
            threading.Thread(target=c.send, args=(sent,), daemon=True).start()
            self.assertEqual(c.response("PUT").status, 504)


class Plugins(Edges):
    def test_answer_s_head_can_be_read_until_the_end(self):
        """Whatever else was read meanwhile."""
        def play(check):
            return [b"HTTP/1.1 200 OK\r\nX-Check: " + check + b"\r\nContent-Length: 8\r\n\r\nhalf",
                    AWAIT(check.decode()), b"rest"]
        checks = [b"%02d" % i + b"c" * 20 for i in range(8)]
        for then in ("", "&then=wait"):
            episode = self.origin.begin(*[play(c) for c in checks])
            clients = []
            for check in checks:
                c = Client(self.gateway.port)
                self.addCleanup(c.close)
                c.send(get("/check?check=" + check.decode() + then))
                if not then:
                    self.assertTrue(c.recv_until("half").endswith(b"half"))
                else:
                    wait_until(lambda n=len(clients): len(episode.messages) == n + 1, 5, "asked")
                clients.append(c)
            for c, check in zip(clients, checks):
                episode.reach(check.decode())
                self.assertTrue(c.recv_until("rest").endswith(b"rest"))
        m = self.gateway.metrics()
        name = next(k for k in m if "edges_wrong" in k)
        wait_until(lambda: self.gateway.metrics()[name.replace("wrong", "seen")] >= 50, 5,
                   "all have been looked at")
        self.assertEqual(self.gateway.metrics()[name], 0)

    def test_next_request_may_wait_when_a_filter_failed(self):
        """A response hook that fails ends the exchange; the next one is under way already."""
        self.origin.begin([OK])
        with Client(self.gateway.port) as c:
            c.send(get("/a?then=fail") + get("/b?do=big&then=wait") + get("/c?then=wait"))
            self.assertEqual(c.response().status, 500)
            self.assertIn(c.response().status, (200, 500))
            self.assertEqual(c.response().status, 200)

    def test_head_over_its_limit(self):
        with Client(self.gateway.port) as c:
            c.send(get("/?do=big") + get("/?do=big"))
            for _ in range(2):
                res = c.response()
                self.assertEqual((res.status, res.complete), (500, True), res)


class Ends(Edges):
    def test_requests_before_a_half_close_are_answered(self):
        episode = self.origin.begin([AWAIT("go"), OK], [OK])
        with Client(self.gateway.port) as c:
            c.send(get("/1") + get("/2") + get("/3"))
            wait_until(lambda: episode.messages or episode.connections, 5, "the first is asked")
            c.shutdown_write()
            self.assertTrue(c.quiet(0.1))
            episode.reach("go")
            for _ in range(3):
                self.assertEqual(c.response().status, 200)
            self.assertTrue(c.closed(2))

    def test_half_a_request_before_a_half_close_ends_at_once(self):
        episode = self.origin.begin([AWAIT("go"), OK])
        with Client(self.gateway.port) as c:
            c.send(get("/1") + b"GET /2 HTT")
            c.shutdown_write()
            self.assertTrue(c.quiet(0.1))
            episode.reach("go")
            self.assertEqual(c.response().status, 200)
            self.assertTrue(c.closed(2))

    def test_last_bytes_into_a_tunnel_arrive(self):
        """The service ends first; what the client says after it is not cut by a reset."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        listener.settimeout(5)
        config = dict(self.gateway.config, listen=["127.0.0.1:%d" % free_port()],
                      admin="127.0.0.1:%d" % free_port(),
                      services={"origin": {
                          "endpoints": ["127.0.0.1:%d" % listener.getsockname()[1]]}})
        last = b"l" * (256 << 10)
        with start_gateway(config) as gw, Client(gw.port) as c:
            c.send(get("/", "Connection: upgrade", "Upgrade: chat"))
            service, _ = listener.accept()
            with service:
                service.settimeout(5)
                service.recv(65536)
                service.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                                b"Upgrade: chat\r\n\r\n")
                service.shutdown(socket.SHUT_WR)
                self.assertIn(b"101", c.recv_until("\r\n\r\n"))
                self.assertTrue(c.closed(2))
                c.send(last)
                c.shutdown_write()
                gw.wait_access(lambda a: a["status"] == 101)
                got = b""
                while len(got) < len(last):
                    data = service.recv(65536)
                    if not data:
                        break
                    got += data
        self.assertEqual(len(got), len(last))

    def test_connection_without_a_request_does_not_delay_the_end(self):
        gw = start_gateway({"plugin_dir": harness.plugin_dir(), "services": {}, "routes": []})
        with Client(gw.port):
            wait_until(lambda: gw.metrics().get("gatehouse_connections_open", 1) >= 1, 5, "open")
            began = time.monotonic()
            self.assertEqual(gw.stop(), 0)
        self.assertLess(time.monotonic() - began, 3)


class Descriptors(unittest.TestCase):
    def test_none_left(self):
        """Clients beyond the descriptors are turned away; later ones are served again."""
        origin = Origin()
        self.addCleanup(origin.close)
        config = harness.relay_config({"/*": [origin.port]})
        with start_gateway(config) as gw:
            pid = gw.worker_pids()[0]
            used = len(os.listdir("/proc/%d/fd" % pid))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 8, used + 8))
            clients = [Client(gw.port) for _ in range(64)]
            for c in clients:
                c.send(get("/"))
            served = refused = 0
            for c in clients:
                res = c.response(limit=5)
                served += res.status in (200, 502)
                refused += res.status in (None, 503)
            self.assertEqual(served + refused, 64)
            before = cpu_seconds(pid)
            began = time.monotonic()
            for c in clients[:2]:
                c.quiet(0.5)
            self.assertLess(cpu_seconds(pid) - before, 0.5 * (time.monotonic() - began) + 0.05)
            for c in clients:
                c.close()
            wait_until(lambda: request(gw.port, "/").status == 200, 5, "served again")
            self.assertEqual(gw.worker_pids(), [pid])


def cpu_seconds(pid):
    """Processor time that a process has used."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


if __name__ == "__main__":
    unittest.main(verbosity=2)
