#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hooks, verdicts, waiting, facts and refusals of the plugin ABI, before a real origin.

The plugins are tests/plugins/lab_*.c; each says at its top what it does.
"""
import re
import threading
import time
import unittest

from harness import Client, request, run_gatehouse, start_gateway, wait_until, write_config
from origin import HOLD, Origin
from plugin_lab import OK, PLUGINS, Lab, filtered, trace


class Order(Lab):
    """Who runs when, and what each verdict does where."""

    acts = {
        "fail": (500, "plugin_failed"), "bogus": (500, "plugin_failed"),
        "done": (500, "plugin_failed"), "wait": (200, "ok"), "next": (200, "ok"),
        "reply": (203, "ok"), "problem": (203, "ok"), "headers": (200, "ok"),
    }

    @classmethod
    def make_routes(cls):
        routes = [filtered("/order", [trace("a"), trace("b")])]
        for at in ("request", "upstream", "response"):
            for act in list(cls.acts) + ["drop"]:
                routes.append(filtered("/%s/%s" % (at, act), [
                    trace("a"), trace("b-%s-%s" % (at, act), at, act, status=203), trace("c")]))
        for at in ("request_body", "response_body"):
            for act in ("next", "fail", "drop", "done", "bogus"):
                routes.append(filtered("/%s/%s" % (at, act), [trace("b", at, act)]))
        routes += [
            filtered("/nobody", [trace("a")], trace("nobody")),
            filtered("/stranger", [], trace("s", "request", "relay", other="closed")),
            filtered("/relay-late", [trace("r", "response", "relay", service="origin")]),
            filtered("/status/204", [trace("s", "response", "status", status=204)]),
            filtered("/status/418", [trace("a"), trace("s", "response", "status", status=418)]),
            filtered("/status/99", [trace("s", "response", "status", status=999)]),
            filtered("/reply/100", [trace("s", "request", "reply", status=100)]),
            filtered("/early-relay", [trace("a", "request", "relay", service="origin"),
                                      trace("unasked")]),
        ]
        return routes

    def trail(self, *args, **more):
        """Marks that reached the origin, and marks in the answer."""
        self.origin.begin([OK])
        answer = self.get(*args, **more)
        messages = self.origin.finish().messages
        seen = messages[-1].headers.get("x-trace", b"").decode() if messages else None
        return answer, seen, answer.header("x-trace", "")

    def test_order(self):
        answer, there, back = self.trail("/order")
        self.assertEqual(answer.body, b"origin")
        self.assertEqual(there, "a:request,b:request,h:request,a:upstream,b:upstream,h:upstream")
        self.assertEqual(back, "h:response,b:response,a:response")
        self.assertEqual(answer.headers.all("x-saw-status"), [b"200"] * 3)

    def test_head_is_the_same(self):
        self.origin.begin([OK[:-6]])
        answer = self.get("/order", "HEAD")
        self.origin.finish()
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_on_end(self):
        self.origin.begin([OK])
        self.get("/order", "POST", body=b"12345")
        request = self.origin.finish().messages[-1].headers.get("x-request-id").decode()
        for name in ("a", "h"):
            self.assertEqual(self.wait_end(name, request), {
                "status": "200", "reason": "ok", "data": "state-of-" + name, "late": "1",
                "in": "5", "out": "6"})

    def test_verdicts(self):
        for at in ("request", "upstream", "response"):
            for act, (status, reason) in self.acts.items():
                with self.subTest(at=at, act=act):
                    answer, there, back = self.trail("/%s/%s" % (at, act))
                    self.assertEqual(answer.status, status)
                    self.assertTrue(answer.complete, answer.error)
                    self.wait_reason("/%s/%s" % (at, act), reason)
                    if status == 203:
                        self.check_own(at, act, answer, there, back)
                    elif status == 200:
                        self.assertEqual(answer.body, b"origin")
                        self.assertTrue(back.endswith("a:response"), back)
                        self.assertTrue(there.endswith("h:upstream"), there)
                    else:
                        self.assert_problem(answer, 500, "plugin_failed")

    def check_own(self, at, act, answer, there, back):
        """An answer of filter b passes filter a, and nothing of the service's is left of it."""
        self.assertIsNone(answer.header("x-origin"))
        self.assertTrue(back.endswith("a:response"), back)
        self.assertEqual(answer.headers.all("x-saw-status")[-1], b"203")
        if at == "request":
            self.assertIsNone(there)
            self.assertEqual(back, "a:response")
        if act == "reply":
            self.assertEqual(answer.body, b"replied\n")
            self.assertEqual(answer.header("content-type"), "text/plain")
        else:
            problem = answer.json()
            self.assertEqual((problem["title"], problem["detail"], problem["status"]),
                             ('A "quoted" title', "Some\ndetail.", 203))
            self.assertEqual(answer.header("content-type"), "application/problem+json")
            self.assertTrue(problem["request_id"])

    def test_drop(self):
        for at in ("request", "upstream", "response", "response_body", "request_body"):
            with self.subTest(at=at):
                self.origin.begin([OK])
                with Client(self.gateway.port) as c:
                    c.send("POST /%s/drop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab" % at)
                    self.assertEqual(c.recv_all(), b"")
                    self.assertTrue(c.eof)
                self.origin.finish()
                self.wait_reason("/%s/drop" % at, "plugin_dropped")

    def test_body_verdicts(self):
        for at in ("request_body", "response_body"):
            for act, status in (("next", 200), ("fail", 500), ("done", 500), ("bogus", 500)):
                with self.subTest(at=at, act=act):
                    self.origin.begin([OK])
                    answer = self.get("/%s/%s" % (at, act), "POST", body=b"12345")
                    self.origin.finish()
                    self.assertEqual(answer.status, status)
                    self.assertTrue(answer.complete, answer.error)

    def test_only_those_whose_turn_came_hear_of_the_end(self):
        self.get("/request/reply")
        self.wait_end("b-request-reply")
        answer, there, back = self.trail("/early-relay")
        self.assertEqual((answer.status, back), (200, "a:response"))
        self.assertEqual(there, "a:request,a:upstream")
        self.assertEqual(self.ends("unasked"), [])

    def test_nobody_answers(self):
        answer = self.get("/nobody")
        self.assert_problem(answer, 500, "plugin_failed")
        self.wait_end("nobody")

    def test_relay_only_to_services_of_the_route(self):
        self.assertEqual(self.get("/stranger").status, 500)
        self.origin.begin([OK])
        self.assertEqual(self.get("/relay-late").status, 500)
        self.origin.finish()

    def test_status(self):
        for target, status in (("/status/418", 418), ("/status/204", 500), ("/status/99", 500),
                               ("/reply/100", 500)):
            with self.subTest(target):
                answer, _, _ = self.trail(target)
                self.assertEqual(answer.status, status)
        answer, _, _ = self.trail("/status/418")
        self.assertEqual(answer.headers.all("x-saw-status"), [b"200", b"200", b"418"])

    def test_headers(self):
        self.origin.begin([OK.replace(b"X-Origin", b"X-Gone: a\r\nX-Origin")])
        answer = self.get("/response/headers", headers=[("X-Gone", "a")])
        message = self.origin.finish().messages[-1]
        self.assertEqual(answer.headers.all("x-two"), [b"1", b"2"])
        self.assertEqual(answer.header("x-empty"), "")
        self.assertIsNone(answer.header("x-gone"))
        self.assertIsNone(answer.header("x-smuggled"))
        self.assertEqual(message.headers.get("x-gone"), b"a")
        self.origin.begin([OK])
        self.get("/request/headers", headers=[("X-Gone", "a")])
        message = self.origin.finish().messages[-1]
        self.assertEqual(message.headers.all("x-two"), [b"1", b"2"])
        self.assertEqual(message.headers.get("x-empty"), b"")
        self.assertIsNone(message.headers.get("x-gone"))
        self.assertIsNone(message.headers.get("content-length"))

    def test_metric(self):
        self.get("/nobody")
        counted = wait_until(
            lambda: [v for k, v in self.gateway.metrics().items()
                     if k.startswith("gatehouse_plugin_trace_ends_total")], 5, "the metric")
        self.assertGreater(counted[0], 0)
        key = [k for k in self.gateway.metrics() if "trace_ends" in k][0]
        self.assertIn('plugin="lab_trace"', key)

    def test_log_names_plugin_and_request(self):
        self.get("/nobody")
        self.wait_end("nobody")
        line = [a for a in self.gateway.log() if "end nobody" in str(a)][-1]
        self.assertEqual(line["plugin"], "lab_trace")
        self.gateway.wait_access(lambda a: a["request_id"] == line["request_id"])
        loads = [a for a in self.gateway.log() if "trace loads" in str(a)]
        self.assertEqual([a["plugin"] for a in loads], ["lab_trace"])


class Orderly(unittest.TestCase):
    def test_unload_and_route_close(self):
        with start_gateway({"plugin_dir": PLUGINS, "log": {"level": "info"}, "routes": [
                dict(path="/", **trace("only", "request", "reply"))]}) as gateway:
            self.assertEqual(request(gateway.port, "/").status, 200)
            self.assertEqual(gateway.stop(), 0)
            text = gateway.stderr()
        self.assertEqual(text.count("trace closes state-of-only"), 1)
        self.assertEqual(text.count("trace unloads"), 1)
        self.assertLess(text.index("trace closes"), text.index("trace unloads"))


class Waiting(Lab):
    """GH_WAIT, and what ends it."""

    more = {"defaults": {"timeout": {"connect": "300ms"}}}

    @classmethod
    def make_routes(cls):
        url = "http://127.0.0.1:%d/url" % cls.origin.ports["other"]
        calls = {"service": "origin", "url": url, "limit": "1000"}
        return [
            {"path": "/async/{what}", "plugin": "lab_async", "config": calls},
            {"path": "/closed/{what}", "plugin": "lab_async", "config": {"service": "closed"}},
            filtered("/read", [{"plugin": "lab_async", "config": calls},
                               {"plugin": "lab_async", "config": calls}]),
            filtered("/hang/{at}", [trace("hang", "request", "hang")],
                     timeout={"request": "200ms"}),
            filtered("/hang-upstream", [trace("hang", "upstream", "hang")],
                     timeout={"request": "600ms"}),
            filtered("/hang-response", [trace("hang", "response", "hang")],
                     timeout={"request": "200ms"}),
            filtered("/hang", [trace("hanging", "request", "hang")]),
        ]

    def serve(self, answers):
        """The origin answers by target, for calls that come in any order."""
        def play(msg):
            body = answers.get(msg.target, b"got " + msg.target.encode() + b" " + msg.body)
            return [HOLD] if body is None else [
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (
                    len(body), body)]
        episode = self.origin.begin()
        self.origin._default = play
        return episode

    def tearDown(self):
        self.origin.__dict__.pop("_default", None)
        self.origin.finish()

    def test_timer(self):
        answer = self.get("/async/timer")
        self.assertEqual((answer.status, answer.body), (200, b"timer"))

    def test_many_calls_compose_one_answer(self):
        episode = self.serve({})
        answer = self.get("/async/many")
        self.assertEqual(answer.body.decode().splitlines(), [
            "200 text/plain got /one  ok", "200 text/plain got /two?x=1  ok",
            "200 text/plain got /three  ok", "200 text/plain got /four sent ok",
            "200 text/plain got /url  ok"])
        self.assertEqual(answer.header("x-composed"), "yes")
        messages = {m.target: m for m in episode.messages}
        self.assertEqual(messages["/four"].method, "POST")
        self.assertEqual(messages["/one"].headers.get("x-plugin"), b"lab")
        self.assertEqual(messages["/url"].at, "other")

    def test_calls_that_fail(self):
        self.serve({"/never": None, "/long": b"x" * 100})
        for target in ("/async/late", "/async/long", "/closed/one"):
            with self.subTest(target):
                answer = self.get(target)
                self.assertEqual(answer.status, 200)
                self.assertTrue(answer.body.startswith(b"0 ") or b" ok" not in answer.body,
                                answer.body)
                self.assertFalse(answer.body.strip().endswith(b"ok"), answer.body)

    def test_first_of_many(self):
        self.serve({"/never": None})
        for _ in range(5):
            self.assertEqual(self.get("/async/race").body, b"first")

    def test_limits_and_bad_specs(self):
        self.serve({"/never": None})
        self.assertEqual(self.get("/async/refused").body, b"refused=8 timers=16 calls=16")

    def test_read_body(self):
        data = bytes(range(200)) * 5
        total = 0
        for b in data:
            total = (total * 31 + b) & 0xffffffff
        want = b"n=%d sum=%d" % (len(data), total)
        self.assertEqual(self.get("/async/say", "POST", body=data).body, want)
        self.assertEqual(self.get("/async/late-read", "POST", body=data).body, want)
        self.assertEqual(self.get("/async/say").body, b"n=0 sum=0")
        episode = self.serve({})
        self.assertEqual(self.get("/async/relay", "POST", body=data).status, 200)
        message = episode.messages[-1]
        self.assertEqual((message.body, message.headers.get("x-body")), (data, want))
        self.assertEqual(message.framing, "length")

    def test_read_body_in_pieces_and_chunks(self):
        with Client(self.gateway.port) as c:
            c.send("POST /async/say HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in ("3\r\nabc\r\n", "2\r", "\nde\r\n", "0\r\n\r\n"):
                c.send(piece)
            self.assertTrue(c.response().body.startswith(b"n=5 "))
            c.send("GET /async/timer HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(c.response().body, b"timer")

    def test_read_body_continue(self):
        with Client(self.gateway.port) as c:
            c.send("POST /async/say HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                   "Expect: 100-continue\r\n\r\n")
            self.assertTrue(c.recv_until("\r\n\r\n").startswith(b"HTTP/1.1 100"))
            c.send("abc")
            self.assertTrue(c.response().body.startswith(b"n=3 "))

    def test_read_body_too_large(self):
        for target in ("/async/say", "/async/relay", "/read"):
            answer = self.get(target, "POST", body=b"x" * 1001)
            self.assertEqual(answer.status, 413)
        with Client(self.gateway.port) as c:
            c.send("POST /async/say HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3e9\r\n" + "x" * 1001 + "\r\n0\r\n\r\n")
            self.assertEqual(c.response().status, 413)

    def test_two_filters_read_the_body(self):
        episode = self.serve({})
        self.assertEqual(self.get("/read", "POST", body=b"twice").status, 200)
        message = episode.messages[-1]
        self.assertEqual(message.body, b"twice")
        self.assertTrue(message.headers.get("x-body-seen").startswith(b"n=5 "))

    def test_half_read_is_not_relayed(self):
        episode = self.serve({})
        answer = self.get("/async/half-read", "POST", body=b"abc")
        self.assert_problem(answer, 500, "plugin_failed")
        self.assertEqual(episode.messages, [])

    def test_client_leaves_while_a_plugin_waits(self):
        with Client(self.gateway.port) as c:
            c.send("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_until(lambda: self.gateway.metrics().get("gatehouse_requests_active", 1) >= 1, 5,
                       "the request is there")
            c.reset()
        self.wait_reason("/hang", "client_gone")
        self.assertEqual(self.wait_end("hanging")["status"], "0")

    def test_nothing_ends_the_wait_but_the_total_time(self):
        answer = self.get("/hang/here")
        self.assert_problem(answer, 504, "request_deadline")
        self.serve({})
        self.assertEqual(self.get("/hang-response").status, 504)
        # A wait before sending is not a slow connect.
        began = time.monotonic()
        self.assert_problem(self.get("/hang-upstream"), 504, "request_deadline")
        self.assertGreater(time.monotonic() - began, 0.5)

    def test_one_request_wakes_another(self):
        got = []
        waiter = threading.Thread(target=lambda: got.append(self.get("/async/meet-wait").body))
        waiter.start()
        wait_until(lambda: self.get("/async/meet-wake").body == b"done", 5, "somebody waits")
        waiter.join(5)
        self.assertEqual(got, [b"woken"])


class Facts(Lab):
    """gh_get and its kind, rewriting, memory, options."""

    @classmethod
    def make_routes(cls):
        def relay(path, **config):
            return {"path": path, "plugin": "lab_info",
                    "config": dict(service="origin", **config)}
        return [
            {"path": "/info/{what}/x", "plugin": "lab_info"},
            relay("/rewrite", rewrite="/new/%7Eplace?a=1&b"),
            relay("/rewrite-dots", rewrite="/a/../b"),
            relay("/rewrite-bad", rewrite="no-slash"),
            relay("/rewrite-space", rewrite="/a b"),
            relay("/id", request_id="my-own_id.1"),
            relay("/id-bad", request_id="not/allowed"),
            {"path": "/options", "plugin": "lab_options"},
            {"path": "/options/given", "plugin": "lab_options", "config": {
                "text": "given", "flag": True, "number": 7, "share": 0.25, "pause": "2s",
                "room": "1MiB", "rate": "100/s", "choice": "blue", "words": ["one", "two"],
                "service": "origin", "json": {"a": [1, None]}, "secret": "hidden",
                "inner": {"on": False, "every": "1h"},
                "parts": [{"name": "p", "size": 2}, {"name": "q"}],
                "names": {"first": {"value": "1"}, "second": {}}}},
        ]

    more = {}

    @classmethod
    def setUpClass(cls):
        cls.more = {"services": None}
        cls.origin = Origin("main")
        endpoint = {"endpoints": ["127.0.0.1:%d" % cls.origin.port]}
        cls.gateway = start_gateway({
            "plugin_dir": PLUGINS, "log": {"level": "info"}, "routes": cls.make_routes(),
            "services": {"origin": endpoint, "lab-service": endpoint}})

    def facts(self, *args, **more):
        lines = self.get(*args, **more).body.decode().splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith("[")), lines

    def test_facts(self):
        facts, lines = self.facts("/info/caf%C3%A9/x?q=a%20b+c&flag&x=%zz",
                                  headers=[("X-One", "1"), ("X-One", "2")])
        self.assertEqual(facts["method"], "GET")
        self.assertEqual(facts["query"], "q=a%20b+c&flag&x=%zz")
        self.assertEqual(facts["host"], "gatehouse")
        self.assertEqual(facts["scheme"], "http")
        self.assertEqual(facts["client"], "127.0.0.1")
        self.assertRegex(facts["id"], "^[0-9a-f]{32}$")
        self.assertEqual(facts["route"], "/info/{what}/x")
        self.assertEqual(facts["version"], "HTTP/1.1")
        self.assertEqual((facts["q"], facts["flag"]), ("a b c", ""))
        self.assertEqual(facts["x-one"], "1")
        for name in ("service", "endpoint", "unknown", "no-param", "no-q", "no-header",
                     "response"):
            self.assertEqual(facts[name], "-", name)
        self.assertEqual([a for a in lines if a.startswith("[X-One")],
                         ["[X-One: 1]", "[X-One: 2]"])

    def test_host_is_lower_case_with_its_port(self):
        with Client(self.gateway.port) as c:
            c.send("GET /info/a/x HTTP/1.1\r\nHost: ExAmple.ORG:81\r\n\r\n")
            self.assertIn(b"\nhost=example.org:81\n", c.response().body)

    def test_http_1_0(self):
        with Client(self.gateway.port) as c:
            c.send("GET /info/a/x HTTP/1.0\r\n\r\n")
            body = c.response().body
        self.assertIn(b"version=HTTP/1.0", body)
        self.assertIn(b"\nhost=-\n", body)

    def test_memory(self):
        self.assertEqual(self.get("/info/a/x?memory=1").status, 204)
        wait_until(lambda: "memory=ok" in self.gateway.stderr(), 5, "what the plugin found")

    def arrives(self, target):
        self.origin.begin([OK])
        status = self.get(target).status
        return status, self.origin.finish().messages[-1]

    def test_rewrite(self):
        status, message = self.arrives("/rewrite?old=1")
        self.assertEqual((status, message.target), (200, "/new/~place?a=1&b"))
        self.assertEqual(self.arrives("/rewrite-dots")[1].target, "/b")
        for bad in ("/rewrite-bad", "/rewrite-space"):
            self.assertEqual(self.arrives(bad)[1].target, bad)

    def test_request_id(self):
        message = self.arrives("/id")[1]
        self.assertEqual(message.headers.get("x-request-id"), b"my-own_id.1")
        self.gateway.wait_access(lambda a: a["request_id"] == "my-own_id.1")
        self.assertRegex(self.arrives("/id-bad")[1].headers.get("x-request-id"),
                         b"^[0-9a-f]{32}$")

    def test_options(self):
        self.assertEqual(
            self.get("/options").body.decode(),
            "text=a text flag=0 number=-3 share=0.5 pause=250 room=16384 rate=0.5 choice=1 "
            "service=lab-service json=- secret=- on=1 every=60000")
        self.assertEqual(
            self.get("/options/given").body.decode(),
            "text=given flag=1 number=7 share=0.25 pause=2000 room=1048576 rate=100 choice=2 "
            'service=origin json={"a":[1,null]} secret=hidden on=0 every=3600000 word=one '
            "word=two part=p:2 part=q:1 name=first:1 name=second:")


class Checks(unittest.TestCase):
    """What `gatehouse check` and `plugin` say of plugins."""

    def check(self, *routes):
        path = write_config({"listen": ["127.0.0.1:1"], "plugin_dir": PLUGINS,
                             "routes": list(routes)})
        status, out, err = run_gatehouse("check", "-c", path)
        return status, (out + err).replace(path, "FILE")

    def test_errors_of_the_plugin_have_a_place(self):
        status, text = self.check(
            {"path": "/a", "plugin": "lab_options",
             "config": {"text": "refuse", "parts": [{"name": "good"}, {"name": "bad"}]}},
            {"path": "/b", "plugin": "lab_options", "config": {"text": "silent"}})
        self.assertEqual(status, 1)
        self.assertRegex(text, r"FILE:\d+:\d+: /routes/0/config/text: cannot be \"refuse\"\n")
        self.assertRegex(text, r"FILE:\d+:\d+: /routes/0/config/parts/1/name: is a bad part\n")
        self.assertRegex(text, r"FILE:\d+:\d+: /routes/1/config: the plugin refused")
        self.assertEqual(len(text.splitlines()), 3, text)

    def test_errors_of_the_table_have_a_place(self):
        status, text = self.check({"path": "/a", "plugin": "lab_options", "config": {
            "txet": "x", "number": 11, "choice": "pink", "pause": "soon", "flag": "yes",
            "inner": {"no": 1}, "names": {"a": 1}, "words": "one"}})
        self.assertEqual(status, 1)
        for pointer in ("txet", "number", "choice", "pause", "flag", "inner/no", "names/a",
                        "words"):
            self.assertRegex(text, r"FILE:\d+:\d+: /routes/0/config/%s: " % pointer)
        self.assertIn('did you mean "text"', text)

    def test_refused(self):
        for name, why in (
                ("refuse_nothing", "not a gatehouse plugin: no symbol gh_plugin_v1"),
                ("refuse_major", "built for plugin ABI 2; this gateway has 1"),
                ("refuse_small", "which no release of the ABI has"),
                ("refuse_name", 'the file says that it is the plugin "somebody"'),
                ("refuse_version", "lacks a name or a version"),
                ("refuse_newer", 'uses the hook "on_trailer" of plugin ABI 1.1; '
                                 "this gateway has 1.0"),
                ("refuse_kind", 'option "colour" is of kind 99, which this gateway does not know'),
                ("refuse_routes", "default routes are not a table"),
                ("missing", "no plugin \"missing\""),
                ("../lab_info", "is not a plugin's name")):
            with self.subTest(name):
                status, text = self.check({"path": "/", "plugin": name})
                self.assertEqual(status, 1)
                self.assertIn(why, text)
                self.assertRegex(text, r"^FILE:\d+:\d+: /routes/0/plugin: ")

    def test_newer_that_uses_nothing_new(self):
        with start_gateway({"plugin_dir": PLUGINS, "routes": [
                {"path": "/", "plugin": "newer_unused"}]}) as gateway:
            self.assertEqual(request(gateway.port, "/").body, b"newer\n")

    def test_inspect(self):
        status, out, err = run_gatehouse("plugin", "inspect", "lab_options", "--plugin-dir",
                                         PLUGINS)
        self.assertEqual((status, err), (0, ""))
        for text in ("lab_options", "Has every kind of option.", "route_open on_request",
                     "/options GET|POST", "A while.", "250ms"):
            self.assertIn(text, out)
        self.assertTrue(re.search(r"^hash +[0-9a-f]{16}$", out, re.M), out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
