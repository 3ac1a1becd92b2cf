# SPDX-License-Identifier: Apache-2.0
"""What slow, large and many clients get: each limit with its status, reason word and counter.

SLOWLORIS sets how many connections the last test opens (5,000 by default, as far as the
limit on open files allows).
"""
import os
import resource
import socket
import struct
import threading
import time
import unittest

import harness
from harness import Client, wait_until
from origin import CLOSE, ECHO, HOLD, Origin

GET = b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"
SLOWLORIS = int(os.environ.get("SLOWLORIS", "5000"))
PER_SOURCE = 2000  # Connections from one 127.0.0.x.


def post(*fields, body=b""):
    """Returns the head of a POST with these fields, and the beginning of a body."""
    lines = ["POST /x HTTP/1.1", "Host: a.test"] + list(fields)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Limits(unittest.TestCase):
    """A gateway with tight limits in front of an origin that answers at once."""

    def start(self, *scripts, timeout=None, route=None, **limits):
        """Starts both; scripts are the origin's."""
        self.origin = Origin()
        self.addCleanup(self.origin.close)
        self.episode = self.origin.begin(*scripts)
        config = harness.relay_config({"/*": [self.origin.port]}, limits=limits)
        config["defaults"] = {"timeout": timeout or {}}
        config["routes"][0].update(route or {})
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.stop)

    def stop(self):
        """Ends the gateway, which has nothing to complain about."""
        self.assertEqual(self.gateway.stop(60), 0)
        self.assertNotRegex(self.gateway.stderr(), "Sanitizer|runtime error|must hold")

    def client(self, **more):
        """Opens a connection that ends with the test."""
        c = Client(self.gateway.port, limit=10 * harness.SLOW, **more)
        self.addCleanup(c.close)
        return c

    def ended(self, word):
        """Returns how many requests ended with that reason."""
        name = 'gatehouse_requests_ended_total{reason="%s"}' % word
        return self.gateway.metrics().get(name, 0)

    def check_reason(self, word, status, why=None):
        """The access log has a line with that reason and status, and it was counted."""
        line = self.gateway.wait_access(lambda a: a.get("reason") == word)
        self.assertEqual(line["status"], status, line)
        if why:
            self.assertIn(why, line.get("why", ""))
        wait_until(lambda: self.ended(word) >= 1, what="%s is counted" % word)

    def check_refused(self, c, status, word, why=None):
        """The client gets a problem document with that word, and the connection is closed."""
        res = c.response()
        self.assertEqual(res.status, status, res)
        self.assertEqual(res.json()["type"], "urn:gatehouse:" + word)
        self.assertIn(b"close", res.headers.tokens("connection"))
        self.assertTrue(c.closed())
        self.check_reason(word, status, why)

    # --- Time -------------------------------------------------------------------------------

    def test_header_timeout(self):
        self.start(timeout={"header": "200ms"})
        c = self.client()
        c.send(GET[:20])
        self.check_refused(c, 408, "request_timeout", "timeout.header")

    def test_header_timeout_is_for_the_whole_head(self):
        self.start(timeout={"header": "500ms"})
        c, start = self.client(), time.monotonic()
        c.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n")
        while not c.buf and not c.eof and time.monotonic() - start < 10 * harness.SLOW:
            c.send(b"X-A: b\r\n")
            c.quiet(0.05)
        self.assertEqual(c.response().status, 408)

    def test_a_connection_without_a_byte_is_closed(self):
        self.start(timeout={"header": "200ms"})
        c = self.client()
        self.assertTrue(c.closed())
        self.assertFalse(c.buf)

    def test_idle_timeout(self):
        self.start(timeout={"idle": "200ms"})
        c = self.client()
        c.send(GET)
        self.assertEqual(c.response().status, 200)
        self.assertTrue(c.closed())
        self.assertFalse(c.buf)

    def test_body_timeout(self):
        self.start(timeout={"body": "200ms"})
        for head in (post("Content-Length: 10", body=b"hel"),
                     post("Transfer-Encoding: chunked", body=b"5\r\nhel")):
            c = self.client()
            c.send(head)
            self.check_refused(c, 408, "request_timeout", "timeout.body")

    def test_total_timeout(self):
        self.start([HOLD], timeout={"request": "300ms"})
        c = self.client()
        c.send(GET)
        res = c.response()
        self.assertEqual((res.status, res.json()["type"]),
                         (504, "urn:gatehouse:request_deadline"))
        self.check_reason("request_deadline", 504)

    def test_body_rate(self):
        self.start(body_rate_min="1KiB", body_rate_grace="300ms")
        c, start = self.client(), time.monotonic()
        c.send(post("Content-Length: 100000"))
        while not c.buf and not c.eof and time.monotonic() - start < 10 * harness.SLOW:
            c.send(b"x")
            c.quiet(0.02)
        self.check_refused(c, 408, "request_timeout", "body_rate_min")

    def test_a_body_of_the_minimum_rate_is_served(self):
        self.start(body_rate_min="1KiB", body_rate_grace="200ms")
        c = self.client()
        c.send(post("Content-Length: 40000"))
        for _ in range(10):
            c.send(b"x" * 4000)
            c.quiet(0.05)
        self.assertEqual(c.response().status, 200)

    def test_slow_reader(self):
        size = 64 << 20
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
        self.start([head + b"x" * size], timeout={"write": "300ms"})
        c = self.client(rcvbuf=4096)
        c.send(GET)
        self.check_reason("client_slow", 200)
        res = c.response()
        self.assertFalse(res.complete, res)

    # --- Size -------------------------------------------------------------------------------

    def test_tunnel_timeout(self):
        """Bytes in either direction keep it open; without any it ends on both sides."""
        self.start([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n"
                    b"Connection: upgrade\r\n\r\n", ECHO], timeout={"tunnel": "500ms"})
        c = self.client()
        c.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n")
        self.assertEqual(c.response().status, 101)
        start = time.monotonic()
        while time.monotonic() - start < 1.2:
            c.send(b"x")
            self.assertEqual(c.recv_n(1), b"x")
            c.quiet(0.05)
        self.assertTrue(c.closed())
        line = self.gateway.wait_access(lambda a: a["status"] == 101)
        self.assertGreaterEqual(line["duration_ms"], 1500)

    def test_number_of_headers(self):
        self.start(headers=10)
        c = self.client()
        c.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X-A: b\r\n" * 10 + b"\r\n")
        self.check_refused(c, 431, "header_too_large", "limits.headers")

    def test_head_size(self):
        self.start(head="2KiB")
        for head in (b"GET / HTTP/1.1\r\nHost: a.test\r\nX-A: " + b"x" * 2048 + b"\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a.test\r\nX-A: " + b"x" * 10000):
            c = self.client()
            c.send(head)
            self.check_refused(c, 431, "header_too_large", "limits.head")

    def test_uri(self):
        self.start(uri="100")
        c = self.client()
        c.send(b"GET /" + b"x" * 100 + b" HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.check_refused(c, 414, "uri_too_long", "limits.uri")

    def test_body_with_a_length(self):
        self.start(body="1KiB")
        c = self.client()
        c.send(post("Content-Length: 1025"))
        self.check_refused(c, 413, "body_too_large")
        self.assertFalse(self.episode.messages)

    def test_body_in_chunks(self):
        self.start(body="1KiB")
        c = self.client()
        c.send(post("Transfer-Encoding: chunked", body=b"400\r\n" + b"x" * 1024 + b"\r\n"))
        c.send(b"1\r\nx\r\n0\r\n\r\n")
        self.check_refused(c, 413, "body_too_large", "limits.body")
        self.origin.finish()
        self.assertFalse([m for m in self.episode.messages if m.error is None])

    def test_body_of_the_limit(self):
        self.start(body="1KiB")
        self.assertEqual(harness.request(self.gateway.port, "/x", "POST",
                                         body=b"x" * 1024).status, 200)

    def test_body_limit_of_a_route(self):
        self.start(route={"limits": {"body": "10"}}, body="1KiB")
        self.assertEqual(harness.request(self.gateway.port, "/x", "POST",
                                         body=b"x" * 11).status, 413)

    def test_chunk_extensions(self):
        self.start(chunk_extension="16")
        c = self.client()
        c.send(post("Transfer-Encoding: chunked", body=b"1;" + b"a" * 20 + b"\r\nx\r\n"))
        self.check_refused(c, 400, "bad_framing", "limits.chunk_extension")

    # --- Number -----------------------------------------------------------------------------

    def test_requests_per_connection(self):
        self.start(requests_per_connection=2)
        c = self.client()
        c.send(GET * 3)
        first, second = c.response(), c.response()
        self.assertEqual((first.status, second.status), (200, 200))
        self.assertNotIn(b"close", first.headers.tokens("connection"))
        self.assertIn(b"close", second.headers.tokens("connection"))
        self.assertTrue(c.closed())
        self.assertFalse(c.buf)

    def check_shed(self):
        """A further connection gets 503 with Retry-After, and is counted."""
        c = self.client()
        res = c.response()
        self.assertEqual((res.status, res.header("retry-after")), (503, "1"), res)
        self.assertEqual(res.json()["type"], "urn:gatehouse:overloaded")
        self.assertTrue(c.closed())
        wait_until(lambda: self.gateway.metrics()["gatehouse_connections_shed_total"] >= 1,
                   what="the connection is counted")
        # What it has sent already must not turn the end into a reset.
        c = self.client()
        c.send(GET * 100)
        self.assertEqual(c.response().status, 503)
        self.assertTrue(c.closed())
        self.assertFalse(c.was_reset)

    def test_connections_per_client(self):
        self.start(connections_per_client=3)
        held = [self.client() for _ in range(3)]
        for c in held:
            c.send(GET)
            self.assertEqual(c.response().status, 200)
        self.check_shed()
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.settimeout(5)
            other.connect(("127.0.0.1", self.gateway.port))
            other.sendall(GET)
            self.assertTrue(other.recv(100).startswith(b"HTTP/1.1 200"))
        held[0].close()

        def room():
            with Client(self.gateway.port) as c:
                c.send(GET)
                return c.response().status == 200
        wait_until(room, what="room after a connection has gone")

    def test_connections_in_all(self):
        self.start(connections=3)
        held = [self.client() for _ in range(3)]
        for c in held:
            c.send(GET)
            self.assertEqual(c.response().status, 200)
        self.check_shed()

    def test_memory(self):
        size = 8 << 20
        self.start([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size],
                   memory="16MiB", timeout={"write": "60s"})
        held, shed = [], None
        while shed is None and len(held) < 1000:
            c = self.client(rcvbuf=4096)
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            c.send(GET)
            head = c.recv_until(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 503"):
                shed = head.decode().lower()
            held.append(c)
        self.assertIsNotNone(shed, "%d slow readers and no 503" % len(held))
        self.assertIn("retry-after: 1", shed)
        self.check_reason("overloaded", 503)
        for c in held:
            c.close()
        self.origin.begin()
        wait_until(lambda: harness.request(self.gateway.port, "/x").status == 200,
                   what="served again when the readers have gone")

    def test_retry_budget(self):
        self.start([CLOSE], retry_budget=0.1)
        for _ in range(200):
            self.assertEqual(harness.request(self.gateway.port, "/x").status, 502)
        self.assertLessEqual(len(self.episode.messages), 200 * 1.1 + 10)
        refused = [v for k, v in self.gateway.metrics().items() if "retries_refused" in k]
        self.assertGreater(sum(refused), 0)


class Slowloris(unittest.TestCase):
    """Thousands of clients that never end their head cost the others nothing."""

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        # The gateway starts with the soft limit and raises it by itself.
        self.origin = Origin()
        self.addCleanup(self.origin.close)
        self.origin.begin()
        config = harness.relay_config({"/*": [self.origin.port]})
        config["defaults"] = {"timeout": {"header": "60s"}}
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.count = min(SLOWLORIS, hard - 200 if hard > 0 else SLOWLORIS)

    def latency(self, count=300):
        """Returns median and 99th percentile, in ms, of plain requests."""
        times = []
        for _ in range(count):
            start = time.monotonic()
            self.assertEqual(harness.request(self.gateway.port, "/x", limit=30).status, 200)
            times.append((time.monotonic() - start) * 1000)
        times.sort()
        return times[len(times) // 2], times[int(len(times) * 0.99)]

    def attack(self):
        """Opens the connections and keeps them busy, a byte each, until stopped."""
        for i in range(self.count):
            s = socket.socket()
            s.bind(("127.0.0.%d" % (2 + i // PER_SOURCE), 0))
            s.connect(("127.0.0.1", self.gateway.port))
            s.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n")
            self.slow.append(s)
        self.open.set()
        while not self.over.wait(0.5):
            for s in self.slow:
                s.send(b"X")

    def test_slowloris(self):
        before = self.latency()
        self.slow, self.open, self.over = [], threading.Event(), threading.Event()
        thread = threading.Thread(target=self.attack)
        thread.start()
        try:
            self.assertTrue(self.open.wait(60 * harness.SLOW), "%d open" % len(self.slow))
            during = self.latency()
            status = self.gateway.metrics()
        finally:
            self.over.set()
            thread.join()
            for s in self.slow:
                s.close()
        self.assertGreaterEqual(status["gatehouse_connections"], self.count)
        print("%d connections: median %.2f -> %.2f ms, p99 %.2f -> %.2f ms" % (
            self.count, before[0], during[0], before[1], during[1]))
        self.assertLess(during[1], before[1] * 10 + 50)


if __name__ == "__main__":
    unittest.main()
