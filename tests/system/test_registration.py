# SPDX-License-Identifier: Apache-2.0
"""The gateway registers itself in a real Consul, stays there, and goes before it stops."""
import json
import signal
import time
import unittest

from discovery_lab import (NEUTRAL, AclAgent, Backend, Load, end, gateway_config, https_agent,
                           report, said, unix_agent)
from harness import request, scratch, start_consul, start_gateway, wait_until


class Registration(unittest.TestCase):

    def setUp(self):
        self.consul = start_consul()
        self.addCleanup(lambda: self.consul.kill())
        self.backend = Backend("there")
        self.addCleanup(self.backend.close)
        self.consul.register("web", self.backend.port, "w1")

    def gateway(self, **register):
        config = gateway_config(self.consul.address)
        config["discovery"]["consul"]["register"] = {"name": "edge", "linger": "2s", **register}
        gw = start_gateway(config, env=NEUTRAL)
        self.addCleanup(end, gw)
        return gw

    def ids(self):
        """Returns the ids of the passing instances of "edge"."""
        return sorted(i["Service"]["ID"] for i in
                      self.consul.call("GET", "/v1/health/service/edge?passing").json())

    def wait_ids(self, *ids, limit=10.0):
        begun = time.monotonic()
        wait_until(lambda: self.ids() == sorted(ids), limit, "edge is %s" % (ids,))
        return time.monotonic() - begun

    def test_what_it_says(self):
        gw = self.gateway(id="edge 1", address="10.1.2.3", port=443, tags=["public"],
                          meta={"zone": "a"})
        report("registered after", self.wait_ids("edge 1"))
        entry = self.consul.instances("edge")[0]
        service = entry["Service"]
        self.assertEqual((service["Address"], service["Port"], service["Tags"], service["Meta"]),
                         ("10.1.2.3", 443, ["public"], {"zone": "a"}))
        self.assertEqual([c["Type"] for c in entry["Checks"] if c["ServiceID"]], ["ttl"])
        # Taken out by somebody, or by an agent that lost everything: it comes back.
        self.consul.deregister("edge%201")
        report("registered again after", self.wait_ids("edge 1"))
        self.consul = self.consul.restart()
        report("registered with a new agent after", self.wait_ids("edge 1", limit=20))
        self.assertGreaterEqual(len(said(gw, "registered in Consul")), 3)

    def test_it_leaves_first(self):
        gw = self.gateway(linger="4s")
        self.wait_ids("edge-%d" % gw.port)
        load = Load(gw)
        gw.signal(signal.SIGTERM)
        begun = time.monotonic()
        report("taken out after", self.wait_ids())
        # It is known to be going, and serves on.
        self.assertEqual(request(gw.admin, "/readyz").status, 503)
        wait_until(lambda: time.monotonic() - begun > 1.5, 5, "much of the time it lingers")
        self.assertEqual(load.stop(), [])
        self.assertEqual(gw.wait(), 0)
        report("ended after", time.monotonic() - begun)
        lines = [s for s in ("stopping", "taken out of Consul", "draining")
                 for t in gw.stderr().splitlines() if s in t]
        self.assertEqual(lines, ["stopping", "taken out of Consul", "draining"], gw.tail())

    def test_a_reload_changes_it(self):
        gw = self.gateway(id="one")
        self.wait_ids("one")
        for register, ids in (({"name": "edge", "id": "two"}, ["two"]), (None, [])):
            if register:
                gw.config["discovery"]["consul"]["register"] = register
            else:
                del gw.config["discovery"]["consul"]["register"]
            with open(gw.path, "w", encoding="utf-8") as f:
                json.dump(gw.config, f)
            gw.signal(signal.SIGHUP)
            self.wait_ids(*ids, limit=20)

    def test_an_agent_that_is_gone_does_not_hold_it_up(self):
        gw = self.gateway(linger="0s")
        self.wait_ids("edge-%d" % gw.port)
        self.consul.kill()
        begun = time.monotonic()
        self.assertEqual(gw.stop(), 0)
        report("ended without Consul after", time.monotonic() - begun)


class Guarded(unittest.TestCase):
    """Agents that do not let everybody in, or not over TCP."""

    rules = ('service "edge" { policy = "write" } service_prefix "" { policy = "read" } '
             'node_prefix "" { policy = "read" }')

    def gateway(self, address, env=None, **consul):
        config = gateway_config(address, **consul)
        config["discovery"]["consul"]["register"] = {"name": "edge", "id": "e1", "linger": "0s"}
        gw = start_gateway(config, env={**NEUTRAL, **(env or {})}, wait=False)
        self.addCleanup(end, gw)
        return gw

    def comes_and_goes(self, gw, ids):
        """It is registered, and taken out when the gateway ends."""
        wait_until(lambda: ids() == ["e1"], 20, "edge is registered\n" + gw.tail())
        gw.signal(signal.SIGTERM)
        self.assertEqual(gw.wait(), 0)
        self.assertEqual(ids(), [])
        self.assertTrue(said(gw, "taken out of Consul"))

    def ids(self, consul):
        return [i["Service"]["ID"] for i in
                consul.call("GET", "/v1/health/service/edge?passing").json()]

    def test_tokens(self):
        consul = AclAgent()
        self.addCleanup(consul.kill)

        def ids():
            return [i["Service"]["ID"] for i in
                    consul.root("GET", "/v1/health/service/edge?passing")]

        _, writer = consul.token("writer", self.rules)
        _, reader = consul.token("reader", 'service_prefix "" { policy = "read" } '
                                           'node_prefix "" { policy = "read" }')
        path = scratch("token")
        with open(path, "w", encoding="ascii") as f:
            f.write(reader + "\n")
        gw = self.gateway(consul.address, token_file=path)
        wait_until(lambda: said(gw, "cannot register in Consul"), 20, "it may not")
        line = next(a for a in gw.log()
                    if str(a.get("message")).startswith("cannot register in Consul"))
        self.assertEqual((line["status"], line["remedy"]),
                         (403, "give the ACL token service:write for this name"))
        # Another token in the file is taken up with the next try.
        with open(path, "w", encoding="ascii") as f:
            f.write(writer + "\n")
        self.comes_and_goes(gw, ids)
        self.assertNotIn(writer, gw.stderr())
        # From the environment.
        self.comes_and_goes(self.gateway(consul.address, {"CONSUL_HTTP_TOKEN": writer}), ids)

    def test_a_token_that_is_taken_away(self):
        consul = AclAgent()
        self.addCleanup(consul.kill)
        accessor, writer = consul.token("writer", self.rules)
        gw = self.gateway(consul.address, {"CONSUL_HTTP_TOKEN": writer})
        wait_until(lambda: said(gw, "registered in Consul"), 20, "registered")
        consul.root("DELETE", "/v1/acl/token/" + accessor)
        wait_until(lambda: said(gw, "cannot register in Consul"), 20,
                   "that the check cannot be kept alive is said")

    def test_client_certificate(self):
        consul, address, settings = https_agent()
        self.addCleanup(consul.kill)
        self.comes_and_goes(self.gateway(address, **settings), lambda: self.ids(consul))

    def test_unix_socket(self):
        consul, address = unix_agent()
        self.addCleanup(consul.kill)
        self.comes_and_goes(self.gateway(address), lambda: self.ids(consul))


if __name__ == "__main__":
    unittest.main()
