# SPDX-License-Identifier: Apache-2.0
"""Discovery: a start without Consul from the snapshot on disk, and which instances a service's
settings choose."""
import json
import os
import tempfile
import time
import unittest

from discovery_lab import (NEUTRAL, Backend, Load, end, gateway, gateway_config, get, report, said,
                           service, used, wait_used)
from harness import (Consul, free_port, request, start_consul, start_gateway, wait_until, workdir)


class Snapshot(unittest.TestCase):
    """What Consul last said is on disk, and a gateway that starts without Consul serves it."""

    def setUp(self):
        self.path = os.path.join(tempfile.mkdtemp(dir=workdir()), "discovery.json")
        self.one, self.two = Backend("one"), Backend("two")
        self.addCleanup(self.one.close)
        self.addCleanup(self.two.close)

    def gateway(self, address, wait=True, path=None, **consul):
        config = gateway_config(address, **consul)
        config["discovery"]["snapshot"] = path or self.path
        gw = start_gateway(config, env=NEUTRAL, wait=wait)
        self.addCleanup(end, gw)
        return gw

    def on_disk(self):
        """Returns the ids in the snapshot, or None."""
        try:
            with open(self.path, encoding="utf-8") as f:
                services = json.load(f)["consul"]["services"]
        except FileNotFoundError:
            return None
        return sorted(i["id"].partition("/")[2] for s in services for i in s["instances"])

    def test_cold_start(self):
        consul = start_consul()
        self.addCleanup(lambda: consul.kill())
        consul.register("web", self.one.port, "w1")
        gw = self.gateway(consul.address)
        wait_until(lambda: self.on_disk() == ["w1"], 10, "the snapshot")
        consul.register("web", self.two.port, "w2")
        wait_until(lambda: self.on_disk() == ["w1", "w2"], 15, "the next snapshot")
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["discovery.json"])
        end(gw)
        consul.kill()
        begun = time.monotonic()
        # Long enough to look at what is held, on a slow machine too.
        gw = self.gateway(consul.address, hold="8s")
        report("ready without Consul after", time.monotonic() - begun)
        self.assertEqual(get(gw)[0], 200)
        record = service(gw)
        self.assertTrue(record["restored"], record)
        self.assertIn("restored from the snapshot on disk", record["note"])
        self.assertGreater(record["age_ms"], 0)
        ready = request(gw.admin, "/readyz")
        self.assertEqual((ready.status, ready.json()["restored"]), (200, ["web"]))
        self.assertEqual(gw.metrics()["gatehouse_consul_restored"], 1)
        wait_until(lambda: said(gw, "Consul does not answer"), 5, "noticed")
        # The agent is back and knows nothing: a loss like any other, which is held.
        load = Load(gw)
        consul = Consul(consul.ports).wait_ready()
        wait_until(lambda: service(gw)["note"].startswith("holding 2"), 10, "hold")
        self.assertFalse(service(gw)["restored"])
        self.assertEqual(request(gw.admin, "/readyz").json()["restored"], [])
        self.assertEqual(used(gw), ["w1", "w2"])
        consul.register("web", self.one.port, "w1")
        wait_used(gw, ["w1"], limit=25)
        self.assertEqual(load.stop(), [])

    def test_a_held_loss_does_not_become_one(self):
        """The agent is empty for a moment, and the gateway is restarted just then."""
        consul = start_consul()
        self.addCleanup(lambda: consul.kill())
        consul.register("web", self.one.port, "w1")
        config = gateway_config(consul.address, hold="60s")
        config["discovery"]["snapshot"] = self.path
        gw = start_gateway(config, env=NEUTRAL)
        self.addCleanup(end, gw)
        wait_until(lambda: self.on_disk() == ["w1"], 10, "the snapshot")
        consul = consul.restart()
        wait_until(lambda: service(gw)["note"].startswith("holding 1"), 10, "hold")
        wait_until(lambda: self.missing() == [True], 15, "the next snapshot")
        end(gw)
        consul.kill()
        gw = self.gateway(consul.address)
        self.assertEqual(get(gw), (200, b"one"))

    def missing(self):
        """Returns which instances of the snapshot are held."""
        with open(self.path, encoding="utf-8") as f:
            services = json.load(f)["consul"]["services"]
        return [i["missing"] for s in services for i in s["instances"]]

    def test_neither(self):
        """No agent, and no snapshot, a broken one, or another's."""
        closed = "127.0.0.1:%d" % free_port()
        for text in (None, "{\"format\":", '{"format": "x"}',
                     '{"format": "gatehouse-discovery", "version": 1, "consul": {"agent": '
                     '"http://10.1.1.1:8500", "unix_socket": "", "services": []}}'):
            with self.subTest(text):
                if text is not None:
                    with open(self.path, "w", encoding="ascii") as f:
                        f.write(text)
                gw = self.gateway(closed, wait=False)
                gw.wait_listening(gw.admin)
                wait_until(lambda: said(gw, "Consul does not answer"), 5, "noticed")
                self.assertEqual(get(gw)[0], 503)
                ready = request(gw.admin, "/readyz")
                self.assertEqual(ready.status, 503)
                self.assertIn("service web has not been answered for yet",
                              ready.json()["missing"])
                lines = said(gw, "the snapshot of discovery is ignored")
                self.assertEqual(len(lines), 0 if text is None else 1, lines)
                end(gw)

    def test_nowhere_to_write(self):
        consul = start_consul()
        self.addCleanup(consul.kill)
        consul.register("web", self.one.port, "w1")
        gw = self.gateway(consul.address, path="/dev/full/discovery.json")
        wait_until(lambda: said(gw, "cannot be written"), 10, "said")
        consul.register("web", self.two.port, "w2")
        wait_used(gw, ["w1", "w2"])
        self.assertEqual(get(gw)[0], 200)
        # It is tried again every five seconds, and said once.
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 5.5, 10, "another try")
        self.assertEqual(len(said(gw, "cannot be written")), 1)


class Choice(unittest.TestCase):
    """Which instances a service of the gateway means, and which of them may be used."""

    def test_filters_and_checks(self):
        consul = start_consul()
        self.addCleanup(consul.kill)
        one = Backend("one")
        self.addCleanup(one.close)

        def register(ident, tags, meta, *checks):
            consul.register("web", one.port, ident, Tags=tags, Meta=meta, Checks=[
                {"CheckID": "%s-%s" % (ident, name), "Name": name, "TTL": "60s",
                 "Status": "passing"} for name in checks])

        register("a", ["blue", "v2"], {"zone": "x"}, "alive", "ready")
        register("b", ["blue"], {"zone": "y"}, "alive", "ready")
        register("c", ["blue", "v2"], {"zone": "y"}, "alive")
        register("d", ["green", "v2"], {}, "alive", "ready")
        gw = gateway(consul.address, {
            "both": {"consul_name": "web", "tags": ["blue", "v2"]},
            "one": {"consul_name": "web", "tags": "green"},
            "zone": {"consul_name": "web", "meta": {"zone": "y"}},
            "zoned": {"consul_name": "web", "meta": {"zone": "*"}},
            "ready": {"consul_name": "web", "require_checks": ["alive", "ready"]},
            "there": {"consul_name": "web", "datacenter": "dc1", "consistency": "consistent"},
            "elsewhere": {"consul_name": "web", "datacenter": "dc9"}}, wait=False)
        self.addCleanup(end, gw)
        gw.wait_listening(gw.admin)
        wait_used(gw, ["a", "c"], "both", limit=15)
        wait_used(gw, ["d"], "one")
        wait_used(gw, ["b", "c"], "zone")
        wait_used(gw, ["a", "b", "c"], "zoned")
        wait_used(gw, ["a", "b", "d"], "ready")
        wait_used(gw, ["a", "b", "c", "d"], "there")
        why = {e["id"].partition("/")[2]: e["why"] for e in service(gw, "ready")["endpoints"]}
        self.assertEqual(why["c"], "critical: the required check ready is missing")
        # Of another data centre there is no answer, and that is said of it alone.
        wait_until(lambda: "answers with an error" in service(gw, "elsewhere")["note"], 5,
                   service(gw, "elsewhere"))
        self.assertEqual([service(gw, n)["note"] for n in ("both", "there")], ["", ""])
        # A required check that warns is not passing; others may warn.
        consul.call("PUT", "/v1/agent/check/warn/a-ready")
        consul.call("PUT", "/v1/agent/check/warn/b-alive")
        wait_used(gw, ["d"], "ready")
        wait_used(gw, ["a", "c"], "both")


if __name__ == "__main__":
    unittest.main()
