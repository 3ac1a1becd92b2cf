#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The two logs: a line of the access log for each request with all its members, in a file or on
stdout, and the gateway's own lines on stderr as JSON or text.

Run alone:  tests/system/test_logs.py
"""
import json
import os
import re
import signal
import unittest

from harness import (Client, Process, free_port, gatehouse, request, start_gateway,
                     wait_until)
from origin import CLOSE, Origin
from plugin_lab import PLUGINS, trace

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
TEXT_LINE = re.compile(TIME + r" (debug|info |warn |error) (control|worker \d+): \S.*")
ALWAYS = {"time", "request_id", "client", "method", "host", "path", "status", "reason",
          "bytes_in", "bytes_out", "duration_ms"}
RELAYED = ALWAYS | {"route", "plugin", "service", "endpoint", "upstream_ms"}


class LogCase(unittest.TestCase):
    def setUp(self):
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def config(self, **more):
        return dict({
            "plugin_dir": PLUGINS,
            "services": {"origin": {"endpoints": ["127.0.0.1:%d" % self.origin.port]}},
            "routes": [
                {"path": "/items/{id}", **trace("h", "request", "relay", service="origin")},
                {"path": "/own", **trace("o", "request", "reply", status=203)},
            ]}, **more)

    def start(self, **more):
        gw = start_gateway(self.config(**more))
        self.addCleanup(gw.stop)
        return gw


class Access(LogCase):
    def line(self, gw, path):
        return gw.wait_access(lambda a: a.get("path") == path)

    def test_relayed(self):
        gw = self.start()
        episode = self.origin.begin([b"HTTP/1.1 201 Created\r\nContent-Length: 7\r\n\r\ncreated"])
        with Client(gw.port) as c:
            c.send("PUT /x/../items/%37?secret=1 HTTP/1.1\r\nHost: shop.example:81\r\n"
                   "Content-Length: 4\r\n\r\nbody")
            self.assertEqual(c.response("PUT").status, 201)
        line = self.line(gw, "/items/7")
        self.assertEqual(set(line), RELAYED)
        self.assertRegex(line["time"], "^%s$" % TIME)
        self.assertRegex(line["request_id"], "^[0-9a-f]{32}$")
        self.assertEqual(episode.messages[0].headers.get("x-request-id").decode(),
                         line["request_id"])
        told = {k: line[k] for k in RELAYED - {"time", "request_id", "duration_ms", "upstream_ms"}}
        self.assertEqual(told, {
            "client": "127.0.0.1", "method": "PUT", "host": "shop.example:81",
            "path": "/items/7", "route": "/items/{id}", "plugin": "lab_trace",
            "service": "origin", "endpoint": "127.0.0.1:%d" % self.origin.port, "status": 201,
            "reason": "ok", "bytes_in": 4, "bytes_out": 7})
        self.assertLess(0, line["upstream_ms"])
        self.assertLessEqual(line["upstream_ms"], line["duration_ms"])

    def test_what_did_not_happen_is_absent(self):
        gw = self.start()
        self.assertEqual(request(gw.port, "/own").status, 203)
        own = self.line(gw, "/own")
        self.assertEqual(set(own), ALWAYS | {"route", "plugin"})
        self.assertEqual(request(gw.port, "/nowhere").status, 404)
        lost = self.line(gw, "/nowhere")
        self.assertEqual(set(lost), ALWAYS)
        self.assertEqual((lost["status"], lost["reason"]), (404, "no_route"))

    def test_why_and_tries(self):
        gw = self.start()
        episode = self.origin.begin([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], [CLOSE])
        self.assertEqual(request(gw.port, "/items/1").status, 200)
        # That the kept connection is closed costs no try; two new ones are closed as well.
        self.assertEqual(request(gw.port, "/items/2").status, 502)
        line = self.line(gw, "/items/2")
        self.assertEqual((line["tries"], line["reason"]), (2, "upstream_closed"))
        self.assertEqual(len(episode.messages), 4)
        with Client(gw.port) as c:
            c.send("GET /items/%00 HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(c.response().status, 400)
        line = gw.wait_access(lambda a: a["reason"] == "bad_path")
        self.assertEqual(set(line), ALWAYS | {"why"})

    def check_one_line_each(self, gw, lines):
        ids = ["id-%d" % i for i in range(200)]
        with Client(gw.port) as c:
            for i in ids:
                c.send("GET /items/1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: %s\r\n\r\n" % i)
                self.assertEqual(c.response().status, 200)
        self.assertEqual(gw.stop(), 0)
        self.assertEqual(len(lines()), len(ids))
        self.assertEqual(len({a["request_id"] for a in lines()}), len(ids))

    def test_one_line_each(self):
        """In a file and on stdout; all of them are there when the gateway has ended."""
        gw = self.start()
        self.check_one_line_each(gw, gw.access_log)
        gw = self.start(access_log="stdout")
        self.check_one_line_each(gw, lambda: [json.loads(a) for a in gw.stdout().splitlines()])

    def test_off(self):
        gw = self.start(access_log="off")
        self.assertEqual(request(gw.port, "/own").status, 203)
        self.assertEqual(gw.stop(), 0)
        self.assertEqual(gw.stdout(), "")

    def test_rotation(self):
        gw = self.start()
        path = gw.config["access_log"]
        self.assertEqual(request(gw.port, "/own").status, 203)
        self.line(gw, "/own")
        os.rename(path, path + ".1")
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["generation"] == 2 and
                   len(gw.status()["generations"]) == 1, 10, "the reload is done")
        self.assertEqual(request(gw.port, "/items/9").status, 200)
        self.line(gw, "/items/9")
        with open(path + ".1", encoding="utf-8") as f:
            self.assertEqual([json.loads(a)["path"] for a in f], ["/own"])


class Own(LogCase):
    """stderr."""

    def run_with(self, *options, ready="gatehouse [^ ]+ ready", **more):
        """What a gateway that was started so says until it ends."""
        gw = self.start(**more)
        gw.stop()
        config = dict(gw.config, listen=["127.0.0.1:%d" % free_port()], admin="off")
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        with Process([gatehouse(), "run", "-c", gw.path, *options], "gatehouse") as p:
            port = int(config["listen"][0].rpartition(":")[2])
            p.wait_listening(port)
            self.assertEqual(request(port, "/own", limit=10).status, 203)
            wait_until(lambda: re.search(ready, p.stderr()), 5, "the line that it is ready")
            self.assertEqual(p.stop(), 0)
            return p.stderr().splitlines()

    def check_json(self, lines):
        self.assertTrue(lines)
        for line in lines:
            record = json.loads(line)
            self.assertLessEqual({"time", "level", "process", "pid", "message"}, set(record))
            self.assertRegex(record["time"], "^%s$" % TIME)
            self.assertRegex(record["process"], r"^(control|worker \d+)$")

    def check_text(self, lines):
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, TEXT_LINE)

    def test_json(self):
        lines = self.run_with()
        self.check_json(lines)
        processes = {json.loads(a)["process"] for a in lines}
        # A plugin's own line comes from the worker that it runs in.
        self.assertEqual(processes, {"control", "worker 0"})

    def test_text(self):
        lines = self.run_with(log={"format": "text"})
        self.check_text(lines)
        self.assertTrue([a for a in lines if "worker 0: " in a])
        self.check_text(self.run_with("--log-format", "text"))
        self.check_json(self.run_with("--log-format", "json", log={"format": "text"}))

    def test_level(self):
        self.assertEqual(self.run_with(ready="", log={"level": "warn"}), [])
        self.assertEqual(self.run_with("--log-level=error", ready=""), [])
        levels = {json.loads(a)["level"] for a in
                  self.run_with("--log-level", "info", log={"level": "error"})}
        self.assertEqual(levels, {"info"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
