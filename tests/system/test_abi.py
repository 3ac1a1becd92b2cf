#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plugins built against the headers of earlier releases, and one from the future, run today."""
import glob
import os
import shlex
import subprocess
import unittest

from harness import SRCDIR, free_port, request, run_gatehouse, start_gateway, workdir, write_config
from origin import Origin

VERSIONS = sorted(os.path.basename(d) for d in glob.glob(os.path.join(SRCDIR, "tests/abi/v*")))
CC = shlex.split(os.environ.get("CC", "cc"))


def build(folder, include, source, name):
    """Builds a plugin in folder as its author did; returns the folder."""
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, name + ".so")
    subprocess.run([*CC, "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror",
                    "-I", include, "-o", target, source], check=True)
    os.chmod(target, 0o755)
    return folder


class Old(unittest.TestCase):
    """The plugin of ABI 1.0 does today what it did then."""

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin("main")
        here = os.path.join(SRCDIR, "tests", "abi", "v1.0")
        cls.folder = build(os.path.join(workdir(), "abi-1.0"), here,
                           os.path.join(here, "abi_old.c"), "abi_old")
        cls.gateway = start_gateway({
            "plugin_dir": cls.folder,
            "services": {"old": {"endpoints": ["127.0.0.1:%d" % cls.origin.port]}},
            "routes": [{"path": "/{what}", "plugin": "abi_old", "config": {
                "service": "old", "items": [{"name": "item", "size": 7}, {}]}}]})

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.origin.close()

    def get(self, *args, **more):
        return request(self.gateway.port, *args, **more)

    def test_there_is_a_version(self):
        self.assertIn("v1.0", VERSIONS)

    def test_options_and_facts(self):
        self.assertEqual(self.get("/x").body, b"2 item 7 GET state")

    def test_problem(self):
        answer = self.get("/problem")
        self.assertEqual((answer.status, answer.json()["title"]), (409, "Old"))

    def test_call(self):
        self.origin.begin([b"HTTP/1.1 202 Accepted\r\nContent-Type: a/b\r\nContent-Length: 2\r\n"
                           b"\r\nok"])
        answer = self.get("/call")
        message = self.origin.finish().messages[-1]
        self.assertEqual((answer.status, answer.body, answer.header("x-call")),
                         (202, b"ok", "a/b"))
        self.assertEqual(message.target, "/called")

    def test_body_and_stream(self):
        answer = self.get("/body", "POST", body=b"12345")
        self.assertEqual((answer.status, answer.body), (201, b"12345"))
        self.assertEqual(answer.header("content-length"), "5")

    def test_timer_relay_and_body_hooks(self):
        self.origin.begin([b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\norigin"])
        answer = self.get("/relay", "POST", body=b"12345")
        message = self.origin.finish().messages[-1]
        self.assertEqual((answer.status, answer.body), (203, b"ori"))
        self.assertEqual((message.target, message.body), ("/rewritten", b"changed"))
        self.assertEqual(message.headers.get("x-endpoint"),
                         b"127.0.0.1:%d" % self.origin.port)

    def test_end_log_and_metric(self):
        self.get("/problem")
        self.gateway.wait_access(lambda a: a["path"] == "/problem")
        self.assertIn("old end 409 ok 0 ", self.gateway.stderr())
        self.assertTrue(any("old_ends" in k and v for k, v in self.gateway.metrics().items()))

    def test_config_error(self):
        path = write_config({"listen": ["127.0.0.1:%d" % free_port()], "plugin_dir": self.folder,
                             "routes": [{"path": "/", "plugin": "abi_old",
                                         "config": {"service": "old", "choice": "no"}}]})
        status, _, err = run_gatehouse("check", "-c", path)
        self.assertEqual(status, 1)
        self.assertIn("/routes/0/config/choice: must be yes", err)


class Newer(unittest.TestCase):
    """A header that has grown by a hook: its plugin is refused if it uses the hook."""

    def header(self, folder):
        """Today's header with one more hook at the end, as a next minor would have it."""
        with open(os.path.join(SRCDIR, "include", "gatehouse", "plugin.h"), encoding="utf-8") as f:
            text = f.read()
        last = "\tvoid (*on_end)(struct gh_request *, const struct gh_end *);\n"
        self.assertEqual(text.count(last), 1)
        self.assertEqual(text.count("on_response_body,on_end"), 1)
        text = text.replace(last, last + "\tvoid (*on_next)(void);\n")
        text = text.replace("on_response_body,on_end", "on_response_body,on_end,on_next")
        text = text.replace("#define GH_ABI_MINOR 0", "#define GH_ABI_MINOR 1")
        os.makedirs(os.path.join(folder, "gatehouse"))
        with open(os.path.join(folder, "gatehouse", "plugin.h"), "w", encoding="utf-8") as f:
            f.write(text)

    def inspect(self, name, hook):
        folder = os.path.join(workdir(), name)
        self.header(folder)
        source = os.path.join(folder, name + ".c")
        with open(source, "w", encoding="utf-8") as f:
            f.write("#include <gatehouse/plugin.h>\n"
                    "void next(void);\nvoid next(void) {}\n"
                    "GH_PLUGIN(.name = \"%s\", .version = \"1\"%s);\n" % (name, hook))
        build(folder, folder, source, name)
        return run_gatehouse("plugin", "inspect", name, "--plugin-dir", folder)

    def test_used(self):
        status, _, err = self.inspect("uses_next", ", .on_next = next")
        self.assertEqual(status, 1)
        self.assertIn('uses the hook "on_next" of plugin ABI 1.1; this gateway has 1.0', err)

    def test_not_used(self):
        status, out, err = self.inspect("knows_next", "")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("1.1", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
