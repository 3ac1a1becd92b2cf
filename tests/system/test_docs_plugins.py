#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/plugins.md, followed to the letter: its files written, its commands run, its output got.

A block ```c NAME or ```json NAME is a file; in a block ```console each line with "$ " is a command
and what follows is its output, where "..." stands for anything.  The page's ports are changed to
free ones, and nothing else.
"""
import glob
import os
import re
import shutil
import subprocess
import unittest

from harness import (BUILDDIR, SRCDIR, Process, env_path, free_port, gatehouse, plugin_dir, request,
                     start_consul, wait_until, workdir)
from origin import Origin

PAGE = os.path.join(SRCDIR, "docs", "plugins.md")
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)


class Page(unittest.TestCase):
    """One run of the page, top to bottom; the tests look at what is there afterwards."""

    @classmethod
    def setUpClass(cls):
        cls.processes = []
        cls.folder = os.path.join(workdir(), "page")
        os.makedirs(os.path.join(cls.folder, "plugins"))
        os.chmod(cls.folder, 0o755)
        cls.ports = {"5000": free_port(), "5080": free_port()}
        cls.install()
        cls.start_backends()
        with open(PAGE, encoding="utf-8") as f:
            cls.blocks = [cls.with_ports(m.groups()) for m in BLOCK.finditer(f.read())]
        cls.failures = []
        try:
            for kind, name, text in cls.blocks:
                cls.follow(kind, name, text)
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for process in reversed(cls.processes):
            process.stop()
        cls.products.close()

    @classmethod
    def install(cls):
        """What the reader has: the installed header and pkg-config file, and the two plugins."""
        dest = os.path.join(workdir(), "page-dest")
        env = {k: v for k, v in os.environ.items()
               if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "DESTDIR")}
        subprocess.run([os.environ.get("MAKE", "make"), "-C", BUILDDIR, "install",
                        "DESTDIR=" + dest], check=True, env=env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.STDOUT, timeout=300)
        pc, = glob.glob(os.path.join(dest, "**", "gatehouse-plugin.pc"), recursive=True)
        for name in ("users", "orders"):
            shutil.copy(os.path.join(plugin_dir(), name + ".so"),
                        os.path.join(cls.folder, "plugins"))
        cls.env = dict(env, PKG_CONFIG_PATH=os.path.dirname(pc), PKG_CONFIG_SYSROOT_DIR=dest,
                       PATH=os.path.dirname(gatehouse()) + os.pathsep + os.environ["PATH"])

    @classmethod
    def start_backends(cls):
        """A real Consul, the two sample services, and a third backend."""
        cls.consul = start_consul()
        cls.processes.append(cls.consul)
        cls.ports["8500"] = cls.consul.port
        for variable, name in (("USER_SERVICE", "user-service"),
                               ("ORDER_SERVICE", "order-service")):
            cls.processes.append(Process([env_path(variable, name)], env={
                "SERVICE_PORT": str(free_port()), "SERVICE_BIND": "127.0.0.1",
                "SERVICE_DRAIN_SECONDS": "0", "CONSUL_HTTP_ADDR": cls.consul.address}))
        cls.products = Origin("main")
        body = b'[{"id":1,"name":"Pen"},{"id":2,"name":"Ink"}]'
        cls.products.begin([b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)])
        cls.consul.register("product-service", cls.products.port)
        wait_until(lambda: all(cls.consul.instances(n) for n in (
            "user-service", "order-service", "product-service")), 20, "all have registered")

    @classmethod
    def with_ports(cls, groups):
        kind, name, text = groups
        for old, new in cls.ports.items():
            text = re.sub(r"\b127\.0\.0\.1:%s\b" % old, "127.0.0.1:%d" % new, text)
        return kind, name, text

    @classmethod
    def follow(cls, kind, name, text):
        if name:
            with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        elif kind == "console":
            for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
                command, _, expected = part.partition("\n")
                cls.command(command, expected)

    @classmethod
    def command(cls, command, expected):
        if command.endswith(" &"):
            process = Process(["sh", "-c", "cd %s && exec %s" % (cls.folder, command[:-2])],
                              "page-gateway", env=cls.env)
            cls.processes.append(process)
            wait_until(cls.ready, 20, "the gateway is ready\n" + process.tail())
            return
        if command.startswith("cc "):
            command = "cc -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror" + command[2:]
        done = subprocess.run(command, shell=True, cwd=cls.folder, env=cls.env, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        pattern = ".*".join(re.escape(p) for p in cls.lines(expected).split("..."))
        if not re.fullmatch(pattern, cls.lines(done.stdout), re.S):
            cls.failures.append("$ %s\n%s--- the page says ---\n%s" % (
                command, done.stdout, expected))

    @staticmethod
    def lines(text):
        """Without spaces at the ends of lines, runs of spaces as one."""
        return "\n".join(re.sub(" +", " ", a).strip() for a in text.strip().splitlines())

    @classmethod
    def ready(cls):
        try:
            return request(cls.ports["5080"], "/readyz", limit=1).status == 200
        except OSError:
            return False

    def reloaded(self):
        """True when the second generation serves alone."""
        status = request(self.ports["5080"], "/status").json()
        return status["generation"] == 2 and len(status["generations"]) == 1

    def test_every_command_says_what_the_page_says(self):
        self.assertEqual("\n".join(self.failures), "")

    def test_the_walk(self):
        """The third backend answers beside the first two."""
        port = self.ports["5000"]
        self.assertEqual(request(port, "/products").json()[0]["name"], "Pen")
        self.assertEqual(request(port, "/users").json()[0]["name"], "Alice")
        self.assertEqual(request(port, "/orders").json()[0]["item"], "Laptop")

    def test_one_plugin_file_and_one_line(self):
        names = {name for _, name, _ in self.blocks}
        self.assertIn("products.c", names)
        text = next(t for _, n, t in self.blocks if n == "gateway.json")
        self.assertEqual(len([a for a in text.splitlines() if "product" in a]), 1)

    def test_twenty_lines(self):
        text = next(t for _, n, t in self.blocks if n == "hello.c")
        code = [a for a in text.splitlines() if a.strip() and not a.startswith("/*")]
        self.assertLessEqual(len(code), 20)

    def test_all_examples_together(self):
        """Reload with routes for the other plugins of the page: they do what it says of them."""
        path = os.path.join(self.folder, "gateway.json")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        text = text.replace('"routes": [', '''"routes": [
    {"path": "/hello", "plugin": "hello", "config": {"greeting": "good day"}},
    {"path": "/upper", "plugin": "users", "filters": [{"plugin": "upper"}]},
    {"path": "/both", "plugin": "both"},
    {"path": "/count", "plugin": "count", "config": {"to": 100000}},
    {"path": "/limit", "plugin": "hello", "filters": [{"plugin": "limit"}]},''')
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        port, gateway = self.ports["5000"], self.processes[-1]
        gateway.signal(1)
        # Until the old generation has gone, either of the two may take a connection.
        wait_until(self.reloaded, 20, "the reload is done")
        self.assertEqual(request(port, "/hello").body, b"good day")
        self.assertEqual(request(port, "/both").json()["orders"][1]["item"], "Phone")
        self.assertEqual(request(port, "/both").json()["users"][0]["name"], "Alice")
        self.assertEqual(request(port, "/count").body,
                         b"".join(b"%d\n" % i for i in range(1, 100001)))
        self.assertIn(request(port, "/limit").status, (200, 429))
        # /upper is unknown to the service, whose answer is in capitals all the same.
        self.assertEqual(request(port, "/upper").body, b'{"ERROR":"NOT FOUND"}')


if __name__ == "__main__":
    unittest.main(verbosity=2)
