# SPDX-License-Identifier: Apache-2.0
"""gatehouse run --consul-kv: the configuration is in a key of a real Consul."""
import json
import unittest

from discovery_lab import NEUTRAL, Backend, end, said
from harness import request, run_gatehouse, start_consul, start_gateway, wait_until

KEY = "gatehouse/edge 1/config"
PATH = "/v1/kv/gatehouse/edge%201/config"


class ConsulKv(unittest.TestCase):

    def setUp(self):
        self.consul = start_consul()
        self.addCleanup(lambda: self.consul.kill())
        self.one, self.two = Backend("one"), Backend("two")
        self.addCleanup(self.one.close)
        self.addCleanup(self.two.close)
        self.config = {"discovery": {"consul": {"address": self.consul.address, "wait": "10s"}},
                       "services": {"s": {"endpoints": ["127.0.0.1:%d" % self.one.port]}},
                       "routes": [{"path": "/file", "plugin": "relay",
                                   "config": {"service": "s"}}]}

    def start(self):
        gw = start_gateway(self.config, env=NEUTRAL, args=["--consul-kv", KEY])
        self.addCleanup(end, gw)
        return gw

    def text(self, gw, path, backend):
        """The file's configuration with another route and service."""
        config = dict(gw.config)
        config["services"] = {"s": {"endpoints": ["127.0.0.1:%d" % backend.port]}}
        config["routes"] = [{"path": path, "plugin": "relay", "config": {"service": "s"}}]
        return json.dumps(config)

    def put(self, text):
        res = request(self.consul.port, PATH, "PUT", body=text.encode())
        self.assertEqual((res.status, res.json()), (200, True))

    def answers(self, gw, path):
        res = request(gw.port, path)
        return res.status, res.body if res.status == 200 else None

    def wait_answer(self, gw, path, status, body=None, limit=15):
        wait_until(lambda: self.answers(gw, path) == (status, body), limit,
                   "%s gives %s: %s" % (path, status, gw.tail()))

    def test_the_key_serves(self):
        gw = self.start()
        # No key: the file serves, and that there is none is said once.
        self.assertEqual(self.answers(gw, "/file"), (200, b"one"))
        wait_until(lambda: said(gw, "there is no such key in Consul"), 10, "said")
        wait_until(lambda: gw.status()["consul_kv"]["reachable"], 10, "reachable")
        self.assertFalse(gw.status()["consul_kv"]["exists"])
        self.put(self.text(gw, "/key", self.two))
        self.wait_answer(gw, "/key", 200, b"two")
        self.wait_answer(gw, "/file", 404)
        status = gw.status()
        self.assertEqual((status["consul_kv"]["key"], status["consul_kv"]["exists"],
                          status["generation"]), (KEY, True, 2))
        # A bad value is refused with all its places, and changes nothing.
        self.put('{\n  "listen": 5,\n  "routs": []\n}')
        wait_until(lambda: gw.status()["reloads_refused"] == 1, 15, "refused")
        lines = [t for t in gw.stderr().splitlines() if KEY + ":" in t]
        self.assertTrue(any("/listen" in t and KEY + ":2:" in t for t in lines), gw.tail())
        self.assertTrue(any("routs" in t and KEY + ":3:" in t for t in lines), gw.tail())
        self.assertEqual(self.answers(gw, "/key"), (200, b"two"))
        # A reload by hand is one of the value that serves, or of the one that is there now.
        self.put(self.text(gw, "/again", self.one))
        self.wait_answer(gw, "/again", 200, b"one")
        self.assertEqual(run_gatehouse("reload", "-c", gw.path)[0], 0)
        self.assertEqual(self.answers(gw, "/again"), (200, b"one"))
        # The key goes: what serves stays.
        request(self.consul.port, PATH, "DELETE")
        wait_until(lambda: len(said(gw, "there is no such key in Consul")) == 2, 15, "said again")
        self.assertEqual(self.answers(gw, "/again"), (200, b"one"))
        self.assertFalse(gw.status()["consul_kv"]["exists"])

    def test_the_agent_goes_and_comes_back(self):
        gw = self.start()
        self.put(self.text(gw, "/key", self.two))
        self.wait_answer(gw, "/key", 200, b"two")
        generation = gw.status()["generation"]
        self.consul = self.consul.restart()
        # A dev agent remembers nothing.
        wait_until(lambda: not gw.status()["consul_kv"]["exists"], 60, "the key is gone")
        self.assertEqual(self.answers(gw, "/key"), (200, b"two"))
        # The same value is no news, another one is.
        self.put(self.text(gw, "/key", self.two))
        wait_until(lambda: gw.status()["consul_kv"]["exists"], 15, "there again")
        wait_until(lambda: said(gw, "nothing has changed"), 15, "no news")
        self.assertEqual(gw.status()["generation"], generation)
        self.put(self.text(gw, "/later", self.one))
        self.wait_answer(gw, "/later", 200, b"one")

    def test_no_agent(self):
        gw = self.start()
        self.put(self.text(gw, "/key", self.two))
        self.wait_answer(gw, "/key", 200, b"two")
        self.consul.kill()
        wait_until(lambda: said(gw, "Consul does not tell the key"), 30, "noticed")
        self.assertFalse(gw.status()["consul_kv"]["reachable"])
        self.assertEqual(self.answers(gw, "/key"), (200, b"two"))

    def test_before_the_gateway(self):
        gw = self.start()
        self.put(self.text(gw, "/key", self.two))
        self.wait_answer(gw, "/key", 200, b"two")
        end(gw)
        again = start_gateway(json.dumps(gw.config), env=NEUTRAL, args=["--consul-kv", KEY])
        self.addCleanup(end, again)
        self.wait_answer(again, "/key", 200, b"two")

    def test_a_wrong_key(self):
        for key in "", "/a":
            status, _, stderr = run_gatehouse("run", "-c", "none.json", "--consul-kv", key)
            self.assertEqual(status, 2)
            self.assertIn("--consul-kv", stderr)


if __name__ == "__main__":
    unittest.main()
