# SPDX-License-Identifier: Apache-2.0
"""What one run of bench/compare has: temporary folder, built programs, origin, core layout."""

import json
import os
import platform
import resource
import shutil
import subprocess
import tempfile
import time

from . import contenders
from .contenders import Origin, command_first_line
from .proc import BenchError, tool_path

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIGURES = "figures "


class Rig:
    def __init__(self, seconds, rounds, gatehouse, plugin_source):
        self.seconds = seconds
        self.rounds = rounds
        self.gatehouse = gatehouse
        self.plugin_source = plugin_source
        self.cores = sorted(os.sched_getaffinity(0))
        if len(self.cores) < 2:
            raise BenchError("two cores are needed: one for the contender, one for load and origin")
        self.files = self._raise_files()
        # Logs and fixed bodies in memory, so that no disk has a part in the figures.
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.tmp = tempfile.mkdtemp(prefix="gatehouse-bench-", dir=place)
        os.chmod(self.tmp, 0o755)   # nginx's workers are another user when started by root
        self.built = {}
        self.origins = {}

    @staticmethod
    def _raise_files():
        """Every server and opener may have as many files as the system lets us."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = hard if hard != resource.RLIM_INFINITY else 65536
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), hard))
        return min(most, 65536)

    def directory(self, name):
        path = os.path.join(self.tmp, name)
        os.makedirs(path, mode=0o755, exist_ok=True)
        return path

    def prepare(self, names):
        """Finds what these contenders need, before anything is measured, and builds the rest."""
        needed = [("cc", "gcc"), ("taskset", "util-linux"), ("wrk", "wrk"), ("nginx", "nginx")]
        needed += [("haproxy", "haproxy")] if "haproxy" in names else []
        for name, package in needed:
            tool_path(name, package)
        for name in ("limit", "paced"):
            self.built[name] = os.path.join(self.tmp, name)
            contenders.program_build(os.path.join(HERE, f"{name}.c"), self.built[name])

    def origin(self, cores):
        """The origin on these cores, started at its first use."""
        if cores not in self.origins:
            self.origins[cores] = Origin(self, "origin-" + "-".join(map(str, cores)), cores)
        return self.origins[cores]

    def close(self):
        for origin in self.origins.values():
            origin.server.stop()
        shutil.rmtree(self.tmp, ignore_errors=True)

    # The gateway under test.

    def gatehouse_args(self, config):
        return ["run", "-c", config]

    def plugin_dir(self, with_noop):
        """A folder with the gateway's plugins, and the no-op filter where it is asked for."""
        target = os.path.join(self.tmp, "plugins-noop" if with_noop else "plugins")
        if not os.path.isdir(target):
            contenders.plugins_copy(self.plugin_source, target)
            if with_noop:
                contenders.plugin_build(os.path.join(HERE, "noop.c"),
                                        os.path.join(os.path.dirname(HERE), "include"),
                                        os.path.join(target, "noop.so"))
        return target

    # Load.

    def _run(self, argv, cores, limit):
        cpu_list = ",".join(map(str, cores))
        try:
            done = subprocess.run([tool_path("taskset", "util-linux"), "-c", cpu_list] + argv,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=limit, check=False)
        except subprocess.TimeoutExpired as e:
            raise BenchError(f"{os.path.basename(argv[0])} did not end in {limit:.0f} s") from e
        if done.returncode:
            raise BenchError(f"{os.path.basename(argv[0])} failed: "
                             f"{(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout

    def wrk(self, port, path, mode, conns, seconds, cores):
        """Closed-loop load: the figures of wrk.lua, with "errors" telling what went wrong."""
        out = self._run([tool_path("wrk", "wrk"), "-t", str(len(cores)), "-c", str(conns),
                         "-d", f"{seconds}s", "--timeout", "5s",
                         "-s", os.path.join(HERE, "wrk.lua"),
                         f"http://127.0.0.1:{port}{path}", "--"] + mode, cores, seconds + 30)
        for line in out.splitlines():
            if line.startswith(FIGURES):
                figures = json.loads(line[len(FIGURES):])
                kinds = ("connect", "read", "write", "status", "timeout")
                figures["errors"] = {k: figures[k] for k in kinds if figures[k]}
                return figures
        raise BenchError(f"wrk printed no figures: {out.strip()[-500:]}")

    def paced(self, port, path, rate, conns, seconds, cores):
        """Open-loop load at a fixed rate."""
        out = self._run([self.built["paced"], str(port), path, f"{rate:.0f}", str(conns),
                         str(seconds)], cores, seconds + 30)
        figures = json.loads(out)
        figures["errors"] = {}
        if figures["bad"]:
            figures["errors"]["status"] = figures["bad"]
        if figures["completed"] < figures["due"]:
            figures["errors"]["unanswered"] = figures["due"] - figures["completed"]
        figures["requests"] = figures["completed"]
        figures["duration_us"] = seconds * 1e6
        return figures

    # What the figures were measured on.

    def facts(self, names):
        model = "unknown"
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("model name"):
                    model = line.partition(":")[2].strip()
                    break
        facts = {
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "machine": f"{model}, {len(self.cores)} cores",
            "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "compiler": command_first_line([tool_path("cc", "gcc"), "--version"]),
            "wrk": command_first_line([tool_path("wrk", "wrk"), "-v"]).partition(" Copy")[0],
            "nginx": command_first_line([tool_path("nginx", "nginx"), "-v"]).split(": ")[-1],
        }
        if "haproxy" in names:
            facts["haproxy"] = command_first_line([tool_path("haproxy", "haproxy"),
                                                   "-v"]).partition(" - ")[0]
        if self.gatehouse:
            facts["gatehouse"] = command_first_line([self.gatehouse, "version"])
        facts["windows"] = f"interleaved rounds: {self.rounds}, seconds each: {self.seconds}"
        return facts
