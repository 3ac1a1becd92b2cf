# SPDX-License-Identifier: Apache-2.0
"""The admin listener: its pages, its limits, and the text that Prometheus reads."""
import json
import os
import select
import re
import shutil
import socket
import subprocess
import threading
import unittest

from backend import Backend
from harness import (SLOW, SRCDIR, Client, free_port, relay_config, request, scratch,
                     start_gateway, wait_until)

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)\Z" % (
    NAME, LABEL, LABEL))
COMMENT = re.compile(r"# (HELP|TYPE) (%s) (.+)\Z" % NAME)


def parse_metrics(text):
    """Reads the exposition format strictly; returns {family: (type, {series: value})}."""
    families, current = {}, None
    if not text.endswith("\n"):
        raise AssertionError("no newline at the end")
    for line in text.split("\n")[:-1]:
        comment = COMMENT.match(line)
        if comment:
            kind, name, rest = comment.groups()
            if kind == "HELP":
                if name in families:
                    raise AssertionError("family twice: " + name)
                families[name] = (None, {})
                current = name
            elif name != current or families[name][0]:
                raise AssertionError("TYPE out of place: " + line)
            else:
                families[name] = (rest, {})
            continue
        sample = SAMPLE.match(line)
        if not sample:
            raise AssertionError("not a sample: %r" % line)
        add_sample(families, current, sample, line)
    return families


def add_sample(families, current, sample, line):
    """Puts one sample into the family that was announced last."""
    name, labels, value = sample.groups()
    kind, series = families[current]
    suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
    if name not in [current + s for s in suffixes]:
        raise AssertionError("%s is not of the family %s" % (name, current))
    key = "%s{%s}" % (name, labels or "")
    if key in series:
        raise AssertionError("series twice: " + line)
    series[key] = float(value)


class AdminCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backend = Backend()
        config = relay_config({"/web/*": [cls.backend.port]}, workers=2)
        config["routes"].append(dict(config["routes"][0], methods=["POST"]))
        cls.gw = start_gateway(config)

    @classmethod
    def tearDownClass(cls):
        cls.gw.stop()
        cls.backend.close()

    def get(self, target, **more):
        """One request to the admin listener."""
        return request(self.gw.admin, target, **more)

    def raw(self, text):
        """Sends these bytes; returns everything until the connection ends."""
        with Client(self.gw.admin, "127.0.0.1", 5 * SLOW) as c:
            c.send(text)
            return c.recv_all().decode()


class Pages(AdminCase):
    def test_index_names_every_page(self):
        body = self.get("/").body.decode()
        for page in ("/healthz", "/readyz", "/status", "/metrics"):
            self.assertIn(page, body)
            self.assertEqual(self.get(page).status, 200)

    def test_health_and_readiness(self):
        self.assertEqual(self.get("/healthz").body, b"ok\n")
        self.assertEqual(self.get("/readyz").json(),
                         {"ready": True, "missing": [], "restored": []})

    def test_query_is_no_part_of_the_page(self):
        self.assertEqual(self.get("/healthz?verbose=1").status, 200)

    def test_unknown_page(self):
        res = self.get("/nothing")
        self.assertEqual((res.status, res.header("Content-Type")),
                         (404, "application/problem+json"))
        self.assertEqual(res.json()["status"], 404)

    def test_methods(self):
        res = self.get("/status", method="POST", body=b"")
        self.assertEqual((res.status, res.header("Allow")), (405, "GET, HEAD"))
        res = self.get("/healthz", method="HEAD")
        self.assertEqual((res.status, res.body, res.header("Content-Length")), (200, b"", "3"))

    def test_status(self):
        for _ in range(3):
            self.assertEqual(request(self.gw.port, "/web/a").status, 200)
        wait_until(lambda: self.route("/web/*")["requests"] >= 3, 5.0)
        status = self.gw.status()
        self.assertEqual((status["state"], status["generation"]), ("serving", 1))
        self.assertEqual(status["pid"], self.gw.pid)
        self.assertEqual(status["config_file"], self.gw.path)
        self.assertEqual(status["listen"], ["http://127.0.0.1:%d" % self.gw.port])
        self.assertEqual([w["state"] for w in status["workers"]], ["ready", "ready"])
        self.assertEqual(status["plugins"][0]["name"], "relay")
        self.assertEqual(self.route("/web/*")["plugin"], "relay")
        service = next(s for s in status["services"] if s["name"] == "backend-0")
        self.assertEqual((service["state"], service["endpoints"][0]["usable"]), ("live", True))
        self.assertEqual(service["endpoints"][0]["port"], self.backend.port)

    def route(self, path):
        """The status of a route."""
        return next(r for r in self.gw.status()["routes"] if r["path"] == path)


class Limits(AdminCase):
    def test_names_that_a_browser_was_tricked_into(self):
        for host, status in (("127.0.0.1", 200), ("localhost:5080", 200), ("[::1]:5080", 200),
                             ("gateway:5080", 200), ("a.localhost", 200),
                             ("evil.example.com", 403), ("evil.example.com:5080", 403),
                             ("127.0.0.1.evil.example", 403), ("localhost.evil.example", 403)):
            with self.subTest(host):
                head = self.raw("GET /status HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
                                % host)
                self.assertTrue(head.startswith("HTTP/1.1 %d " % status), head[:200])

    def test_keep_alive_and_pipelining(self):
        text = self.raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20 +
                        "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(text.count("HTTP/1.1 200 OK"), 21)
        self.assertEqual(text.count("Connection: close"), 1)

    def test_one_byte_at_a_time(self):
        with Client(self.gw.admin, "127.0.0.1", 5 * SLOW) as c:
            for byte in "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
                c.send(byte)
            self.assertEqual(c.response("GET").body, b"ok\n")
            c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(c.response("GET").body, b"ok\n")

    def test_bad_requests(self):
        for text, status in (
                ("nonsense\r\n\r\n", 400),
                ("GET /status HTTP/1.1\r\n\r\n", 400),
                ("GET /status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                ("GET /status HTTP/2.0\r\nHost: a\r\n\r\n", 505),
                ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 413),
                ("GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
                ("GET /" + 2000 * "a" + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
                ("GET / HTTP/1.1\r\nHost: a\r\nX: " + 9000 * "a" + "\r\n\r\n", 431)):
            with self.subTest(text[:40]):
                head = self.raw(text)
                self.assertTrue(head.startswith("HTTP/1.1 %d " % status), head[:200])
                self.assertIn("Connection: close", head)

    def test_too_many_connections(self):
        held = [socket.create_connection(("127.0.0.1", self.gw.admin)) for _ in range(80)]
        try:
            # Whichever: a connection of the test before may be counted still.
            wait_until(lambda: len(select.select(held, [], [], 0)[0]) >= 16, 5.0,
                       "16 of 80 connections are closed")
            for s in select.select(held, [], [], 0)[0]:
                self.assertEqual(s.recv(1), b"")
        finally:
            for s in held:
                s.close()
        wait_until(self.answers, 5.0, "the listener answers again")

    def answers(self):
        """True when /healthz does."""
        try:
            return self.get("/healthz").status == 200
        except OSError:
            return False

    def test_many_scrapes_at_once(self):
        bad = []

        def scrape():
            for _ in range(10):
                res = self.get("/metrics", limit=10)
                if res.status != 200 or not res.complete:
                    bad.append(res)
        threads = [threading.Thread(target=scrape) for _ in range(30)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60 * SLOW)
        self.assertEqual(bad, [])


class Metrics(AdminCase):
    def text(self):
        """The page's text."""
        res = self.get("/metrics")
        self.assertEqual(res.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        return res.body.decode()

    def test_format(self):
        request(self.gw.port, "/web/a")
        request(self.gw.port, "/nowhere")
        families = parse_metrics(self.text())
        for name, (kind, series) in families.items():
            self.assertIn(kind, ("counter", "gauge", "histogram"), name)
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertTrue(name.startswith("gatehouse_"), name)
            if kind == "histogram":
                self.check_histogram(name, series)

    def test_guide_names_everything(self):
        with open(os.path.join(SRCDIR, "docs", "operators.md"), encoding="utf-8") as f:
            guide = f.read()
        families = parse_metrics(self.text())
        self.assertEqual([n for n in families if "`%s`" % n not in guide], [])
        reasons = [re.search('reason="(.*)"', key).group(1)
                   for key in families["gatehouse_requests_ended_total"][1]]
        self.assertEqual([r for r in reasons if "| `%s` |" % r not in guide], [])

    def check_histogram(self, name, series):
        """Buckets only grow, the last is infinity and is the count."""
        rows = {}
        for key, value in series.items():
            if key.startswith(name + "_bucket"):
                own = re.search(r'\{(.*),?le="', key).group(1)
                rows.setdefault(own.rstrip(","), []).append((key, value))
        for own, buckets in rows.items():
            values = [v for _, v in buckets]
            self.assertEqual(values, sorted(values))
            self.assertIn('le="+Inf"', buckets[-1][0])
            self.assertEqual(values[-1], series["%s_count{%s}" % (name, own)])

    def test_promtool(self):
        promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("no promtool (scripts/find-promtool --fetch)")
        done = subprocess.run([promtool, "check", "metrics"], input=self.text().encode(),
                              capture_output=True, timeout=30 * SLOW, check=False)
        self.assertEqual((done.returncode, done.stderr.decode(), done.stdout.decode()), (0, "", ""))

    def test_counts(self):
        def total(key):
            return self.gw.metrics().get(key, 0)
        ok = 'gatehouse_requests_total{route="/web/*",code="2xx"}'
        lost = 'gatehouse_requests_ended_total{reason="no_route"}'
        answers = 'gatehouse_upstream_requests_total{service="backend-0",code="2xx"}'
        before = total(ok), total(lost), total(answers)
        for _ in range(5):
            self.assertEqual(request(self.gw.port, "/web/a").status, 200)
        self.assertEqual(request(self.gw.port, "/nowhere").status, 404)
        want = before[0] + 5, before[1] + 1, before[2] + 5
        wait_until(lambda: (total(ok), total(lost), total(answers)) == want, 5.0, "the counts")
        self.assertGreaterEqual(
            total('gatehouse_request_duration_seconds_count{route="/web/*"}'), 5)
        self.assertEqual(
            total('gatehouse_service_endpoints{service="backend-0",state="usable"}'), 1)
        self.assertEqual(total('gatehouse_workers{state="ready"}'), 2)


class States(unittest.TestCase):
    """What the pages say while not all is well."""

    def test_a_service_that_nobody_answered_for(self):
        env = {"CONSUL_HTTP_ADDR": "127.0.0.1:%d" % free_port()}
        gw = start_gateway({"routes": [{"path": "/users", "plugin": "users"}]}, env=env, wait=False)
        self.addCleanup(gw.stop)
        gw.wait_listening(gw.admin)
        wait_until(lambda: request(gw.admin, "/healthz").status == 200, 5.0)
        res = request(gw.admin, "/readyz")
        self.assertEqual(res.status, 503)
        self.assertEqual(res.json(), {"ready": False, "missing": [
            "service user-service has not been answered for yet"], "restored": []})
        self.assertEqual(gw.metrics()["gatehouse_ready"], 0)

    def test_unix_socket(self):
        path = scratch("admin.sock")
        os.unlink(path)
        gw = start_gateway({"routes": [], "admin": "unix:" + path}, wait=False)
        self.addCleanup(gw.stop)
        wait_until(lambda: os.path.exists(path), 5.0)
        body = b""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5 * SLOW)
            s.connect(path)
            s.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            body = b"".join(iter(lambda: s.recv(65536), b""))
        self.assertEqual(json.loads(body.partition(b"\r\n\r\n")[2])["admin"], "unix:" + path)
        self.assertEqual(gw.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_off(self):
        gw = start_gateway({"routes": [], "admin": "off"}, wait=False)
        self.addCleanup(gw.stop)
        gw.wait_listening(gw.port)
        wait_until(lambda: "ready" in gw.stderr(), 5.0)
        self.assertEqual(gw.stop(), 0)


if __name__ == "__main__":
    unittest.main()
