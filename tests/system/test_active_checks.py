# SPDX-License-Identifier: Apache-2.0
"""The control process checks endpoints by itself, once each, whatever the number of workers."""
import signal
import unittest

import harness
from moody import HANG, Moody

NAME = "backend-0"


class ActiveChecks(unittest.TestCase):
    """Three static instances; nothing is learnt from clients' requests here."""

    def start(self, check, count=3, **service):
        self.all = [Moody("m%d" % i) for i in range(count)]
        for moody in self.all:
            moody.health = 200
            self.addCleanup(moody.close)
        config = harness.relay_config({"/*": [m.port for m in self.all]}, workers=2,
                                      limits={"retry_budget": 1})
        config["services"][NAME].update(
            {"ejection": {"consecutive": "off", "success_gap": 0, "refused": False},
             "check": dict({"interval": "100ms", "timeout": "%dms" % (300 * harness.SLOW)},
                           **check)})
        config["services"][NAME].update(service)
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)

    def ask(self, count=1):
        """Returns [(status, who)]."""
        answers = (harness.request(self.gateway.port, "/x", limit=10) for _ in range(count))
        return [(a.status, a.body.decode() if a.status == 200 else "") for a in answers]

    def endpoints(self):
        service = next(s for s in self.gateway.status()["services"] if s["name"] == NAME)
        by_port = {e["port"]: e for e in service["endpoints"]}
        return [by_port[m.port] for m in self.all]

    def wait_checks(self, *expected):
        harness.wait_until(lambda: [e["check"] for e in self.endpoints()] == list(expected), 20,
                           "checks are %s" % (expected,))

    def logged(self, message):
        return [line for line in self.gateway.log() if line.get("message") == message]

    def test_http_out_and_in_again(self):
        self.start({"type": "http", "path": "/health"})
        self.wait_checks("passing", "passing", "passing")
        self.all[0].health = 500
        self.wait_checks("failing", "passing", "passing")
        first = self.endpoints()[0]
        self.assertEqual((first["why"], first["health"], first["usable"]),
                         ("check fails: HTTP 500", "failing", False))
        before = self.all[0].count("/x")
        self.assertEqual({who for _, who in self.ask(40)}, {"m1", "m2"})
        self.assertEqual(self.all[0].count("/x"), before)
        metrics = self.gateway.metrics()
        self.assertEqual(
            metrics['gatehouse_endpoints_out{service="%s",why="failing"}' % NAME], 1)
        self.assertGreaterEqual(
            metrics['gatehouse_checks_total{service="%s",result="failed"}' % NAME], 3)
        self.all[0].health = 204
        self.wait_checks("passing", "passing", "passing")
        harness.wait_until(lambda: (200, "m0") in self.ask(3), 10, "it gets requests again")
        self.assertEqual([line["why"] for line in self.logged("endpoint fails its check")],
                         ["HTTP 500"])
        self.assertEqual(len(self.logged("endpoint passes its check")), 1)

    def test_one_check_each_whatever_the_workers(self):
        self.start({"type": "http", "path": "/health", "jitter": 0, "interval": "1s"})
        self.wait_checks("passing", "passing", "passing")
        before = [m.count("/health") for m in self.all]
        harness.wait_until(lambda: self.all[0].count("/health") >= before[0] + 3, 20, "checks")
        for moody, was in zip(self.all, before):
            self.assertLessEqual(abs(moody.count("/health") - was - 3), 1)

    def test_thresholds(self):
        self.start({"type": "http", "path": "/health", "unhealthy": 4, "healthy": 3})
        self.wait_checks("passing", "passing", "passing")
        self.all[0].health = [500, 500, 500, 200]  # Never four in a row.
        asked = self.all[0].count("/health")
        harness.wait_until(lambda: self.all[0].count("/health") > asked + 12, 20, "checks")
        self.assertEqual(self.logged("endpoint fails its check"), [])
        self.all[0].health = 500
        self.wait_checks("failing", "passing", "passing")
        self.all[0].health = [500, 200, 200]
        asked = self.all[0].count("/health")
        harness.wait_until(lambda: self.all[0].count("/health") > asked + 9, 20, "checks")
        self.assertEqual(self.logged("endpoint passes its check"), [])

    def test_what_an_http_check_asks(self):
        self.start({"type": "http", "path": "/health?deep=1", "host": "users.test",
                    "status": "204"})
        self.all[0].mood = 204
        self.wait_checks("passing", "failing", "failing")
        self.assertEqual(self.endpoints()[1]["why"], "check fails: HTTP 200")
        path, fields = self.all[0].taken[0]
        self.assertEqual((path, fields["Host"]), ("/health?deep=1", "users.test"))

    def test_tcp_without_any_request(self):
        self.start({"type": "tcp"})
        self.wait_checks("passing", "passing", "passing")
        self.all[1].die()
        self.wait_checks("passing", "failing", "passing")
        self.assertEqual(self.endpoints()[1]["why"], "check fails: connection refused")
        self.all[1].start()
        self.wait_checks("passing", "passing", "passing")
        self.assertEqual([m.count() for m in self.all], [0, 0, 0])

    def test_one_that_hangs_fails(self):
        self.start({"type": "http", "path": "/health"})
        self.all[2].health = HANG
        self.wait_checks("passing", "passing", "failing")
        self.assertIn("check fails: ", self.endpoints()[2]["why"])
        self.assertEqual({status for status, _ in self.ask(10)}, {200})

    def test_all_failing_are_used_or_not(self):
        for choice, expected in (("panic", 200), ("fail", 503)):
            with self.subTest(on_all_critical=choice):
                self.start({"type": "http", "path": "/health"}, on_all_critical=choice)
                for moody in self.all:
                    moody.health = 500
                self.wait_checks("failing", "failing", "failing")
                harness.wait_until(lambda e=expected: self.ask(1)[0][0] == e, 5, "workers know")
                self.assertEqual({status for status, _ in self.ask(10)}, {expected})
                self.assertEqual({e["usable"] for e in self.endpoints()}, {choice == "panic"})

    def test_a_reload_forgets_nothing(self):
        self.start({"type": "http", "path": "/health", "unhealthy": 2})
        self.all[0].health = 500
        self.wait_checks("failing", "passing", "passing")
        # A verdict that is forgotten would be unknown again, and get requests.
        before = self.all[0].count("/x")
        self.gateway.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.ask(2) and self.gateway.status()["generation"] == 2, 20,
                           "the new generation serves")
        self.assertEqual({who for _, who in self.ask(20)}, {"m1", "m2"})
        self.assertEqual(self.all[0].count("/x"), before)
        self.assertEqual(len(self.logged("endpoint fails its check")), 1)
        self.all[0].health = 200
        self.wait_checks("passing", "passing", "passing")

    def test_a_few_at_a_time(self):
        self.start({"type": "http", "path": "/health", "interval": "100ms"}, count=6)
        self.gateway.stop()
        config = dict(self.gateway.config, limits={"checks": 1})
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)
        self.wait_checks(*["passing"] * 6)
        self.all[0].health = HANG  # Holds the only place for as long as it may.
        self.wait_checks("failing", *["passing"] * 5)
        counts = [m.count("/health") for m in self.all[1:]]
        harness.wait_until(lambda: all(m.count("/health") > was + 1 for m, was in
                                       zip(self.all[1:], counts)), 30, "all have their turn")


if __name__ == "__main__":
    unittest.main()
