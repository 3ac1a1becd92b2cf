# SPDX-License-Identifier: Apache-2.0
"""Endpoints that fail are left out by all workers, for a while, and never too many of them."""
import collections
import signal
import unittest

import harness
from moody import HANG, Moody

NAME = "backend-0"


class Ejection(unittest.TestCase):
    """Three instances behind a gateway with two workers."""

    def start(self, count=3, ejection=None, **more):
        self.all = [Moody("m%d" % i) for i in range(count)]
        for moody in self.all:
            self.addCleanup(moody.close)
        config = harness.relay_config({"/*": [m.port for m in self.all]}, workers=2, **more)
        config["services"][NAME].update(
            {"ejection": dict({"success_gap": 0}, **(ejection or {})),
             "timeout": {"response": "%dms" % (300 * harness.SLOW)}})
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)

    def ask(self, count=1):
        """Sends requests, each on a connection of its own; returns [(status, who)]."""
        answers = (harness.request(self.gateway.port, "/x", limit=10) for _ in range(count))
        return [(a.status, a.body.decode() if a.status in (200, 503) else "") for a in answers]

    def endpoints(self):
        """Returns what /status says of each instance, in their order."""
        service = next(s for s in self.gateway.status()["services"] if s["name"] == NAME)
        by_port = {e["port"]: e for e in service["endpoints"]}
        return [by_port[m.port] for m in self.all]

    def healths(self):
        return [e["health"] for e in self.endpoints()]

    def ask_until(self, health, which=0):
        """Sends requests until the instance is in that state."""
        def done():
            self.ask(3)
            return self.healths()[which] == health
        harness.wait_until(done, 20, "instance %d is %s" % (which, health))

    def logged(self, message):
        return [line for line in self.gateway.log() if line.get("message") == message]

    def metric(self, name, **labels):
        text = ",".join('%s="%s"' % item for item in labels.items())
        return self.gateway.metrics()["%s{%s}" % (name, text)]

    def assert_left_out(self, which=0, requests=60):
        """No worker sends a request to it: none but a request on its way already."""
        bad = self.all[which]
        self.ask(1)
        before = bad.count()
        served = [w["requests"] for w in self.gateway.status()["workers"]]
        answers = collections.Counter(self.ask(requests))
        self.assertEqual(bad.count(), before, answers)
        self.assertEqual({status for status, _ in answers}, {200})
        after = [w["requests"] for w in self.gateway.status()["workers"]]
        for was, now in zip(served, after):
            self.assertGreater(now, was, "a worker took no request")

    def test_503_is_ejected_by_all_workers_and_comes_back(self):
        self.start(ejection={"time": "1s"})
        self.all[0].mood = 503
        self.ask_until("ejected")
        first = self.endpoints()[0]
        self.assertRegex(first["why"], r"^ejected for 1 s: \d+ gateway errors in a row$")
        self.assertFalse(first["usable"])
        self.assertEqual(self.metric("gatehouse_endpoints_out", service=NAME, why="ejected"), 1)
        self.all[0].mood = 200
        harness.wait_until(lambda: self.healths()[0] == "in", 10, "it is in again")
        harness.wait_until(lambda: (200, "m0") in self.ask(3), 10, "it gets requests again")
        out = self.logged("endpoint out")
        back = self.logged("endpoint in again: its ejection is over")
        self.assertEqual((len(out), len(back)), (1, 1))
        self.assertEqual(out[0]["why"], first["why"])
        self.assertEqual(out[0]["address"], "127.0.0.1:%d" % self.all[0].port)
        self.assertEqual(
            self.metric("gatehouse_ejections_total", service=NAME, cause="consecutive"), 1)

    def test_no_worker_uses_an_ejected_one(self):
        self.start(ejection={"time": "10s"})
        self.all[0].mood = 503
        self.ask_until("ejected")
        self.assert_left_out()

    def test_ejections_grow(self):
        self.start(ejection={"time": "1s", "time_max": "2s", "consecutive": 3})
        self.all[0].mood = 503
        for seconds in (1, 2, 2):
            self.ask_until("ejected")
            self.assertIn("for %d s" % seconds, self.endpoints()[0]["why"])
            harness.wait_until(lambda: self.healths()[0] == "in", 10, "in again")

    def test_one_that_hangs_is_ejected(self):
        self.start(ejection={"time": "60s", "consecutive": 2})
        self.all[1].mood = HANG
        self.ask_until("ejected", 1)
        self.assert_left_out(1)

    def test_one_that_is_dead_is_out_at_once_and_probed_back(self):
        self.start(limits={"retry_budget": 1})
        self.ask(6)
        self.all[2].die()
        self.assertEqual({status for status, _ in self.ask(40)}, {200})
        harness.wait_until(lambda: self.healths()[2] == "refused", 5, "it is out")
        self.assertEqual(self.endpoints()[2]["why"], "connection refused")
        self.assertEqual(
            self.metric("gatehouse_ejections_total", service=NAME, cause="refused"), 1)
        refused = self.metric("gatehouse_upstream_failures_total", service=NAME,
                              reason="connect_refused")
        self.assertEqual({status for status, _ in self.ask(40)}, {200})
        self.assertEqual(refused, self.metric("gatehouse_upstream_failures_total", service=NAME,
                                              reason="connect_refused"))
        self.all[2].start()
        harness.wait_until(lambda: self.healths()[2] == "in", 20, "it is in again")
        harness.wait_until(lambda: (200, "m2") in self.ask(3), 10, "it gets requests again")
        self.assertEqual(len(self.logged("endpoint in again: it accepts connections")), 1)

    def test_all_dead_but_one(self):
        self.start(limits={"retry_budget": 1, "retries": 2})
        self.all[0].die()
        self.all[1].die()
        self.assertEqual({answer for answer in self.ask(30)}, {(200, "m2")})
        self.assertEqual(self.healths(), ["refused", "refused", "in"])

    def test_all_dead_are_all_tried_until_one_lives(self):
        self.start()
        for moody in self.all:
            moody.die()
        harness.wait_until(lambda: self.ask(3) and set(self.healths()) == {"refused"}, 20,
                           "all are known to be dead")
        self.assertEqual([e["usable"] for e in self.endpoints()], [True] * 3)
        self.assertEqual({status for status, _ in self.ask(3)}, {502})
        self.all[1].start()
        harness.wait_until(lambda: self.ask(1) == [(200, "m1")], 20, "the one alive is found")

    def test_never_more_than_the_share(self):
        self.start(ejection={"time": "60s", "consecutive": 2})
        for moody in self.all:
            moody.mood = 503
        most = 0
        for _ in range(15):
            self.ask(6)
            most = max(most, self.healths().count("ejected"))
        self.assertEqual(most, 1)
        self.assertEqual({status for status, _ in self.ask(6)}, {503})

    def test_a_larger_share_leaves_one(self):
        self.start(ejection={"time": "60s", "consecutive": 2, "max_ejected": 1})
        for moody in self.all:
            moody.mood = 503
        harness.wait_until(lambda: self.ask(6) and self.healths().count("ejected") == 2, 20,
                           "two are ejected")
        for _ in range(5):
            self.ask(6)
            self.assertEqual(self.healths().count("ejected"), 2)

    def test_the_only_one_stays(self):
        self.start(count=1, ejection={"consecutive": 1})
        self.all[0].mood = 503
        self.assertEqual(self.ask(20), [(503, "m0")] * 20)
        self.assertEqual(self.healths(), ["in"])

    def test_less_success_than_the_others(self):
        self.start(ejection={"consecutive": "off", "success_gap": 0.3, "requests": 10,
                             "interval": "1s", "time": "60s"})
        self.all[0].mood = [200, 503]
        self.ask_until("ejected")
        self.assertRegex(self.endpoints()[0]["why"],
                         r"^ejected for 60 s: \d+ % of requests succeed, of the others' 100 %$")
        self.assert_left_out()

    def test_nothing_when_switched_off(self):
        self.start(ejection={"consecutive": "off", "refused": False})
        self.all[0].mood = 503
        self.all[1].die()
        self.ask(40)
        self.assertEqual(self.healths(), ["in"] * 3)

    def test_a_reload_forgets_nothing(self):
        self.start(ejection={"time": "60s"})
        self.all[0].mood = 503
        self.ask_until("ejected")
        why, since = (self.endpoints()[0][k] for k in ("why", "since"))
        before = self.all[0].count()
        self.gateway.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.ask(2) and self.gateway.status()["generation"] == 2, 20,
                           "the new generation serves")
        self.assertEqual(self.endpoints()[0]["why"], why)
        self.assertEqual(self.all[0].count(), before)
        self.assert_left_out()
        self.assertEqual(
            self.metric("gatehouse_ejections_total", service=NAME, cause="consecutive"), 1)
        self.assertEqual(len(self.logged("endpoint out")), 1)
        self.assertAlmostEqual(self.endpoints()[0]["since"], since, delta=100)
        # What the new generation counts, it counts in the right places.
        self.all[1].mood = 503
        self.ask(30)
        self.assertEqual(self.healths(), ["ejected", "in", "in"])


if __name__ == "__main__":
    unittest.main()
