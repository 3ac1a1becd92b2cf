#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What make install leaves behind, and a plugin built against it in another directory."""
import glob
import os
import shlex
import shutil
import subprocess
import unittest

from harness import BUILDDIR, SRCDIR, request, start_gateway, workdir

HELLO = """\
#include <gatehouse/plugin.h>

static enum gh_verdict hello_on_request(struct gh_request *r)
{
\treturn gh_reply(r, 200, "text/plain", "hello", 5);
}

GH_PLUGIN(.name = "hello", .version = "1.0", .on_request = hello_on_request);
"""


def folder_for(name):
    """A new folder in the scratch directory."""
    path = os.path.join(workdir(), name)
    os.makedirs(path)
    return path


def run(words, **more):
    """Runs a program; its output, or an AssertionError with what it said."""
    # Not this make's job server and variables: the test runs a make of its own.
    env = {key: value for key, value in os.environ.items()
           if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "DESTDIR")}
    env.update(more.pop("env", {}))
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                          timeout=300, check=False, text=True, errors="replace", **more)
    if done.returncode != 0:
        raise AssertionError("%s: exit %d\n%s" % (" ".join(words), done.returncode, done.stdout))
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dest = folder_for("dest")
        run([os.environ.get("MAKE", "make"), "-C", BUILDDIR, "install", "DESTDIR=" + cls.dest])
        cls.pc = cls._one("**/gatehouse-plugin.pc")
        cls.env = {"PKG_CONFIG_PATH": os.path.dirname(cls.pc), "PKG_CONFIG_SYSROOT_DIR": cls.dest}

    @classmethod
    def _one(cls, pattern):
        found = glob.glob(os.path.join(cls.dest, pattern), recursive=True)
        if len(found) != 1:
            raise AssertionError("%s: %r" % (pattern, found))
        return found[0]

    def pkg_config(self, *words):
        return shlex.split(run(["pkg-config", *words, "gatehouse-plugin"], env=self.env))

    def build_hello(self, compiler, folder):
        """Builds the plugin as its author would, warnings being errors."""
        with open(os.path.join(folder, "hello.c"), "w") as f:
            f.write(HELLO)
        run([*shlex.split(compiler), "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion",
             "-Werror", *self.pkg_config("--cflags", "--libs"), "-o", "hello.so", "hello.c"],
            cwd=folder)
        return os.path.join(folder, "hello.so")

    def test_files(self):
        for pattern in ("**/bin/gatehouse", "**/bin/user-service", "**/bin/order-service",
                        "**/include/gatehouse/plugin.h"):
            self._one(pattern)
        wanted = sorted(os.path.basename(f)[:-2] for f in
                        glob.glob(os.path.join(SRCDIR, "plugins", "*.c")))
        folder, = self.pkg_config("--variable=plugindir")
        self.assertEqual(sorted(os.listdir(folder)), [name + ".so" for name in wanted])

    def test_modes(self):
        """The loader refuses what others may write."""
        folder, = self.pkg_config("--variable=plugindir")
        for path in [folder] + glob.glob(os.path.join(folder, "*")):
            self.assertEqual(os.stat(path).st_mode & 0o022, 0, path)

    def test_plugin_with_each_compiler(self):
        for compiler in ("gcc", "clang", "cc"):
            if shutil.which(compiler):
                self.build_hello(compiler, folder_for("hello-" + compiler))

    def test_plugin_is_loaded(self):
        so = self.build_hello(os.environ.get("CC", "cc"), folder_for("hello"))
        os.chmod(so, 0o755)
        with start_gateway({"plugin_dir": os.path.dirname(so),
                            "routes": [{"path": "/hello", "plugin": "hello"}]}) as gateway:
            answer = request(gateway.port, "/hello")
            self.assertEqual((answer.status, answer.body), (200, b"hello"))

    def test_forgotten_library_is_an_error(self):
        """A plugin that needs what it does not name fails when it is built, not in service."""
        folder = folder_for("undefined")
        with open(os.path.join(folder, "bad.c"), "w") as f:
            f.write("int not_there(void);\nint bad(void);\nint bad(void)\n"
                    "{\n\treturn not_there();\n}\n")
        with self.assertRaises(AssertionError):
            run(["cc", *self.pkg_config("--cflags", "--libs"), "-o", "bad.so", "bad.c"],
                cwd=folder)

    def test_program_exports_nothing(self):
        program = self._one("**/bin/gatehouse")
        if "__asan_init" in run(["nm", program]):
            return  # the sanitizers' runtime exports its own
        exported = [line.split()[-1] for line in
                    run(["nm", "-D", "--defined-only", program]).splitlines()]
        # What the linker copies from libc into a program is not ours.
        self.assertEqual([name for name in exported if "@" not in name], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
