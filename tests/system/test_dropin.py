#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plugin directory: files that come, change and go while the gateway serves.

DROPIN_ROUNDS=50 python3 test_dropin.py Latency prints the time from a copied file to its answer.
"""
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import time
import unittest

from harness import SLOW, SRCDIR, plugin_dir, request, run_gatehouse, scratch, wait_until
from test_processes import Load, ProcessCase

CC = shlex.split(os.environ.get("CC", "cc"))
ROUNDS = int(os.environ.get("DROPIN_ROUNDS", "5"))

SOURCE = """
#include <gatehouse/plugin.h>
static const struct gh_default_route hot_routes[] = { { .path = "/" PATH } };
static enum gh_verdict hot_on_request(struct gh_request *r)
{
    return gh_reply(r, 200, "text/plain", TEXT, sizeof(TEXT) - 1);
}
GH_PLUGIN(.name = NAME, .version = TEXT, GH_DEFAULT_ROUTES(hot_routes),
      .on_request = hot_on_request);
__attribute__((constructor)) static void hot_start(void)
{
    if (CRASH)
        __builtin_trap();
}
"""


def build(name, text, path=None, crash=False):
    """Compiles a plugin that answers with the text; returns the file."""
    source, out = scratch("hot.c"), scratch("hot.so")
    with open(source, "w", encoding="ascii") as f:
        f.write(SOURCE)
    subprocess.run([*CC, "-shared", "-fPIC", "-fvisibility=hidden",
                    "-I", os.path.join(SRCDIR, "include"), '-DNAME="%s"' % name,
                    '-DTEXT="%s"' % text, '-DPATH="%s"' % (path or name),
                    "-DCRASH=%d" % crash, "-x", "c", source, "-o", out], check=True, timeout=120)
    os.chmod(out, 0o755)
    return out


class DropinCase(ProcessCase):
    def setUp(self):
        super().setUp()
        self.dir = scratch("plugins")
        os.unlink(self.dir)
        os.mkdir(self.dir, 0o755)
        shutil.copy(os.path.join(plugin_dir(), "relay.so"), self.dir)

    def start(self, **more):
        """A gateway that serves what is in the directory."""
        more.setdefault("autoload", True)
        return super().start(plugin_dir=self.dir, **more)

    def file(self, name):
        """The plugin's file in the directory."""
        return os.path.join(self.dir, name + ".so")

    def put(self, name, source):
        """Copies the file in under its name."""
        shutil.copy(source, self.file(name))

    def wait_answer(self, gw, path, text):
        """Waits until the path is answered with the text."""
        def answers():
            res = request(gw.port, path)
            return (res.status, res.body) == (200, text.encode())
        wait_until(answers, 10.0, "%s is answered with %s" % (path, text))

    def dropin(self, gw, name):
        """What /status says of the plugin, or None."""
        return next((d for d in gw.status()["dropins"] if d["plugin"] == name), None)

    def wait_refused(self, gw, name, text):
        """Waits until /status gives that reason for not serving it."""
        def why():
            item = self.dropin(gw, name) or {}
            reasons = [item.get("why")] + [r.get("why") for r in item.get("routes", [])]
            return any(text in r for r in reasons if r)
        wait_until(why, 10.0, "%s is refused: %s; it is %r" % (name, text, self.dropin(gw, name)))


class DropIn(DropinCase):
    def test_comes_and_goes(self):
        gw = self.start()
        load = Load(gw.port, clients=3)
        self.assertEqual(request(gw.port, "/hot").status, 404)
        self.put("hot", build("hot", "one"))
        self.wait_answer(gw, "/hot", "one")
        self.assertEqual(self.dropin(gw, "hot")["state"], "served")
        route = next(r for r in gw.status()["routes"] if r["path"] == "/hot")
        self.assertTrue(route["default"])
        os.unlink(self.file("hot"))
        wait_until(lambda: request(gw.port, "/hot").status == 404, 10.0, "the route has gone")
        self.assertIsNone(self.dropin(gw, "hot"))
        load.wait_more(50)
        self.assertEqual(load.stop(), [])

    def test_is_there_at_the_start(self):
        self.put("hot", build("hot", "first"))
        gw = self.start()
        self.assertEqual(request(gw.port, "/hot").body, b"first")

    def test_off(self):
        self.put("hot", build("hot", "first"))
        gw = self.start(autoload=False)
        self.assertEqual(request(gw.port, "/hot").status, 404)
        self.assertEqual(gw.status()["dropins"], [])

    def test_the_file_wins(self):
        self.put("hot", build("hot", "dropped", path="web/*"))
        self.put("two", build("two", "two"))
        self.put("twotoo", build("twotoo", "too late", path="two"))
        gw = self.start()
        self.assertEqual(request(gw.port, "/web/a").body, b"/web/a")
        self.assertEqual(request(gw.port, "/two").body, b"two")
        self.wait_refused(gw, "hot", "/routes/0")
        self.wait_refused(gw, "twotoo", "two")
        self.assertTrue(self.logged(gw, "default route not served"))

    def test_named_in_the_file(self):
        self.put("hot", build("hot", "named"))
        config = self.config()
        gw = self.start(routes=config["routes"] + [{"path": "/here", "plugin": "hot"}])
        self.assertEqual(request(gw.port, "/here").body, b"named")
        self.assertEqual(request(gw.port, "/hot").status, 404)

    def test_refusals(self):
        gw = self.start()
        good, crash = build("hot", "one"), build("bad", "one", crash=True)
        with open(good, "rb") as f:
            whole = f.read()
        with open(self.file("hot"), "wb") as f:
            f.write(whole[:len(whole) // 3])
        self.wait_refused(gw, "hot", "truncated")
        with open(self.file("text"), "w", encoding="ascii") as f:
            f.write("not a plugin")
        self.wait_refused(gw, "text", "not an ELF file")
        self.put("bad", crash)
        self.wait_refused(gw, "bad", "crashed while being checked")
        self.put("other", good)
        self.wait_refused(gw, "other", 'says that it is the plugin "hot"')
        self.put("open", build("open", "one"))
        os.chmod(self.file("open"), 0o757)
        self.wait_refused(gw, "open", "anyone may write this file")
        os.chmod(self.file("open"), 0o755)
        self.wait_answer(gw, "/open", "one")
        with open(self.file("hot"), "wb") as f:
            f.write(whole)
        self.wait_answer(gw, "/hot", "one")
        os.chmod(self.dir, 0o757)
        wait_until(lambda: any("anyone may write this directory" in line.get("error", "")
                               for line in gw.log()), 10.0, "the directory is refused")
        self.assertEqual(request(gw.port, "/hot").body, b"one")
        self.assertEqual(request(gw.port, "/web/a").status, 200)


class Swap(DropinCase):
    def swaps(self, gw, names):
        """Each way in which a file becomes another; the answers follow."""
        for n, (how, replace) in enumerate((("copied over", shutil.copy),
                                            ("renamed over", os.rename),
                                            ("link switched", self.switch)), 1):
            for name, path in names:
                text = "v%d" % n
                replace(build(name, text, path="own"), self.file(name))
                with self.subTest(how):
                    self.wait_answer(gw, path, text)

    def switch(self, source, where):
        """Puts a symbolic link to the source there in one step."""
        os.symlink(source, where + ".link")
        os.rename(where + ".link", where)

    def test_under_load(self):
        self.put("hot", build("hot", "v0", path="own"))
        config = self.config()
        gw = self.start(workers=2, routes=config["routes"] + [{"path": "/hot", "plugin": "hot"}])
        load = Load(gw.port, clients=4)
        self.swaps(gw, [("hot", "/hot")])
        load.wait_more(50)
        self.assertEqual(load.stop(), [])

    def test_half_a_file_changes_nothing(self):
        self.put("hot", build("hot", "v0", path="own"))
        config = self.config()
        gw = self.start(routes=config["routes"] + [{"path": "/hot", "plugin": "hot"}])
        with open(build("hot", "v1", path="own"), "rb") as f:
            whole = f.read()
        with open(self.file("hot"), "r+b") as f:
            f.write(whole[:1000])
            f.truncate(1000)
            f.flush()
            wait_until(lambda: gw.status()["reloads_refused"] == 1, 10.0, "half is refused")
            self.assertEqual(request(gw.port, "/hot").body, b"v0")
            f.write(whole[1000:])
        self.wait_answer(gw, "/hot", "v1")

    def test_a_worker_that_is_replaced_has_the_same_plugin(self):
        self.put("hot", build("hot", "v0", path="own"))
        config = self.config()
        gw = self.start(autoload=False,
                        routes=config["routes"] + [{"path": "/hot", "plugin": "hot"}])
        self.put("hot", build("hot", "v1", path="own"))
        pid = gw.worker_pids()[0]
        os.kill(pid, signal.SIGKILL)
        self.wait_replaced(gw, pid, limit=5.0)
        self.assertEqual(request(gw.port, "/hot").body, b"v0")
        self.assertEqual(run_gatehouse("reload", "-c", gw.path, limit=60)[0], 0)
        self.assertEqual(request(gw.port, "/hot").body, b"v1")


class Latency(DropinCase):
    def test_copy_to_first_answer(self):
        gw = self.start()
        built, times = build("hot", "one"), []
        for _ in range(ROUNDS):
            started = time.monotonic()
            self.put("hot", built)
            self.wait_answer(gw, "/hot", "one")
            times.append(time.monotonic() - started)
            os.unlink(self.file("hot"))
            wait_until(lambda: request(gw.port, "/hot").status == 404, 10.0, "it has gone")
        print("copied file to first answer: median %.0f ms, worst %.0f ms of %d" % (
            statistics.median(times) * 1000, max(times) * 1000, ROUNDS))
        self.assertLess(statistics.median(times), 1.0 * SLOW)


if __name__ == "__main__":
    unittest.main()
