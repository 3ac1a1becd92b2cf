# SPDX-License-Identifier: Apache-2.0
"""A second try beside a first one that is slow to answer: clients do not notice who hangs."""
import hashlib
import unittest

import harness
from harness import SLOW, request
from moody import Moody

NAME = "backend-0"


class Hedge(unittest.TestCase):
    """Two workers, three instances of which one never answers."""

    def setUp(self):
        self.instances = [Moody(name) for name in "abc"]
        for i in self.instances:
            self.addCleanup(i.close)

    def start(self, **service):
        config = harness.relay_config({"/*": [i.port for i in self.instances]}, workers=2,
                                      limits={"retry_budget": 1},
                                      defaults={"timeout": {"response": "%ds" % (4 * SLOW)}})
        config["services"][NAME].update(service)
        gateway = harness.start_gateway(config)
        self.addCleanup(gateway.stop)
        return gateway

    def metric(self, gateway, name):
        return gateway.metrics()['gatehouse_upstream_%s{service="%s"}' % (name, NAME)]

    def test_one_hangs(self):
        gateway = self.start(hedge_after="20ms")
        self.instances[0].mood = "hang"
        for _ in range(40):
            res = request(gateway.port, "/x", limit=20 * SLOW)
            self.assertEqual((res.status, res.body in (b"b", b"c")), (200, True))
        self.assertGreater(self.instances[0].count(), 5)
        # On a slow machine others were given a second try too.
        won = self.metric(gateway, "hedges_won_total")
        self.assertGreaterEqual(won, self.instances[0].count() - 1)
        self.assertGreaterEqual(self.metric(gateway, "hedges_total"), won)
        service = next(s for s in gateway.status()["services"] if s["name"] == NAME)
        self.assertEqual({e["health"] for e in service["endpoints"]}, {"in"})

    def test_a_long_body(self):
        """Of the one that answers, whole."""
        gateway = self.start(hedge_after="20ms")
        body = bytes(range(256)) * 16384
        self.instances[0].mood = "hang"
        for i in self.instances[1:]:
            i.body = body
        want = hashlib.sha256(body).digest()
        for _ in range(6):
            res = request(gateway.port, "/x", limit=20 * SLOW)
            self.assertEqual((res.status, hashlib.sha256(res.body).digest()), (200, want))
        self.assertGreater(self.metric(gateway, "hedges_won_total"), 0)

    def test_not_without_being_told(self):
        gateway = self.start(timeout={"response": "%dms" % (300 * SLOW)})
        self.instances[0].mood = "hang"
        statuses = [request(gateway.port, "/x", limit=20 * SLOW).status for _ in range(6)]
        self.assertIn(504, statuses)
        self.assertEqual(self.metric(gateway, "hedges_total"), 0)


if __name__ == "__main__":
    unittest.main()
