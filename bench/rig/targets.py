# SPDX-License-Identifier: Apache-2.0
"""The targets, and whether the figures of a run meet them.

Used by the report.  A target without valid figures from everyone it compares is "not measured".
"""

import contextlib
from dataclasses import dataclass
from typing import Optional

MET, NOT_MET, NOT_MEASURED = "met", "NOT MET", "not measured"
PEERS = ("nginx", "haproxy")


class Missing(Exception):
    """A figure that the target needs and the run does not have."""


def figure(runs, workload, contender, key, tag=""):
    run = runs.get(workload)
    if not run:
        raise Missing(f"{workload} was not run")
    entry = run.entry(contender, tag)
    value = entry.median(key) if entry else None
    if value is None:
        raise Missing(f"no valid figure of {entry.label if entry else contender}")
    return value


def better_peer(runs, workload, key, tag=""):
    return min((figure(runs, workload, peer, key, tag), peer) for peer in PEERS)


@dataclass
class Part:
    """One comparison: a figure that must not pass its bound, or has none and is only told."""
    text: str
    value: float
    bound: Optional[float]
    at_least: bool = False

    def met(self):
        if self.bound is None:
            return True
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def against_peer(workload, factor, key="cpu_us"):
    def parts(runs):
        best, peer = better_peer(runs, workload, key)
        ratio = figure(runs, workload, "gatehouse", key) / best
        return [Part(f"{ratio:.2f} x {peer}", ratio, factor)]
    return parts


def against_limit(workload, factor):
    def parts(runs):
        ratio = (figure(runs, workload, "gatehouse", "cpu_us") /
                 figure(runs, workload, "limit", "cpu_us"))
        return [Part(f"{ratio:.2f} x the limit", ratio, factor)]
    return parts


def all_of(*makers):
    return lambda runs: [part for maker in makers for part in maker(runs)]


def more(runs, workload, contender, first, second):
    """What the second variant takes more than the first: (microseconds, share)."""
    for tag in (first, second):
        figure(runs, workload, contender, "cpu_us", tag)
    return runs[workload].entry(contender, second).more_than(runs[workload].entry(contender,
                                                                                 first))


def growth(runs, workload, contender, first, second):
    """The same in per cent."""
    return 100 * more(runs, workload, contender, first, second)[1]


def routes_cost(runs):
    more = growth(runs, "routes", "gatehouse", "2 routes", "10,000 routes")
    return [Part(f"{more:+.1f} %", more, 3)]


def services_cost(runs):
    """The bound is on services that are there; with all of them in use it is told beside."""
    more = growth(runs, "services", "gatehouse", "1 service", "1,000 services")
    parts = [Part(f"{more:+.1f} %", more, 3)]
    with contextlib.suppress(Missing):
        used = [(growth(runs, "services-all", name, "1 service", "1,000 services"), name)
                for name in ("gatehouse",) + PEERS]
        parts.append(Part("all in use: " + ", ".join(f"{name} {m:+.1f} %" for m, name in used),
                          used[0][0], None))
    return parts


def added(runs, workload, contender, first, second):
    """The same in microseconds."""
    return more(runs, workload, contender, first, second)[0]


def filters_cost(runs):
    more = added(runs, "filters", "gatehouse", "no filter", "8 filters")
    return [Part(f"{more:+.2f} us", more, 0.5)]


def log_cost(runs):
    more = added(runs, "log", "gatehouse", "log off", "log on")
    nginx = added(runs, "log", "nginx", "log off", "log on")
    return [Part(f"{more:+.2f} us", more, 0.4), Part(f"nginx {nginx:+.2f} us", more, nginx)]


def idle_memory(runs):
    """By RSS: PSS also moves when any other process maps or leaves the same pages."""
    kib = figure(runs, "idle", "gatehouse", "rss_per_conn")
    return [Part(f"{kib:.2f} KiB", kib, 0.5)]


def two_workers(runs):
    run = runs.get("workers")
    if run and not run.layout.core_free:
        one = figure(runs, "workers", "gatehouse", "cpu_us", "1 worker")
        two = figure(runs, "workers", "gatehouse", "cpu_us", "2 workers")
        raise Missing("no core is free beside two workers; their CPU per request is "
                      f"{two / one:.2f} x one worker's")
    ratio = (figure(runs, "workers", "gatehouse", "rps", "2 workers") /
             figure(runs, "workers", "gatehouse", "rps", "1 worker"))
    return [Part(f"{ratio:.2f} x one", ratio, 1.8, at_least=True)]


TARGETS = [
    ("json", "<= 0.95 x the better peer, <= 1.10 x the limit",
     all_of(against_peer("json", 0.95), against_limit("json", 1.10))),
    ("10k", "<= 0.95 x the better peer", against_peer("10k", 0.95)),
    ("post", "<= 0.95 x the better peer", against_peer("post", 0.95)),
    ("1m", "<= 0.85 x the better peer, <= 1.15 x the limit",
     all_of(against_peer("1m", 0.85), against_limit("1m", 1.15))),
    ("close", "<= 1.0 x the better peer", against_peer("close", 1.0)),
    ("pipeline", "<= 0.9 x the better peer", against_peer("pipeline", 0.9)),
    ("p99", "p99 <= the better peer's", against_peer("p99", 1.0, "p99_us")),
    ("idle", "<= 0.5 KiB per connection (RSS)", idle_memory),
    ("routes", "10,000 routes: <= 3 % more CPU than 2", routes_cost),
    ("services", "1,000 services: <= 3 % more CPU than 1", services_cost),
    ("filters", "eight no-op filters: <= 0.5 us more", filters_cost),
    ("log", "access log: <= 0.4 us more, and <= what it costs nginx", log_cost),
    ("workers", "two workers: >= 1.8 x the requests of one", two_workers),
]


def judge(runs):
    """(workload, target, measured, verdict) for every target."""
    rows = []
    for workload, text, parts_of in TARGETS:
        try:
            parts = parts_of(runs)
            verdict = MET if all(p.met() for p in parts) else NOT_MET
            rows.append((workload, text, ", ".join(p.text for p in parts), verdict))
        except Missing as e:
            rows.append((workload, text, str(e), NOT_MEASURED))
    return rows
