#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: coverage.py BUILD_DIR

Reads what the programs of a --enable-coverage build have counted, through gcov, and prints
the share of lines that ran for each source file and for all.  A file that was compiled more
than once (a program and its test) counts a line as run when it ran in any of them.
"""

import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNTED = ("core/", "plugins/", "services/")


def gcov_files(build):
    """Yields gcov's JSON for each object of the build; one that never ran has counts of 0."""
    notes = glob.glob(os.path.join(build, "**", "*.gcno"), recursive=True)
    with tempfile.TemporaryDirectory() as work:
        for note in notes:
            subprocess.run(["gcov", "--json-format", "--object-file", note, note], cwd=work,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            for path in glob.glob(os.path.join(work, "*.gcov.json.gz")):
                with gzip.open(path, "rt") as f:
                    yield json.load(f)
                os.unlink(path)


def collect(build):
    """{source file: {line: how often it ran}}"""
    counts = {}
    for answer in gcov_files(build):
        for entry in answer["files"]:
            path = os.path.normpath(os.path.join(answer["current_working_directory"],
                                                 entry["file"]))
            path = os.path.relpath(path, TOP)
            if not path.startswith(COUNTED):
                continue
            lines = counts.setdefault(path, {})
            for line in entry["lines"]:
                number = line["line_number"]
                lines[number] = lines.get(number, 0) + line["count"]
    return counts


def main():
    counts = collect(os.path.abspath(sys.argv[1]))
    ran = total = 0
    for path, lines in sorted(counts.items()):
        hit = sum(1 for n in lines.values() if n > 0)
        ran, total = ran + hit, total + len(lines)
        if lines:
            print(f"{100 * hit / len(lines):6.1f} %  {hit:5}/{len(lines):<5}  {path}")
    if total == 0:
        print("coverage: nothing was counted", file=sys.stderr)
        return 1
    print(f"coverage: {100 * ran / total:.1f} % of {total} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
