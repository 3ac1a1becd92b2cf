# SPDX-License-Identifier: Apache-2.0
"""Which requests are tried again, on which endpoint, and how often at most."""
import unittest

import harness
from origin import CLOSE, EARLY, Origin, RESET

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Retry(unittest.TestCase):
    """A good endpoint and one that ends each connection instead of answering."""

    def start(self, bad, endpoints="both", **limits):
        """Starts a gateway in front of endpoints "both" or "bad"."""
        self.good, self.bad = Origin(), Origin()
        self.addCleanup(self.good.close)
        self.addCleanup(self.bad.close)
        self.good_seen, self.bad_seen = self.good.begin([OK]), self.bad.begin(bad)
        ports = [self.bad.port] + ([self.good.port] if endpoints == "both" else [])
        config = harness.relay_config({"/*": ports}, limits=limits)
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)

    def statuses(self, count, method="GET", body=None):
        """Sends requests one after the other and returns their statuses."""
        return [harness.request(self.gateway.port, "/x", method, body=body).status
                for _ in range(count)]

    def tries(self):
        """Returns how many requests arrived at (good, bad)."""
        return len(self.good_seen.messages), len(self.bad_seen.messages)

    def test_idempotent_goes_to_the_other_endpoint(self):
        for bad in ([CLOSE], [RESET]):
            with self.subTest(bad=bad):
                self.start(bad, retry_budget=1)
                self.assertEqual(self.statuses(20), [200] * 20)
                good, bad_tries = self.tries()
                self.assertEqual(good, 20)
                self.assertGreater(bad_tries, 0)

    def test_put_with_a_body_is_sent_again_whole(self):
        self.start([CLOSE], retry_budget=1)
        statuses = self.statuses(10, "PUT", b"hello")
        self.assertTrue(set(statuses) <= {200, 502}, statuses)
        bodies = {m.body for m in self.good_seen.messages}
        self.assertEqual(bodies, {b"hello"})

    def test_post_is_sent_once(self):
        self.start([CLOSE], retry_budget=1)
        statuses = self.statuses(20, "POST", b"hello")
        self.assertEqual(sum(self.tries()), 20)
        self.assertEqual(statuses.count(502), self.tries()[1])

    def test_post_is_sent_once_when_the_body_was_not_read(self):
        self.start([EARLY, CLOSE], retry_budget=1)
        self.statuses(10, "POST", b"hello")
        self.assertEqual(sum(self.tries()), 10)

    def test_a_begun_answer_is_never_tried_again(self):
        self.start([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel", CLOSE], "bad",
                   retry_budget=1)
        with harness.Client(self.gateway.port) as c:
            c.send(b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
            res = c.response()
        self.assertFalse(res.complete, res)
        self.assertEqual(self.tries(), (0, 1))

    def test_the_budget_bounds_an_outage(self):
        self.start([CLOSE], "bad", retry_budget=0.1)
        self.assertTrue(set(self.statuses(300)) <= {502, 503})
        self.assertLessEqual(self.tries()[1], 300 * 1.1 + 10)

    def test_no_retries_when_switched_off(self):
        self.start([CLOSE], "bad", retries=0)
        self.assertTrue(set(self.statuses(20)) <= {502, 503})
        self.assertLessEqual(self.tries()[1], 20)

    def test_a_refused_connection_is_tried_elsewhere(self):
        self.good = Origin()
        self.addCleanup(self.good.close)
        self.good_seen = self.good.begin([OK])
        config = harness.relay_config({"/*": [harness.free_port(), self.good.port]},
                                      limits={"retry_budget": 1})
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)
        self.assertEqual(self.statuses(10), [200] * 10)
        statuses = self.statuses(10, "POST", b"hello")
        self.assertEqual(statuses.count(200), len(self.good_seen.messages) - 10)


if __name__ == "__main__":
    unittest.main()
