# SPDX-License-Identifier: Apache-2.0
"""What tests/chaos does things to: a gateway under wrk and clients that check every byte.

The sample user-service answers; the plugin directory is the run's own.  Whatever a client
does not get, or not byte for byte, is a failed request, with the reason.
"""
import collections
import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time

from harness import (SLOW, SRCDIR, Process, env_path, free_port, plugin_dir, request, scratch,
                     start_gateway, wait_until)

WRK_CONNECTIONS = 16
WRK_SECONDS = 1
CHECKERS = 3
USERS = ("/users", "/users?checked=1", "/users?checked=2")


def directory(name):
    """A new directory that nobody else may write to."""
    path = scratch(name)
    os.unlink(path)
    os.mkdir(path, 0o755)
    return path


class Service:
    """The sample user-service, and what it answers to each path when asked without a gateway."""

    def __init__(self, consul=None):
        self.port = free_port()
        self.process = Process(
            [env_path("USER_SERVICE", "user-service")], "user-service",
            {"SERVICE_PORT": str(self.port), "SERVICE_ADDRESS": "127.0.0.1",
             "CONSUL_HTTP_ADDR": consul or "127.0.0.1:%d" % free_port()})
        self.process.wait_listening(self.port)
        self.answers = {path: request(self.port, path).body for path in USERS}

    def stop(self):
        """Ends it."""
        self.process.kill()


class Checker(threading.Thread):
    """A client that asks one path after the other on a connection that it keeps, and compares every
    answer with those that are right for the path."""

    def __init__(self, traffic):
        super().__init__(daemon=True)
        self.traffic = traffic
        self.start()

    def one(self, conn, path):
        """Sends a request; returns what went wrong, or None, and whether the connection ends."""
        try:
            conn.request("GET", path)
            res = conn.getresponse()
            body = res.read()
        except (OSError, http.client.HTTPException) as e:
            return type(e).__name__, True
        if res.status != 200:
            try:
                word = json.loads(body)["type"].rpartition(":")[2]
            except (ValueError, KeyError, TypeError):
                word = ""
            return ("%d %s" % (res.status, word)).strip(), res.will_close
        wrong = None if body in self.traffic.answers[path] else "wrong bytes"
        return wrong, res.will_close

    def run(self):
        conn = http.client.HTTPConnection("127.0.0.1", self.traffic.port, timeout=10 * SLOW)
        while not self.traffic.over.is_set():
            for path in list(self.traffic.answers):
                error, close = self.one(conn, path)
                self.traffic.count(error)
                if close:
                    conn.close()
        conn.close()


class Traffic:
    """wrk and the checking clients, from now on until stop()."""

    def __init__(self, port, answers, wrk=True):
        self.port = port
        # By path: every body that is right.
        self.answers = {path: {body} for path, body in answers.items()}
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.sent = 0
        self.failed = collections.Counter()     # by reason
        self.threads = [Checker(self) for _ in range(CHECKERS)]
        if wrk:
            self.threads.append(threading.Thread(target=self._wrk, daemon=True))
            self.threads[-1].start()

    def count(self, error, n=1):
        """So many requests were sent, and all failed for that reason, or none."""
        with self.lock:
            self.sent += n
            if error:
                self.failed[error] += n

    def _wrk(self):
        """One window after the other: a window cannot be cut short without losing its figures."""
        while not self.over.is_set():
            done = subprocess.run(
                ["wrk", "-t1", "-c%d" % WRK_CONNECTIONS, "-d%ds" % WRK_SECONDS, "--timeout", "10s",
                 "-s", os.path.join(SRCDIR, "bench", "wrk.lua"),
                 "http://127.0.0.1:%d%s" % (self.port, USERS[0]), "--", "plain"],
                capture_output=True, text=True, timeout=60 * SLOW, check=False)
            match = re.search(r"^figures (.*)$", done.stdout, re.M)
            if not match:
                self.count("wrk: " + (done.stderr or done.stdout).strip()[-200:])
                return
            figures = json.loads(match.group(1))
            self.count(None, figures["requests"])
            for kind in ("connect", "read", "write", "status", "timeout"):
                if figures[kind]:
                    # Answered with another status, it is among the requests already.
                    with self.lock:
                        self.sent += 0 if kind == "status" else figures[kind]
                        self.failed["wrk: " + kind] += figures[kind]

    def wait_more(self, n, limit=20.0):
        """Waits until n more requests were sent by the checking clients or by wrk."""
        goal = self.sent + n
        wait_until(lambda: self.sent >= goal, limit, "%d more requests" % n)

    def stop(self):
        """Ends the clients."""
        self.over.set()
        for thread in self.threads:
            thread.join(60 * SLOW)


class Lab:
    """The service, a plugin directory, and a gateway of two workers under traffic."""

    def __init__(self, plugins=("relay",), service=None, **config):
        self.service = service or Service()
        self.plugins = directory("plugins")
        for name in plugins:
            self.put(name, built(name))
        fds = config.pop("fds", ())
        config.setdefault("services", {"users": {"endpoints": [
            "127.0.0.1:%d" % self.service.port]}})
        config.setdefault("routes", []).insert(
            0, {"path": "/users", "plugin": "relay", "config": {"service": "users"}})
        config.setdefault("workers", 2)
        self.env = config.pop("env", None)
        self.config = dict(config, plugin_dir=self.plugins)
        self.gateway = start_gateway(self.config, env=self.env, fds=fds)
        self.traffic = None

    def start_traffic(self, answers=None, wrk=True):
        """answers: further paths and what they are answered with."""
        self.traffic = Traffic(self.gateway.port, {**self.service.answers, **(answers or {})}, wrk)
        self.traffic.wait_more(100)
        return self.traffic

    def file(self, name):
        """A plugin's file in the directory."""
        return os.path.join(self.plugins, name + ".so")

    def put(self, name, source):
        """Copies a file over the plugin's."""
        shutil.copy(source, self.file(name))

    def wait_body(self, path, text, times):
        """Waits until that many requests in a row are answered with the text."""
        wait_until(lambda: all(request(self.gateway.port, path).body == text.encode()
                               for _ in range(times)), 20, "%s is answered with %s" % (path, text))

    def wait_day(self, ahead):
        """Waits until the access log has a line of the day on which it is so many seconds later."""
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + ahead))
        self.gateway.wait_access(lambda line: line["time"][:10] == day, 20)

    def restarts(self):
        """How often workers were replaced in this generation."""
        return sum(w["restarts"] for w in self.gateway.status()["workers"])

    def all_ready(self):
        """Whether every worker serves."""
        return all(w["state"] == "ready" for w in self.gateway.status()["workers"])

    def stop(self):
        """Ends the traffic, then all that was started."""
        if self.traffic:
            self.traffic.stop()
        self.gateway.stop()
        self.service.stop()


def built(name):
    """The file of a plugin of the build."""
    for place in (plugin_dir(), env_path("TEST_PLUGIN_DIR", "tests/plugins")):
        path = os.path.join(place, name + ".so")
        if os.path.exists(path):
            return path
    raise AssertionError("no %s.so was built" % name)


def seconds(since):
    """The time that has passed."""
    return time.monotonic() - since
