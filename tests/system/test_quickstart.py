#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/quickstart and what it calls: both ways through, and one clear line for each trouble.

Its ports are fixed, so it runs in a network of its own where the kernel gives one; elsewhere
(no CAP_SYS_ADMIN and no user namespaces) the machine's ports 5000 to 5080 must be free.

Run alone:  tests/system/test_quickstart.py
"""
import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unittest

from harness import (SLOW, SRCDIR, Process, consul_binary, env_path, gatehouse,
                     plugin_dir, wait_until, workdir)

SCRIPTS = os.path.join(SRCDIR, "scripts")
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
USERS = '[{"id":1,"name":"Alice"},{"id":2,"name":"Bob"}]'
ORDERS = '[{"id":1,"item":"Laptop","price":1200},{"id":2,"item":"Phone","price":800}]'


def own_network():
    """Gives this process a network with nothing but a loopback interface, if the kernel does."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def take(port):
    """Listens on a port until the program ends that takes this one's place."""
    if port:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return  # No network of our own, and somebody has it already: as good.
        s.listen()
        os.set_inheritable(s.detach(), True)


def family(marker):
    """The processes that were started with this in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                if marker.encode() in f.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


class Sample(unittest.TestCase):
    """scripts/quickstart.py with the programs of this build."""

    def setUp(self):
        self.build = os.path.join(workdir(), self.id().rpartition(".")[2])
        os.mkdir(self.build, 0o755)
        for name, path in (("gatehouse", gatehouse()), ("plugins", plugin_dir()),
                           ("user-service", env_path("USER_SERVICE", "user-service")),
                           ("order-service", env_path("ORDER_SERVICE", "order-service"))):
            os.symlink(path, os.path.join(self.build, name))
        self.marker = "QUICKSTART_TEST=" + self.build

    def start(self, *words, consul=None, taken=None):
        """Starts it, with a port that somebody listens on."""
        env = {k: "" for k in os.environ if k.startswith("CONSUL_")}
        env.update([self.marker.split("=")], CONSUL_BIN=consul or "")
        code = ("import sys; sys.path.insert(0, %r); import test_quickstart, os\n"
                "test_quickstart.own_network()\ntest_quickstart.take(%r)\n"
                "os.execv(sys.executable, [sys.executable] + sys.argv[1:])" % (
                    os.path.dirname(os.path.abspath(__file__)), taken))
        p = Process([sys.executable, "-c", code, os.path.join(SCRIPTS, "quickstart.py"),
                     self.build, *words], "quickstart", env=env)
        self.addCleanup(p.stop)
        return p

    @staticmethod
    def readme():
        """What README.md says that it prints, without what set-up and build say before."""
        with open(os.path.join(SRCDIR, "README.md"), encoding="utf-8") as f:
            text = f.read()
        return text[text.index("Consul: a development agent"):].partition("```\n")[0]

    def nothing_left(self, p):
        """Neither a process nor a word on stderr."""
        self.assertEqual(p.stderr(), "")
        self.assertEqual(family(self.marker), [])

    def test_check(self):
        p = self.start("--check", consul=consul_binary())
        self.assertEqual(p.wait(120), 0, p.tail())
        out = p.stdout()
        self.assertIn("Consul: a development agent on 127.0.0.1:8500\n", out)
        self.assertIn("with config/gateway.json\n", out)
        for text in (USERS, ORDERS, "both answers are right"):
            self.assertIn(text, out)
        self.nothing_left(p)

    def test_without_consul(self):
        p = self.start("--check")
        self.assertEqual(p.wait(120), 0, p.tail())
        self.assertIn("running on config/gateway-static.json instead\n", p.stdout())
        self.assertIn(USERS, p.stdout())
        self.nothing_left(p)

    def test_ctrl_c(self):
        """Runs until then, tells where to look, and leaves nothing behind."""
        p = self.start(consul=consul_binary())
        wait_until(lambda: "Ctrl-C stops everything." in p.stdout(), 120, "it runs\n" + p.tail())
        self.assertEqual(self.readme(), re.sub(r"\S*/\*\.log", "build/quickstart/*.log",
                                               p.stdout()))
        # Control process, a worker for each core, two services, Consul, the script.
        self.assertGreaterEqual(len(family(self.marker)), 6)
        p.signal(signal.SIGINT)
        self.assertEqual(p.wait(60), 0)
        self.assertTrue(p.stdout().endswith("\nstopping\n"), p.tail())
        self.nothing_left(p)

    def test_ctrl_c_while_it_starts(self):
        p = self.start(consul=consul_binary())
        wait_until(lambda: "Consul:" in p.stdout() or not p.alive(), 60, "Consul runs")
        p.signal(signal.SIGINT)
        self.assertEqual(p.wait(60), 0, p.tail())
        self.nothing_left(p)

    def test_taken_ports(self):
        for port, who in ((5000, "the gateway"), (5080, "the gateway's admin listener"),
                          (5001, "user-service"), (5002, "order-service")):
            with self.subTest(port):
                p = self.start("--check", taken=port)
                self.assertEqual(p.wait(30), 1)
                self.assertEqual(p.stderr(), "quickstart: port %d, which %s needs, is taken: stop "
                                 "the program that listens there and try again\n" % (port, who))
                self.assertEqual(family(self.marker), [])

    def test_port_of_consul_taken_by_something_else(self):
        p = self.start("--check", consul=consul_binary(), taken=8301)
        self.assertEqual(p.wait(30), 1)
        self.assertRegex(p.stderr(), r"\Aquickstart: port 8301, which Consul \(serf LAN\) needs, "
                                     r"is taken: .*\n\Z")

    def test_program_that_ends(self):
        """A service that cannot start: its own last line, and where the rest is."""
        path = os.path.join(self.build, "order-service")
        os.unlink(path)
        os.symlink("/bin/false", path)
        p = self.start("--check")
        self.assertEqual(p.wait(60), 1)
        self.assertRegex(p.stderr(), r"\Aquickstart: order-service ended with 1: no output \(all "
                                     r"of it: .*/order-service\.log\)\n\Z")
        self.assertEqual(family(self.marker), [])


class Steps(unittest.TestCase):
    """What comes before: set-up and build, with tools that fail."""

    def tree(self, **tools):
        """A copy of scripts/ with a tree around it whose tools say this; (top, environment)."""
        top = os.path.join(workdir(), self.id().rpartition(".")[2])
        shutil.copytree(SCRIPTS, os.path.join(top, "scripts"))
        os.chmod(os.path.join(top, "scripts"), 0o755)
        os.mkdir(os.path.join(top, "bin"))
        for name, text in tools.items():
            where = os.path.join(top, "bin", name.replace("_", "-"))
            if name in ("autogen", "configure"):
                where = os.path.join(top, "autogen.sh" if name == "autogen" else name)
            with open(where, "w", encoding="ascii") as f:
                f.write("#!/bin/sh\n%s\n" % text)
            os.chmod(where, 0o755)
        env = dict(os.environ, PATH=os.path.join(top, "bin") + ":" + os.environ["PATH"],
                   GATEHOUSE_BUILD=os.path.join(top, "build"))
        return top, env

    def run_in(self, top, env, *words):
        done = subprocess.run([os.path.join(top, "scripts", words[0]), *words[1:]], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60 * SLOW, check=False)
        return done.returncode, done.stdout.replace(top, "TOP"), done.stderr.replace(top, "TOP")

    def test_package_that_cannot_be_installed(self):
        top, env = self.tree(
            dpkg_query="", sudo='exec "$@"', pkg_config="exit 1", autogen="exit 0",
            apt_get='case "$*" in *update*) exit 0 ;; esac\n'
                    'echo noise; echo "E: Unable to locate package libuv1-dev"; exit 100')
        status, out, err = self.run_in(top, env, "quickstart", "--check")
        self.assertEqual(status, 1)
        self.assertEqual(err, "setup: apt-get install failed: E: Unable to locate package "
                              "libuv1-dev (all of it: TOP/build/setup.log)\n")
        self.assertRegex(out, r"\Asetup: reading the package lists \(apt-get update\)\n"
                              r"setup: installing gcc .* libuv1-dev .*\n\Z")

    def test_neither_root_nor_sudo(self):
        top, env = self.tree(dpkg_query="", id="echo 1000", pkg_config="exit 1")
        for tool in ("sh", "dirname", "awk", "sed", "grep"):
            os.symlink(shutil.which(tool), os.path.join(top, "bin", tool))
        env["PATH"] = os.path.join(top, "bin")
        status, out, err = self.run_in(top, env, "setup")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r"\Asetup: run it as root, since sudo is not installed; missing: "
                              r"gcc .* libllhttp-dev\n\Z")

    def test_build_that_fails(self):
        cases = {
            "autogen.sh": dict(autogen=(
                "echo noise; echo 'autoreconf: error: no such luck'; exit 1")),
            "configure": dict(autogen="exit 0", configure=(
                "echo checking; echo 'configure: error: in /x:'\n"
                "echo 'configure: error: libuv was not found'; exit 1")),
            "make": dict(autogen="exit 0", configure=(
                "printf 'all:\\n\\t@echo \"x.c:1:2: error: no such thing\"; exit 1\\n' >Makefile")),
        }
        first = {"autogen.sh": "autoreconf: error: no such luck",
                 "configure": "configure: error: libuv was not found",
                 "make": "x.c:1:2: error: no such thing"}
        for step, tools in cases.items():
            with self.subTest(step):
                top, env = self.tree(**tools)
                env.pop("MAKEFLAGS", None)
                status, out, err = self.run_in(top, env, "build", os.path.join(top, "b"))
                self.assertEqual((status, out), (1, "build: building in TOP/b\n"))
                self.assertEqual(err, "build: %s failed: %s (all of it: TOP/b/build.log)\n"
                                 % (step, first[step]))
                shutil.rmtree(top)


class Help(unittest.TestCase):
    def test_every_script(self):
        for name in sorted(os.listdir(SCRIPTS)):
            path = os.path.join(SCRIPTS, name)
            if "." in name or not os.access(path, os.X_OK):
                continue  # parts of others
            with self.subTest(name):
                done = subprocess.run([path, "--help"], capture_output=True, text=True,
                                      timeout=30 * SLOW, check=False, cwd=workdir())
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout, r"\Ausage: scripts/%s\b" % name)

    def test_words_that_nobody_knows(self):
        for name in ("quickstart", "test", "setup", "fuzz"):
            done = subprocess.run([os.path.join(SCRIPTS, name), "--no-such"], timeout=30 * SLOW,
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn("usage: scripts/" + name, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
