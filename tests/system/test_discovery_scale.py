# SPDX-License-Identifier: Apache-2.0
"""Discovery of many services over plain HTTP: what it costs the control process, and how long a
flip of a health check takes to reach the workers.

make check runs a small version.  tests/scale-discovery runs 1,000 services of three instances, and
prints the figures.
"""
import os
import random
import threading
import time
import unittest

from discovery_lab import Backend, end, gateway_config, NEUTRAL
from harness import SLOW, start_consul, start_gateway, wait_until
from wire import Client

SERVICES = int(os.environ.get("SCALE_SERVICES", "120"))
SECONDS = float(os.environ.get("SCALE_SECONDS", "4"))
FLIPS = float(os.environ.get("SCALE_FLIPS", "5"))
# Limits that a busy machine would miss are judged only in a run that asks for it.
STRICT = bool(os.environ.get("SCALE_STRICT"))
CPU_MAX, RSS_MAX, P99_MAX = 5.0, 64.0, 100.0


def cpu_seconds(pid):
    """Returns the processor time that a process has used."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    """Returns the most memory that a process has had resident."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        line = next(s for s in f if s.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


class Flipper:
    """Sets TTL checks and sees, by requests, when a worker knows."""

    def __init__(self, consul, gw):
        self.consul, self.gw = consul, gw
        # One after the other in a random order: a flip must be seen before the next of its service.
        self.names = ["s%d" % i for i in range(SERVICES)]
        random.Random(1).shuffle(self.names)
        self.flips = 0
        self.passing = {}
        self.took = []
        self.lost = []

    def flip(self):
        """One service from 200 to 503 or back; the milliseconds until a worker answers so."""
        name = self.names[self.flips % SERVICES]
        self.flips += 1
        now = not self.passing.get(name, True)
        self.passing[name] = now
        res = self.consul.call("PUT", "/v1/agent/check/%s/service:%s-0" % (
            "pass" if now else "fail", name))
        assert res.status == 200, res.body
        begun, wanted = time.monotonic(), 200 if now else 503
        with Client(self.gw.port) as client:
            while time.monotonic() - begun < 40:
                client.send("GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % name)
                if client.response().status == wanted:
                    self.took.append((time.monotonic() - begun) * 1000)
                    return
                time.sleep(0.002)
        self.lost.append(name)

    def run(self, seconds):
        """Flips at a steady rate, each waited for in a thread of its own."""
        begun, n, threads = time.monotonic(), 0, []
        while time.monotonic() - begun < seconds:
            thread = threading.Thread(target=self.flip)
            thread.start()
            threads.append(thread)
            n += 1
            time.sleep(max(0, begun + n / FLIPS - time.monotonic()))
        for thread in threads:
            thread.join()


def register(consul, ports):
    """Registers all instances, by a few threads; one of each service passes."""
    def some(first):
        for i in range(first, SERVICES, 4):
            for k, port in enumerate(ports):
                ident = "s%d-%d" % (i, k)
                consul.register("s%d" % i, port, ident, Check={
                    "TTL": "24h", "Status": "critical" if k else "passing"})
    threads = [threading.Thread(target=some, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Scale(unittest.TestCase):

    def test_flips(self):
        consul = start_consul()
        self.addCleanup(consul.kill)
        backends = [Backend(str(i)) for i in range(3)]
        for b in backends:
            self.addCleanup(b.close)
        register(consul, [b.port for b in backends])
        names = {"s%d" % i: {"on_all_critical": "fail"} for i in range(SERVICES)}
        config = gateway_config(consul.address, names)
        config["log"] = {"level": "warn"}
        begun = time.monotonic()
        gw = start_gateway(config, env=NEUTRAL, limit=60)
        self.addCleanup(end, gw)
        print("%d services x %d instances: ready after %.2f s" % (
            SERVICES, len(backends), time.monotonic() - begun))
        wait_until(lambda: all(s["state"] == "live" for s in gw.status()["services"]), 30, "live")
        if STRICT:
            time.sleep(5)  # what the start costs is not what it costs to run
        flipper = Flipper(consul, gw)
        at, cpu = time.monotonic(), cpu_seconds(gw.pid)
        flipper.run(SECONDS)
        percent = 100 * (cpu_seconds(gw.pid) - cpu) / (time.monotonic() - at)
        took = sorted(flipper.took)
        self.assertEqual(flipper.lost, [])
        p50, p99 = took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]
        print("%d flips, %g a second: seen by a worker after %.0f ms (median), %.0f ms (p99), "
              "%.0f ms (most)" % (len(took), FLIPS, p50, p99, took[-1]))
        print("control process: %.1f %% of a core, %.1f MiB resident at most" % (
            percent, peak_mib(gw.pid)))
        if "asan" not in os.environ.get("GATEHOUSE_SANITIZERS", ""):
            self.assertLess(peak_mib(gw.pid), RSS_MAX)
        if STRICT:
            self.assertLess(percent, CPU_MAX)
            self.assertLess(p99, P99_MAX)
        else:
            self.assertLess(p50, 1000 * SLOW)


if __name__ == "__main__":
    unittest.main()
