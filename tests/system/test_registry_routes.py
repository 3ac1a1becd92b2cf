# SPDX-License-Identifier: Apache-2.0
"""Routes that services in Consul ask for, by metadata and by fabio's tags."""
import json
import os
import time
import unittest
from datetime import datetime

from discovery_lab import NEUTRAL, Backend, end, report, said
from harness import SLOW, request, scratch, start_consul, start_gateway, wait_until
from wire import Client


def config(consul, **routes):
    """A gateway without a relayed route of its own, that lets services have some."""
    return {
        "discovery": {"consul": {"address": consul.address, "hold": "1s", "routes": {
            "paths": ["/api/*", "/shop/*", "/fixed/*"], "hosts": ["*", "*.example.com"],
            "interval": "1s", **routes}}},
        "services": {"fixed": {"endpoints": ["127.0.0.1:9"]}},
        "routes": [{"path": "/fixed/one", "plugin": "relay", "config": {"service": "fixed"}}]}


def parse_time(text):
    """Seconds of a time in the log."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def holds(path, text):
    """Whether the file is there and has the text in it."""
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as f:
        return text in f.read()


class RegistryRoutes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.consul = start_consul()
        cls.backend = Backend("web")

    @classmethod
    def tearDownClass(cls):
        cls.backend.close()
        cls.consul.kill()

    def setUp(self):
        for ident in ("w1", "s1", "bad", "late", "late2"):
            self.consul.deregister(ident)

    def gateway(self, **more):
        value = config(self.consul)
        value["discovery"].update(more.pop("discovery", {}))
        value.update(more)
        gw = start_gateway(value, env=NEUTRAL)
        self.addCleanup(lambda: gw.alive() and end(gw))
        return gw

    def register(self, name, ident, tags=(), **meta):
        self.consul.register(name, self.backend.port, ident, Tags=list(tags),
                             Meta={key.replace("_", "-"): v for key, v in meta.items()})

    def get(self, gw, path, host=None):
        with Client(gw.port, "127.0.0.1", 5.0 * SLOW) as c:
            c.send("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (
                path, host or "gatehouse"))
            res = c.response("GET")
        return res.status, res.body

    def routes(self, gw):
        """{(service, host, path): row} of /status."""
        return {(r["service"], r.get("host"), r.get("path")): r
                for r in gw.status()["registry_routes"]["routes"]}

    def wait_status(self, gw, path, code, limit=10.0, host=None):
        begun = time.monotonic()
        wait_until(lambda: self.get(gw, path, host)[0] == code, limit,
                   "%s answers %d, now %s\n%s" % (path, code, self.get(gw, path, host), gw.tail()))
        return time.monotonic() - begun

    def test_from_register_to_gone(self):
        """A route comes, stays while its service has no instance, and goes when it says so."""
        gw = self.gateway()
        self.assertEqual(self.get(gw, "/api/web/x")[0], 404)
        self.register("web", "w1", gatehouse_path="/api/web/*, /api/two", gatehouse_methods="GET")
        report("metadata to route", self.wait_status(gw, "/api/web/x", 200))
        self.assertEqual(self.get(gw, "/api/two"), (200, b"web"))
        self.assertEqual(request(gw.port, "/api/two", "POST", body=b"x").status, 405)
        row = self.routes(gw)[("web", None, "/api/two")]
        self.assertEqual((row["state"], row["origin"], row["methods"]),
                         ("served", "metadata", "GET"))
        served = [r for r in gw.status()["routes"] if r["path"] == "/api/two"][0]
        self.assertEqual((served["registry"], served["plugin"]), ("web", "relay"))
        # The last instance goes: 503, not 404, and for good.
        self.consul.deregister("w1")
        self.wait_status(gw, "/api/two", 503)
        generation = gw.status()["generation"]
        # fabio's tags of another service.
        self.register("shop", "s1", ["v1", "urlprefix-/shop strip=/shop",
                                     "urlprefix-Www.Example.com/shop/"])
        report("tag to route", self.wait_status(gw, "/shop", 200))
        self.assertEqual(self.get(gw, "/shop/a/b")[0], 200)
        self.assertEqual(self.get(gw, "/shopping")[0], 404)
        self.assertIn(("shop", "www.example.com", "/shop/*"), self.routes(gw))
        self.assertEqual(self.get(gw, "/api/two")[0], 503)
        self.assertGreater(gw.status()["generation"], generation)
        # It is there again without a word of routes: then they go.
        self.register("web", "w1")
        self.wait_status(gw, "/api/two", 404, 15)
        self.assertEqual(self.get(gw, "/shop")[0], 200)
        self.assertEqual(len(said(gw, "a service's route is given up")), 2, gw.tail())
        # A restart of the agent, empty, takes nothing away.
        type(self).consul = self.consul.restart()
        wait_until(lambda: gw.status()["registry_routes"]["reachable"], 40, "Consul is back")
        wait_until(lambda: self.get(gw, "/shop")[0] in (200, 503), 5, "/shop is there")

    def test_refused(self):
        """What may not be, and what makes no sense, is told and not served."""
        gw = self.gateway()
        self.register("web", "w1", gatehouse_path="/api/good")
        self.wait_status(gw, "/api/good", 200)
        self.register("bad", "bad", ["urlprefix-/elsewhere", "urlprefix-no-path",
                                     "urlprefix-/api/x proto=tcp", "urlprefix-other.org/api/h"],
                      gatehouse_path="/fixed/one,/api/good,/api/{,/api/fine")
        self.register("fixed", "late", gatehouse_path="/api/fixed")
        self.wait_status(gw, "/api/fine", 200)
        wait_until(lambda: ("fixed", None, "/api/fixed") in self.routes(gw), 5, "fixed")
        wait_until(lambda: all(r["state"] != "pending" for r in self.routes(gw).values()), 10,
                   "all are judged")
        rows = gw.status()["registry_routes"]["routes"]
        why = {r.get("path") or r["origin"]: r["why"] for r in rows if r["state"] == "refused"}
        for key, text in (("/elsewhere", "paths does not allow"),
                          ("tag urlprefix-no-path", "there is no path"),
                          ("tag urlprefix-/api/x proto=tcp", "not supported here"),
                          ("/fixed/one", "no rule tells this route"),
                          ("/api/good", "no rule tells this route"),
                          ("metadata", "{"),
                          ("/api/fixed", "another one in gateway.json")):
            self.assertIn(text, why.get(key, ""), (key, rows))
        self.assertEqual(self.get(gw, "/elsewhere")[0], 404)
        # Any host is allowed here: "*" is in the list.
        self.assertEqual(self.get(gw, "/api/h", "other.org")[0], 200)
        lines = said(gw, "a service's route is not served")
        self.assertEqual(len(lines), len(set(json.loads(x)["why"] + json.loads(x)["path"] +
                                             json.loads(x)["origin"] for x in lines)))
        metrics = gw.metrics()
        self.assertEqual(metrics['gatehouse_registry_routes{state="pending"}'], 0)
        self.assertGreaterEqual(metrics['gatehouse_registry_routes{state="refused"}'], 8)
        # A file with a fault in it holds nothing up: it waits for a reload that somebody asks for.
        with open(gw.path, encoding="utf-8") as f:
            good = f.read()
        with open(gw.path, "w", encoding="utf-8") as f:
            f.write("{")
        self.register("late", "late2", gatehouse_path="/api/late")
        self.wait_status(gw, "/api/late", 200, 20)
        self.assertEqual(self.get(gw, "/api/good")[0], 200)
        self.assertEqual(request(gw.admin, "/reload", "POST", limit=20).status, 409)
        with open(gw.path, "w", encoding="utf-8") as f:
            f.write(good)
        # A reload that no longer lets them have anything takes them out.
        value = dict(gw.config)
        del value["discovery"]["consul"]["routes"]
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump(value, f)
        self.assertEqual(request(gw.admin, "/reload", "POST", limit=20).status, 200)
        self.assertEqual(self.get(gw, "/api/good")[0], 404)
        self.assertFalse(gw.status()["registry_routes"]["on"])

    def test_pace(self):
        """Metadata that changes without rest does not make generations without rest."""
        gw = self.gateway()
        changes, begun, limit = 0, [], time.monotonic() + 30 * SLOW
        while len(begun) < 4:
            changes += 1
            self.register("web", "w1", gatehouse_path="/api/n%d" % changes)
            self.assertLess(time.monotonic(), limit, gw.tail())
            begun = [parse_time(json.loads(line)["time"]) for line in said(gw, '"reloading"')]
        # At 1, 2 and 4 seconds' distance, whatever happens.
        gaps = [b - a for a, b in zip(begun, begun[1:])]
        self.assertGreater(changes, 20)
        for gap, least in zip(gaps, (1, 2, 4)):
            self.assertGreater(gap, least * 0.95, gaps)

    def test_cold_start(self):
        """Routes are on disk, and there when a start finds no Consul; without, it is not ready."""
        snapshot = scratch("discovery.json")
        more = {"discovery": {"snapshot": snapshot, "consul": {
            **config(self.consul)["discovery"]["consul"]}}}
        self.register("web", "w1", gatehouse_path="/api/cold")
        gw = self.gateway(**more)
        self.assertEqual(self.get(gw, "/api/cold"), (200, b"web"))  # ready says that it is there
        wait_until(lambda: holds(snapshot + ".routes", "/api/cold"), 10, "the route is on disk")
        end(gw)
        more["discovery"]["consul"]["address"] = "127.0.0.1:9"
        # The service's instances are known of another agent only; the route is there.
        again = start_gateway({**config(self.consul), **more}, env=NEUTRAL, wait=False)
        self.addCleanup(end, again)
        again.wait_listening(again.admin)
        again.wait_listening(again.port)
        self.assertEqual(self.get(again, "/api/cold")[0], 503)
        more["discovery"]["snapshot"] = scratch("none.json")
        blind = start_gateway({**config(self.consul), **more}, env=NEUTRAL, wait=False)
        self.addCleanup(end, blind)
        blind.wait_listening(blind.admin)
        wait_until(lambda: b"the routes that services" in request(blind.admin, "/readyz").body, 10,
                   "not ready")


if __name__ == "__main__":
    unittest.main(verbosity=2)
