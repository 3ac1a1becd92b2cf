#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""README.md: its configuration is accepted, its errors are what is printed, its plugin works, and
what it points to exists.  What scripts/quickstart prints is compared in test_quickstart.py.

Run alone:  tests/system/test_docs_readme.py
"""
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

from harness import (SRCDIR, free_port, plugin_dir, request, run_gatehouse, start_gateway, workdir)

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
# The file that the page's errors are about.
BROKEN = """{
  "listen": ["0.0.0.0:5000"],
  "plugin_dir": "%s",
  "defaults": {"timeout": {"conect": "1s", "response": "15 parsecs"}},
  "routes": [
    {"path": "/users",  "plugin": "users"},
    {"path": "/orders", "plugin": "oders"}
  ]
}
"""


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(SRCDIR, "README.md"), encoding="utf-8") as f:
            cls.text = f.read()
        cls.blocks = BLOCK.findall(cls.text)
        cls.folder = os.path.join(workdir(), "readme")
        os.mkdir(cls.folder, 0o755)

    def block(self, kind, part):
        return next(t for k, t in self.blocks if k == kind and part in t)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def test_configuration(self):
        os.mkdir(os.path.join(self.folder, "glance"), 0o755)
        os.symlink(plugin_dir(), os.path.join(self.folder, "glance", "plugins"))
        path = self.write("glance/gateway.json", self.block("json", '"listen"'))
        env = {"CONSUL_HTTP_ADDR": ""}
        status, out, err = run_gatehouse("check", "-c", path, env=env)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("ok (3 routes, 3 services, 4 plugins)", out)
        status, out, _ = run_gatehouse("explain", "-c", path, "GET", "/users", env=env)
        self.assertEqual(status, 0)
        self.assertIn("user-service", out)

    def test_errors(self):
        path = self.write("gateway.json", BROKEN % plugin_dir())
        status, _, err = run_gatehouse("check", "-c", path)
        self.assertEqual(status, 1)
        printed = err.replace(path, "gateway.json").replace(plugin_dir(), "/etc/gatehouse/plugins")
        self.assertEqual(self.block("", "parsecs"), printed)

    def test_plugin(self):
        """Built with the page's command, the flags of pkg-config aside."""
        source = self.block("c", "GH_PLUGIN")
        self.assertLessEqual(len([a for a in source.splitlines() if a.strip()]), 20)
        self.write("hello.c", source)
        command = self.block("", "gatehouse-plugin").strip()
        self.assertTrue(command.startswith("cc $(pkg-config --cflags --libs gatehouse-plugin) "))
        words = shlex.split(command.partition(") ")[2])
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
                        "-I" + os.path.join(SRCDIR, "include"), *words],
                       cwd=self.folder, check=True, timeout=60)
        plugins = os.path.join(self.folder, "plugins")
        os.mkdir(plugins, 0o755)
        shutil.move(os.path.join(self.folder, "hello.so"), plugins)
        os.chmod(os.path.join(plugins, "hello.so"), 0o755)
        with start_gateway({"listen": ["127.0.0.1:%d" % free_port()], "plugin_dir": plugins,
                            "routes": [{"path": "/", "plugin": "hello"}]}) as gw:
            self.assertEqual(request(gw.port, "/").body, b"hello\n")

    def test_links(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", self.text) + re.findall(
                r"^\| `([a-z]+/)` \|", self.text, re.M):
            self.assertTrue(os.path.exists(os.path.join(SRCDIR, target)), target)

    def test_sample_configuration_is_the_one_that_runs(self):
        """The routes of the picture are those of config/gateway.json and one more."""
        with open(os.path.join(SRCDIR, "config", "gateway.json"), encoding="utf-8") as f:
            real = json.load(f)["routes"]
        shown = json.loads(self.block("json", '"listen"'))["routes"]
        self.assertEqual([(r["path"], r["plugin"]) for r in real],
                         [(r["path"], r["plugin"]) for r in shown][:len(real)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
