# SPDX-License-Identifier: Apache-2.0
"""Discovery: endpoints through a real Consul that is killed, frozen and emptied, and through a
fake agent that answers what no Consul should."""
import signal
import tempfile
import time
import unittest

from discovery_lab import (HOLD, AclAgent, Backend, Load, connections_to, end, gateway, get,
                           https_agent, report, said, service, unix_agent, used, wait_served,
                           wait_used)
from fake_agent import FakeAgent, instance
from harness import (SLOW, Consul, Process, consul_binary, free_port, request, scratch,
                     start_consul, wait_until, workdir)


class RealConsul(unittest.TestCase):
    """A dev agent of its own for each test."""

    agent_args = ()

    def setUp(self):
        self.consul = start_consul(*self.agent_args)
        self.addCleanup(lambda: self.consul.kill())
        self.one, self.two = Backend("one"), Backend("two")
        self.addCleanup(self.one.close)
        self.addCleanup(self.two.close)

    def gateway(self, services=None, **more):
        gw = gateway(self.consul.address, services, **more)
        self.addCleanup(end, gw)
        return gw

    def register(self, ident, backend, name="web", **more):
        self.consul.register(name, backend.port, ident, **more)

    def check(self, ident, state):
        """Sets the TTL check of an instance."""
        res = self.consul.call("PUT", "/v1/agent/check/%s/service:%s" % (state, ident))
        self.assertEqual(res.status, 200)

    def test_register_and_deregister(self):
        gw = self.gateway()
        self.assertEqual(get(gw)[0], 503)
        self.assertIn(b'"urn:gatehouse:never_registered"', get(gw)[1])
        gw.wait_access(lambda a: a["reason"] == "never_registered" and a["status"] == 503)
        self.register("w1", self.one)
        report("registered to routed", wait_served(gw))
        self.register("w2", self.two)
        wait_used(gw, ["w1", "w2"])
        wait_until(lambda: {get(gw)[1] for _ in range(4)} == {b"one", b"two"}, 5, "both answer")
        load = Load(gw)
        self.consul.deregister("w1")
        report("one of two gone", wait_used(gw, ["w2"]))
        # The last one is believed to be there until the hold is over.
        self.consul.deregister("w2")
        begun = time.monotonic()
        wait_until(lambda: "holding" in service(gw)["note"], 5, "hold")
        self.assertEqual(used(gw), ["w2"])
        wait_until(lambda: time.monotonic() - begun > HOLD * 0.8, HOLD * 2, "most of the hold")
        self.assertEqual(load.stop(), [])
        self.assertGreater(load.sent, 20)
        wait_served(gw, HOLD * 2, 503)
        held = time.monotonic() - begun
        report("the last one given up", held)
        self.assertGreater(held, HOLD * 0.95)
        self.assertIn(b'"urn:gatehouse:no_endpoints"', get(gw)[1])
        gw.wait_access(lambda a: a["reason"] == "no_endpoints" and a["status"] == 503)
        self.assertEqual(service(gw)["state"], "empty")
        self.register("w1", self.one)
        report("back", wait_served(gw))

    def test_checks(self):
        gw = self.gateway({"web": {"on_all_critical": "fail"}})
        ttl = {"Check": {"TTL": "60s", "Status": "passing"},
               "Weights": {"Passing": 10, "Warning": 1}}
        self.register("w1", self.one, **ttl)
        self.register("w2", self.two, **ttl)
        wait_used(gw, ["w1", "w2"])
        self.check("w1", "fail")
        report("failed to out", wait_used(gw, ["w2"]))
        why = {e["id"].partition("/")[2]: e["why"] for e in service(gw)["endpoints"]}
        self.assertTrue(why["w1"].startswith("critical: "), why)
        self.assertEqual(why["w2"], "passing")
        self.check("w1", "pass")
        report("passed to in", wait_used(gw, ["w1", "w2"]))
        self.check("w2", "warn")
        wait_until(lambda: sorted(e["weight"] for e in service(gw)["endpoints"]) == [1, 10], 5,
                   "warning weight")
        self.check("w1", "fail")
        self.check("w2", "fail")
        wait_served(gw, status=503)
        self.check("w2", "pass")
        wait_served(gw)

    def test_panic(self):
        gw = self.gateway()
        ttl = {"Check": {"TTL": "60s", "Status": "passing"}}
        self.register("w1", self.one, **ttl)
        self.register("w2", self.two, **ttl)
        wait_used(gw, ["w1", "w2"])
        load = Load(gw)
        self.check("w1", "fail")
        wait_used(gw, ["w2"])
        self.check("w2", "fail")
        wait_until(lambda: "none is passing" in service(gw)["note"], 5, "panic")
        self.assertEqual(used(gw), ["w1", "w2"])
        self.assertEqual(load.stop(), [])
        self.check("w1", "pass")
        wait_used(gw, ["w1"])

    def test_maintenance(self):
        gw = self.gateway()
        self.register("w1", self.one)
        self.register("w2", self.two)
        wait_used(gw, ["w1", "w2"])
        path = "/v1/agent/service/maintenance/w1?enable=%s&reason=test"
        self.consul.call("PUT", path % "true")
        report("service maintenance", wait_used(gw, ["w2"]))
        self.consul.call("PUT", "/v1/agent/maintenance?enable=true&reason=test")
        report("node maintenance", wait_used(gw, []))
        # No panic: somebody wants it so.
        self.assertEqual(get(gw)[0], 503)
        self.consul.call("PUT", "/v1/agent/maintenance?enable=false")
        wait_used(gw, ["w2"])
        self.consul.call("PUT", path % "false")
        wait_used(gw, ["w1", "w2"])

    def test_agent_killed_and_restarted(self):
        gw = self.gateway(hold="20s")
        self.register("w1", self.one)
        self.register("w2", self.two)
        wait_used(gw, ["w1", "w2"])
        load = Load(gw)
        self.consul.kill()
        wait_until(lambda: said(gw, "Consul does not answer"), 5, "noticed")
        self.assertEqual(used(gw), ["w1", "w2"])
        self.consul = Consul(self.consul.ports).wait_ready()
        begun = time.monotonic()
        wait_until(lambda: service(gw)["note"].startswith("holding 2"), 5, "empty agent seen")
        report("the new agent is asked", time.monotonic() - begun)
        self.assertEqual(used(gw), ["w1", "w2"])
        self.register("w1", self.one)
        self.register("w2", self.two)
        begun = time.monotonic()
        # The first alone ends the hold: one of two is no big loss.  Either may have to wait for the
        # limit of one question a second.
        wait_until(lambda: service(gw)["note"] == "", 5, "hold over")
        report("registered again, seen", time.monotonic() - begun)
        self.assertLess(time.monotonic() - begun, 2 * SLOW)
        wait_used(gw, ["w1", "w2"])
        # The watch lives on: its index is the new agent's.
        self.consul.deregister("w2")
        wait_used(gw, ["w1"])
        self.assertEqual(load.stop(), [])
        self.assertEqual(len(said(gw, "Consul does not answer")), 1)

    def test_reload_while_the_agent_is_empty(self):
        gw = self.gateway(hold="30s")
        self.register("w1", self.one)
        wait_used(gw, ["w1"])
        load = Load(gw)
        self.consul.kill()
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["generation"] == 2, 10, "generation 2")
        self.assertEqual(used(gw), ["w1"])
        self.consul = Consul(self.consul.ports).wait_ready()
        wait_until(lambda: service(gw)["note"].startswith("holding 1"), 10, "hold")
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["generation"] == 3, 10, "generation 3")
        self.assertEqual(used(gw), ["w1"])
        self.assertEqual(load.stop(), [])
        self.register("w1", self.one)
        wait_until(lambda: service(gw)["note"] == "", 5, "hold over")

    def test_agent_frozen(self):
        gw = self.gateway()
        self.register("w1", self.one)
        wait_used(gw, ["w1"])
        load = Load(gw)
        self.consul.signal(signal.SIGSTOP)
        begun = time.monotonic()
        try:
            wait_until(lambda: said(gw, "Consul does not answer"), 12, "noticed")
            report("a frozen agent is noticed", time.monotonic() - begun)
            self.assertEqual(used(gw), ["w1"])
        finally:
            self.consul.signal(signal.SIGCONT)
        wait_until(lambda: said(gw, "Consul answers again"), 10, "noticed")
        self.register("w2", self.two)
        wait_used(gw, ["w1", "w2"])
        self.assertEqual(load.stop(), [])

    def test_snapshot_restored(self):
        gw = self.gateway()
        self.register("w1", self.one)
        wait_used(gw, ["w1"])
        snapshot = self.consul.call("GET", "/v1/snapshot").body
        self.register("w2", self.two)
        wait_used(gw, ["w1", "w2"])
        res = request(self.consul.port, "/v1/snapshot", "PUT", body=snapshot)
        self.assertEqual(res.status, 200)
        # The agent soon puts back what it knows itself; until then one is gone.
        begun = time.monotonic()
        self.register("w3", self.two)
        wait_until(lambda: "w3" in used(gw), 5, "w3")
        report("registered after a restore, seen", time.monotonic() - begun)

    def test_odd_registrations(self):
        gw = self.gateway({"web": {}, "named": {"default_port": self.one.port}})
        for ident, address, port in [("bad1", "http://a b:80/", 80), ("bad2", "127.0.0.1", 70000),
                                     ("bad3", "127.0.0.1", 0), ("bad4", "10.0.0.256", 80),
                                     ("good", "127.0.0.1", self.one.port),
                                     ("six", "2001:db8::1", 80)]:
            self.consul.register("web", port, ident, address)
        wait_used(gw, ["good", "six"])
        # Later answers say it all again; the log does not.
        self.consul.register("web", self.two.port, "good2", "127.0.0.1")
        wait_used(gw, ["good", "good2", "six"])
        self.consul.deregister("six")
        wait_used(gw, ["good", "good2"])
        for ident in ("bad1", "bad2", "bad3", "bad4"):
            self.assertEqual(len([s for s in said(gw, "left out") if ident in s]), 1, ident)
        # A host name, with the service's own port.
        self.consul.register("named", 0, "n1", "localhost")
        self.consul.register("named", 80, "n2", "no-such-host.invalid")
        wait_served(gw, name="named")
        self.assertEqual(get(gw, "named"), (200, b"one"))
        why = [e["why"] for e in service(gw, "named")["endpoints"] if not e["usable"]]
        wait_until(lambda: any("does not resolve" in e["why"]
                               for e in service(gw, "named")["endpoints"]), 10, why)

    def test_many_instances(self):
        gw = self.gateway()
        payload = [("w%d" % i, self.one if i % 2 else self.two) for i in range(200)]
        for ident, backend in payload:
            self.register(ident, backend)
        wait_used(gw, [ident for ident, _ in payload], limit=30)
        self.assertEqual(get(gw)[0], 200)

    def test_many_services(self):
        names = ["s%d" % i for i in range(300)]
        for name in names:
            self.register(name, self.one, name)
        gw = self.gateway({name: {} for name in names}, wait=False)
        begun = time.monotonic()
        gw.wait_ready(30)
        report("300 services are live", time.monotonic() - begun)
        self.assertTrue(all(s["state"] == "live" for s in gw.status()["services"]))
        # An agent allows 200 connections per client.
        self.assertLess(connections_to(gw.pid, self.consul.port), 60)
        self.register("s7-new", self.two, "s7")
        report("registered to used", wait_used(gw, ["s7", "s7-new"], "s7"))
        self.consul.call("PUT", "/v1/agent/service/maintenance/s7?enable=true")
        report("maintenance to out", wait_used(gw, ["s7-new"], "s7"))

    def test_unix_socket(self):
        consul, address = unix_agent()
        self.addCleanup(consul.kill)
        consul.register("web", self.one.port, "w1")
        gw = gateway(address)
        self.addCleanup(end, gw)
        wait_served(gw)


class Server(Consul):
    """One server of a cluster of three, with a data directory that outlives it."""

    def __init__(self, number, all_ports, folder=None):
        self.number, self.all_ports = number, all_ports
        self.folder = folder or tempfile.mkdtemp(dir=workdir())
        self.ports = all_ports[number]
        self.port = self.ports["http"]
        self.address = "127.0.0.1:%d" % self.port
        argv = [consul_binary(), "agent", "-server", "-bootstrap-expect=3",
                "-disable-host-node-id", "-node=s%d" % number, "-data-dir=" + self.folder,
                "-bind=127.0.0.1", "-client=127.0.0.1", "-log-level=warn",
                "-hcl", "performance { raft_multiplier = 1 }"]
        argv += ["-%s-port=%d" % item for item in self.ports.items()]
        argv += ["-retry-join=127.0.0.1:%d" % p["serf-lan"] for p in all_ports]
        Process.__init__(self, argv, "consul-s%d" % number)

    def again(self):
        """Kills the server and starts it anew, with what it had on disk."""
        self.kill()
        return Server(self.number, self.all_ports, self.folder)


class Cluster(unittest.TestCase):
    """Three servers; the gateway asks one that stays."""

    def test_leader_and_majority_killed(self):
        names = ("http", "dns", "grpc", "serf-lan", "serf-wan", "server")
        ports = [{name: free_port() for name in names} for _ in range(3)]
        servers = [Server(i, ports) for i in range(3)]
        self.addCleanup(lambda: [s.kill() for s in servers])
        for s in servers:
            s.wait_ready(60)
        leader = int(servers[0].call("GET", "/v1/status/leader").json().rpartition(":")[2])
        first = next(i for i in range(3) if ports[i]["server"] == leader)
        mine, other = [i for i in range(3) if i != first]
        backends = [Backend(str(i)) for i in range(3)]
        for i, b in enumerate(backends):
            self.addCleanup(b.close)
            servers[mine].register("web", b.port, "w%d" % i)
        gw = gateway(servers[mine].address)
        self.addCleanup(end, gw)
        wait_used(gw, ["w0", "w1", "w2"])
        load = Load(gw)
        servers[first].kill()
        begun = time.monotonic()
        wait_until(lambda: self.leader(servers[mine]) not in (None, leader), 60, "a new leader")
        report("a new leader after", time.monotonic() - begun)
        servers[mine].deregister("w2")
        report("deregistered to gone", wait_used(gw, ["w0", "w1"], limit=20))
        # Now nobody leads, and nothing is removed whatever the one that is left says.
        servers[other].kill()
        wait_until(lambda: self.leader(servers[mine]) is None, 60, "no leader")
        self.assertEqual(used(gw), ["w0", "w1"])
        for i in (first, other):
            servers[i] = servers[i].again()
        wait_until(lambda: self.leader(servers[mine]), 60, "a leader again")
        servers[mine].register("web", backends[2].port, "w3")
        report("registered to used", wait_used(gw, ["w0", "w1", "w3"], limit=30))
        self.assertEqual(load.stop(), [])
        self.assertGreater(load.sent, 100)

    @staticmethod
    def leader(server):
        """Returns the port of the leader as that server sees it, or None."""
        try:
            text = server.call("GET", "/v1/status/leader", limit=2).json()
        except (OSError, ValueError):
            return None
        return int(text.rpartition(":")[2]) if text else None


class Encrypted(unittest.TestCase):
    """An agent that speaks https and wants a client certificate."""

    def test_many_services_on_few_connections(self):
        consul, address, settings = https_agent()
        self.addCleanup(consul.kill)
        backend = Backend("encrypted")
        self.addCleanup(backend.close)
        names = ["s%d" % i for i in range(300)]
        for name in names:
            consul.register(name, backend.port, address="127.0.0.1")
        gw = gateway(address, {name: {} for name in names}, wait=False, **settings)
        self.addCleanup(end, gw)
        begun = time.monotonic()
        gw.wait_ready(30)
        report("300 services over TLS are live", time.monotonic() - begun)
        self.assertTrue(all(s["state"] == "live" for s in gw.status()["services"]))
        self.assertEqual(get(gw, "s299"), (200, b"encrypted"))
        consul.deregister("s7")
        consul.register("s7", backend.port, "s7-new")
        wait_used(gw, ["s7-new"], "s7")
        self.assertLessEqual(connections_to(gw.pid, int(address.rpartition(":")[2])), 3)
        # The name that is verified is the one configured, and no other.
        wrong = gateway(address, wait=False,
                        **{**settings, "tls_server_name": "server.dc2.consul"})
        self.addCleanup(end, wrong)
        wait_until(lambda: said(wrong, "Consul does not answer"), 10, "refused by name")


class AgentLater(unittest.TestCase):
    """The gateway starts before Consul does."""

    def test_agent_down_at_start(self):
        ports = {name: free_port() for name in (
            "http", "dns", "grpc", "serf-lan", "serf-wan", "server")}
        backend = Backend("late")
        self.addCleanup(backend.close)
        gw = gateway("127.0.0.1:%d" % ports["http"], wait=False)
        self.addCleanup(end, gw)
        gw.wait_listening(gw.admin)
        wait_until(lambda: said(gw, "Consul does not answer"), 5, "noticed")
        self.assertFalse(gw.ready())
        self.assertEqual(request(gw.admin, "/healthz").status, 200)
        self.assertEqual(get(gw)[0], 503)
        consul = Consul(ports).wait_ready()
        self.addCleanup(consul.kill)
        begun = time.monotonic()
        gw.wait_ready()
        report("ready after the agent", time.monotonic() - begun)
        consul.register("web", backend.port, "w1")
        wait_served(gw)


class AccessControl(unittest.TestCase):
    """Default deny; a token from a file that is deleted while a watch runs."""

    rules = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }'

    def setUp(self):
        self.consul = AclAgent()
        self.addCleanup(self.consul.kill)
        self.backend = Backend("secret")
        self.addCleanup(self.backend.close)
        self.register("w1")

    def register(self, ident):
        self.consul.root("PUT", "/v1/agent/service/register", {
            "ID": ident, "Name": "web", "Address": "127.0.0.1", "Port": self.backend.port})

    def test_tokens(self):
        accessor, secret = self.consul.token("reader", self.rules)
        path = scratch("token")
        with open(path, "w", encoding="ascii") as f:
            f.write(secret + "\n")
        gw = gateway(self.consul.address, token_file=path)
        self.addCleanup(end, gw)
        wait_served(gw)
        # Without the token Consul answers 403, or that there is nothing.
        self.consul.root("DELETE", "/v1/acl/token/" + accessor)
        self.register("w2")
        wait_until(lambda: "token" in service(gw)["note"] or "holding" in service(gw)["note"],
                   45, "the token is refused: %s" % service(gw))
        self.assertEqual(used(gw), ["w1"])
        _, secret = self.consul.token("reader")
        with open(path, "w", encoding="ascii") as f:
            f.write(secret + "\n")
        wait_used(gw, ["w1", "w2"], limit=40)
        for line in gw.stderr().splitlines():
            self.assertNotIn(secret, line)

    def test_no_token(self):
        gw = gateway(self.consul.address)
        self.addCleanup(end, gw)
        wait_until(lambda: "token" in service(gw)["note"], 10, "a hint")
        self.assertEqual(get(gw)[0], 503)


class Liar(unittest.TestCase):
    """A fake agent: whatever it answers, endpoints stay and it is not asked in a loop."""

    # mode: (questions, the least seconds they may take, what the note must contain)
    modes = {
        "bad_json": (4, 0.8, "cannot be understood"),
        "wrong_json": (4, 0.8, "cannot be understood"),
        "truncated": (4, 0.8, "cannot be understood"),
        "no_index": (4, 0.8, "cannot be understood"),
        "odd_index": (4, 0.8, "cannot be understood"),
        "web_page": (4, 0.8, "cannot be understood"),
        "failing": (4, 0.8, "answers with an error"),
        "redirect": (4, 0.8, "answers with an error"),
        "too_many": (1, 4.9, "limits.http_max_conns_per_client"),
        "reset": (2, 4.9, "limits.http_max_conns_per_client"),
        "hung_up": (2, 4.9, "limits.http_max_conns_per_client"),
        "denied": (1, 14.0, "ACL token"),
        "index_0": (6, 1.9, ""),
        "flapping": (6, 1.9, ""),
        "early": (6, 1.9, ""),
        "leaderless": (6, 1.9, "no leader"),
        "stale": (6, 1.9, "no leader"),
    }

    @staticmethod
    def asked(mode, fake, begun, count):
        """Returns the time of the count-th question since then, None while there are fewer.

        A kept connection that is cut before it answers is replaced at once: that is one
        question, though the agent sees several.  The last of them is on a new connection.
        """
        times = fake.asked_since(begun, fresh=mode in ("reset", "hung_up"))
        return times[count - 1] if len(times) >= count else None

    def test_endpoints_stay(self):
        backend = Backend("still here")
        self.addCleanup(backend.close)
        two = [instance("w1", backend.port), instance("w2", backend.port)]
        with FakeAgent() as agent:
            for mode in self.modes:
                agent.set(mode, two)
            gw = gateway(agent.address, {mode: {} for mode in self.modes})
            self.addCleanup(end, gw)
            for mode in self.modes:
                wait_used(gw, ["w1", "w2"], mode)
            # An agent that seems to be back is asked about everything anew, at once.
            def renewals():
                return gw.stderr().count("Consul answers again")
            before = renewals()
            begun = {mode: agent.services[mode].change(mode=mode) for mode in self.modes}
            for mode, (count, least, note) in sorted(self.modes.items(), key=lambda m: m[1][1]):
                with self.subTest(mode):
                    fake = agent.services[mode]
                    last = wait_until(
                        lambda: self.asked(mode, fake, begun[mode], count + renewals() - before),
                        60, "%d questions" % count)
                    took = last - begun[mode]
                    report("%s: %d questions took" % (mode, count), took)
                    self.assertGreater(took, least)
                    self.assertIn(note, service(gw, mode)["note"])
                    self.assertEqual(used(gw, mode), ["w1", "w2"])
                    self.assertEqual(get(gw, mode), (200, b"still here"))
            # And all is forgiven when it does as it should.
            for mode in self.modes:
                agent.services[mode].change(mode="good", instances=two[:1])
            for mode in self.modes:
                with self.subTest(mode):
                    wait_used(gw, ["w1"], mode, limit=25)
                    wait_until(lambda: service(gw, mode)["note"] == "", 5, "note gone")

    def test_index_goes_back(self):
        with FakeAgent() as agent:
            fake = agent.set("web", [instance("w1", 1)])
            fake.index = 500
            gw = gateway(agent.address)
            self.addCleanup(end, gw)
            wait_used(gw, ["w1"])
            with fake.changed:
                fake.index = 11
                fake.changed.notify_all()
            # At index 0 it asks what is there now, and then goes on from 11.
            wait_until(lambda: [i for _, i in fake.questions][-2:] == [0, 11], 5, "0, then 11")

    def test_big_loss(self):
        backends = [Backend(str(i)) for i in range(3)]
        for b in backends:
            self.addCleanup(b.close)
        three = [instance("w%d" % i, b.port) for i, b in enumerate(backends)]
        with FakeAgent() as agent:
            fake = agent.set("web", three)
            gw = gateway(agent.address)
            self.addCleanup(end, gw)
            wait_used(gw, ["w0", "w1", "w2"])
            fake.change(instances=three[:1])
            # Two of three are missing: held, and not used while the third is there.
            wait_used(gw, ["w0"])
            self.assertEqual(len(service(gw)["endpoints"]), 3)
            wait_until(lambda: len(service(gw)["endpoints"]) == 1, HOLD * 2, "hold over")
            fake.change(instances=three)
            wait_used(gw, ["w0", "w1", "w2"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
