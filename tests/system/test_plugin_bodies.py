#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bodies that plugins make or change: answers in pieces, and hooks on bodies both ways."""
import os
import time
import unittest

from harness import Client, wait_until
from origin import AWAIT, CLOSE, EARLY, HOLD
from plugin_lab import OK, Lab, filtered, trace


class Streams(Lab):
    """Answers in pieces."""

    routes = [
        {"path": "/stream", "plugin": "lab_stream", "filters": [trace("f")]},
        {"path": "/body/{n}", "plugin": "lab_stream",
         "filters": [{"plugin": "lab_body", "config": {"response": "upper"}}]},
        {"path": "/waits", "plugin": "lab_stream", "filters": [trace("w", "response", "wait")]},
        {"path": "/replaced", "plugin": "lab_stream",
         "filters": [trace("o"), trace("r", "response", "reply", status=203)]},
    ]

    @staticmethod
    def bytes_of(total):
        piece = bytes(ord("a") + i % 23 for i in range(23))
        return (piece * (total // 23 + 1))[:total]

    def test_known_and_unknown_length(self):
        for query, framing in (("known=1&", "length"), ("", "chunked")):
            for total in (0, 1, 100, 65536, 1000000):
                for piece in (7 if total < 1000 else 7777, 65536):
                    answer = self.get("/stream?%stotal=%d&piece=%d" % (query, total, piece))
                    self.assertTrue(answer.complete, answer.error)
                    self.assertEqual(answer.framing, framing)
                    self.assertEqual(answer.header("x-trace"), "f:response")
                    self.assertEqual(answer.header("x-stream"), "yes")
                    self.assertTrue(answer.body == self.bytes_of(total), total)

    def test_pauses(self):
        answer = self.get("/stream?total=50&piece=10&pause=10")
        self.assertEqual(answer.body, self.bytes_of(50))

    def test_filter_waits_before_the_head(self):
        self.assertEqual(self.get("/waits?total=200000").body, self.bytes_of(200000))

    def test_filter_replaces_it(self):
        for query in ("", "?total=500000", "?total=50&known=1&pause=10"):
            answer = self.get("/replaced" + query)
            self.assertEqual((answer.status, answer.body), (203, b"replied\n"))
            self.assertTrue(answer.complete, answer.error)
            self.assertEqual(answer.header("x-trace"), "r:response,o:response")

    def test_http_1_0(self):
        with Client(self.gateway.port) as c:
            c.send("GET /stream?total=1000 HTTP/1.0\r\n\r\n")
            answer = c.response()
        self.assertEqual((answer.framing, answer.body), ("close", self.bytes_of(1000)))
        self.assertTrue(answer.complete, answer.error)

    def test_head_and_204(self):
        answer = self.get("/stream?total=1000&known=1", "HEAD")
        self.assertEqual((answer.status, answer.header("content-length"), answer.body),
                         (200, "1000", b""))
        self.assertEqual(self.get("/stream?total=1000&status=204").body, b"")

    def test_short_is_cut(self):
        for query in ("total=1000&short=1&known=1", "total=300000&short=5&known=1&piece=4096"):
            answer = self.get("/stream?" + query)
            self.assertFalse(answer.complete)
            self.wait_reason("/stream", "plugin_failed")

    def test_keeps_the_connection(self):
        with Client(self.gateway.port) as c:
            for query in ("total=10", "total=100&known=1", "total=0"):
                c.send("GET /stream?%s HTTP/1.1\r\nHost: x\r\n\r\n" % query)
                self.assertTrue(c.response().complete)

    def memory(self):
        pid = self.gateway.worker_pids()[0]
        with open("/proc/%d/statm" % pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_slow_reader_holds_the_writer_back(self):
        with Client(self.gateway.port) as c:
            c.send("GET /stream?total=200000000&piece=65536 HTTP/1.1\r\nHost: x\r\n\r\n")
            c.recv_n(100000)
            full = wait_until(self.stands, 10, "the writer was told to wait")
            before = self.memory()
            wait_until(lambda: c.recv_n(1 << 20) and self.full() > full, 10, "the writer goes on")
            self.assertLess(self.memory() - before, 8 << 20)
        self.wait_reason("/stream", "client_gone")

    def stands(self):
        """How often the writer was told to wait, once that no longer grows."""
        full = self.full()
        time.sleep(0.1)
        return full if full and full == self.full() else 0

    def full(self):
        return sum(v for k, v in self.gateway.metrics().items() if "stream_full" in k)

    def test_fast_reader_gets_all(self):
        with Client(self.gateway.port, limit=60) as c:
            c.send("GET /stream?total=50000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = c.response()
        self.assertTrue(answer.complete, answer.error)
        self.assertTrue(answer.body == self.bytes_of(50000000))

    def test_deaf_writer_is_cut(self):
        with Client(self.gateway.port) as c:
            c.send("GET /stream?total=200000000&deaf=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = c.response()
        self.assertFalse(answer.complete)
        self.wait_reason("/stream", "plugin_failed")
        self.assertTrue(any("stream_gone" in k and v for k, v in self.gateway.metrics().items()))

    def test_bad_number_is_a_problem(self):
        answer = self.get("/stream?piece=0")
        self.assertEqual((answer.status, answer.json()["title"]), (400, "Bad piece"))


class Bodies(Lab):
    """Filters on both bodies."""

    kinds = ("keep", "upper", "double", "empty", "tail")

    @classmethod
    def make_routes(cls):
        routes = []
        for way in ("request", "response"):
            for kind in cls.kinds + ("fail", "drop"):
                routes.append(filtered("/%s/%s" % (way, kind), [
                    {"plugin": "lab_body", "config": {way: kind}}]))
        routes.append(filtered("/both", [
            {"plugin": "lab_body", "config": {"request": "tail", "response": "tail"}},
            {"plugin": "lab_body", "config": {"request": "upper", "response": "upper"}}]))
        routes.append(filtered("/read", [
            {"plugin": "lab_async", "config": {"service": "origin"}},
            {"plugin": "lab_body", "config": {"request": "double"}}]))
        return routes

    @staticmethod
    def expect(kind, data):
        return {"keep": data, "upper": data.upper(), "double": data * 2, "empty": b"",
                "tail": data + b"<tail>"}[kind]

    def test_requests(self):
        for kind in self.kinds:
            with self.subTest(kind):
                self.origin.begin([OK])
                answer = self.get("/request/" + kind, "POST", body=b"some text")
                message = self.origin.finish().messages[-1]
                self.assertEqual(answer.status, 200)
                self.assertIsNone(message.error)
                self.assertEqual(message.body, self.expect(kind, b"some text"))
                self.assertEqual(message.framing, "chunked")

    def test_request_without_body_gets_none(self):
        for length in ("", "Content-Length: 0\r\n"):
            self.origin.begin([OK])
            with Client(self.gateway.port) as c:
                c.send("POST /request/tail HTTP/1.1\r\nHost: x\r\n%s\r\n" % length)
                self.assertEqual(c.response().status, 200)
            message = self.origin.finish().messages[-1]
            self.assertEqual((message.error, message.body), (None, b""))
            self.assertNotEqual(message.framing, "chunked")

    def test_large_request(self):
        data = os.urandom(3 << 20).hex().encode()
        self.origin.begin([OK])
        answer = self.get("/request/tail", "POST", body=data, limit=30)
        message = self.origin.finish().messages[-1]
        self.assertEqual(answer.status, 200)
        self.assertTrue(message.body == data + b"<tail>")

    def responses(self, body):
        return {
            "length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
            "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"
                       b"0\r\n\r\n" % (len(body), body),
            "close": b"HTTP/1.1 200 OK\r\n\r\n" + body,
        }

    def test_responses(self):
        for kind in self.kinds:
            for framing, response in self.responses(b"some text").items():
                with self.subTest(kind=kind, framing=framing):
                    self.origin.begin([response, CLOSE] if framing == "close" else [response])
                    answer = self.get("/response/" + kind)
                    self.origin.finish()
                    self.assertTrue(answer.complete, answer.error)
                    self.assertEqual(answer.body, self.expect(kind, b"some text"))

    def test_response_without_body(self):
        for head in (b"HTTP/1.1 204 No Content\r\n\r\n",
                     b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"):
            self.origin.begin([head])
            answer = self.get("/response/tail")
            self.origin.finish()
            self.assertTrue(answer.complete, answer.error)
            self.assertEqual(answer.body, b"")
            self.assertNotEqual(answer.header("content-length"), "10")
        self.origin.begin([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"])
        answer = self.get("/response/tail", "HEAD")
        self.origin.finish()
        self.assertIsNone(answer.header("content-length"))

    def test_large_response_to_a_slow_reader(self):
        data = os.urandom(4 << 20).hex().encode()
        for framing, response in self.responses(data).items():
            with self.subTest(framing):
                self.origin.begin([response, CLOSE] if framing == "close" else [response])
                with Client(self.gateway.port, limit=30) as c:
                    c.send("GET /response/tail HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    wait_until(lambda: self.quiet_bytes(), 5, "the gateway is held back")
                    answer = c.response()
                self.origin.finish()
                self.assertTrue(answer.complete, answer.error)
                self.assertTrue(answer.body == data + b"<tail>")

    def quiet_bytes(self):
        """True once the worker has bytes that the client does not take."""
        return self.gateway.metrics().get("gatehouse_requests_active", 1) > 0

    def test_fail_and_drop_cut_what_has_begun(self):
        begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for kind in ("fail", "drop"):
            self.origin.begin([begun, AWAIT("more"), b"1\r\na\r\n0\r\n\r\n"])
            with Client(self.gateway.port) as c:
                c.send("GET /response/%s HTTP/1.1\r\nHost: x\r\n\r\n" % kind)
                self.origin.episode.reach("more")
                answer = c.response()
            self.origin.finish()
            self.assertTrue(answer.status in (None, 500) or not answer.complete)

    def test_order_of_two(self):
        """On its way there a body passes the first filter first; on its way back, last."""
        self.origin.begin([OK])
        answer = self.get("/both", "POST", body=b"text")
        message = self.origin.finish().messages[-1]
        self.assertEqual(message.body, b"TEXT<TAIL>")
        self.assertEqual(answer.body, b"ORIGIN<tail>")

    def test_changed_after_it_was_read_whole(self):
        self.origin.begin([OK])
        self.assertEqual(self.get("/read", "POST", body=b"abc").status, 200)
        message = self.origin.finish().messages[-1]
        self.assertEqual((message.error, message.body), (None, b"abcabc"))

    def test_early_answer(self):
        self.origin.begin([EARLY, OK, HOLD])
        with Client(self.gateway.port) as c:
            c.send("POST /request/upper HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
            self.assertEqual(c.response().status, 200)
        self.origin.finish()


if __name__ == "__main__":
    unittest.main(verbosity=2)
