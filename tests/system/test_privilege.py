# SPDX-License-Identifier: Apache-2.0
"""Least privilege: another user than root, what workers may do, and what they are told."""
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import (SLOW, env_path, free_port, gatehouse, plugin_dir, request, run_gatehouse,
                     scratch, start_gateway, wait_until)

ROOT = os.getuid() == 0
INSTRUMENTED = bool(os.environ.get("GATEHOUSE_SANITIZERS"))
TOKENS = {"CONSUL_HTTP_TOKEN": "token-of-consul", "CONSUL_HTTP_AUTH": "user:word-of-consul",
          "GATEHOUSE_TEST_TOKEN": "token-by-name", "GATEHOUSE_TEST_SHARED": "for-the-plugin"}


def memory_of(pid):
    """The heap, the stack, and the configuration that a process was handed, as bytes."""
    out = []
    with open("/proc/%d/maps" % pid, encoding="ascii") as maps, \
            open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            if not re.search(r" r..p .*(\[heap\]|\[stack\]|gatehouse-config.*| 0)\s*$", line):
                continue
            start, end = [int(x, 16) for x in line.split()[0].split("-")]
            mem.seek(start)
            out.append(mem.read(min(end - start, 1 << 26)))
    return b"".join(out)


class Case(unittest.TestCase):
    def folder(self, mode=0o755):
        """A folder that other users can reach: the scratch directory is this user's alone."""
        where = tempfile.mkdtemp(prefix="gatehouse-test-")
        self.addCleanup(shutil.rmtree, where, True)
        os.chmod(where, mode)
        return where

    def plugins(self):
        """A folder with the plugins of these tests."""
        where = self.folder()
        for name, folder in (("relay", plugin_dir()),
                             ("sandbox", env_path("TEST_PLUGIN_DIR", "tests/plugins"))):
            shutil.copy(os.path.join(folder, name + ".so"), where)
            os.chmod(os.path.join(where, name + ".so"), 0o755)
        return where

    def start(self, env=None, args=(), **more):
        """A gateway whose route /WHAT has the plugin do that."""
        config = {"plugin_dir": self.plugins(), "services": {},
                  "routes": [{"path": "/{what}", "plugin": "sandbox"}], **more}
        gw = start_gateway(config, env=env, args=args)
        self.addCleanup(gw.stop)
        return gw

    def ask(self, gw, target):
        """What came of it in the worker."""
        return request(gw.port, target).body.decode()

    def refused(self, gw):
        """The calls that the log has as refused."""
        return {x["call"]: x for x in gw.log() if x.get("message") == "system call refused"}


@unittest.skipIf(INSTRUMENTED, "workers of such a build are not confined")
class Sandbox(Case):
    def test_what_workers_may_do(self):
        logs = self.folder()
        own, foreign = os.path.join(logs, "access.log"), os.path.join(self.folder(), "x")
        gw = self.start(access_log=own)
        line = next(x for x in gw.log() if "confined" in x.get("message", ""))
        if line["level"] != "info" or "on" not in (line["landlock"], line["seccomp"]):
            self.skipTest("this kernel cannot: %s" % line)
        for what in ("fork", "exec", "packet", "kill", "ptrace", "root", "chmod?path=" + own):
            self.assertEqual(self.ask(gw, "/" + what), "EPERM", what)
        # Libraries ask for these and do without.
        for what in ("ring", "new"):
            self.assertEqual(self.ask(gw, "/" + what), "ENOSYS", what)
        self.assertEqual(self.ask(gw, "/self"), "0")
        names = {"clone", "execve", "socket", "kill", "ptrace", "setuid"}
        wait_until(lambda: names <= set(self.refused(gw)), 5, "the log has all of them")
        said = self.refused(gw)["execve"]
        self.assertEqual((said["plugin"], said["version"], said["hook"], said["route"],
                          said["answer"]), ("sandbox", "1.0", "on_request", "/{what}", "EPERM"))
        self.assertIn('"allow": ["execve"]', said["remedy"])
        self.assertNotIn("io_uring_setup", self.refused(gw))
        # Once for each call, however often it is made.
        self.ask(gw, "/exec")
        self.ask(gw, "/packet")
        # Where it may write.
        self.assertEqual(self.ask(gw, "/write?path=" + os.path.join(logs, "new")), "0")
        self.assertEqual(self.ask(gw, "/write?path=" + foreign), "EACCES")
        self.assertFalse(os.path.exists(foreign))
        self.assertEqual(self.ask(gw, "/read?path=/proc/%d/environ" % gw.pid), "EACCES")
        self.assertTrue(gw.worker_pids())
        self.assertEqual(gw.stop(), 0)
        lines = [x for x in gw.log() if x.get("message") == "system call refused"]
        self.assertEqual(len(lines), len({x["call"] for x in lines}))

    def test_switches(self):
        place = self.folder()
        gw = self.start(sandbox={"allow": ["clone", "clone3", "fork", "vfork", "kill"],
                                 "write": [place]})
        self.assertEqual(self.ask(gw, "/fork"), "0")
        self.assertEqual(self.ask(gw, "/kill"), "0")
        self.assertEqual(self.ask(gw, "/exec"), "EPERM")
        self.assertEqual(self.ask(gw, "/write?path=" + os.path.join(place, "x")), "0")
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump({**gw.config, "sandbox": {"seccomp": False, "landlock": False}}, f)
        self.assertEqual(run_gatehouse("reload", "-c", gw.path)[0], 0)
        self.assertEqual(self.ask(gw, "/exec"), "ENOENT")
        self.assertEqual(self.ask(gw, "/write?path=" + os.path.join(self.folder(), "x")), "0")
        line = [x for x in gw.log() if x.get("message") == "workers are confined"][-1]
        self.assertEqual((line["landlock"], line["seccomp"]), ("off", "off"))

    def test_a_call_that_is_none(self):
        gw = self.start()
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump({**gw.config, "sandbox": {"allow": ["exceve"]}}, f)
        status, _, err = run_gatehouse("check", "-c", gw.path)
        self.assertEqual(status, 1)
        self.assertIn('/sandbox/allow/0: no system call "exceve" on this machine '
                      '(did you mean "execve"?)', err)


class Secrets(Case):
    def test_workers_do_not_have_them(self):
        gw = self.start(env=TOKENS, discovery={"consul": {
            "address": "127.0.0.1:%d" % free_port(), "token": "${GATEHOUSE_TEST_TOKEN}",
            "http_auth": "user:literal-in-the-file"}},
            services={"for-the-plugin": {"endpoints": ["127.0.0.1:9"]}},
            routes=[{"path": "/{what}", "plugin": "sandbox"},
                    {"path": "/r/x", "plugin": "relay",
                     "config": {"service": "${GATEHOUSE_TEST_SHARED}"}}])
        said = self.ask(gw, "/say")
        for name in ("CONSUL_HTTP_TOKEN", "CONSUL_HTTP_AUTH", "GATEHOUSE_TEST_TOKEN"):
            self.assertNotIn(name, said)
        self.assertIn("GATEHOUSE_TEST_SHARED=for-the-plugin", said)
        self.assertIn(" 1 groups", said)
        if ROOT:
            held = memory_of(gw.worker_pids()[0])
            self.assertIn(b"for-the-plugin", held)
            for secret in (b"token-of-consul", b"word-of-consul", b"token-by-name",
                           b"literal-in-the-file"):
                self.assertNotIn(secret, held)


@unittest.skipUnless(ROOT, "only root can become another user")
class User(Case):
    def test_leaves_root(self):
        nobody = pwd.getpwnam("nobody")
        place = self.folder(0o777)
        sock, log = os.path.join(place, "clients"), os.path.join(place, "access.log")
        port = next(p for p in range(1023, 600, -1) if self.is_free(p))
        gw = self.start(user="nobody", access_log=log, workers=2,
                        listen=["127.0.0.1:%d" % free_port(), "127.0.0.1:%d" % port,
                                "unix:" + sock])
        os.chmod(gw.path, 0o644)
        for pid in [gw.pid, *gw.worker_pids()]:
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                rows = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            self.assertEqual(rows["Uid"].split(), [str(nobody.pw_uid)] * 4)
            self.assertEqual(rows["Gid"].split(), [str(nobody.pw_gid)] * 4)
            self.assertEqual(rows["Groups"].split(), [str(nobody.pw_gid)])
            # What is left is the right to low ports, and workers have none.
            left = int(rows["CapPrm"], 16)
            self.assertEqual(left & ~(1 << 10), 0)
            if pid != gw.pid:
                if not INSTRUMENTED:
                    self.assertEqual(left, 0)
                self.assertEqual(rows["NoNewPrivs"], "1")
        self.assertEqual(request(port, "/self").body, b"0")
        self.assertEqual(os.stat(sock).st_uid, nobody.pw_uid)
        self.assertEqual(os.stat(log).st_uid, nobody.pw_uid)
        # A worker is replaced, and a reload with more of them shares what root has bound.
        os.kill(gw.worker_pids()[0], signal.SIGKILL)
        self.reload(gw, workers=3)
        for number in (gw.port, port):
            self.assertEqual(request(number, "/self").body, b"0")
        self.assertEqual(gw.stop(), 0)
        self.assertFalse(os.path.exists(sock))

    def reload(self, gw, **more):
        place = os.path.dirname(gw.path)
        os.chmod(place, 0o755)
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump({**gw.config, **more}, f)
        done = run_gatehouse("reload", "-c", gw.path)
        self.assertEqual(done[0], 0, done[2])

    def is_free(self, port):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return s.connect_ex(("127.0.0.1", port)) != 0

    def test_who_there_is_not(self):
        path = scratch("gateway.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"listen": "127.0.0.1:%d" % free_port(), "admin": "off", "routes": [],
                       "plugin_dir": plugin_dir(), "user": "nobody"}, f)
        status, _, err = run_gatehouse("run", "-c", path, "--user", "nobody-of-that-name")
        self.assertEqual(status, 1)
        self.assertIn('user "nobody-of-that-name": there is no such user', err)
        status, _, err = run_gatehouse("run", "-c", path, "--user", "nobody:no-such-group")
        self.assertEqual(status, 1)
        self.assertIn('group "no-such-group": there is no such group', err)
        if shutil.which("setpriv") and os.access(gatehouse(), os.X_OK):
            self.not_root(path)

    def not_root(self, path):
        os.chmod(os.path.dirname(path), 0o755)
        os.chmod(path, 0o644)
        done = subprocess.run(["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups",
                               gatehouse(), "run", "-c", path], capture_output=True, text=True,
                              timeout=20 * SLOW, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("cannot become user nobody: only root can, and this is user 65533",
                      done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
