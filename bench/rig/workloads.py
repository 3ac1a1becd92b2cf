# SPDX-License-Identifier: Apache-2.0
"""The workloads: what is sent, to which variants of the contenders, and how it is measured.

Used by bench/compare.  A workload has entries (a contender in one variant); every round measures
each entry once, and each round begins with another entry.
"""

import contextlib
import http.client
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field

from .contenders import CONTENDERS, KIB_10, MIB_1_SIZE, SMALL, Variant
from .proc import BenchError, Window

ALL = ("gatehouse", "nginx", "haproxy", "limit")
ROUTED = ("gatehouse", "nginx", "haproxy")
BASE = Variant()
IDLE_CONNECTIONS = 5000


@dataclass
class Workload:
    name: str
    title: str
    path: str = "/json"
    size: int = len(SMALL)
    conns: int = 64
    mode: tuple = ("plain",)
    kind: str = "wrk"               # wrk | paced | idle
    variants: tuple = (("", BASE),)
    names: tuple = ALL
    cores: tuple = (0,)             # positions among the usable cores
    limit_path: str = ""            # where the limit needs another request
    limit_mode: tuple = ()
    paths: tuple = field(default=())    # checked before measuring, beside `path`
    times: int = 1                  # windows in a round, where one alone says little: it varies,
                                    # or what counts is a small difference of two


SPREAD = ("spread", "/r/%d/42")

WORKLOADS = [
    Workload("json", "small JSON, 90 bytes, 64 keep-alive connections"),
    Workload("10k", "10 KiB answer, 64 keep-alive connections", path="/10k", size=len(KIB_10)),
    Workload("1m", "1 MiB answer, 16 keep-alive connections", path="/1m", size=MIB_1_SIZE,
             conns=16, times=2),
    Workload("post", "16 KiB POST, 64 keep-alive connections", path="/post",
             mode=("post", "16384")),
    # The limit passes everything on, so "Connection: close" would also end its connection to the
    # origin. Its client is told by the answer instead.
    Workload("close", "a new connection for each request, 64 at a time", mode=("close",),
             variants=(("", Variant(once=True)),),
             limit_path="/json-hangup", limit_mode=("plain",)),
    Workload("pipeline", "small JSON, 16 pipelined requests, 64 connections",
             mode=("pipeline", "16")),
    Workload("p99", "small JSON at half the saturation rate, open loop, 64 connections",
             kind="paced", times=3),
    Workload("idle", f"{IDLE_CONNECTIONS} idle keep-alive connections, one request each",
             kind="idle"),
    Workload("routes", "requests over 2 and over 10,000 routes", mode=SPREAD, path="/r/1/42",
             names=ROUTED, paths=("/r/0/42", "/r/1/42"), times=3,
             variants=(("2 routes", Variant(routes=2)), ("10,000 routes", Variant(routes=10000)))),
    # Two questions: what do 1,000 services cost that are there, and what if all are in use, each
    # with its own connections to the origin? The second costs the kernel more than the gateway.
    Workload("services", "one of 1 and of 1,000 services in use", path="/r/1/42", names=ROUTED,
             times=3,
             variants=(("1 service", Variant(routes=1000)),
                       ("1,000 services", Variant(routes=1000, services=1000)))),
    Workload("services-all", "requests over 1,000 routes to 1 and to 1,000 services", mode=SPREAD,
             path="/r/1/42", names=ROUTED, paths=("/r/0/42", "/r/999/42",),
             variants=(("1 service", Variant(routes=1000)),
                       ("1,000 services", Variant(routes=1000, services=1000)))),
    Workload("filters", "small JSON through eight no-op filters", names=("gatehouse",), times=3,
             variants=(("no filter", BASE), ("8 filters", Variant(filters=8)))),
    Workload("log", "small JSON with the access log on", names=ROUTED, times=3,
             variants=(("log off", BASE), ("log on", Variant(log=True)))),
    Workload("workers", "small JSON, one and two workers on two cores", names=ROUTED, cores=(0, 1),
             conns=128, variants=(("1 worker", BASE), ("2 workers", Variant(workers=2)))),
]


def progress(text):
    print(text, file=sys.stderr, flush=True)


class Layout:
    """Which cores do what.  With four or more, two contender cores leave others for the load."""

    def __init__(self, rig, workload):
        cores = rig.cores
        self.contender = tuple(cores[i] for i in workload.cores)
        rest = tuple(c for c in cores if c not in self.contender)
        if len(workload.cores) == 1:
            self.load = self.origin = (cores[1],)
        elif len(rest) >= 2:
            half = len(rest) // 2
            self.load, self.origin = rest[:half], rest[half:]
        else:
            self.load = self.origin = (cores[1],)
        self.core_free = len(rest) >= 2


def get_once(port, path, method="GET", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as e:
        raise BenchError(f"{method} {path} got no answer: {e!r}") from e
    finally:
        connection.close()


class Entry:
    """One contender in one variant, with the samples of its rounds."""

    def __init__(self, rig, workload, layout, contender, tag, variant):
        self.rig = rig
        self.workload = workload
        self.layout = layout
        self.contender = contender
        self.variant = variant
        self.label = f"{contender}, {tag}" if tag else contender
        self.tag = tag
        self.samples = []
        self.failure = None
        self.server = None
        limit = contender == "limit"
        self.path = workload.limit_path if limit and workload.limit_path else workload.path
        mode = workload.limit_mode if limit and workload.limit_mode else workload.mode
        self.mode = list(mode) + ([str(variant.routes)] if mode[0] == "spread" else [])

    def start(self):
        origin = self.rig.origin(self.layout.origin)
        self.server = CONTENDERS[self.contender](self.rig, self.variant, origin.port,
                                                 self.layout.contender,
                                                 f"{self.workload.name} {self.label}")
        self.server.start()

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None

    def check(self):
        """Each answer must be the origin's, byte for byte, before anything is measured."""
        want = {len(SMALL): SMALL, len(KIB_10): KIB_10}.get(self.workload.size)
        post = self.workload.mode[0] == "post"
        for path in (self.path,) + self.workload.paths:
            status, body = get_once(self.server.port, path, "POST" if post else "GET",
                                    b"x" * int(self.workload.mode[1]) if post else None)
            if status != 200:
                raise BenchError(f"{path} is answered with {status}: {body[:200]!r}")
            if len(body) != self.workload.size or (want and body != want):
                raise BenchError(f"{path} is answered with {len(body)} bytes that are not the "
                                 f"origin's {self.workload.size}")

    def load(self, seconds, rate=None):
        if rate:
            return self.rig.paced(self.server.port, self.path, rate, self.workload.conns, seconds,
                                  self.layout.load)
        return self.rig.wrk(self.server.port, self.path, self.mode, self.workload.conns, seconds,
                            self.layout.load)

    def measure(self, rate=None):
        """One round: load for the given time, and what it cost by /proc."""
        window = Window(self.server.server, self.layout.contender)
        figures = self.load(self.rig.seconds, rate)
        cpu, foreign = window.end()
        if not figures["requests"]:
            raise BenchError(f"no request was answered: {figures['errors']}")
        rss, pss = self.server.server.memory()
        self.samples.append({
            "cpu_us": cpu * 1e6 / figures["requests"],
            "rps": figures["requests"] * 1e6 / figures["duration_us"],
            **{key: self.latency(figures[key]) for key in ("p50_us", "p99_us", "p999_us")},
            "rss_kib": rss, "pss_kib": pss,
            "foreign": foreign, "errors": figures["errors"],
        })
        if self.variant.log:
            self.check_log(figures["requests"])

    def latency(self, value):
        """What wrk says of pipelined requests is made up by its correction for lost samples."""
        return None if self.workload.mode[0] == "pipeline" else value

    def check_log(self, requests):
        """A log that lacks lines would be cheap: every request must be in it."""
        deadline, lines = time.monotonic() + 5, 0
        while lines < requests and time.monotonic() < deadline:
            time.sleep(0.1)
            lines += self.server.log_lines()
        self.server.log_cut()
        if lines < requests:
            raise BenchError(f"the access log has {lines} lines for {requests} requests")

    def measure_idle(self):
        """Memory that idle connections take, of a contender fresh from its start."""
        if self.rig.files < 2 * IDLE_CONNECTIONS + 1000:
            raise BenchError(f"{self.rig.files} open files are too few: raise `ulimit -Hn`")
        self.start()
        try:
            # Before the count: what a first request and a burst allocate once and for all.
            self.rig.wrk(self.server.port, self.path, self.mode, 64, 1, self.layout.load)
            before = memory_settled(self.server.server)
            with contextlib.ExitStack() as stack:
                for _ in range(IDLE_CONNECTIONS):
                    stack.enter_context(connection_used(self.server.port, self.path))
                after = memory_settled(self.server.server)
        finally:
            self.stop()
        self.samples.append({
            "rss_per_conn": (after[0] - before[0]) / IDLE_CONNECTIONS,
            "pss_per_conn": (after[1] - before[1]) / IDLE_CONNECTIONS,
            "rss_kib": after[0], "pss_kib": after[1], "errors": {}, "foreign": 0.0,
        })

    def median(self, key):
        """The median over the rounds, or None where there is no valid figure."""
        if not self.valid() or self.samples[0].get(key) is None:
            return None
        return statistics.median(s[key] for s in self.samples)

    def spread(self, key):
        """Half the distance between the quartiles of the rounds."""
        values = [s[key] for s in self.samples]
        if len(values) < 3:
            return (max(values) - min(values)) / 2
        low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2

    def more_than(self, first):
        """The CPU that this takes more than another entry: (microseconds, share), the medians of
        the rounds' own differences, since what disturbs a round disturbs both."""
        pairs = [(a["cpu_us"], b["cpu_us"]) for a, b in zip(first.samples, self.samples)]
        return (statistics.median(b - a for a, b in pairs),
                statistics.median(b / a for a, b in pairs) - 1)

    def errors(self):
        total = {}
        for sample in self.samples:
            for kind, count in sample["errors"].items():
                total[kind] = total.get(kind, 0) + count
        return total

    def valid(self):
        return bool(self.samples) and not self.failure and not self.errors()


def memory_settled(server, limit=10.0):
    """Memory once it has stopped to change, since buffers may be given back a little later."""
    deadline, last = time.monotonic() + limit, None
    while time.monotonic() < deadline:
        now = server.memory()
        if now == last:
            break
        last = now
        time.sleep(0.5)
    return last


def connection_used(port, path):
    """A connection on which one request was answered."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    got = b""
    while not got.endswith(SMALL):
        more = s.recv(65536)
        if not more:
            s.close()
            raise BenchError(f"a connection was closed before its answer was whole: {got[:200]!r}")
        got += more
    if not got.startswith(b"HTTP/1.1 200"):
        s.close()
        raise BenchError(f"answered with {got[:100]!r}")
    return s


class Run:
    """One workload measured: its entries and what is to be said beside them."""

    def __init__(self, rig, workload, names):
        self.rig = rig
        self.workload = workload
        self.layout = Layout(rig, workload)
        self.rate = None
        self.entries = [Entry(rig, workload, self.layout, name, tag, variant)
                        for name in workload.names if name in names
                        for tag, variant in workload.variants]

    def entry(self, contender, tag=""):
        for e in self.entries:
            if e.contender == contender and e.tag == tag:
                return e
        return None

    def measure(self):
        progress(f"{self.workload.name}: {self.workload.title}")
        if self.workload.kind == "idle":
            self._rounds(lambda e: e.measure_idle())
            return
        try:
            for e in self.entries:
                self._guard(e, e.start)
                self._guard(e, e.check)
                self._guard(e, lambda e=e: e.load(1))
                if e.variant.log:
                    self._guard(e, lambda e=e: e.server.log_cut())
            if self.workload.kind == "paced":
                self.rate = self._half_saturation()
            self._rounds(lambda e: e.measure(self.rate))
        finally:
            for e in self.entries:
                e.stop()

    def _guard(self, entry, action):
        """What fails, fails for one entry: the others are measured all the same."""
        if entry.failure:
            return
        try:
            action()
        except (BenchError, OSError) as e:
            entry.failure = str(e)
            progress(f"  {entry.label}: {e}")

    def _rounds(self, action):
        rounds = self.rig.rounds * self.workload.times
        for r in range(rounds):
            at = r % len(self.entries)
            for e in self.entries[at:] + self.entries[:at]:
                self._guard(e, lambda e=e: action(e))
            progress(f"  round {r + 1} of {rounds}")

    def _half_saturation(self):
        """One rate for all: half of what the slowest gateway can do (median of three tries)."""
        rates = {}
        for _ in range(3):
            for e in self.entries:
                if e.contender != "limit" and not e.failure:
                    figures = e.load(1)
                    rates.setdefault(e.label, []).append(
                        figures["requests"] * 1e6 / figures["duration_us"])
        if not rates:
            raise BenchError("no gateway runs, so there is no rate to pace at")
        return min(statistics.median(r) for r in rates.values()) / 2
