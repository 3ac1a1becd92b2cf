# SPDX-License-Identifier: Apache-2.0
"""gatehouse explain --live says of each instance why it is in or out, with a real Consul."""
import json
import re
import unittest

from discovery_lab import Backend, end, gateway, get, wait_used
from harness import free_port, run_gatehouse, start_consul, wait_until


class Why(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.consul = start_consul()
        cls.backends = [Backend(name) for name in ("one", "two")]
        cls.gw = gateway(cls.consul.address, {
            "web": {}, "fixed": {"endpoints": ["127.0.0.1:%d" % free_port()]}})

    @classmethod
    def tearDownClass(cls):
        end(cls.gw)
        for b in cls.backends:
            b.close()
        cls.consul.stop()

    def explain(self, *args, status=0):
        """What the command prints, and its lines by how they begin."""
        done, out, err = run_gatehouse("explain", "--live", *args, "-c", self.gw.path)
        self.assertEqual(done, status, out + err)
        return out, err

    def check(self, ident, what, note):
        """Sets the TTL check of an instance."""
        self.consul.call("PUT", "/v1/agent/check/%s/service:%s?note=%s" % (what, ident, note))

    def test_whole(self):
        for ident, b in zip(("w1", "w2"), self.backends):
            self.consul.register("web", b.port, ident, Meta={"zone": "eu"}, Check={
                "TTL": "600s", "Status": "passing", "Name": "its own"})
        wait_used(self.gw, ["w1", "w2"])
        out, _ = self.explain("web")
        self.assertRegex(out, r"\nsource    consul, index \d+, confirmed \d+\.\d s ago\n")
        each = re.compile(r"^  in  \S+/w\d  127\.0\.0\.1:\d+, weight 1, zone eu\n"
                          r" +since \d{4}-\d\d-\d\dT[\d:]+Z: passing\n"
                          r" +check serfHealth \(Serf Health Status\): passing: .+\n"
                          r" +check service:w\d \(its own\): passing$", re.M)
        self.assertEqual(len(each.findall(out)), 2, out)
        # One of its checks fails; the others are still shown.
        self.check("w1", "fail", "disk+full")
        wait_used(self.gw, ["w2"])
        out, _ = self.explain("web")
        self.assertRegex(out, r"\n  out \S+/w1 .*\n +since \S+: critical: its own: disk full\n"
                              r" +check serfHealth .*: passing: .*\n"
                              r" +check service:w1 \(its own\): critical: disk full\n")
        self.check("w2", "warn", "nearly+full")
        wait_until(lambda: re.search(r"in  \S+/w2 .*\n.*: warning: its own: nearly full",
                                     self.explain("web")[0]), 10, "the warning is shown")
        self.consul.call("PUT", "/v1/agent/service/maintenance/w1?enable=true&reason=moving")
        wait_until(lambda: re.search(r"out \S+/w1 .*\n.*maintenance: .*moving",
                                     self.explain("web")[0]), 10, "maintenance is shown")
        report = json.loads(self.explain("web", "--json")[0])
        by_id = {e["id"].partition("/")[2]: e for e in report["endpoints"]}
        self.assertIn("maintenance", [c["status"] for c in by_id["w1"]["checks"]])
        # A fixed endpoint that refuses connections.
        self.assertIn("\nsource    static", self.explain("fixed")[0])
        self.assertEqual(get(self.gw, "fixed")[0], 502)
        wait_until(lambda: "refuse" in self.explain("fixed")[0], 10, "why it is out")
        # The agent goes: what it said last, how old that is, and that it is gone.
        self.consul.stop()
        wait_until(lambda: "\nnote      Consul" in self.explain("web")[0], 20,
                   "that Consul is gone")
        self.assertIn("w2", self.explain("web")[0])

    def test_unknown(self):
        _, err = self.explain("fixxed", status=1)
        self.assertEqual(err, 'gatehouse explain: the gateway follows no service "fixxed" '
                              '(did you mean "fixed"?)\n')


if __name__ == "__main__":
    unittest.main()
