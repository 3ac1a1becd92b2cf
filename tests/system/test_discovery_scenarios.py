# SPDX-License-Identifier: Apache-2.0
"""Discovery: what is done to Consul or to an instance, under 200 requests a second to a service of
three instances, and what of it a client sees.

Prints a line for each scenario: requests sent, failed, how long it took until what is used is what
should be, and how much of a core the control process took.  make check runs the quick ones;
tests/consul-scenarios runs all.
"""
import json
import os
import signal
import socket
import tempfile
import threading
import time
import unittest

from discovery_lab import (HOLD, NEUTRAL, AclAgent, Backend, connections_to, end, gateway,
                           gateway_config, get, https_agent, said, service, used, wait_used)
from fake_agent import FakeAgent, instance
from harness import (SLOW, Consul, Process, consul_binary, free_port, scratch, start_consul,
                     start_gateway, wait_until, workdir)
from wire import Client

ALL = bool(os.environ.get("SCENARIOS_ALL"))
RATE, THREADS = 200, 4
THREE = ["w0", "w1", "w2"]
TTL = {"Check": {"TTL": "10m", "Status": "passing"}, "Weights": {"Passing": 10, "Warning": 1}}


class Steady:
    """RATE requests a second on kept connections; failures is what a client must not see."""

    def __init__(self, gw, name="web"):
        self.gw, self.name = gw, name
        self.lock = threading.Lock()
        self.sent, self.failures = 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.sent > THREADS, 10, "load")

    def run(self):
        client, begun, n = None, time.monotonic(), 0
        while not self.over.wait(max(0, begun + n * THREADS / RATE - time.monotonic())):
            n += 1
            try:
                client = client or Client(self.gw.port, limit=10 * SLOW)
                client.send("GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % self.name)
                res = client.response()
                failure = None if res.status == 200 and not res.error else (
                    res.status, res.error, res.body)
            except OSError as e:
                failure = e
            with self.lock:
                self.sent += 1
                if failure:
                    self.failures.append(failure)
            if failure and client:
                client.close()
                client = None
        if client:
            client.close()

    def stop(self):
        """Ends the load and returns the failures."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        return self.failures


class Scenario(unittest.TestCase):
    """Three backends, and an agent and a gateway when a test asks for them."""

    def setUp(self):
        self.backends = [Backend(str(i)) for i in range(3)]
        for b in self.backends:
            self.addCleanup(b.close)
        self.load = None

    def agent(self):
        self.consul = start_consul()
        self.addCleanup(lambda: self.consul.kill())

    def serve(self, address=None, ids=tuple(THREE), services=None, **more):
        """Starts the gateway, waits until these are used, and begins the load."""
        self.gw = gateway(address or self.consul.address, services, **more)
        self.addCleanup(end, self.gw)
        wait_used(self.gw, list(ids), limit=20)
        self.begin_load()

    def begin_load(self):
        """From now on clients ask, and the control process's time is counted."""
        self.began, self.cpu = time.monotonic(), self.control_cpu()
        self.load = Steady(self.gw)
        self.addCleanup(self.load.stop)

    def control_cpu(self):
        """Seconds of processor time that the control process has taken."""
        with open("/proc/%d/stat" % self.gw.pid, encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def register(self, *numbers, **more):
        for i in numbers or range(3):
            self.consul.register("web", self.backends[i].port, "w%d" % i, **(more or TTL))

    def check(self, number, state):
        res = self.consul.call("PUT", "/v1/agent/check/%s/service:w%d" % (state, number))
        self.assertEqual(res.status, 200)

    def until(self, ids, limit=5.0):
        """Waits until exactly these are used; returns a text with the time that took."""
        return "%.0f ms" % (1000 * wait_used(self.gw, ids, limit=limit))

    def result(self, what, *times):
        """Ends the load, prints the line, and fails when a request did."""
        wait_until(lambda: self.load.sent >= RATE, 30, "a second's worth of requests")
        failures = self.load.stop()
        share = (self.control_cpu() - self.cpu) / (time.monotonic() - self.began)
        print("%-46s %6d requests, %d failed; %s; control process %.1f %%" % (
            what, self.load.sent, len(failures), ", ".join(times), 100 * share))
        self.assertEqual(failures, [], self.gw.tail())


class Instances(Scenario):

    def test_registered_and_deregistered(self):
        self.agent()
        self.register(0, 1)
        self.serve(ids=["w0", "w1"])
        self.register(2)
        came = self.until(THREE)
        self.consul.deregister("w1")
        gone = self.until(["w0", "w2"])
        self.result("register one, deregister another", "in " + came, "out " + gone)

    def test_checks(self):
        self.agent()
        self.register()
        self.serve()
        self.check(0, "fail")
        out = self.until(["w1", "w2"])
        self.check(0, "pass")
        back = self.until(THREE)
        self.check(1, "warn")
        begun = time.monotonic()
        wait_until(lambda: sorted(e["weight"] for e in service(self.gw)["endpoints"]) ==
                   [1, 10, 10], 5, "the weight of a warning")
        self.result("check fails, passes, warns (weight 1)", "out " + out, "in " + back,
                    "weight %.0f ms" % (1000 * (time.monotonic() - begun)))

    @unittest.skipUnless(ALL, "Consul removes what is critical no sooner than after a minute")
    def test_reaped(self):
        """Consul removes an instance that has been critical for long, when its reaper comes by."""
        self.agent()
        self.register(0, 1)
        self.register(2, Check={"TTL": "1s", "Status": "passing",
                                "DeregisterCriticalServiceAfter": "1m"})
        self.serve()
        out = self.until(["w0", "w1"])
        begun = time.monotonic()
        wait_until(lambda: len(service(self.gw)["endpoints"]) == 2, 120, "it is removed")
        self.result("critical for a minute, and removed", "out " + out,
                    "removed %.0f s later" % (time.monotonic() - begun))

    def test_service_maintenance(self):
        self.agent()
        self.register()
        self.serve()
        path = "/v1/agent/service/maintenance/w1?enable=%s"
        self.consul.call("PUT", path % "true")
        out = self.until(["w0", "w2"])
        self.consul.call("PUT", path % "false")
        self.result("service maintenance and back", "out " + out, "in " + self.until(THREE))

    def test_flapping(self):
        self.agent()
        self.register()
        self.serve()
        begun, flips = time.monotonic(), 0
        while time.monotonic() - begun < 3:
            self.check(0, "pass" if flips % 2 else "fail")
            flips += 1
        asked = self.gw.metrics()['gatehouse_consul_answers_total{result="2xx"}']
        self.check(0, "pass")
        back = self.until(THREE, 20)
        # A burst of three and one a second, the probes, and what the start took.
        self.assertLess(asked, 16 * SLOW)
        self.result("one check flips %d times in 3 s" % flips, "%d answers" % asked,
                    "settled after " + back)

    def test_odd_addresses(self):
        self.agent()
        self.register()
        self.serve()
        for ident, address, port in [("bad1", "http://a b:80/", 80), ("bad2", "127.0.0.1", 70000),
                                     ("name", "localhost", self.backends[0].port)]:
            self.consul.register("web", port, ident, address)
        wait_until(lambda: "name/127.0.0.1" in used(self.gw), 10, "the host name")
        self.assertEqual(len(said(self.gw, "left out")), 2)
        self.assertFalse(any(i.startswith("bad") for i in used(self.gw)))
        self.result("addresses that cannot be, and a host name", "2 left out")


class Agent(Scenario):

    def test_killed(self):
        self.agent()
        self.register()
        self.serve(hold="30s")
        self.consul.kill()
        wait_until(lambda: said(self.gw, "Consul does not answer"), 12, "noticed")
        self.consul = Consul(self.consul.ports).wait_ready()
        wait_until(lambda: service(self.gw)["note"].startswith("holding 3"), 10, "empty")
        self.register()
        begun = time.monotonic()
        wait_until(lambda: service(self.gw)["note"] == "", 10, "hold over")
        self.result("kill -9 the agent, restart, register again",
                    "seen after %.0f ms" % (1000 * (time.monotonic() - begun)))

    def test_snapshot_restored(self):
        self.agent()
        self.register(0, 1)
        self.serve(ids=["w0", "w1"])
        saved = self.consul.call("GET", "/v1/snapshot").body
        self.register(2)
        self.until(THREE)
        with Client(self.consul.port, limit=10 * SLOW) as c:
            c.send("PUT /v1/snapshot HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" %
                   len(saved))
            c.send(saved)
            self.assertEqual(c.response("PUT").status, 200)
        self.consul.register("web", self.backends[0].port, "w4")
        begun = time.monotonic()
        wait_until(lambda: "w4" in used(self.gw), 10, "w4")
        self.result("snapshot restored, then one registered",
                    "in %.0f ms" % (1000 * (time.monotonic() - begun)))

    def test_frozen(self):
        self.agent()
        self.register()
        self.serve()
        self.consul.signal(signal.SIGSTOP)
        begun = time.monotonic()
        try:
            wait_until(lambda: said(self.gw, "Consul does not answer"), 12, "noticed")
            took = time.monotonic() - begun
        finally:
            self.consul.signal(signal.SIGCONT)
        wait_until(lambda: said(self.gw, "Consul answers again"), 12, "noticed")
        self.consul.deregister("w1")
        self.result("SIGSTOP and SIGCONT", "noticed after %.1f s" % took,
                    "then out " + self.until(["w0", "w2"]))

    @staticmethod
    def instances_in(path):
        """Returns how many instances a snapshot has."""
        try:
            with open(path, encoding="utf-8") as f:
                services = json.load(f)["consul"]["services"]
        except FileNotFoundError:
            return 0
        return sum(len(s["instances"]) for s in services)

    def test_started_without(self):
        self.agent()
        self.register()
        config = gateway_config(self.consul.address)
        config["discovery"]["snapshot"] = os.path.join(tempfile.mkdtemp(dir=workdir()), "s.json")
        gw = start_gateway(config, env=NEUTRAL)
        self.addCleanup(end, gw)
        wait_until(lambda: self.instances_in(config["discovery"]["snapshot"]) == 3, 15,
                   "the snapshot")
        end(gw)
        self.consul.kill()
        begun = time.monotonic()
        self.gw = start_gateway(config, env=NEUTRAL)
        self.addCleanup(end, self.gw)
        took = time.monotonic() - begun
        self.begin_load()
        self.assertEqual(used(self.gw), THREE)
        self.result("agent down at the start, with a snapshot", "ready after %.1f s" % took)

    def test_connections_used_up(self):
        self.agent()
        self.register()
        held = []
        try:
            for _ in range(200):
                held.append(socket.create_connection(("127.0.0.1", self.consul.port), 10))
            gw = gateway(self.consul.address, wait=False)
            self.addCleanup(end, gw)
            gw.wait_listening(gw.admin)
            wait_until(lambda: "limits.http_max_conns_per_client" in gw.stderr(), 20,
                       "the limit is named")
            self.assertEqual(get(gw)[0], 503)
        finally:
            for s in held:
                s.close()
        begun = time.monotonic()
        wait_used(gw, THREE, limit=20)
        print("%-46s named; in %.1f s after they were closed" % (
            "200 idle connections to the agent", time.monotonic() - begun))


@unittest.skipUnless(ALL, "test_discovery.py has these without a constant load")
class Rest(Scenario):

    def test_last_deregistered(self):
        self.agent()
        self.register()
        self.serve()
        for i in range(3):
            self.consul.deregister("w%d" % i)
        begun = time.monotonic()
        wait_until(lambda: "holding" in service(self.gw)["note"], 5, "they are held", poll=0.002)
        held = time.monotonic() - begun
        # Most of the hold, in which nobody may see that they have gone.
        wait_until(lambda: time.monotonic() - begun > HOLD * 0.8, HOLD * 2, "most of the hold")
        failures = list(self.load.failures)
        wait_until(lambda: get(self.gw)[0] == 503, HOLD * 2, "the hold is over")
        gone = time.monotonic() - begun
        self.load.stop()
        self.load.failures = failures
        self.assertIn(b"no_endpoints", get(self.gw)[1])
        self.result("all deregistered", "held after %.0f ms" % (1000 * held),
                    "503 no_endpoints after %.1f s of %.0f s hold" % (gone, HOLD))

    def test_node_maintenance(self):
        self.agent()
        self.register()
        self.serve()
        wait_until(lambda: self.load.sent >= RATE, 30, "a second's worth of requests")
        failures = self.load.stop()
        self.consul.call("PUT", "/v1/agent/maintenance?enable=true")
        out = self.until([])
        self.assertEqual(get(self.gw)[0], 503)
        self.assertFalse(said(self.gw, "trying critical ones"))
        self.consul.call("PUT", "/v1/agent/maintenance?enable=false")
        back = self.until(THREE)
        self.load.failures = failures
        self.result("maintenance of the node of all (no load in it)", "out " + out, "in " + back)

    def test_token(self):
        self.consul = AclAgent()
        self.addCleanup(self.consul.kill)
        for i in range(3):
            self.consul.root("PUT", "/v1/agent/service/register", {
                "ID": "w%d" % i, "Name": "web", "Address": "127.0.0.1",
                "Port": self.backends[i].port})
        accessor, secret = self.consul.token(
            "reader", 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }')
        path = scratch("token")
        with open(path, "w", encoding="ascii") as f:
            f.write(secret)
        self.serve(self.consul.address, token_file=path)
        self.consul.root("DELETE", "/v1/acl/token/" + accessor)
        begun = time.monotonic()
        # Consul denies, or says that there is nothing: it depends on what it remembers.
        self.consul.root("PUT", "/v1/agent/service/register", {
            "ID": "w3", "Name": "web", "Address": "127.0.0.1", "Port": self.backends[0].port})
        wait_until(lambda: service(self.gw)["note"], 45, "the token is missed")
        missed = time.monotonic() - begun
        with open(path, "w", encoding="ascii") as f:
            f.write(self.consul.token("reader")[1])
        begun = time.monotonic()
        wait_used(self.gw, THREE + ["w3"], limit=40)
        self.result("token deleted, another one in the file", "missed after %.1f s" % missed,
                    "taken up after %.1f s" % (time.monotonic() - begun))

    def test_many_services(self):
        for over, agent in (("plain HTTP", lambda: (self.consul, self.consul.address, {})),
                            ("TLS", https_agent)):
            self.agent()
            consul, address, settings = agent()
            self.addCleanup(consul.kill)
            for i in range(3):
                consul.register("web", self.backends[i].port, "w%d" % i)
            names = ["s%d" % i for i in range(300)]
            for name in names:
                consul.register(name, self.backends[0].port)
            begun = time.monotonic()
            self.serve(address, services={name: {} for name in ["web", *names]}, **settings)
            wait_until(lambda: all(s["state"] == "live" for s in self.gw.status()["services"]),
                       30, "all are live")
            took = time.monotonic() - begun
            consul.deregister("w1")
            out = self.until(["w0", "w2"])
            self.result("301 services over " + over, "all live after %.1f s" % took,
                        "one out " + out, "%d connections" % connections_to(
                            self.gw.pid, int(address.rpartition(":")[2])))
            end(self.gw)

    def test_a_thousand_instances(self):
        self.agent()
        self.register()
        for i in range(1000):
            self.consul.register("big", 1000 + i, "b%d" % i)
        self.serve(services={"web": {}, "big": {}})
        wait_until(lambda: len(used(self.gw, "big")) == 1000, 20, "all of them")
        begun = time.monotonic()
        self.consul.deregister("b7")
        wait_until(lambda: len(used(self.gw, "big")) == 999, 20, "one less", poll=0.002)
        self.result("a service of 1,000 instances", "one out %.0f ms" % (
            1000 * (time.monotonic() - begun)))

    def test_a_liar(self):
        """An agent that answers what no Consul should."""
        three = [instance("w%d" % i, b.port) for i, b in enumerate(self.backends)]
        with FakeAgent() as agent:
            fake = agent.set("web", three)
            self.serve(agent.address)
            for mode in ("bad_json", "truncated", "no_index", "index_0", "too_many", "denied"):
                before = len(fake.questions)
                fake.change(mode=mode)
                begun = time.monotonic()
                wait_until(lambda: time.monotonic() - begun > 2, 5, "two seconds of it")
                self.assertLess(len(fake.questions) - before, 12, mode)
                self.assertEqual(used(self.gw), THREE)
            self.result("not JSON, cut, no index, index 0, 429, 403", "2 s each")


class Node(Consul):
    """A server or a client agent of a cluster on this machine, with a directory of its own."""

    def __init__(self, name, ports, join, *more, folder=None):
        self.name_, self.join, self.more = name, join, more
        self.folder = folder or tempfile.mkdtemp(dir=workdir())
        self.ports, self.port = ports, ports["http"]
        self.address = "127.0.0.1:%d" % self.port
        argv = [consul_binary(), "agent", "-disable-host-node-id", "-node=" + name,
                "-data-dir=" + self.folder, "-bind=127.0.0.1", "-client=127.0.0.1",
                "-log-level=warn", "-hcl", "performance { raft_multiplier = 1 }", *more]
        argv += ["-%s-port=%d" % item for item in ports.items()]
        argv += ["-retry-join=127.0.0.1:%d" % port for port in join]
        Process.__init__(self, argv, "consul-" + name)

    def again(self):
        """The same once more, with what it had on disk."""
        return Node(self.name_, self.ports, self.join, *self.more, folder=self.folder)


class Cluster(Scenario if ALL else object):
    """Three servers and a client agent, which the gateway asks: long, tests/consul-scenarios."""

    def setUp(self):
        super().setUp()
        names = ("http", "dns", "grpc", "serf-lan", "serf-wan", "server")
        ports = [{name: free_port() for name in names} for _ in range(4)]
        join = [p["serf-lan"] for p in ports[:3]]
        self.servers = [Node("s%d" % i, ports[i], join, "-server", "-bootstrap-expect=3")
                        for i in range(3)]
        self.addCleanup(lambda: [s.kill() for s in self.servers])
        for s in self.servers:
            s.wait_ready(60)
        self.consul = Node("client", ports[3], join)
        self.addCleanup(lambda: self.consul.kill())
        self.consul.wait_ready(60)
        self.register()
        wait_until(lambda: len(self.consul.instances("web")) == 3, 20, "registered")

    def leader(self, server):
        """Returns the number of the leader as that server sees it, or None."""
        try:
            port = int(server.call("GET", "/v1/status/leader", limit=2).json().rpartition(":")[2])
        except (OSError, ValueError, AttributeError):
            return None
        return next((i for i in range(3) if self.servers[i].ports["server"] == port), None)

    def test_leader_killed(self):
        self.serve()
        first = self.leader(self.consul)
        other = (first + 1) % 3
        self.servers[first].kill()
        begun = time.monotonic()
        wait_until(lambda: self.leader(self.servers[other]) not in (None, first), 60, "a leader")
        led = time.monotonic() - begun
        self.consul.deregister("w1")
        self.result("kill the leader, deregister one", "a new leader after %.1f s" % led,
                    "out " + self.until(["w0", "w2"], 30))

    def test_two_of_three_killed(self):
        self.serve()
        for i in (0, 1):
            self.servers[i].kill()
        wait_until(lambda: self.leader(self.servers[2]) is None, 60, "no leader")
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 5, 20, "some seconds without a leader")
        self.assertEqual(used(self.gw), THREE)
        for i in (0, 1):
            self.servers[i] = self.servers[i].again()
        wait_until(lambda: self.leader(self.servers[2]) is not None, 60, "a leader again")
        self.consul.deregister("w1")
        self.result("kill 2 of 3, restart, deregister one", "out " + self.until(["w0", "w2"], 40))

    def client(self, number, what):
        self.serve(hold="30s")
        self.consul.signal(number)
        wait_until(lambda: not self.consul.alive(), 20, "the agent's end")
        wait_until(lambda: said(self.gw, "Consul does not answer"), 12, "noticed")
        self.assertEqual(used(self.gw), THREE)
        self.consul = self.consul.again()
        self.consul.wait_ready(60)
        begun = time.monotonic()
        # The servers find a node that was lost without a word again in their own time.
        wait_until(lambda: service(self.gw)["note"] == "", 120, "all is well")
        self.result(what, "well %.1f s after it is back" % (time.monotonic() - begun))

    def test_client_agent_terminated(self):
        self.client(signal.SIGTERM, "kill -TERM the client agent, restart")

    def test_client_agent_killed(self):
        self.client(signal.SIGKILL, "kill -9 the client agent, restart")


if __name__ == "__main__":
    unittest.main()
