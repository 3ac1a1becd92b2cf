# SPDX-License-Identifier: Apache-2.0
"""The sample services against a real Consul: answers, registration, heartbeat, leaving."""
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from harness import (Client, Consul, Process, consul_binary, env_path, free_port, request,
                     scratch, start_consul, wait_until, workdir)

USERS = b'[{"id":1,"name":"Alice"},{"id":2,"name":"Bob"}]'
ORDERS = (b'[{"id":1,"item":"Laptop","price":1200},'
          b'{"id":2,"item":"Phone","price":800}]')
# Variables of the person who runs the tests must not reach the services.
NEUTRAL = {name: "" for name in os.environ if name.startswith(("CONSUL_", "SERVICE_"))}
QUICK = {"CONSUL_RETRY_SECONDS": "0.2", "CONSUL_TTL_SECONDS": "1.5",
         "SERVICE_DRAIN_SECONDS": "0"}


class Service(Process):
    """A running sample service on a port of its own."""

    def __init__(self, kind="user", consul=None, **env):
        self.port = int(env.setdefault("SERVICE_PORT", str(free_port())))
        binary = env_path(kind.upper() + "_SERVICE", kind + "-service")
        address = {"CONSUL_HTTP_ADDR": consul} if consul else {}
        super().__init__([binary], kind + "-service",
                         {**NEUTRAL, **QUICK, **address, "SERVICE_BIND": "127.0.0.1", **env})

    def get(self, path, **more):
        return request(self.port, path, **more)

    def wait_logged(self, text, limit=5):
        wait_until(lambda: text in self.stderr(), limit, "%r in the log" % text)


def check_states(consul, name):
    """Returns {service id: status of its own check}."""
    res = consul.call("GET", "/v1/health/checks/" + name)
    return {c["ServiceID"]: c["Status"] for c in res.json()}


def freeze(process):
    """Stops a process; a signal takes effect a little after it was sent."""
    process.signal(signal.SIGSTOP)
    tasks = "/proc/%d/task" % process.pid

    def stopped():
        for task in os.listdir(tasks):
            with open(os.path.join(tasks, task, "stat"), encoding="ascii") as f:
                if f.read().rpartition(")")[2].split()[0] != "T":
                    return False
        return True
    wait_until(stopped, 5, "every thread of %s is stopped" % process.name)


def wait_passing(consul, ident, name="user-service", limit=10):
    wait_until(lambda: check_states(consul, name).get(ident) == "passing", limit,
               "%s is passing" % ident)


class Answers(unittest.TestCase):
    """What a client sees.  Consul is not there, and a service does not care."""

    def setUp(self):
        self.nowhere = "127.0.0.1:%d" % free_port()

    def test_users(self):
        with Service("user", self.nowhere) as s:
            s.wait_listening(s.port)
            res = s.get("/users")
            self.assertEqual((res.status, res.body), (200, USERS))
            self.assertEqual(res.header("Content-Type"), "application/json")
            self.assertEqual(s.get("/orders").status, 404)

    def test_orders(self):
        with Service("order", self.nowhere) as s:
            s.wait_listening(s.port)
            res = s.get("/orders?page=1")
            self.assertEqual((res.status, res.body), (200, ORDERS))
            self.assertEqual(res.header("Content-Type"), "application/json")

    def test_health_head_and_errors(self):
        with Service("user", self.nowhere) as s:
            s.wait_listening(s.port)
            self.assertEqual(s.get("/health").json(), {"status": "ok"})
            head = s.get("/users", method="HEAD")
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertEqual(head.header("Content-Length"), str(len(USERS)))
            missing = s.get("/users/")
            self.assertEqual((missing.status, missing.json()), (404, {"error": "not found"}))
            wrong = s.get("/users", method="POST", body=b"x" * 3000000)
            self.assertEqual((wrong.status, wrong.header("Allow")), (405, "GET, HEAD"))
            self.assertEqual(wrong.header("Content-Type"), "application/json")

    def test_connections_are_kept(self):
        with Service("user", self.nowhere) as s:
            s.wait_listening(s.port)
            with Client(s.port) as c:
                c.send("GET /users HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
                self.assertEqual([c.response("GET").body for _ in range(3)], [USERS] * 3)
            with Client(s.port) as c:
                for _ in range(3):
                    c.send("GET /users HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    res = c.response("GET")
                    self.assertEqual(res.body, USERS)
                    self.assertEqual(res.header("Connection").lower(), "keep-alive")
            with Client(s.port) as c:
                c.send("GET /users HTTP/1.0\r\n\r\n")
                self.assertEqual(c.response("GET").body, USERS)
                self.assertTrue(c.closed())


class CommandLine(unittest.TestCase):
    def run_service(self, *args, **env):
        done = subprocess.run([env_path("USER_SERVICE", "user-service"), *args],
                              env={**os.environ, **NEUTRAL, **env}, capture_output=True,
                              timeout=20, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode().splitlines()

    def test_help_and_version(self):
        status, out, _ = self.run_service("--help")
        self.assertEqual(status, 0)
        for word in ("GET /users", "SERVICE_PORT", "(5001)", "CONSUL_HTTP_ADDR"):
            self.assertIn(word, out)
        self.assertRegex(self.run_service("--version")[1], r"^user-service \(gatehouse\) \d")
        self.assertEqual(self.run_service("extra")[0], 2)
        self.assertEqual(self.run_service("--no-such")[0], 2)

    def test_every_wrong_value_is_named(self):
        wrong = {"SERVICE_PORT": "70000", "SERVICE_DRAIN_SECONDS": "-1",
                 "CONSUL_RETRY_SECONDS": "nan", "CONSUL_TTL_SECONDS": "5s",
                 "CONSUL_HTTP_ADDR": "ftp://a", "CONSUL_HTTP_SSL_VERIFY": "maybe",
                 "CONSUL_CLIENT_CERT": "cert.pem", "SERVICE_ID": "x" * 129}
        status, _, log = self.run_service(**wrong)
        self.assertEqual((status, len(log)), (1, len(wrong)), log)
        for name in wrong:
            self.assertTrue(any(name in line for line in log), name)
        status, _, log = self.run_service(CONSUL_HTTP_ADDR="http://me:secret@127.0.0.1:1")
        self.assertEqual(status, 1)
        self.assertNotIn("secret", "".join(log))
        status, _, log = self.run_service(SERVICE_BIND="no.such.name")
        self.assertEqual((status, len(log)), (1, 1), log)

    def test_port_taken(self):
        with Service() as first:
            first.wait_listening(first.port)
            status, _, log = self.run_service(SERVICE_PORT=str(first.port),
                                              SERVICE_BIND="127.0.0.1")
            self.assertEqual((status, len(log)), (1, 1), log)
            self.assertIn("127.0.0.1 port %d: Address already in use" % first.port, log[0])


class Registration(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.consul = start_consul()

    @classmethod
    def tearDownClass(cls):
        cls.consul.stop()

    def test_what_is_registered(self):
        with Service("order", "http://%s/" % self.consul.address, CONSUL_TTL_SECONDS="",
                     SERVICE_ADDRESS="order-service") as s:
            wait_passing(self.consul, "order-service", "order-service")
            entry = self.consul.instances("order-service")[0]["Service"]
            self.assertEqual(
                [entry[k] for k in ("ID", "Service", "Address", "Port")],
                ["order-service", "order-service", "order-service", s.port])
            check = self.consul.call("GET", "/v1/agent/checks").json()["service:order-service"]
            self.assertEqual((check["Type"], check["Status"]), ("ttl", "passing"))
            # It listens before it registers: whoever finds it can connect.
            s.wait_logged("registered order-service")
            self.assertLess(s.stderr().index("serving on"), s.stderr().index("registered"))

    def test_heartbeat(self):
        with Service(consul=self.consul.address) as s:
            wait_passing(self.consul, "user-service")
            until = time.monotonic() + 4
            while time.monotonic() < until:
                self.assertEqual(check_states(self.consul, "user-service"),
                                 {"user-service": "passing"})
            freeze(s)
            wait_until(lambda: check_states(self.consul, "user-service") ==
                       {"user-service": "critical"}, 10, "a stopped service is critical")
            s.signal(signal.SIGCONT)
            wait_passing(self.consul, "user-service")

    def test_comes_back_after_removal(self):
        with Service(consul=self.consul.address) as s:
            wait_passing(self.consul, "user-service")
            self.consul.deregister("user-service")
            s.wait_logged("registering again")
            wait_passing(self.consul, "user-service")

    def test_two_instances(self):
        odd = "user service 2/\u00e4"
        with Service(consul=self.consul.address, SERVICE_ID="user-1") as one, \
                Service(consul=self.consul.address, SERVICE_ID=odd) as two:
            wait_passing(self.consul, "user-1")
            wait_passing(self.consul, odd)
            ports = {i["Service"]["ID"]: i["Service"]["Port"]
                     for i in self.consul.instances("user-service")}
            self.assertEqual(ports, {"user-1": one.port, odd: two.port})
            self.assertEqual(two.stop(), 0)
            self.assertEqual(list(check_states(self.consul, "user-service")), ["user-1"])

    def test_leaving(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number), \
                    Service(consul=self.consul.address, SERVICE_DRAIN_SECONDS="1") as s:
                wait_passing(self.consul, "user-service")
                with Client(s.port) as kept:
                    kept.send("GET /users HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertIsNone(kept.response("GET").header("Connection"))
                    s.signal(number)
                    s.wait_logged("deregistered user-service")
                    left = time.monotonic()
                    self.assertEqual(self.consul.instances("user-service"), [])
                    kept.send("GET /users HTTP/1.1\r\nHost: a\r\n\r\n")
                    res = kept.response("GET")
                    self.assertEqual((res.status, res.header("Connection")), (200, "close"))
                self.assertEqual(s.get("/users").body, USERS)
                self.assertEqual(s.wait(), 0)
                self.assertGreater(time.monotonic() - left, 0.8)

    def test_second_signal_ends_at_once(self):
        with Service(consul=self.consul.address, SERVICE_DRAIN_SECONDS="3600") as s:
            wait_passing(self.consul, "user-service")
            s.signal(signal.SIGTERM)
            s.wait_logged("deregistered user-service")
            s.signal(signal.SIGTERM)
            self.assertEqual(s.wait(2), 0)

    def test_second_signal_while_consul_hangs(self):
        with start_consul() as consul, Service(consul=consul.address) as s:
            wait_passing(consul, "user-service")
            freeze(consul)
            s.signal(signal.SIGTERM)
            s.wait_logged("leaving")
            s.signal(signal.SIGTERM)
            self.assertEqual(s.wait(1.8), 0)
            consul.signal(signal.SIGCONT)

    def test_nothing_lost_while_leaving(self):
        """Four clients that open a connection where asked to see every answer."""
        with Service(consul=self.consul.address, SERVICE_DRAIN_SECONDS="3600") as s:
            wait_passing(self.consul, "user-service")
            clients = [Client(s.port) for _ in range(4)]
            s.signal(signal.SIGTERM)
            s.wait_logged("leaving")
            for _ in range(200):
                for i, client in enumerate(clients):
                    client.send("GET /users HTTP/1.1\r\nHost: a\r\n\r\n")
                    res = client.response("GET")
                    self.assertEqual(res.body, USERS)
                    if res.header("Connection") == "close":
                        client.close()
                        clients[i] = Client(s.port)
            for client in clients:
                client.close()
            # It would serve for an hour: the second signal ends that.
            s.signal(signal.SIGTERM)
            self.assertEqual(s.wait(), 0)


class ConsulTrouble(unittest.TestCase):
    def test_consul_starts_later(self):
        ports = {name: free_port() for name in (
            "http", "dns", "grpc", "serf-lan", "serf-wan", "server")}
        with Service(consul="127.0.0.1:%d" % ports["http"]) as s:
            wait_until(lambda: s.stderr().count("cannot register") >= 3, 5, "three tries logged")
            self.assertEqual(s.get("/users").body, USERS)
            with Consul(ports).wait_ready() as consul:
                wait_passing(consul, "user-service")

    def test_consul_restarts_empty(self):
        consul = start_consul()
        with Service(consul=consul.address) as s:
            wait_passing(consul, "user-service")
            # Consul knows it a moment before it knows that itself.
            wait_until(lambda: "registered user-service" in s.stderr(), 10, "it is told so")
            consul = consul.restart()
            wait_passing(consul, "user-service")
            self.assertIn("no longer knows user-service", s.stderr())
        consul.stop()

    def test_consul_hangs(self):
        """A stopped agent delays the end by two seconds at most."""
        with start_consul() as consul, Service(consul=consul.address) as s:
            wait_passing(consul, "user-service")
            freeze(consul)
            begun = time.monotonic()
            s.signal(signal.SIGTERM)
            self.assertEqual(s.wait(5), 0)
            self.assertLess(time.monotonic() - begun, 3)
            self.assertIn("cannot deregister", s.stderr())
            consul.signal(signal.SIGCONT)

    def test_unix_socket(self):
        path = os.path.join(workdir(), "agent.sock")
        addresses = 'addresses { http = "127.0.0.1 unix://%s" }' % path
        with start_consul("-hcl", addresses) as consul, Service(consul="unix://" + path):
            wait_passing(consul, "user-service")

    def test_token_file_is_read_again(self):
        secret = "4ed10d5a-0f5e-4d3c-9b1e-6c6fbb6b5a11"
        acl = ('acl { enabled = true default_policy = "deny" tokens { master = "%s" '
               'agent = "%s" } }' % (secret, secret))
        token = scratch("token")
        with open(token, "w", encoding="ascii") as f:
            f.write("11111111-1111-1111-1111-111111111111\n")
        consul = Consul(args=("-hcl", acl))
        with consul, Service(consul=consul.address, CONSUL_HTTP_TOKEN_FILE=token) as s:
            s.wait_logged("HTTP 403", 30)
            with open(token, "w", encoding="ascii") as f:
                f.write(secret + "\n")
            s.wait_logged("registered user-service", 30)
            self.assertNotIn(secret, s.stderr())


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = os.path.join(workdir(), "tls")
        os.mkdir(cls.folder)
        for args in (["ca", "create"], ["cert", "create", "-server"],
                     ["cert", "create", "-client"]):
            subprocess.run([consul_binary(), "tls", *args], cwd=cls.folder, check=True,
                           stdout=subprocess.DEVNULL, timeout=60)
        cls.port = free_port()
        config = {"ca_file": cls.path("consul-agent-ca.pem"),
                  "cert_file": cls.path("dc1-server-consul-0.pem"),
                  "key_file": cls.path("dc1-server-consul-0-key.pem"),
                  "verify_incoming_https": True, "ports": {"https": cls.port}}
        with open(cls.path("agent.json"), "w", encoding="ascii") as f:
            json.dump(config, f)
        cls.consul = start_consul("-config-file", cls.path("agent.json"))

    @classmethod
    def tearDownClass(cls):
        cls.consul.stop()
        shutil.rmtree(cls.folder)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def service(self, **env):
        return Service(**{"CONSUL_HTTP_ADDR": "https://127.0.0.1:%d" % self.port,
                          "CONSUL_CACERT": self.path("consul-agent-ca.pem"),
                          "CONSUL_CLIENT_CERT": self.path("dc1-client-consul-0.pem"),
                          "CONSUL_CLIENT_KEY": self.path("dc1-client-consul-0-key.pem"), **env})

    def test_registers(self):
        with self.service():
            wait_passing(self.consul, "user-service")

    def test_server_name(self):
        with self.service(CONSUL_HTTP_ADDR="127.0.0.1:%d" % self.port, CONSUL_HTTP_SSL="true",
                          CONSUL_TLS_SERVER_NAME="server.dc1.consul", SERVICE_ID="named"):
            wait_passing(self.consul, "named")
        with self.service(CONSUL_TLS_SERVER_NAME="other.example", SERVICE_ID="wrong") as s:
            s.wait_logged("cannot register wrong")
            self.assertNotIn("wrong", check_states(self.consul, "user-service"))

    def test_unknown_authority(self):
        with self.service(CONSUL_CACERT="", SERVICE_ID="untrusted") as s:
            s.wait_logged("cannot register untrusted")
        with self.service(CONSUL_CACERT="", CONSUL_HTTP_SSL_VERIFY="0", SERVICE_ID="trusting"):
            wait_passing(self.consul, "trusting")


if __name__ == "__main__":
    unittest.main(verbosity=2)
