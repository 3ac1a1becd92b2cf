# SPDX-License-Identifier: Apache-2.0
"""Services in DNS: through a real Consul's DNS server that is killed and emptied, and through a
small server that answers what no server should."""
import json
import os
import time
import unittest

from discovery_lab import (HOLD, NEUTRAL, Backend, Load, end, get, said, service, used,
                           wait_served, wait_used)
from dns_server import AAAA, NXDOMAIN, SERVFAIL, SRV, DnsServer, A, address, srv
from harness import SLOW, request, scratch, start_consul, start_gateway, wait_until

TTL = 0.2  # min_ttl of the tests


def dns_config(server, services, **dns):
    """A configuration whose services are in the DNS of that server; a route /NAME for each."""
    routes = [{"path": "/" + name, "plugin": "relay", "config": {"service": name}}
              for name in services]
    dns = {"servers": [server], "hold": "%dms" % (HOLD * 1000), "timeout": "300ms",
           "min_ttl": "%dms" % (TTL * 1000), **dns}
    return {"discovery": {"dns": dns}, "services": services, "routes": routes}


def dns_gateway(test, server, services, wait=True, snapshot=None, **dns):
    config = dns_config(server, services, **dns)
    if snapshot:
        config["discovery"]["snapshot"] = snapshot
    gw = start_gateway(config, env=NEUTRAL, wait=wait)
    test.addCleanup(end, gw)
    return gw


def backend(test, name, host="127.0.0.1", port=0):
    b = Backend(name, host, port)
    test.addCleanup(b.close)
    return b


def status(gw, name="web"):
    return service(gw, name)


class RealConsul(unittest.TestCase):
    """What Consul's own DNS server says."""

    def test_consul(self):
        consul = [start_consul("-hcl", "dns_config { only_passing = true }")]
        self.addCleanup(lambda: consul[0].kill())
        one = backend(self, "one")
        two = backend(self, "two", "127.0.0.2", one.port)
        path = "/v1/agent/check/%s/service:%s"

        def register():
            ttl = {"Check": {"TTL": "60s", "Status": "passing"},
                   "Weights": {"Passing": 3, "Warning": 1}}
            consul[0].register("user-service", one.port, "u1", **ttl)
            consul[0].register("user-service", two.port, "u2", address="127.0.0.2", **ttl)

        register()
        name = {"name": "user-service.service.consul"}
        gw = dns_gateway(self, "127.0.0.1:%d" % consul[0].ports["dns"],
                         {"web": {"dns": name},
                          "plain": {"discovery": "dns", "dns": {**name, "port": one.port}}})
        ids = ["%s:%d" % (ip, one.port) for ip in ("127.0.0.1", "127.0.0.2")]
        wait_used(gw, ids)
        wait_used(gw, ids, "plain")
        record = status(gw)
        self.assertEqual((record["source"], record["state"], record["note"]), ("dns", "live", ""))
        self.assertEqual([(e["weight"], e["priority"]) for e in record["endpoints"]],
                         [(3, 1), (3, 1)])
        self.assertIn("in DNS as ", record["endpoints"][0]["why"])
        self.assertEqual({get(gw)[1] for _ in range(4)}, {b"one", b"two"})
        self.assertEqual(gw.status()["dns"], {"used": True, "reachable": True, "services": 2})
        load = Load(gw)
        # A warning is not passing to this agent; a critical check never is.
        for state in ("warn", "fail"):
            consul[0].call("PUT", path % (state, "u1"))
            wait_used(gw, ids[1:])
            wait_used(gw, ids[1:], "plain")
            consul[0].call("PUT", path % ("pass", "u1"))
            wait_used(gw, ids)
        # The agent is killed, then back without a service: nobody notices but /status and the log.
        consul[0].kill()
        wait_until(lambda: "gives no answer" in status(gw)["note"], 10, "unreachable")
        wait_until(lambda: not gw.status()["dns"]["reachable"], 5, "status")
        self.assertEqual(used(gw), ids)
        consul[0] = type(consul[0])(consul[0].ports, consul[0].args).wait_ready()
        wait_until(lambda: "holding 2" in status(gw)["note"], 20, "hold\n" + gw.tail())
        register()
        wait_until(lambda: status(gw)["note"] == "", 5, "well")
        wait_used(gw, ids)
        # A service that has really gone is held, and given up.
        consul[0].deregister("u1")
        wait_used(gw, ids[1:])
        consul[0].deregister("u2")
        begun = time.monotonic()
        wait_until(lambda: "holding 1" in status(gw)["note"], 5, "hold")
        self.assertEqual(used(gw), ids[1:])
        self.assertEqual(load.stop(), [])
        self.assertGreater(load.sent, 20)
        wait_served(gw, HOLD * 3, 503)
        self.assertGreater(time.monotonic() - begun, HOLD * 0.9)
        self.assertIn(b'"urn:gatehouse:no_endpoints"', get(gw)[1])
        register()
        wait_served(gw)
        for text, count in (("DNS gives no answer;", 1), ("DNS answers again", 1)):
            self.assertEqual(len(said(gw, text)), count, gw.tail())


class Answers(unittest.TestCase):
    """What a server says is scripted; real sockets all the same."""

    def setUp(self):
        self.dns = DnsServer()
        self.addCleanup(self.dns.close)
        self.one = backend(self, "one")
        self.two = backend(self, "two", "127.0.0.2", self.one.port)
        self.ids = ["%s:%d" % (ip, self.one.port) for ip in ("127.0.0.1", "127.0.0.2")]

    def gateway(self, services=None, **more):
        return dns_gateway(self, self.dns.address, services or {
            "web": {"dns": {"name": "web.test", "port": self.one.port}}}, **more)

    def asked(self, kind=A, name="web.test"):
        return [row for row in list(self.dns.asked) if row[2] == name and row[3] == kind]

    def test_faults(self):
        """No fault of a server takes an endpoint away."""
        both = [address("127.0.0.1"), address("127.0.0.2")]
        self.dns.zone["web.test"] = both
        gw = self.gateway()
        wait_used(gw, self.ids)
        load = Load(gw)
        notes = {"silent": "DNS gives no answer", "closed": "DNS gives no answer",
                 SERVFAIL: "", "cut": "DNS's answer cannot be understood",
                 "garbage": ""}
        for mode, note in notes.items():
            before = len(self.asked())
            self.dns.mode = mode
            if note:
                wait_until(lambda n=note: n in status(gw)["note"], 20 * SLOW,
                           "%s: %s" % (mode, status(gw)))
            else:
                # To some versions of c-ares it is no answer, to others one of another kind.
                wait_until(lambda: "DNS" in status(gw)["note"], 20 * SLOW, mode)
            if mode != "closed":
                self.assertGreater(len(self.asked()), before)
            self.assertEqual(used(gw), self.ids, mode)
            self.dns.mode = "well"
            wait_until(lambda: status(gw)["note"] == "", 20 * SLOW, "well after %s" % mode)
        # An empty answer and one that the name does not exist are a loss to be held.
        for zone in ([], None):
            if zone is None:
                del self.dns.zone["web.test"]
            else:
                self.dns.zone["web.test"] = zone
            wait_until(lambda: "holding 2 missing" in status(gw)["note"], 5, "hold")
            self.assertEqual(used(gw), self.ids)
            self.dns.zone["web.test"] = both
            wait_until(lambda: status(gw)["note"] == "", 5, "well")
        # So is the loss of more than half; a smaller one applies at once.
        self.dns.zone["web.test"] = both[:1]
        wait_used(gw, self.ids[:1])
        self.assertEqual(status(gw)["note"], "")
        self.assertEqual(load.stop(), [])
        metrics = gw.metrics()
        for result, least in (("found", 8), ("none", 2), ("unreachable", 2), ("error", 0),
                              ("not_understood", 1)):
            self.assertGreaterEqual(
                metrics['gatehouse_dns_answers_total{result="%s"}' % result], least, result)
        self.assertEqual(metrics["gatehouse_dns_services"], 1)

    def test_one_family_fails(self):
        """Of two questions one may fail: what it is about stays, the other counts."""
        self.dns.zone["web.test"] = [address("127.0.0.1"), address("::1")]
        gw = self.gateway({"web": {"dns": {"name": "web.test", "port": 1}},
                           "six": {"dns": {"name": "web.test", "port": 1, "family": "ipv6"}}})
        wait_used(gw, ["[::1]:1"], "six")
        self.assertEqual([i for i in used(gw) if "127" in i], ["127.0.0.1:1"])

    def test_ttl(self):
        """It is asked again when the TTL is over; a smaller one than min_ttl counts as that."""
        self.dns.zone["web.test"] = [address("127.0.0.1", ttl=0)]
        gw = self.gateway()
        wait_used(gw, self.ids[:1])
        wait_until(lambda: len(self.asked()) > 5, 5, "questions")
        times = [row[0] for row in self.asked()]
        self.assertGreater(min(b - a for a, b in zip(times, times[1:])), TTL * 0.9)
        self.dns.zone["web.test"] = [address("127.0.0.1", ttl=3600), address("127.0.0.2", ttl=1)]
        wait_used(gw, self.ids)
        self.dns.asked.clear()
        wait_until(lambda: len(self.asked()) >= 2, 10, "questions")
        times = [row[0] for row in self.asked()]
        self.assertGreater(times[1] - times[0], 0.9)
        self.assertEqual({row[1] for row in self.asked()}, {"tcp"})

    def test_srv(self):
        """Hosts with and without addresses in the answer, priorities, weights, nonsense."""
        port, dead = self.one.port, backend(self, "dead", "127.0.0.3")
        dead.close()
        self.dns.zone = {
            "_web._tcp.test": [srv(port, "b.test", priority=20, weight=5),
                               srv(dead.port, "c.test", priority=10, weight=0),
                               srv(0, "a.test"), srv(80, ""), srv(80, "nowhere.test"),
                               srv(80, "a b.test")],
            "a.test": [address("127.0.0.1")], "b.test": [address("127.0.0.2")],
            "c.test": [address("127.0.0.3")]}
        services = {"web": {"dns": {"name": "_web._tcp.test"}}}
        gw = self.gateway(services)
        first, second = "127.0.0.3:%d" % dead.port, self.ids[1]
        wait_until(lambda: len((status(gw) or {"endpoints": []})["endpoints"]) == 2, 5, "both")
        # The first priority refuses connections, so the second takes its requests.
        wait_served(gw)
        self.assertEqual(get(gw)[1], b"two")
        wait_used(gw, [second])
        rows = {e["id"].partition("/")[2]: e for e in status(gw)["endpoints"]}
        self.assertEqual((rows[first]["priority"], rows[first]["weight"]), (10, 1))
        self.assertEqual((rows[second]["priority"], rows[second]["weight"]), (20, 5))
        # It is well again: the second has to stand by.
        back = backend(self, "back", "127.0.0.3", dead.port)
        wait_used(gw, [first], limit=15)
        self.assertIn("priority 20", {e["id"].partition("/")[2]: e["why"]
                                      for e in status(gw)["endpoints"]}[second])
        back.close()
        wait_until(lambda: len(said(gw, "instance left out")) == 3, 5, gw.tail())
        # Addresses that do not come along are asked for; when that fails nothing is lost.
        self.dns.extra = False
        self.dns.asked.clear()
        wait_until(lambda: self.asked(A, "b.test"), 5, "the host was asked for")
        self.dns.broken[("b.test", A)] = "silent"
        wait_until(lambda: "not whole" in status(gw)["note"] or
                   "gives no answer" in status(gw)["note"], 10 * SLOW, "note")
        self.assertIn(second, [e["id"].partition("/")[2] for e in status(gw)["endpoints"]])

    def test_udp(self):
        """Over UDP; what a server has cut is asked for over TCP."""
        self.dns.zone["web.test"] = [address("127.0.0.1")]
        gw = self.gateway(transport="udp")
        wait_used(gw, self.ids[:1])
        self.assertEqual({row[1] for row in self.asked()}, {"udp"})
        self.dns.truncate = True
        self.dns.zone["web.test"] = [address("127.0.0.1"), address("127.0.0.2")]
        wait_used(gw, self.ids)
        self.assertIn("tcp", {row[1] for row in self.asked()})

    def test_large(self):
        """500 instances in one answer."""
        self.dns.zone["web.test"] = [address("127.1.%d.%d" % (i // 250, i % 250 + 1))
                                     for i in range(500)]
        gw = self.gateway()
        wait_until(lambda: len(used(gw)) == 500, 10, "all are used")

    def test_restart_and_reload(self):
        """What is known outlives a reload and, on disk, a restart while DNS is down."""
        self.dns.zone["web.test"] = [address("127.0.0.1")]
        snapshot = scratch("discovery.json")
        gw = self.gateway(snapshot=snapshot)
        wait_used(gw, self.ids[:1])
        wait_until(lambda: os.path.exists(snapshot), 10, "the snapshot")
        self.dns.mode = "silent"
        wait_until(lambda: "gives no answer" in status(gw)["note"], 10, "silence")
        self.assertEqual(request(gw.admin, "/reload", "POST", limit=20).status, 200)
        self.assertEqual(used(gw), self.ids[:1])
        self.assertEqual(get(gw), (200, b"one"))
        with open(snapshot, encoding="utf-8") as f:
            self.assertEqual(len(json.load(f)["dns"]["services"]), 1)
        gw.stop()
        again = self.gateway(snapshot=snapshot)
        self.assertEqual(get(again), (200, b"one"))
        self.assertTrue(status(again)["restored"])
        self.dns.mode = "well"
        wait_until(lambda: not status(again)["restored"], 10, "answered")
        # Without either it is not ready, and says which service is missing.
        self.dns.mode = NXDOMAIN
        fresh = self.gateway()
        self.assertEqual(get(fresh)[0], 503)
        self.assertIn(b"never_registered", get(fresh)[1])
        self.dns.mode = "silent"
        blind = self.gateway(wait=False)
        blind.wait_listening(blind.admin)
        wait_until(lambda: b"web" in request(blind.admin, "/readyz").body, 10, "missing: web")
        self.assertFalse(blind.ready())


if __name__ == "__main__":
    unittest.main(verbosity=2)
