# SPDX-License-Identifier: Apache-2.0
"""plugin_lab -- a gateway with the plugins of tests/plugins/lab_*.c before a scripted origin.

Used by test_plugins.py and test_plugin_bodies.py.
"""
import os
import unittest

from harness import BUILDDIR, free_port, request, start_gateway, wait_until
from origin import Origin

PLUGINS = os.environ.get("TEST_PLUGIN_DIR") or os.path.join(BUILDDIR, "tests", "plugins")
OK = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Origin: yes\r\n"
      b"Content-Length: 6\r\n\r\norigin")


def trace(name, at="none", act="next", **more):
    """A use of lab_trace."""
    return {"plugin": "lab_trace", "config": dict(name=name, at=at, act=act, **more)}


def filtered(path, filters, handler=None, **more):
    """A route through filters to a handler, by default one that relays."""
    handler = handler or trace("h", "request", "relay", service="origin")
    return dict(path=path, filters=filters, **handler, **more)


class Lab(unittest.TestCase):
    """A gateway of its own for each class, with the routes that the class names."""

    routes = ()
    more = {}

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin("main", "other")
        cls.gateway = start_gateway(dict({
            "plugin_dir": PLUGINS,
            "log": {"level": "info"},
            "services": {"origin": {"endpoints": ["127.0.0.1:%d" % cls.origin.port]},
                         "closed": {"endpoints": ["127.0.0.1:%d" % free_port()]}},
            "routes": cls.make_routes(),
        }, **cls.more))

    @classmethod
    def make_routes(cls):
        return list(cls.routes)

    @classmethod
    def tearDownClass(cls):
        status = cls.gateway.stop()
        cls.origin.close()
        if status != 0:
            raise AssertionError("gateway ended with %s\n%s" % (status, cls.gateway.tail()))
        # A sanitizer's report, or a worker that was replaced.
        text = cls.gateway.stderr()
        for bad in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "worker died"):
            if bad in text:
                raise AssertionError(cls.gateway.tail(60))

    def get(self, target, *args, **more):
        return request(self.gateway.port, target, *args, **more)

    def assert_problem(self, answer, status, reason):
        self.assertEqual((answer.status, answer.json()["type"]),
                         (status, "urn:gatehouse:" + reason))

    def reason(self, target):
        """The reason word of the last access-log line of that path."""
        path = target.partition("?")[0]
        lines = [a for a in self.gateway.access_log() if a["path"] == path]
        return lines[-1]["reason"] if lines else None

    def wait_reason(self, target, reason):
        wait_until(lambda: self.reason(target) == reason, 5,
                   "%s ends with %s" % (target, reason))

    def ends(self, name, request_id=None):
        """What on_end of that use of lab_trace has logged, of one request or of all."""
        out = []
        for line in self.gateway.log():
            if request_id not in (None, line.get("request_id")):
                continue
            text = line.get("msg") or line.get("message") or line.get("text", "")
            if text.startswith("end %s " % name):
                out.append(dict(w.split("=", 1) for w in text.split()[2:]))
        return out

    def wait_end(self, name, request_id=None):
        return wait_until(lambda: self.ends(name, request_id), 5, "on_end of " + name)[-1]
