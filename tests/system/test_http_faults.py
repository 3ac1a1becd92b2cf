#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each way a service can fail: its status, and its reason word in the answer, in the log and in
the metrics.  What the client sees of each in detail is in http_cases/upstream.py.
"""
import unittest

from harness import Client, free_port, start_gateway, wait_until
from http_run import Backends
from origin import CLOSE, HOLD, RESET, AWAIT
from plugin_lab import PLUGINS, trace

HEAD = b"HTTP/1.1 200 OK\r\n"
EVIL = HEAD + b"Content-Length: 4\r\n\r\nevil"
LONG = HEAD + b"Content-Length: 10\r\n\r\nhello"
CHUNK = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"

# (reason word, status or None for a cut, script of the service).
ANSWERS = (
    ("upstream_closed", 502, [CLOSE]),
    ("upstream_reset", 502, [RESET]),
    ("upstream_closed_head", 502, [HEAD, CLOSE]),
    ("upstream_closed_head", 502, [b"HTTP/1.1 2", RESET]),
    ("upstream_closed", 502, [INTERIM, CLOSE]),
    ("upstream_cut", None, [LONG, AWAIT("read"), CLOSE]),
    ("upstream_cut", None, [LONG, AWAIT("read"), RESET]),
    ("upstream_cut", None, [CHUNK, AWAIT("read"), CLOSE]),
    ("response_timeout", 504, [HOLD]),
    ("response_timeout", 504, [HEAD, HOLD]),
    ("response_timeout", 504, [INTERIM, HOLD]),
    ("response_stalled", None, [LONG, HOLD]),
    ("response_stalled", None, [CHUNK, HOLD]),
    ("bad_response", 502, [b"HTTP/2.0 200 OK\r\n\r\n"]),
    ("bad_response", 502, [HEAD + b"X A: b\r\n\r\n"]),
    ("bad_response", 502, [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
                           b"Connection: upgrade\r\n\r\n"]),
    ("bad_response_framing", 502, [HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"]),
    ("bad_response_framing", 502, [HEAD + b"Transfer-Encoding: chunked\r\n\r\ng\r\n"]),
    ("bad_response_framing", None, [CHUNK, AWAIT("read"), b"g\r\n"]),
    ("response_head_too_large", 502, [HEAD + b"X-A: " + b"a" * 65536 + b"\r\n\r\n"]),
    ("response_head_too_large", 502, [HEAD + b"A: b\r\n" * 101 + b"\r\n"]),
    ("too_many_interim", 502, [INTERIM * 17]),
)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backends = Backends()
        cls.origin = cls.backends.origin
        cls.gateway = cls.start()
        cls.pids = cls.gateway.worker_pids()

    @classmethod
    def start(cls):
        def service(port, **more):
            return dict(endpoints=["127.0.0.1:%d" % port], **more)

        def route(path, name, **more):
            return dict(path=path, **dict(
                trace("h", "request", "relay", service=name, status=200), **more))
        return start_gateway({
            "plugin_dir": PLUGINS,
            "limits": {"retries": 0},
            "defaults": {"timeout": {"connect": "300ms", "response": "300ms", "stall": "300ms"}},
            "services": {"origin": service(cls.origin.port),
                         "refused": service(cls.backends.refused),
                         "blackhole": service(cls.backends.blackhole),
                         "nowhere": {"endpoints": ["127.255.255.255:%d" % free_port()]}},
            "routes": [
                route("/origin", "origin"), route("/refused", "refused"),
                route("/blackhole", "blackhole"), route("/nowhere", "nowhere"),
                route("/early", "origin", filters=[trace("f", "upstream", "hang")]),
                route("/late", "origin", timeout={"request": "300ms", "response": "5s"}),
            ]})

    @classmethod
    def tearDownClass(cls):
        pids = cls.gateway.worker_pids()
        status = cls.gateway.stop()
        cls.backends.close()
        if (status, pids) != (0, cls.pids):
            raise AssertionError("gateway ended with %s\n%s" % (status, cls.gateway.tail()))

    def counted(self, reason):
        """Returns how many requests have ended so, and how many of them a service is blamed for."""
        metrics = self.gateway.metrics()
        return tuple(sum(v for k, v in metrics.items() if k.startswith(name) and
                         'reason="%s"' % reason in k)
                     for name in ("gatehouse_requests_ended_total",
                                  "gatehouse_upstream_failures_total"))

    def check(self, path, reason, status, episode=None, blamed=1,
              head="GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):
        """Asks for path and looks at the answer, the log and the metrics."""
        before, logged = self.counted(reason), len(self.gateway.access_log())
        with Client(self.gateway.port) as c:
            c.send(head % path)
            if status is None:
                c.recv_until("hello")
                if episode:
                    episode.reach("read")
                self.assertTrue(c.closed(5))
            else:
                answer = c.response()
                self.assertEqual((answer.status, answer.json()["type"]),
                                 (status, "urn:gatehouse:" + reason))
        line = wait_until(lambda: self.gateway.access_log()[logged:], 5, "a line in the log")[0]
        self.assertEqual((line["path"], line["reason"], line["status"]),
                         (path, reason, status or 200))
        wait_until(lambda: self.counted(reason) == (before[0] + 1, before[1] + blamed), 5,
                   "%s is counted once" % reason)

    def test_answers(self):
        for reason, status, script in ANSWERS:
            with self.subTest(reason=reason, script=[bytes(s[:60]) if isinstance(s, bytes) else s
                                                     for s in script]):
                # A connection of its own each time: no kept one is found dead and replaced.
                episode = self.origin.begin(script, on_accept=[b""])
                try:
                    self.check("/origin", reason, status, episode)
                finally:
                    self.origin.finish()

    def test_no_connection(self):
        self.check("/refused", "connect_refused", 502)
        self.check("/blackhole", "connect_timeout", 504)
        self.check("/nowhere", "connect_failed", 502)

    def test_answer_before_the_request(self):
        """The filter has the connection and has not let the request go; the service speaks."""
        episode = self.origin.begin(on_accept=[EVIL, HOLD])
        self.check("/early", "response_unrequested", 502)
        self.assertEqual(self.origin.finish().messages, [])
        self.assertEqual(episode.stray, b"")

    def test_no_word_about_an_expected_body(self):
        """The client does as it should: it is the service that says neither yes nor no."""
        self.origin.begin([HOLD], on_accept=[b""])
        self.check("/origin", "response_timeout", 504, head="POST %s HTTP/1.1\r\nHost: a\r\n"
                   "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        self.origin.finish()

    def test_whole_time(self):
        self.origin.begin([HOLD])
        self.check("/late", "request_deadline", 504, blamed=0)
        self.origin.finish()


if __name__ == "__main__":
    unittest.main(verbosity=2)
