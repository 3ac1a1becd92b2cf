# SPDX-License-Identifier: Apache-2.0
"""Balancing: how requests are spread over the endpoints of a service, and over services."""
import collections
import json
import signal
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import (free_port, request, run_gatehouse, start_consul, start_gateway, wait_until,
                     write_config)


class Instance:
    """A service that answers with its own port; hold() makes it keep its requests waiting."""

    def __init__(self, port=0):
        self.free = threading.Event()
        self.free.set()
        self.waiting = threading.Semaphore(0)
        me = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # head and body in one segment

            def log_message(self, *_):
                pass

            def do_GET(self):
                if not me.free.is_set():
                    me.waiting.release()
                me.free.wait(30)
                body = b"%d" % me.port
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def close(self):
        """Lets its requests go and refuses connections from now on."""
        self.free.set()
        self.server.shutdown()
        self.server.server_close()


class Balance(unittest.TestCase):
    """Static endpoints, one worker: each answers with its port."""

    def instances(self, count):
        made = [Instance() for _ in range(count)]
        for i in made:
            self.addCleanup(i.close)
        return made

    def endpoints(self, instances, weights=None, zones=None):
        """Returns the member "endpoints"."""
        out = []
        for k, i in enumerate(instances):
            item = {"address": "127.0.0.1:%d" % i.port}
            if weights:
                item["weight"] = weights[k]
            if zones:
                item["zone"] = zones[k]
            out.append(item)
        return out

    def start(self, services, path="/*", **more):
        """A gateway that relays to the service "s"."""
        gw = start_gateway({"services": services, "routes": [
            {"path": path, "plugin": "relay", "config": {"service": "s"}}], **more})
        self.addCleanup(gw.stop)
        return gw

    def ask(self, gw, path="/", **more):
        """One request; returns the port of who answered."""
        res = request(gw.port, path, **more)
        self.assertEqual(res.status, 200, res)
        return int(res.body)

    def spread(self, gw, count, **more):
        """Returns how many of count requests each port has answered."""
        return collections.Counter(self.ask(gw, **more) for _ in range(count))

    def test_by_weight(self):
        a, b, c = self.instances(3)
        for policy, slack in (("round_robin", 0), ("least_requests", 0), ("two_choices", 40),
                              ("random", 40)):
            with self.subTest(policy):
                gw = self.start({"s": {"balance": policy, "endpoints": self.endpoints(
                    (a, b, c), (1, 2, 3))}})
                got = self.spread(gw, 240)
                for instance, due in ((a, 40), (b, 80), (c, 120)):
                    self.assertLessEqual(abs(got[instance.port] - due), slack, got)
                gw.stop()

    def test_a_busy_instance_gets_less(self):
        for policy in "least_requests", "two_choices":
            with self.subTest(policy):
                a, b = self.instances(2)
                gw = self.start({"s": {"balance": policy, "endpoints": self.endpoints((a, b))}})
                a.free.clear()
                threads = []
                while not a.waiting.acquire(blocking=False):
                    threads.append(threading.Thread(target=self.ask, args=(gw,)))
                    threads[-1].start()
                    threads[-1].join(0.2)
                for _ in range(20):
                    # The answer is here a moment before the gateway counts its request as over.
                    wait_until(lambda g=gw: g.metrics()["gatehouse_requests_active"] == 1, 5,
                               "only the one that is held")
                    self.assertEqual(self.ask(gw), b.port)
                a.free.set()
                for t in threads:
                    t.join()
                gw.stop()

    def hashed(self, by, path="/*", balance="hash", **more):
        """A gateway with "hash_by" and four endpoints; returns it and their ports."""
        four = self.instances(4)
        service = {"balance": balance, "hash_by": by, "endpoints": self.endpoints(four)}
        service.update(more)
        return self.start({"s": service}, path), four

    def check_keys(self, gw, ask):
        """Each of 40 keys stays where it is, and they are spread."""
        first = [ask(k) for k in range(40)]
        self.assertEqual([ask(k) for k in range(40)], first)
        self.assertEqual(len(set(first)), 4, first)

    def test_hash_by_header(self):
        gw, _ = self.hashed("header:X-User")
        self.check_keys(gw, lambda k: self.ask(gw, headers=[("x-user", "u%d" % k)]))
        # Without the header: by chance.
        self.assertEqual(len(self.spread(gw, 60)), 4)

    def test_hash_by_cookie(self):
        gw, _ = self.hashed("cookie:session")
        self.check_keys(gw, lambda k: self.ask(gw, headers=[
            ("Cookie", "xsession=%d; session=s%d; b=2" % (id(k), k))]))

    def test_hash_by_path(self):
        gw, _ = self.hashed("path:id", "/users/{id}")
        self.check_keys(gw, lambda k: self.ask(gw, "/users/%d" % k))

    def test_hash_by_client(self):
        gw, _ = self.hashed("client")
        self.assertEqual(len(self.spread(gw, 20)), 1)

    def test_a_change_moves_few_keys(self):
        gw, four = self.hashed("header:X-User")
        ask = [lambda k=k: self.ask(gw, headers=[("X-User", "u%d" % k)]) for k in range(80)]
        before = [a() for a in ask]
        config = dict(gw.config)
        config["services"]["s"]["endpoints"] = self.endpoints(four[:3])
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["generation"] == 2 and gw.ready(), 10, "the reload")
        after = [a() for a in ask]
        for was, now in zip(before, after):
            self.assertTrue(now == was or was == four[3].port, (was, now))

    def test_a_key_spills_over_its_bound(self):
        gw, four = self.hashed("client", hash_load=1)
        for i in four:
            i.free.clear()
        threads = [threading.Thread(target=self.ask, args=(gw,)) for _ in range(8)]
        for t in threads:
            t.start()
        for i in four:
            for _ in range(2):
                self.assertTrue(i.waiting.acquire(timeout=30))
        for i in four:
            i.free.set()
        for t in threads:
            t.join()

    def test_own_zone_first(self):
        three = self.instances(3)
        for mode, zones, due, slack in (("always", "abb", 120, 0), ("balanced", "aab", 60, 0),
                                        ("balanced", "abb", 80, 35), ("always", "bbb", 40, 0)):
            with self.subTest(mode=mode, zones=zones):
                gw = self.start({"s": {"prefer_zone": mode, "endpoints": self.endpoints(
                    three, zones=zones)}}, zone="${TEST_ZONE:-a}")
                got = self.spread(gw, 120)
                self.assertLessEqual(abs(got[three[0].port] - due), slack, got)
                gw.stop()

    def test_own_zone_is_left_when_it_refuses(self):
        dead, live = free_port(), self.instances(1)[0]
        gw = self.start({"s": {"prefer_zone": "always", "endpoints": [
            {"address": "127.0.0.1:%d" % dead, "zone": "a"},
            {"address": "127.0.0.1:%d" % live.port, "zone": "b"}]}}, zone="a",
            limits={"retry_budget": 1})
        self.assertEqual(self.spread(gw, 20), {live.port: 20})

    def test_what_is_wrong_is_said(self):
        path = write_config({"listen": ["127.0.0.1:1"], "services": {"s": {
            "balance": "hsah", "hash_by": "headers:a", "prefer_zone": "always",
            "failover": ["s"], "slow_start": "5"}}})
        code, out, err = run_gatehouse("check", "-c", path, env={"ZONE": ""})
        self.assertEqual(code, 1)
        for text in ('/services/s/balance: "hsah" is no choice here (did you mean "hash"?)',
                     '/services/s/hash_by: "headers:a" is no key',
                     "/services/s/prefer_zone: the gateway's own zone is not known",
                     "/services/s/failover/0: the service itself",
                     "/services/s/slow_start: "):
            self.assertIn(text, out + err)


class WithConsul(unittest.TestCase):
    """Instances that come and go."""

    @classmethod
    def setUpClass(cls):
        cls.consul = start_consul()

    @classmethod
    def tearDownClass(cls):
        cls.consul.stop()

    def start(self, name, services):
        gw = start_gateway({
            "zone": "a", "services": services,
            "discovery": {"consul": {"address": self.consul.address, "hold": "0s"}},
            "routes": [{"path": "/*", "plugin": "relay", "config": {"service": name}}]})
        self.addCleanup(gw.stop)
        return gw

    def instance(self, name, **more):
        made = Instance()
        self.addCleanup(made.close)
        self.consul.register(name, made.port, "%s-%d" % (name, made.port), **more)
        return made

    def wait_endpoints(self, gw, name, count):
        def usable():
            for s in gw.status()["services"]:
                if s["name"] == name:
                    return sum(e["usable"] for e in s["endpoints"]) == count
            return False
        wait_until(usable, 10, "%d endpoints of %s" % (count, name))

    def answers(self, gw):
        res = request(gw.port, "/")
        return int(res.body) if res.status == 200 else res.status

    def test_another_service_stands_in(self):
        spare = self.instance("spare")
        gw = self.start("main", {"main": {"failover": ["unknown", "spare"]}})
        self.wait_endpoints(gw, "spare", 1)
        wait_until(lambda: self.answers(gw) == spare.port, 10, "the other service answers")
        main = self.instance("main")
        wait_until(lambda: self.answers(gw) == main.port, 10, "the service itself answers")
        self.consul.deregister("main-%d" % main.port)
        wait_until(lambda: self.answers(gw) == spare.port, 10, "the other service again")
        self.assertGreater(
            gw.metrics()['gatehouse_upstream_failovers_total{service="main"}'], 1)

    def test_zone_of_the_metadata(self):
        near = self.instance("zoned", Meta={"zone": "a"})
        self.instance("zoned", Meta={"zone": "b"})
        gw = self.start("zoned", {"zoned": {"prefer_zone": "balanced"}})
        self.wait_endpoints(gw, "zoned", 2)
        for _ in range(20):
            self.assertEqual(self.answers(gw), near.port)

    def test_slow_start(self):
        old = self.instance("slow")
        gw = self.start("slow", {"slow": {"slow_start": "1h"}})
        self.wait_endpoints(gw, "slow", 1)
        new = self.instance("slow")
        self.wait_endpoints(gw, "slow", 2)
        wait_until(lambda: self.answers(gw) == new.port, 10, "the new instance answers")
        got = collections.Counter(self.answers(gw) for _ in range(110))
        self.assertEqual(got, {old.port: 100, new.port: 10})


if __name__ == "__main__":
    unittest.main()
