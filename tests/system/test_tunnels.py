# SPDX-License-Identifier: Apache-2.0
"""Upgraded connections across a reload: they have a drain limit of their own."""
import os
import signal
import time
import unittest

from harness import SLOW, Client, wait_until
from origin import ECHO, Origin
from test_processes import InFlight, ProcessCase

SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n"
          b"Connection: upgrade\r\n\r\n")
ASK = (b"GET /chat HTTP/1.1\r\nHost: a.test\r\nUpgrade: chat\r\n"
       b"Connection: upgrade\r\n\r\n")
TUNNELS = 8


class Tunnels(ProcessCase):
    def setUp(self):
        super().setUp()
        self.origin = Origin()
        self.addCleanup(self.origin.close)
        self.origin.begin(*[[SWITCH, ECHO]] * TUNNELS)

    def config(self, **more):
        """/chat is the origin's, which echoes."""
        config = super().config(**more)
        config["services"]["chat"] = {"endpoints": ["127.0.0.1:%d" % self.origin.port]}
        config["routes"].append({"path": "/chat", "plugin": "relay",
                                 "config": {"service": "chat"}})
        return config

    def start(self, **timeout):
        """A gateway with these time limits."""
        return super().start(workers=1, defaults={"timeout": timeout})

    def tunnel(self, gw):
        """An open tunnel."""
        c = Client(gw.port, limit=20 * SLOW)
        self.addCleanup(c.close)
        c.send(ASK)
        self.assertEqual(c.response().status, 101)
        self.echo(c)
        return c

    def echo(self, c):
        """Both ways are open."""
        c.send(b"ping")
        self.assertEqual(c.recv_n(4), b"ping")

    def reload(self, gw):
        """Reloads; the number of the generation that drains from now on."""
        before = gw.status()["generation"]
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["generation"] > before, 15.0, "a new generation serves")
        return before

    def generation(self, gw, number):
        """What /status says of a generation, or None when it has ended."""
        return next((g for g in gw.status()["generations"] if g["generation"] == number), None)

    def check_not_killed(self, gw):
        """Workers ended by themselves."""
        self.assertIsNone(self.logged(gw, "worker did not finish within the drain limit: killed"))

    def test_outlives_other_connections(self):
        """Ordinary ones are cut at the drain limit; the old workers live for the tunnel."""
        gw = self.start(drain="300ms", drain_tunnel="5m")
        c = self.tunnel(gw)
        slow = InFlight(gw, self.backend, 20000)
        old = self.reload(gw)
        res = slow.answer()
        self.assertFalse(getattr(res, "complete", False), res)
        self.assertTrue(self.logged(gw, "drain limit reached: connections are closed"))
        # Longer than the limit and what a worker gets beyond it.
        until = time.monotonic() + 1.6
        while time.monotonic() < until:
            self.echo(c)
        state = self.generation(gw, old)
        self.assertEqual((state["state"], state["tunnels"], state["workers_ready"]),
                         ("draining", 1, 1))
        self.assertEqual(gw.metrics()["gatehouse_tunnels"], 1)
        c.close()
        wait_until(lambda: self.generation(gw, old) is None, 5.0, "the old generation ends")
        self.assertEqual(gw.metrics()["gatehouse_tunnels"], 0)
        self.check_not_killed(gw)
        line = gw.wait_access(lambda a: a["status"] == 101)
        self.assertEqual(line["reason"], "ok")

    def test_limit(self):
        gw = self.start(drain="100ms", drain_tunnel="1s")
        c = self.tunnel(gw)
        started = time.monotonic()
        old = self.reload(gw)
        self.assertTrue(c.closed(20 * SLOW))
        self.assertGreaterEqual(time.monotonic() - started, 1.0)
        wait_until(lambda: self.generation(gw, old) is None, 5.0, "the old generation ends")
        line = gw.wait_access(lambda a: a["status"] == 101)
        self.assertEqual(line["reason"], "shutting_down")
        self.assertTrue(self.logged(gw, "drain limit of tunnels reached: they are closed"))
        self.check_not_killed(gw)

    def test_shorter_than_the_other_limit(self):
        """Then it is the tunnel that is cut first."""
        gw = self.start(drain="5m", drain_tunnel="200ms")
        c = self.tunnel(gw)
        slow = InFlight(gw, self.backend, 2000)
        old = self.reload(gw)
        self.assertTrue(c.closed(20 * SLOW))
        res = slow.answer()
        self.assertEqual((res.status, res.complete), (200, True))
        wait_until(lambda: self.generation(gw, old) is None, 5.0, "the old generation ends")
        self.check_not_killed(gw)

    def test_end_of_the_gateway(self):
        """SIGTERM waits for tunnels no longer than for others, in old generations too."""
        gw = self.start(drain="300ms", drain_tunnel="1h")
        first = self.tunnel(gw)
        self.reload(gw)
        second = self.tunnel(gw)
        self.echo(first)
        started = time.monotonic()
        gw.signal(signal.SIGTERM)
        self.assertEqual(gw.wait(10), 0)
        self.assertLess(time.monotonic() - started, 5 * SLOW)
        self.assertTrue(first.closed() and second.closed())
        self.check_not_killed(gw)
        self.assertEqual([a["reason"] for a in gw.access_log() if a["status"] == 101],
                         ["shutting_down"] * 2)

    def test_too_many_generations(self):
        """The cap on living generations stays: the oldest goes, whatever it has."""
        gw = self.start(drain="100ms", drain_tunnel="1h")
        tunnels = []
        for _ in range(5):
            tunnels.append(self.tunnel(gw))
            self.reload(gw)
        self.assertTrue(tunnels[0].closed(20 * SLOW))
        for c in tunnels[1:]:
            self.echo(c)
        self.assertEqual(len(gw.status()["generations"]), 5)

    def test_a_frozen_worker_without_tunnels_is_killed(self):
        """The longer limit is for those that have tunnels."""
        gw = self.start(drain="300ms", drain_tunnel="1h")
        os.kill(gw.worker_pids()[0], signal.SIGSTOP)
        old = self.reload(gw)
        wait_until(lambda: self.generation(gw, old) is None, 10.0, "it is killed")
        self.assertTrue(self.logged(gw, "worker did not finish within the drain limit: killed"))


if __name__ == "__main__":
    unittest.main()
