# SPDX-License-Identifier: Apache-2.0
"""Thousands of routes: each request finds its own, and is counted there whatever happens."""
import http.client
import os
import signal
import unittest

from backend import Backend
from harness import SLOW, free_port, relay_config, start_gateway, wait_until

ROUTES = 3000       # so many that counters are written many at a time
STEP = 7            # of these, every seventh is asked


class ManyRoutes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backend = Backend()
        config = relay_config({"/*": [cls.backend.port]}, workers=1,
                              listen=["127.0.0.1:%d" % free_port()],
                              admin="127.0.0.1:%d" % free_port())
        relay = config["routes"][0]
        config["routes"] += [dict(relay, path="/r/%d/{id}" % n) for n in range(ROUTES)]
        cls.gateway = start_gateway(config, limit=60)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.backend.close()

    def ask(self, targets):
        """Asks for each over one connection; the service answers with the path it was asked for."""
        c = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10 * SLOW)
        for target in targets:
            c.putrequest("GET", target)
            c.endheaders()
            response = c.getresponse()
            self.assertEqual(response.status, 200, target)
            yield response.read().decode()
        c.close()

    def counted(self, path):
        return self.gateway.metrics().get(
            'gatehouse_requests_total{route="%s",code="2xx"}' % path, 0)

    def wait_counted(self, expected):
        """expected: {path: requests}."""
        def is_so():
            found = self.gateway.metrics()
            return all(found.get('gatehouse_requests_total{route="%s",code="2xx"}' % path, 0) == n
                       for path, n in expected.items())
        wait_until(is_so, 10, "all of these are counted: %r" % expected)

    def test_each_has_its_own_counter(self):
        numbers = range(0, ROUTES, STEP)
        before = {n: self.counted("/r/%d/{id}" % n) for n in list(numbers)[:3]}
        self.assertEqual(set(before.values()), {0})
        for turn in range(2):
            targets = ["/r/%d/%d" % (n, turn) for n in numbers]
            self.assertEqual(list(self.ask(targets)), targets)
        self.wait_counted({"/r/%d/{id}" % n: 2 for n in numbers})
        self.wait_counted({"/r/%d/{id}" % (n + 1): 0 for n in numbers})

    def test_other_ways_to_write_it(self):
        """What is asked for ahead of the match is not the match."""
        cases = {"/r/./3/x": "/r/3/{id}", "/x/../r/10/y": "/r/10/{id}", "/r/%317/z": "/r/17/{id}",
                 "/r/24/x?q=/r/31/y": "/r/24/{id}", "/r/%d/x" % ROUTES: "/*", "/r/3": "/*",
                 "/r/3/x/y": "/*", "/other/3/x": "/*"}
        before = {path: self.counted(path) for path in cases.values()}
        list(self.ask(cases))
        self.wait_counted({path: n + list(cases.values()).count(path)
                           for path, n in before.items()})

    def test_counts_outlive_the_worker(self):
        numbers = range(5, ROUTES, STEP)
        list(self.ask("/r/%d/a" % n for n in numbers))
        old = self.gateway.worker_pids()
        os.kill(old[0], signal.SIGKILL)
        wait_until(lambda: self.gateway.worker_pids() not in ([], old) and self.gateway.ready(),
                   30 * SLOW, "a new worker")
        self.wait_counted({"/r/%d/{id}" % n: 1 for n in numbers})
        list(self.ask("/r/%d/b" % n for n in numbers))
        self.wait_counted({"/r/%d/{id}" % n: 2 for n in numbers})


if __name__ == "__main__":
    unittest.main()
