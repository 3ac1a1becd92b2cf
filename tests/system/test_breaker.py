# SPDX-License-Identifier: Apache-2.0
"""The breaker of a service holds for all workers together.

Reasons of this file: breaker_open.
"""
import json
import select
import time
import unittest

import harness
from harness import SLOW, request, wait_until
from moody import Moody

NAME = "backend-0"
BREAKER = {"failures": 0.5, "requests": 10, "interval": "1h", "time": "%dms" % (400 * SLOW),
           "time_max": "1h", "trials": 3}


class Breaker(unittest.TestCase):
    """Three workers in front of two instances, a third stands in when it is told to."""

    def start(self, **more):
        self.instances = [Moody("a"), Moody("b")]
        for i in self.instances:
            self.addCleanup(i.close)
        config = harness.relay_config({"/*": [i.port for i in self.instances]}, workers=3)
        # Who is ejected is not what is looked at here.
        config["services"][NAME].update(
            breaker={**BREAKER, **more}, ejection={"consecutive": "off", "success_gap": 0})
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)

    def mood(self, mood):
        for i in self.instances:
            i.mood = mood

    def breaker(self):
        service = next(s for s in self.gateway.status()["services"] if s["name"] == NAME)
        return service["breaker"]

    def wait_state(self, state):
        wait_until(lambda: self.breaker()["state"] == state, 20, "it is " + state, poll=0.005)

    def ask(self):
        """On a connection of its own, so that every worker is asked: the status, and the reason."""
        res = request(self.gateway.port, "/x", limit=20 * SLOW)
        word = ""
        if res.header("content-type") == "application/problem+json":
            word = json.loads(res.body)["type"].rpartition(":")[2]
        return res.status, word, res.header("retry-after")

    def taken(self):
        return sum(i.count() for i in self.instances)

    def break_it(self):
        """Fails until the breaker is open."""
        self.mood(503)
        wait_until(lambda: self.ask()[1] == "breaker_open", 20, "a request is refused")

    def metric(self, name, **labels):
        labels = ",".join('%s="%s"' % pair for pair in {"service": NAME, **labels}.items())
        return self.gateway.metrics()["gatehouse_%s{%s}" % (name, labels)]

    def test_whole(self):
        self.start()
        self.assertEqual((self.breaker()["state"], self.breaker()["opens"]), ("closed", 0))
        self.break_it()
        # Nobody is asked, by no worker, until its time is over; then the trials, and no more.
        self.wait_state("half_open")
        self.mood("hang")
        before, began = self.taken(), time.monotonic()
        clients = [harness.Client(self.gateway.port, limit=20 * SLOW) for _ in range(12)]
        for c in clients:
            self.addCleanup(c.close)
            c.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")

        def answered():
            ready = select.select([c.sock for c in clients], [], [], 0)[0]
            return [c for c in clients if c.sock in ready]

        wait_until(lambda: len(answered()) + self.taken() - before == 12, 10, "all are decided on")
        refused = answered()
        # Trials that are out for as long as it was open count as lost.
        rounds = 1 + int((time.monotonic() - began) / (0.4 * SLOW))
        self.assertLessEqual(self.taken() - before, 3 * rounds)
        self.assertGreaterEqual(self.taken() - before, 3)
        for c in refused:
            self.assertEqual(c.response().json()["type"], "urn:gatehouse:breaker_open")
        for c in clients:
            c.reset()
        # Trials whose clients have left are made by others.
        self.mood(200)
        wait_until(lambda: self.ask() and self.breaker()["state"] == "closed", 20, "it is closed")
        self.assertEqual({self.ask()[0] for _ in range(20)}, {200})
        self.assertEqual(self.metric("breaker_state", state="closed"), 1)
        self.assertEqual(self.metric("breaker_opens_total"), 1)
        self.assertGreaterEqual(self.metric("upstream_breaker_refused_total"),
                                len(refused))
        lines = [a for a in self.gateway.log() if str(a.get("message")).startswith("breaker ")]
        self.assertEqual([a["message"].split(":")[0] for a in lines],
                         ["breaker open", "breaker half open", "breaker closed"])

    def test_opens_again_for_longer(self):
        self.start(trials=1)
        self.break_it()
        first = self.breaker()
        self.assertRegex(first["why"], r"^\d+ of \d+ requests failed$")
        self.wait_state("half_open")
        wait_until(lambda: self.ask() and self.breaker()["opens"] == 2, 20, "the trial has failed")
        second = self.breaker()
        self.assertEqual((second["state"], second["why"]), ("open", "1 of 1 trials failed"))
        self.assertEqual((first["until"] - first["since"], second["until"] - second["since"]),
                         (400 * SLOW, 800 * SLOW))

    def test_reload_keeps_it(self):
        self.start(time="1h")
        self.break_it()
        self.assertIn(self.ask()[2], ("3600", "3599", "3598", "3597"))
        res = request(self.gateway.admin, "/reload", "POST", body=b"", limit=60)
        self.assertEqual(res.status, 200)
        before = self.taken()
        self.assertEqual({self.ask()[1] for _ in range(12)}, {"breaker_open"})
        self.assertEqual((self.taken(), self.breaker()["opens"]), (before, 1))


if __name__ == "__main__":
    unittest.main()
