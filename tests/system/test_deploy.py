# SPDX-License-Identifier: Apache-2.0
"""deploy/ without a container engine: the files say what they should, and what the
Dockerfiles' steps leave in a scratch directory is the running sample system."""
import json
import os
import re
import shutil
import subprocess
import unittest

from deploy_files import Ignore, Machine, dockerfile_read, paths_outside, yaml_read
from harness import (SLOW, SRCDIR, HarnessError, Process, free_port, request, start_consul,
                     wait_until, workdir)

DEPLOY = os.path.join(SRCDIR, "deploy")
DOCKERFILES = ("Dockerfile.gateway", "Dockerfile.service")
PORTS = {"gateway": 5000, "user-service": 5001, "order-service": 5002}


def deploy_file(name):
    return os.path.join(DEPLOY, name)


def read(name):
    with open(deploy_file(name), encoding="utf-8") as f:
        return f.read()


def compose():
    return yaml_read(read("docker-compose.yml"))


def stage_of(service):
    """Returns the stage that builds a compose service's image."""
    build = compose()["services"][service]["build"]
    stages = dockerfile_read(os.path.join(DEPLOY, build["context"], build["dockerfile"]))[1]
    return next(s for s in stages if s.name == build.get("target", stages[-1].name))


class Compose(unittest.TestCase):
    def setUp(self):
        self.services = compose()["services"]

    def test_names_and_ports(self):
        self.assertEqual(sorted(self.services),
                         ["consul", "gateway", "order-service", "user-service"])
        published = {name: s["ports"] for name, s in self.services.items()}
        self.assertEqual(published, {
            "consul": ["127.0.0.1:8500:8500"], "gateway": ["5000:5000"],
            "user-service": ["5001:5001"], "order-service": ["5002:5002"]})
        self.assertEqual(self.services["gateway"]["networks"]["default"]["aliases"],
                         ["api-gateway"])

    def test_who_finds_whom(self):
        for name in PORTS:
            env = self.services[name]["environment"]
            self.assertEqual(env["CONSUL_HTTP_ADDR"], "consul:8500")
            self.assertEqual(self.services[name]["depends_on"], ["consul"])
            if name != "gateway":
                self.assertEqual(env["SERVICE_ADDRESS"], name)
                self.assertEqual(env["SERVICE_PORT"], str(PORTS[name]))

    def test_images(self):
        for name, port in PORTS.items():
            stage = stage_of(name)
            self.assertEqual(stage.last("EXPOSE"), str(port))
            self.assertIn(name if name != "gateway" else "gatehouse", stage.last("ENTRYPOINT"))


class Dockerfiles(unittest.TestCase):
    def test_shape(self):
        for name in DOCKERFILES:
            args, stages = dockerfile_read(deploy_file(name))
            self.assertEqual(args, {"BASE": "debian:trixie-slim"})
            self.assertGreaterEqual(len(stages), 2)
            users = {}
            for stage in stages:
                self.assertTrue(stage.base == "${BASE}" or stage.base in users, stage.base)
                users[stage.name] = stage.last("USER") or users.get(stage.base)
                if stage.last("ENTRYPOINT"):
                    # Kubernetes can tell that a number is not root.
                    self.assertRegex(users[stage.name], r"^[1-9]\d*:[1-9]\d*$")
                    self.assertIsNotNone(stage.last("HEALTHCHECK"))

    def test_one_build_for_all_images(self):
        first = [dockerfile_read(deploy_file(n))[1][0].steps for n in DOCKERFILES]
        self.assertEqual(first[0], first[1])
        self.assertEqual(read("Dockerfile.gateway.dockerignore"),
                         read("Dockerfile.service.dockerignore"))

    def test_paths_are_arguments(self):
        """What makes Images below safe: no step names a place of the machine itself."""
        for name in DOCKERFILES:
            for stage in dockerfile_read(deploy_file(name))[1]:
                for step in stage.steps:
                    if step[0] in ("RUN", "COPY", "WORKDIR"):
                        self.assertEqual(paths_outside(step), [], step)


@unittest.skipUnless(shutil.which("dpkg-query"), "the images are Debian's")
class Images(unittest.TestCase):
    """Runs every step, then the entry points, as an engine would."""

    @classmethod
    def setUpClass(cls):
        cls.root = os.path.join(workdir(), "machine")
        tools = os.path.join(cls.root, "tools")
        os.makedirs(tools)
        cls._tool(tools, "sudo", 'exec "$@"')
        # No test changes the machine's packages; that they exist can be seen where it has
        # the lists.
        cls._tool(tools, "apt-get", '[ "$1" = install ] || exit 0\n'
                  'ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || exit 0\n'
                  'exec %s --simulate "$@"' % shutil.which("apt-get"))
        env = {k: v for k, v in os.environ.items()
               if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR", "SRCDIR", "BUILDDIR")}
        env.update(PATH=tools + ":" + env["PATH"], CFLAGS="-O0", GATEHOUSE_BUILD=cls.root)
        machine = Machine(cls.root, SRCDIR, Ignore(deploy_file("Dockerfile.gateway.dockerignore")),
                          env, 300 * SLOW)
        for name in DOCKERFILES:
            for stage in dockerfile_read(deploy_file(name))[1]:
                machine.run(stage)
        cls.bin = os.path.join(cls.root, "usr/local/bin")
        cls.config = os.path.join(cls.root, "etc/gatehouse")

    @staticmethod
    def _tool(folder, name, text):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n%s\n" % text)
        os.chmod(path, 0o755)

    def start(self, service, **env):
        """Starts an image's entry point with the environment that compose gives it."""
        stage = stage_of(service)
        argv = json.loads(stage.last("ENTRYPOINT")) + json.loads(stage.last("CMD") or "[]")
        argv[0] = os.path.join(self.bin, argv[0])
        given = compose()["services"][service]["environment"]
        self.assertLessEqual(set(env), set(given) | {"SERVICE_DRAIN_SECONDS"})
        process = Process(argv, service, {**given, **env}, cwd=self.config)
        self.addCleanup(process.stop)
        return process

    def healthy(self, service, port):
        """Runs the image's health check, on the port that the test has given it."""
        command = json.loads(stage_of(service).last("HEALTHCHECK").partition("CMD ")[2])
        self.assertIn(command[1], ("5080", str(PORTS[service])))
        argv = [os.path.join(self.bin, command[0]), str(port), *command[2:]]
        return subprocess.run(argv, capture_output=True, timeout=20 * SLOW,
                              check=False).returncode == 0

    def test_only_what_is_needed(self):
        self.assertEqual(sorted(os.listdir(self.bin)),
                         ["gatehouse", "healthcheck", "order-service", "user-service"])
        packages = os.path.join(self.root, "usr/local/share/gatehouse/packages")
        with open(packages, encoding="ascii") as f:
            names = f.read().split()
        for library in ("libc6", "libcurl", "libjansson", "libmicrohttpd", "libuv", "libllhttp",
                        "libdw", "libc-ares"):
            self.assertTrue(any(n.startswith(library) for n in names), (library, names))

    def test_the_whole_system(self):
        consul = start_consul()
        self.addCleanup(consul.stop)
        ports = {name: free_port() for name in PORTS}
        admin = free_port()
        path = os.path.join(self.config, "gateway.json")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace('0.0.0.0:5000"', '127.0.0.1:%d"' % ports["gateway"])
                    .replace(":5080", ":%d" % admin))
        self.assertFalse(self.healthy("user-service", ports["user-service"]))
        for name in ("user-service", "order-service"):
            self.start(name, CONSUL_HTTP_ADDR=consul.address, SERVICE_ADDRESS="127.0.0.1",
                       SERVICE_PORT=str(ports[name]), SERVICE_DRAIN_SECONDS="0")
            wait_until(lambda n=name: self.healthy(n, ports[n]), 20, name + " is healthy")
        gateway = self.start("gateway", CONSUL_HTTP_ADDR=consul.address)
        gateway.wait_listening(admin)
        try:
            wait_until(lambda: self.healthy("gateway", admin), 30, "the gateway is healthy")
        except HarnessError as e:
            self.fail("%s\n%s" % (e, gateway.tail()))
        self.assertEqual([u["name"] for u in request(ports["gateway"], "/users").json()],
                         ["Alice", "Bob"])
        self.assertEqual([o["item"] for o in request(ports["gateway"], "/orders").json()],
                         ["Laptop", "Phone"])
        self.assertEqual(gateway.stop(), 0)
        self.assertFalse(self.healthy("gateway", admin))


class Unit(unittest.TestCase):
    """The systemd units."""

    def test_hardening(self):
        lines = read("gatehouse.service").splitlines()
        for line in ("DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict",
                     "KillMode=mixed", "SystemCallFilter=@system-service", "Type=notify",
                     "WatchdogSec=10"):
            self.assertIn(line, lines)
        programs = [x.split()[0] for x in lines if x.startswith("Exec")]
        self.assertEqual([p.partition("=")[2] for p in programs],
                         ["/usr/local/bin/gatehouse"] * 3)

    def test_sockets_are_those_of_the_configuration(self):
        listen = re.findall("^ListenStream=(.*)$", read("gatehouse.socket"), re.M)
        self.assertEqual(listen, json.loads(read("gateway.json"))["listen"])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "scripts/setup --tests brings it")
    def test_systemd_accepts_it(self):
        # A program that exists everywhere stands in for the one that is not installed here.
        path = os.path.join(workdir(), "gatehouse.service")
        with open(path, "w", encoding="utf-8") as f:
            f.write(read("gatehouse.service").replace("/usr/local/bin/gatehouse", "/bin/true"))
        shutil.copy(deploy_file("gatehouse.socket"), workdir())
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", path,
                               os.path.join(workdir(), "gatehouse.socket")],
                              capture_output=True, timeout=60 * SLOW, check=False)
        complaints = [x for x in done.stderr.decode().splitlines() if "gatehouse." in x]
        self.assertEqual((done.returncode, complaints), (0, []))
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", path],
                              capture_output=True, timeout=60 * SLOW, check=False)
        exposure = re.search(r"exposure level .*: ([\d.]+)", done.stdout.decode())
        print("systemd-analyze security: %s" % exposure[1])
        self.assertLessEqual(float(exposure[1]), 1.6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
