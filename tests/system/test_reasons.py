#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every reason word of docs/operators.md, provoked: the answer, the access log and the counter
agree on it, by word, status and request id.

Run alone:  tests/system/test_reasons.py
"""
import os
import re
import resource
import signal
import unittest

import harness
from harness import HERE, SLOW, SRCDIR, Client, free_port, request, start_gateway, wait_until
from origin import CLOSE, HOLD, RESET, Origin, blackhole
from plugin_lab import PLUGINS, trace

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HALF = [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"]
LONG = 32 << 20

# Words that take more than a request to provoke, and the test that does it.
ELSEWHERE = {"overloaded": "test_limits.py", "never_registered": "test_discovery.py",
             "no_endpoints": "test_discovery.py", "response_unrequested": "test_http_faults.py",
             "plugin_quarantined": "test_quarantine.py",
             "service_overloaded": "test_pressure.py", "queue_timeout": "test_pressure.py",
             "breaker_open": "test_breaker.py"}


def ms(n):
    """A time limit that a slow machine does not reach by itself."""
    return "%dms" % (n * SLOW)


def get(path, *fields):
    return ("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (
        path, "".join(f + "\r\n" for f in fields))).encode()


def post(path, *fields, body=b""):
    return get(path, *fields).replace(b"GET", b"POST", 1) + body


# word: (status, what the client sends, what the origin plays)
PLAIN = {
    "bad_request": (400, b"GET /x HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", []),
    "bad_path": (400, get("/x/%00"), []),
    "bad_host": (400, b"GET /x HTTP/1.1\r\n\r\n", []),
    "bad_framing": (400, post("/x", "Content-Length: 1", "Transfer-Encoding: chunked"), []),
    "no_route": (404, get("/nowhere"), []),
    "method_not_allowed": (405, b"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n", []),
    "request_timeout": (408, get("/x")[:-2], []),
    "body_too_large": (413, post("/x", "Content-Length: 100000000"), []),
    "uri_too_long": (414, get("/" + "u" * 2000), []),
    "expectation_failed": (417, get("/x", "Expect: a-miracle"), []),
    "header_too_large": (431, get("/x", "X-Big: " + "b" * 20000), []),
    "unknown_method": (501, b"BREW /x HTTP/1.1\r\nHost: a\r\n\r\n", []),
    "unknown_coding": (501, post("/x", "Transfer-Encoding: gzip, chunked"), []),
    "bad_version": (505, b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n", []),
    "internal": (500, get("/edges?do=big"), []),
    "request_deadline": (504, get("/deadline"), [HOLD]),
    "plugin_failed": (500, get("/fail"), []),
    "connect_refused": (502, get("/refused"), []),
    "connect_timeout": (504, get("/blackhole"), []),
    "upstream_reset": (502, post("/x"), [RESET]),
    "upstream_closed": (502, post("/x"), [CLOSE]),
    "upstream_closed_head": (502, post("/x"), [b"HTTP/1.1 200 OK\r\nCont", CLOSE]),
    "response_timeout": (504, get("/x"), [HOLD]),
    "bad_response": (502, get("/x"), [b"nonsense\r\n\r\n", CLOSE]),
    "bad_response_framing": (502, get("/x"), [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", CLOSE]),
    "response_head_too_large": (502, get("/x"), [
        b"HTTP/1.1 200 OK\r\nX-Big: " + b"b" * 40000 + b"\r\n\r\n", CLOSE]),
    "too_many_interim": (502, get("/x"), [b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, OK]),
}


class Reasons(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin()
        hole, cls.sockets = blackhole()
        services = {"origin": cls.origin.port, "closed": free_port(), "hole": hole}
        config = {
            "plugin_dir": PLUGINS,
            "limits": {"uri": 1024, "body": "1MiB"},
            "defaults": {"timeout": {"header": ms(500), "response": ms(2000), "connect": ms(500),
                                     "write": ms(500), "stall": ms(500)}},
            "services": {name: {"endpoints": ["127.0.0.1:%d" % port]}
                         for name, port in services.items()},
            "routes": [
                cls.route("/x", "origin", methods=["GET", "POST"]),
                cls.route("/deadline", "origin", timeout={"request": ms(300)}),
                cls.route("/refused", "closed"),
                cls.route("/blackhole", "hole"),
                {"path": "/fail", **trace("f", "request", "fail")},
                {"path": "/drop", **trace("d", "request", "drop")},
                {"path": "/edges", "plugin": "lab_edges", "config": {"service": "origin"}},
            ],
        }
        cls.gateway = start_gateway(config)

    @staticmethod
    def route(path, service, **more):
        return {"path": path, **trace("h", "request", "relay", service=service), **more}

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.origin.close()
        for s in cls.sockets:
            s.close()

    @classmethod
    def counted(cls, word):
        return cls.gateway.metrics()['gatehouse_requests_ended_total{reason="%s"}' % word]

    def line(self, word, seen):
        """The line that the log has got since it had as many."""
        return wait_until(lambda: next(
            (a for a in self.gateway.access_log()[seen:] if a["reason"] == word), None),
            5, "a line with " + word)

    def provoke(self, word, status, sent, script):
        """One request; the answer, its line and the counter say the same."""
        seen, before = len(self.gateway.access_log()), self.counted(word)
        self.origin.begin(script) if script else self.origin.begin()
        with Client(self.gateway.port, limit=10 * SLOW) as c:
            c.send(sent)
            res = c.response("POST")
        self.origin.finish()
        self.assertEqual((res.status, res.complete), (status, True), res)
        self.assertEqual(res.header("content-type"), "application/problem+json")
        problem = res.json()
        self.assertLessEqual({"type", "title", "status", "detail", "request_id"}, set(problem))
        self.assertEqual((problem["type"], problem["status"]), ("urn:gatehouse:" + word, status))
        line = self.line(word, seen)
        self.assertEqual((line["status"], line["request_id"]), (status, problem["request_id"]))
        wait_until(lambda: self.counted(word) == before + 1, 5, word + " is counted")

    def test_answers(self):
        for word, (status, sent, script) in PLAIN.items():
            with self.subTest(word):
                self.provoke(word, status, sent, script)

    def without_answer(self, word, status, sent, script, behave):
        """A request whose answer cannot be a problem document."""
        seen, before = len(self.gateway.access_log()), self.counted(word)
        self.origin.begin(script)
        with Client(self.gateway.port, rcvbuf=4096, limit=10 * SLOW) as c:
            c.send(sent)
            behave(c)
            self.assertEqual(self.line(word, seen)["status"], status)
        self.origin.finish()
        wait_until(lambda: self.counted(word) == before + 1, 5, word + " is counted")

    def test_ok(self):
        self.without_answer("ok", 200, get("/x"), [OK], lambda c: c.response())

    def test_client_gone(self):
        def leave(c):
            wait_until(lambda: self.origin.episode.messages, 5, "the service is asked")
            c.reset()
        self.without_answer("client_gone", 0, get("/x"), [HOLD], leave)

    def test_client_slow(self):
        self.without_answer(
            "client_slow", 200, get("/x"),
            [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LONG + b"x" * LONG],
            lambda c: None)

    def test_plugin_dropped(self):
        self.without_answer("plugin_dropped", 0, get("/drop"), [],
                            lambda c: self.assertEqual(c.recv_all(), b""))

    def check_cut(self, c):
        """An answer that has begun is cut, and never ended as if it were whole."""
        self.assertFalse(c.response().complete)

    def test_upstream_cut(self):
        self.without_answer("upstream_cut", 200, get("/x"), HALF + [CLOSE], self.check_cut)

    def test_response_stalled(self):
        self.without_answer("response_stalled", 200, get("/x"), HALF + [HOLD], self.check_cut)

    def test_connect_failed(self):
        """A worker without a descriptor left for a connection to the service."""
        with start_gateway(harness.relay_config({"/x": [self.origin.port]})) as gw, \
                Client(gw.port) as c:
            c.send(get("/nowhere"))
            self.assertEqual(c.response().status, 404)
            pid = gw.worker_pids()[0]
            used = {int(n) for n in os.listdir("/proc/%d/fd" % pid)}
            least = min(set(range(len(used) + 1)) - used)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (least, least))
            c.send(get("/x"))
            self.assertEqual(c.response().json()["type"], "urn:gatehouse:connect_failed")
            line = gw.wait_access(lambda a: a["reason"] == "connect_failed")
            self.assertEqual(line["status"], 502)

    def test_shutting_down(self):
        """What is in hand when a second signal says that nobody waits for it."""
        origin = Origin()
        self.addCleanup(origin.close)
        episode = origin.begin([HOLD])
        with start_gateway(harness.relay_config({"/*": [origin.port]})) as gw, \
                Client(gw.port) as c:
            c.send(get("/x"))
            wait_until(lambda: episode.messages, 5, "the service is asked")
            gw.signal(signal.SIGTERM)
            wait_until(lambda: "draining" in gw.stderr(), 5, "draining")
            gw.signal(signal.SIGTERM)
            self.assertEqual(gw.wait(), 0)
            self.assertEqual([a["reason"] for a in gw.access_log()], ["shutting_down"])

    def test_no_word_is_left_out(self):
        words = {re.search('reason="(.*)"', k).group(1) for k in self.gateway.metrics()
                 if k.startswith("gatehouse_requests_ended_total")}
        with open(os.path.join(HERE, os.path.basename(__file__)), encoding="utf-8") as f:
            here = set(re.findall(r'without_answer\(\s*"(\w+)"', f.read()))
        shown = set(PLAIN) | here | {"shutting_down", "connect_failed"}
        self.assertEqual(words - shown - set(ELSEWHERE), set())
        for word, name in ELSEWHERE.items():
            with open(os.path.join(HERE, name), encoding="utf-8") as f:
                self.assertRegex(f.read(), r"\b%s\b" % word, name)

    def test_guide_has_the_statuses(self):
        """The table of docs/operators.md against what came back."""
        with open(os.path.join(SRCDIR, "docs", "operators.md"), encoding="utf-8") as f:
            rows = dict(re.findall(r"^\| `(\w+)` \| (\d*) ?\|", f.read(), re.M))
        for word, (status, _, _) in PLAIN.items():
            self.assertEqual(rows.get(word), str(status), word)


if __name__ == "__main__":
    unittest.main(verbosity=2)
