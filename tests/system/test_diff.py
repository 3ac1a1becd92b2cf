# SPDX-License-Identifier: Apache-2.0
"""gatehouse diff: what a reload would change, against a running gateway and against a file."""
import copy
import json
import os
import shutil
import signal
import subprocess
import unittest

from harness import (env_path, free_port, gatehouse, plugin_dir, relay_config, request,
                     run_gatehouse, scratch, start_gateway, wait_until, write_config)
from wire import Client


def plugins():
    """A directory with the relay and the plugin with an option of every kind."""
    where = scratch("plugins")
    os.unlink(where)
    os.mkdir(where, 0o755)
    for name in ("relay", "request_id"):
        shutil.copy(os.path.join(plugin_dir(), name + ".so"), where)
    for name in ("lab_options", "check_crash"):
        shutil.copy(os.path.join(env_path("TEST_PLUGIN_DIR", "tests/plugins"), name + ".so"),
                    where)
    return where


def base(where):
    """A configuration with something of everything."""
    config = relay_config({"/web/*": [9000, 9001], "/old": [9002]}, plugin_dir=where)
    config["routes"].append({"path": "/say", "plugin": "lab_options",
                             "config": {"service": "s", "secret": "hidden-one"}})
    config["discovery"] = {"consul": {"token": "hidden-two"}}
    config["services"]["s"] = {"endpoints": ["127.0.0.1:9003"]}
    config.update({"listen": ["127.0.0.1:%d" % free_port()], "workers": 1, "autoload": False,
                   "admin": "127.0.0.1:%d" % free_port(), "access_log": scratch("access.log")})
    return config


class DiffCase(unittest.TestCase):
    def setUp(self):
        self.plugins = plugins()
        self.config = base(self.plugins)

    def compare(self, new, *args, status=1):
        """Runs the command with --json: its changes, without their kind."""
        code, out, err = run_gatehouse("diff", "-c", write_config(new), "--json", *args,
                                       limit=60.0)
        self.assertEqual((code, err), (status, ""), out)
        self.assertNotIn("hidden", out)
        answer = json.loads(out)
        self.assertEqual(answer["different"], status == 1)
        self.notes = answer["notes"]
        return [(c["change"], c["pointer"], c.get("old"), c.get("new"))
                for c in answer["changes"]]

    def edit(self, change):
        """A copy of the configuration, changed by the function."""
        new = copy.deepcopy(self.config)
        change(new)
        return new


class File(DiffCase):
    """Against a file."""

    def setUp(self):
        super().setUp()
        self.old = write_config(self.config)

    def against(self, new, status=1):
        """The changes from the file."""
        return self.compare(new, "--against", self.old, status=status)

    def changes(self, change):
        """The changes that the function makes."""
        return self.against(self.edit(change))

    def test_same(self):
        self.assertEqual(self.against(self.config, 0), [])
        self.assertEqual(self.notes, [])
        self.assertEqual(run_gatehouse("diff", "-c", self.old, "--against", self.old),
                         (0, "", ""))

    def test_defaults_written_out(self):
        def write(c):
            c["defaults"] = {"timeout": {"response": "15000ms", "drain": "30s"}}
            c["log"] = {"level": "info"}
            c["limits"] = {"head": 16384}
            c["http"] = {"via": True}
            c["services"]["s"].update({"balance": "round_robin", "timeout": {"connect": "1s"},
                                       "ejection": {"consecutive": 5}, "check": {"type": "off"}})
            c["services"]["s"]["endpoints"] = [{"address": "127.0.0.1:9003", "weight": 1}]
            c["routes"][2]["config"].update({
                "text": "a text", "flag": False, "number": -3, "share": 5e-1, "pause": "250ms",
                "room": 16384, "rate": "1800/h", "choice": "green", "words": [], "parts": [],
                "inner": {"every": "60s"}, "names": {}})
            c["routes"][0]["methods"] = []
            c["routes"][0]["timeout"] = {"response": "15s"}
            c["routes"][0]["config"] = dict(c["routes"][0]["config"])
            c["listen"] = ["127.0.0.1:%d" % int(a.rpartition(":")[2]) for a in c["listen"]]
        self.assertEqual(self.against(self.edit(write), 0), [])

    def test_settings(self):
        def write(c):
            c["workers"] += 1
            c["access_log"] = "off"
            c["log"] = {"level": "debug"}
            c["defaults"] = {"timeout": {"connect": "2s"}}
            c["limits"] = {"body": "1MiB"}
            c["listen"].append("127.0.0.1:1")
        workers = self.config["workers"]
        self.assertCountEqual(self.changes(write), [
            ("changed", "/workers", workers, workers + 1),
            ("changed", "/access_log", self.config["access_log"], "off"),
            ("changed", "/log/level", "info", "debug"),
            ("changed", "/defaults/timeout/connect", "1s", "2s"),
            ("changed", "/limits/body", "unlimited", "1MiB"),
            ("added", "/listen/%d" % len(self.config["listen"]), None, "127.0.0.1:1")])

    def test_services(self):
        def write(c):
            names = list(c["services"])
            c["services"][names[0]]["endpoints"] = [
                {"address": "127.0.0.1:9001", "weight": 3}, "127.0.0.1:9009"]
            c["services"]["new"] = {"tags": "x"}
            c["services"]["s"]["timeout"] = {"connect": "3s"}
        name = list(self.config["services"])[0]
        got = self.changes(write)
        self.assertEqual([c[:2] for c in got], [
            ("removed", "/services/%s/endpoints/0" % name),
            ("changed", "/services/%s/endpoints/0/weight" % name),
            ("added", "/services/%s/endpoints/1" % name),
            ("changed", "/services/s/timeout/connect"),
            ("added", "/services/new")])
        self.assertEqual(got[0][2]["address"], "127.0.0.1:9000")
        self.assertEqual(got[1][2:], (1, 3))
        self.assertEqual(got[3][2:], ("1s", "3s"))
        self.assertEqual(got[4][3]["tags"], ["x"])

    def test_routes(self):
        def write(c):
            web, _, say = c["routes"]
            say["config"]["choice"] = "blue"
            web["filters"] = ["request_id"]
            c["routes"] = [say, web, dict(web, path="/new", methods=["GET"])]
        got = self.changes(write)
        self.assertCountEqual([c[:2] for c in got], [
            ("added", "/plugins/request_id"), ("removed", "/routes/1"), ("added", "/routes/2"),
            ("changed", "/routes/0/config/choice"), ("added", "/routes/1/filters/0")])
        self.assertIn(("changed", "/routes/0/config/choice", "green", "blue"), got)

    def test_moved(self):
        """Two routes that nothing but their place in the file puts in order."""
        one = dict(self.config["routes"][1], path="/h", headers={"A": "*"})
        two = dict(one, headers={"B": "*"})
        self.config["routes"] += [one, two]
        self.old = write_config(self.config)
        def swap(c):
            c["routes"][3], c["routes"][4] = c["routes"][4], c["routes"][3]
        code, out, _ = run_gatehouse("diff", "-c", write_config(self.edit(swap)), "--against",
                                     self.old)
        self.assertEqual(code, 1)
        self.assertRegex(out, r"^moved    /routes/[34] \(/h [ab]=\*\): \d -> \d\n$")
        # Others are in the order of their patterns, wherever they stand.
        def others(c):
            c["routes"].insert(0, c["routes"].pop(1))
        self.assertEqual(self.against(self.edit(others), 0), [])

    def test_secrets(self):
        def write(c):
            c["discovery"]["consul"]["token"] = "hidden-new"
            c["routes"][2]["config"]["secret"] = "hidden-other"
        self.assertEqual(self.changes(write), [
            ("changed", "/discovery/consul/token", "(secret)", "(secret)"),
            ("changed", "/routes/2/config/secret", "(secret)", "(secret)")])
        def remove(c):
            del c["discovery"]
            c["routes"].pop(2)
        got = self.changes(remove)
        self.assertEqual(got[0], ("changed", "/discovery/consul/token", "(secret)", None))
        self.assertEqual([c[:2] for c in got[1:]],
                         [("removed", "/plugins/lab_options"), ("removed", "/routes/2")])
        self.assertEqual(got[2][2]["config"]["secret"], "(secret)")

    def test_text(self):
        def write(c):
            c["admin"] = "127.0.0.1:%d" % free_port()
            c["services"]["x"] = {}
            c["routes"][2]["config"]["rate"] = "1/s"
        new = self.edit(write)
        code, out, err = run_gatehouse("diff", "-c", write_config(new), "--against", self.old)
        self.assertEqual((code, err), (1, ""))
        self.assertEqual(out.splitlines(), [
            'changed  /admin: "%s" -> "%s"' % (self.config["admin"], new["admin"]),
            "added    /services/x",
            'changed  /routes/2/config/rate (/say): "0.5/s" -> "1/s"',
            'remains  admin: "%s" from the next start on, still "%s" now'
            % (new["admin"], self.config["admin"])])

    def test_trouble(self):
        """The errors of check; the status of trouble."""
        bad = write_config(dict(self.config, bogus=1))
        checked = run_gatehouse("check", "-c", bad)
        self.assertEqual(checked[0], 1)
        for args in (("-c", bad, "--against", self.old), ("-c", self.old, "--against", bad),
                     ("-c", bad)):
            self.assertEqual(run_gatehouse("diff", *args), (2, "", checked[2]))
        self.assertEqual(run_gatehouse("diff", "--against", "x", "--admin", ":1")[0], 2)
        crash = dict(self.config, routes=[{"path": "/", "plugin": "check_crash"}])
        code, out, err = run_gatehouse("diff", "-c", write_config(crash), "--against", self.old)
        self.assertEqual((code, out), (2, ""))
        self.assertIn('plugin "check_crash" crashed', err)
        code, _, err = run_gatehouse("diff", "-c", self.old)
        self.assertEqual(code, 2)
        self.assertIn("no gateway answers", err)

    def test_full_disk(self):
        new = write_config(dict(self.config, watch=True))
        code, _, err = run_gatehouse("diff", "-c", new, "--against", self.old)
        self.assertEqual((code, err), (1, ""))
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([gatehouse(), "diff", "-c", new, "--against", self.old],
                                  stdout=full, stderr=subprocess.DEVNULL, check=False, timeout=60)
        self.assertEqual(done.returncode, 2)


class Running(DiffCase):
    """Against a running gateway."""

    def start(self, **more):
        """A gateway with the configuration, which ends with the test."""
        env = more.pop("env", None)
        self.config.update(more)
        gw = start_gateway(self.config, env=env)
        self.config = gw.config
        self.addCleanup(gw.stop)
        return gw

    def test_same_and_different(self):
        gw = self.start()
        self.assertEqual(self.compare(self.config, status=0), [])
        new = self.edit(lambda c: c.update(workers=self.config["workers"] + 1, watch=True))
        workers = self.config["workers"]
        self.assertEqual(self.compare(new),
                         [("changed", "/workers", workers, workers + 1),
                          ("changed", "/watch", False, True)])
        self.assertEqual(self.compare(new, "--admin", "127.0.0.1:%d" % gw.admin),
                         [("changed", "/workers", workers, workers + 1),
                          ("changed", "/watch", False, True)])
        # It only says so.
        self.assertEqual((gw.status()["generation"], gw.status()["reloads"]), (1, 0))
        # What serves counts, and not what is in the file; after a reload it is that.
        with open(gw.path, "w", encoding="utf-8") as f:
            json.dump(new, f)
        self.assertEqual(len(self.compare(new)), 2)
        gw.signal(signal.SIGHUP)
        wait_until(lambda: gw.status()["reloads"] == 1, 10.0)
        self.assertEqual(self.compare(new, status=0), [])

    def test_environment_is_the_gateways(self):
        self.config["zone"] = "${DIFF_ZONE:-none}"
        gw = self.start(env={"DIFF_ZONE": "there"})
        self.assertEqual(self.compare(self.config, status=0), [])
        self.assertEqual(self.compare(dict(self.config, zone="none")),
                         [("changed", "/zone", "there", "none")])
        # Not set there: the gateway refuses what is right here.
        new = write_config(dict(self.config, zone="${DIFF_ONLY_HERE}"))
        code, out, err = run_gatehouse("diff", "-c", new, env={"DIFF_ONLY_HERE": "x"})
        self.assertEqual((code, out), (2, ""))
        self.assertIn("/zone: ", err)
        self.assertIn("DIFF_ONLY_HERE", err)
        self.assertTrue(gw.alive())

    def test_what_a_reload_cannot_change(self):
        gw = self.start()
        new = dict(self.config, admin="127.0.0.1:%d" % free_port())
        got = self.compare(new, "--admin", "127.0.0.1:%d" % gw.admin)
        self.assertEqual([c[:2] for c in got], [("changed", "/admin")])
        self.assertEqual(self.notes, ['admin: "%s" from the next start on, still "%s" now'
                                      % (new["admin"], self.config["admin"])])

    def test_a_plugins_file(self):
        gw = self.start()
        before = next(p for p in gw.status()["plugins"] if p["name"] == "relay")["hash"]
        path = os.path.join(self.plugins, "new")
        shutil.copy(os.path.join(self.plugins, "relay.so"), path)
        with open(path, "ab") as f:
            f.write(b"\n")
        os.rename(path, os.path.join(self.plugins, "relay.so"))
        (change, pointer, old, new), = self.compare(self.config)
        self.assertEqual((change, pointer, old), ("changed", "/plugins/relay/hash", before))
        self.assertNotEqual(new, before)

    def test_post(self):
        gw = self.start()
        text = json.dumps(dict(self.config, watch=True)).encode()
        res = request(gw.admin, "/diff", "POST", body=text, limit=30)
        self.assertEqual((res.status, res.json()),
                         (200, {"outcome": "compared", "notes": [], "errors": [], "changes": [
                             {"change": "changed", "kind": "setting", "pointer": "/watch",
                              "old": False, "new": True}]}))
        for body in (b"", b"[", b"\xff", b"{}", text[:-1] + b', "bogus": 1}'):
            res = request(gw.admin, "/diff", "POST", body=body, limit=30)
            self.assertEqual((res.status, res.json()["outcome"]), (409, "refused"), body)
            self.assertTrue(res.json()["errors"])
        self.assertEqual(request(gw.admin, "/diff").status, 405)
        # One that does not wait for its answer harms nobody.
        for _ in range(3):
            with Client(gw.admin) as c:
                c.send(b"POST /diff HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
                       % (len(text), text))
        self.assertEqual(self.compare(self.config, status=0), [])
        self.assertNotIn("hidden", gw.tail(1000))


if __name__ == "__main__":
    unittest.main()
