# SPDX-License-Identifier: Apache-2.0
"""Processes: start them pinned, find their children, read /proc, stop them by id.

Used by the contenders and the workloads.  Never ends a process that it did not start.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Something that ends the run, or one row of it, told in one sentence."""


def tool_path(name, package):
    """Finds a program; Debian keeps servers out of an ordinary user's PATH."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise BenchError(f"{name} is missing: install the package {package}")
    return path


def port_free():
    """A port that nothing listened on a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stat_read(pid):
    """(parent, start time, CPU ticks) of a process, or None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            # The name may hold spaces and parentheses: fields are counted from its end.
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    return int(fields[1]), int(fields[19]), int(fields[11]) + int(fields[12])


def pids_under(root):
    """The process and all its descendants, as {pid: start time}."""
    stats = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_read(int(name))
            if stat:
                stats[int(name)] = stat
    found, grew = {root} & stats.keys(), True
    while grew:
        more = {pid for pid, stat in stats.items() if stat[0] in found} - found
        found |= more
        grew = bool(more)
    return {pid: stats[pid][1] for pid in found}


def tasks_ns(pid):
    """The CPU time of each thread in nanoseconds, as {thread: time}; {} where the kernel does not
    tell."""
    found = {}
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                found[task] = int(f.read().split()[0])
    return found


def core_busy_ticks(core):
    """Ticks that a core has been busy for anyone, hypervisor's theft included."""
    with open("/proc/stat", encoding="ascii") as f:
        for line in f:
            if line.startswith(f"cpu{core} "):
                user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
                return user + nice + system + irq + softirq + steal
    raise BenchError(f"there is no core {core}")


def memory_kib(pid):
    """(RSS, PSS) of a process in KiB."""
    found = {}
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as f:
            for line in f:
                key, _, rest = line.partition(":")
                if key in ("Rss", "Pss"):
                    found[key] = int(rest.split()[0])
    except OSError as e:
        raise BenchError(f"cannot read the memory of process {pid}: {e}") from e
    return found["Rss"], found["Pss"]


def _child_setup():
    """Runs in the child: should this program be killed, the child is told to end as well."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Server:
    """A server and its children, pinned to cores, its output kept in a file."""

    def __init__(self, name, argv, cores, out_path, env=None):
        self.name = name
        self.out_path = out_path
        cpu_list = ",".join(str(c) for c in cores)
        # Appending lets the file be cut to nothing between rounds.
        with open(out_path, "ab") as out:
            self.process = subprocess.Popen(
                [tool_path("taskset", "util-linux"), "-c", cpu_list] + argv,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=env, start_new_session=True, preexec_fn=_child_setup)

    def last_words(self):
        with open(self.out_path, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 2000))
            return " / ".join(f.read().decode("utf-8", "replace").split("\n")).strip(" /")

    def wait_listening(self, port, limit=15.0):
        """Returns when the port accepts; says what the server wrote when it does not."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise BenchError(f"{self.name} ended with status {self.process.returncode}: "
                                 f"{self.last_words()}")
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    return
            except OSError:
                time.sleep(0.02)
        raise BenchError(f"{self.name} did not listen within {limit:.0f} s: {self.last_words()}")

    def pids(self):
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended with status {self.process.returncode}: "
                             f"{self.last_words()}")
        return pids_under(self.process.pid)

    def memory(self):
        """(RSS, PSS) in KiB over all processes."""
        pairs = [memory_kib(pid) for pid in self.pids()]
        return sum(p[0] for p in pairs), sum(p[1] for p in pairs)

    def stop(self, limit=5.0):
        """SIGTERM, then after the limit SIGKILL to whatever of it is still there."""
        if self.process.poll() is None:
            family = pids_under(self.process.pid)
            self.process.terminate()
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            deadline = time.monotonic() + limit
            while family and time.monotonic() < deadline:
                family = {p: t for p, t in family.items() if (stat_read(p) or (0, None))[1] == t}
                time.sleep(0.02 if family else 0)
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


class Window:
    """CPU that a server's processes take between begin() and end(), from /proc/PID.

    It is read thread by thread, in nanoseconds: in ticks, two windows of a second may differ by
    2 %. Where that cannot be had, or threads came or went, ticks it is.
    """

    def __init__(self, server, cores):
        self.server = server
        self.cores = cores
        self.pids = server.pids()
        self.before = self._cpu()
        self.busy_before = sum(core_busy_ticks(c) for c in cores)
        self.started = time.monotonic()

    def _cpu(self):
        """(ticks, {thread: nanoseconds}) of all processes."""
        ticks, tasks = 0, {}
        for pid, started in self.pids.items():
            stat = stat_read(pid)
            if not stat or stat[1] != started:
                raise BenchError(f"process {pid} of {self.server.name} ended while measured: "
                                 f"{self.server.last_words()}")
            ticks += stat[2]
            tasks.update(tasks_ns(pid))
        return ticks, tasks

    def end(self):
        """(CPU seconds of the server, share of its cores that others took)."""
        wall = time.monotonic() - self.started
        busy = sum(core_busy_ticks(c) for c in self.cores) - self.busy_before
        ticks, tasks = self._cpu()
        ticks_before, tasks_before = self.before
        if self.server.pids() != self.pids:
            raise BenchError(f"{self.server.name} replaced a process while measured: "
                             f"{self.server.last_words()}")
        if tasks and tasks.keys() == tasks_before.keys():
            cpu = (sum(tasks.values()) - sum(tasks_before.values())) / 1e9
        else:
            cpu = (ticks - ticks_before) / TICKS
        return cpu, max(0.0, (busy / TICKS - cpu) / (wall * len(self.cores)))
