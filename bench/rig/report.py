# SPDX-License-Identifier: Apache-2.0
"""What bench/compare prints: one table per workload, one of the targets; and the same as JSON.

Used by bench/compare.  The tables are Markdown, padded so that they read well in a terminal.
"""

import statistics

from .targets import judge


def table(header, rows, left=1):
    """A Markdown table: so many columns to the left, the others to the right."""
    cells = [header] + rows
    widths = [max(len(str(row[i])) for row in cells) for i in range(len(header))]

    def line(row):
        return "| " + " | ".join(str(c).ljust(w) if i < left else str(c).rjust(w)
                                 for i, (c, w) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i < left else "-" * (w + 1) + ":"
                          for i, w in enumerate(widths)) + "|"
    return "\n".join([line(header), rule] + [line(row) for row in rows])


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


def ratio(entry, other, key):
    """The entry's median as a multiple of another's, where both have one."""
    if not other or other is entry:
        return "-"
    mine, theirs = entry.median(key), other.median(key)
    return f"{mine / theirs:.2f}" if mine is not None and theirs else "-"


def ratios(run, entry, key):
    """Against each peer in the same variant; the limit has only one."""
    return [ratio(entry, run.entry("nginx", entry.tag), key),
            ratio(entry, run.entry("haproxy", entry.tag), key)]


def against_itself(run, entry):
    """What the variant costs more than the first one does."""
    first = run.entry(entry.contender, run.workload.variants[0][0])
    if first is entry or first.median("cpu_us") is None or entry.median("cpu_us") is None:
        return "-"
    more, share = entry.more_than(first)
    return f"{more:+.2f} us, {100 * share:+.1f} %"


def load_table(run):
    """CPU, rate, latency and memory of each entry."""
    varied = len(run.workload.variants) > 1
    with_limit = run.entry("limit") is not None
    header = ["contender", "CPU us/req", "+-", "req/s", "p50 us", "p99 us", "p99.9 us",
              "RSS MiB", "PSS MiB", "x nginx", "x haproxy"]
    header += ["x limit"] if with_limit else []
    header += ["more than its first"] if varied else []
    rows = []
    for e in run.entries:
        if not e.valid():
            continue
        row = [e.label, number(e.median("cpu_us"), 2), number(e.spread("cpu_us"), 2),
               number(e.median("rps")), number(e.median("p50_us")), number(e.median("p99_us")),
               number(e.median("p999_us")), number(e.median("rss_kib") / 1024, 1),
               number(e.median("pss_kib") / 1024, 1)] + ratios(run, e, "cpu_us")
        row += [ratio(e, run.entry("limit"), "cpu_us")] if with_limit else []
        row += [against_itself(run, e)] if varied else []
        rows.append(row)
    return table(header, rows) if rows else ""


def idle_table(run):
    header = ["contender", "PSS KiB/conn", "+-", "RSS KiB/conn", "RSS MiB in all", "x nginx",
              "x haproxy"]
    rows = [[e.label, number(e.median("pss_per_conn"), 2), number(e.spread("pss_per_conn"), 2),
             number(e.median("rss_per_conn"), 2), number(e.median("rss_kib") / 1024, 1)] +
            ratios(run, e, "pss_per_conn")
            for e in run.entries if e.valid()]
    return table(header, rows) if rows else ""


def invalid_lines(run):
    """Why an entry has no row."""
    lines = []
    for e in run.entries:
        if e.failure:
            lines.append(f"- {e.label}: not measured: {e.failure}")
        elif e.errors():
            what = ", ".join(f"{count} {kind}" for kind, count in e.errors().items())
            lines.append(f"- {e.label}: INVALID, wrk counted errors: {what}")
    return lines


def foreign_shares(run):
    """Per cent of the contender's core that others took, window by window, where that is known."""
    shared = set(run.layout.contender) & set(run.layout.load + run.layout.origin)
    if shared or run.workload.kind == "idle":
        return []
    return [100 * s["foreign"] for e in run.entries for s in e.samples]


def noise_line(run):
    shares = foreign_shares(run)
    if not shares:
        return ""
    return (f"Others took {statistics.median(shares):.1f} % of the contender's core in the median "
            f"window, {max(shares):.1f} % in the worst.")


def run_text(run):
    title = f"## {run.workload.name}: {run.workload.title}"
    if run.rate:
        title += f" ({run.rate:,.0f} requests/s)"
    body = idle_table(run) if run.workload.kind == "idle" else load_table(run)
    parts = [title, body, "\n".join(invalid_lines(run)), noise_line(run)]
    return "\n\n".join(p for p in parts if p)


def targets_text(runs):
    shares = [share for run in runs.values() for share in foreign_shares(run)]
    busy = statistics.median(shares) if shares else 0
    warning = (f"The machine was busy: others took {busy:.0f} % of the contender's core in the "
               "median window. These verdicts are an indication only.\n\n") if busy > 5 else ""
    return "## Targets\n\n" + warning + table(["workload", "target", "measured", "verdict"],
                                    [list(row) for row in judge(runs)], left=4)


def facts_text(facts):
    return "\n".join(f"- {key}: {value}" for key, value in facts.items())


def as_json(facts, runs):
    """Everything, with every single sample."""
    return {
        "facts": facts,
        "workloads": {
            name: {
                "title": run.workload.title,
                "rate": run.rate,
                "entries": [{"label": e.label, "contender": e.contender, "variant": e.tag,
                             "valid": e.valid(), "failure": e.failure, "errors": e.errors(),
                             "samples": e.samples} for e in run.entries],
            } for name, run in runs.items()
        },
        "targets": [dict(zip(("workload", "target", "measured", "verdict"), row))
                    for row in judge(runs)],
    }
