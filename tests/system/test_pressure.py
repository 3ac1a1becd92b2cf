# SPDX-License-Identifier: Apache-2.0
"""Limits of a service hold for all workers together, and what is over waits its turn.

Reasons of this file: service_overloaded, queue_timeout.
"""
import os
import signal
import threading
import time
import unittest

import harness
from harness import SLOW, Client, wait_until
from test_balance import Instance

NAME = "backend-0"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


class AtATime:
    """What makes an instance work on so many requests at a time, each for so many seconds."""

    def __init__(self, count, seconds):
        self.places, self.seconds = threading.Semaphore(count), seconds

    def is_set(self):
        return True

    def set(self):
        pass

    def wait(self, _limit):
        with self.places:
            time.sleep(self.seconds)


class Pressure(unittest.TestCase):
    """Two workers in front of one instance that keeps its requests until it is told."""

    def start(self, **limits):
        self.instance = Instance()
        self.addCleanup(self.instance.close)
        config = harness.relay_config({"/*": [self.instance.port]}, workers=2)
        config["services"][NAME]["limits"] = limits
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)

    def client(self):
        c = Client(self.gateway.port, limit=20 * SLOW)
        self.addCleanup(c.close)
        return c

    def limits(self):
        service = next(s for s in self.gateway.status()["services"] if s["name"] == NAME)
        return service["limits"]

    def send(self, count):
        clients = [self.client() for _ in range(count)]
        for c in clients:
            c.send(GET)
        return clients

    def metric(self, name):
        return self.gateway.metrics()['gatehouse_upstream_%s{service="%s"}' % (name, NAME)]

    def test_all_workers_together(self):
        self.start(requests=3, pending=4, queue_timeout="1h")
        self.instance.free.clear()
        clients = self.send(3)
        wait_until(lambda: self.limits()["requests"] == 3, 10, "three are in hand")
        clients += self.send(4)
        wait_until(lambda: self.limits()["pending"] == 4, 10, "four wait")
        self.assertEqual(self.metric("pending"), 4)
        for c in self.send(6):
            res = c.response()
            self.assertEqual((res.status, res.json()["type"]),
                             (503, "urn:gatehouse:service_overloaded"))
            self.assertEqual(res.headers.get("retry-after"), b"1")
        # One of those that wait leaves; whoever comes has its place.
        clients.pop().close()
        wait_until(lambda: self.limits()["pending"] == 3, 10, "one has left")
        clients += self.send(1)
        wait_until(lambda: self.limits()["pending"] == 4, 10, "another has come")
        shown = self.limits()
        self.assertEqual((shown["requests"], shown["requests_max"], shown["connections_max"]),
                         (3, 3, None))
        for _ in range(3):
            self.assertTrue(self.instance.waiting.acquire(timeout=10))
        self.assertFalse(self.instance.waiting.acquire(blocking=False), "a fourth came through")
        self.instance.free.set()
        self.assertEqual({c.response().status for c in clients}, {200})
        wait_until(lambda: self.limits()["requests"] == 0, 10, "nothing is in hand")
        self.assertEqual((self.metric("queued_total"), self.metric("overloaded_total")), (5, 6))

    def test_a_worker_dies(self):
        self.start(requests=2, pending=4, queue_timeout="%dms" % (400 * SLOW))
        self.instance.free.clear()
        self.send(2)
        wait_until(lambda: self.limits()["requests"] == 2, 10, "two are in hand")
        late = self.send(1)[0].response()
        self.assertEqual((late.status, late.json()["type"]), (503, "urn:gatehouse:queue_timeout"))
        for pid in self.gateway.worker_pids():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.limits()["requests"] == 0 and
                   all(w["state"] == "ready" for w in self.gateway.status()["workers"]),
                   20 * SLOW, "what they had is nobody's")
        self.instance.free.set()
        self.assertEqual({c.response().status for c in self.send(6)}, {200})

    def test_connections(self):
        self.start(connections=2, queue_timeout="1h", pending=1000)
        for _ in range(4):
            clients = self.send(10)
            self.assertLessEqual(self.limits()["connections"], 2)
            self.assertEqual({c.response().status for c in clients}, {200})
            self.assertLessEqual(self.limits()["connections"], 2)

    def test_learnt(self):
        """An instance that works on four requests at a time, and forty clients that never stop."""
        origin = Instance()
        origin.free = AtATime(4, 0.02)
        self.addCleanup(origin.close)
        config = harness.relay_config({"/*": [origin.port]}, workers=2)
        config["services"][NAME]["limits"] = {"adaptive": True, "adaptive_min": 2}
        self.gateway = harness.start_gateway(config)
        self.addCleanup(self.gateway.stop)
        over, failed = threading.Event(), []

        def client():
            c = Client(self.gateway.port, limit=30 * SLOW)
            while not over.is_set():
                c.send(GET)
                status = c.response().status
                if status != 200:
                    failed.append(status)
            c.close()

        threads = [threading.Thread(target=client) for _ in range(40)]
        for t in threads:
            t.start()
        try:
            wait_until(lambda: 3 <= (self.limits()["requests_max"] or 99) <= 12, 40,
                       "it has learnt what four at a time can bear")
            learnt = self.limits()["adaptive"]
            self.assertGreaterEqual(learnt["baseline_us"], 20000)
            name = 'gatehouse_limit_requests{service="%s"}' % NAME
            self.assertLess(self.gateway.metrics()[name], 40)
        finally:
            over.set()
            for t in threads:
                t.join()
        self.assertEqual(failed, [])


if __name__ == "__main__":
    unittest.main()
