#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: count-tests.py [--more-failed N] BUILD_DIR...

Sums the test cases of each build directory's last make check, shows what failed, and ends
with the line "N passed, N failed".  Exits 0 if nothing failed and something passed.
A program that counts no cases itself is one case; so is one that died before its count.
"""

import os
import re
import sys

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests? in ", re.M)
UNITTEST_END = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?$", re.M)
TAIL = 40


def count_cases(log, result):
    """(passed, failed, skipped) of one test program from its log and automake's verdict."""
    passed = failed = skipped = 0
    for checks, failures, errors in CHECK.findall(log):
        bad = int(failures) + int(errors)
        passed, failed = passed + int(checks) - bad, failed + bad
    for ran in UNITTEST.findall(log):
        passed += int(ran)
    for notes in UNITTEST_END.findall(log) if UNITTEST.search(log) else []:
        numbers = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", notes)}
        bad = numbers.get("failures", 0) + numbers.get("errors", 0)
        failed += bad
        skipped += numbers.get("skipped", 0)
        passed -= bad + numbers.get("skipped", 0)
    if result == "SKIP":
        return 0, 0, 1
    if result != "PASS" and failed == 0:
        failed = 1
    if passed + failed + skipped == 0:
        passed = 1
    return passed, failed, skipped


def expected_tests(build):
    """The names of the test programs, from the Makefile that ran them."""
    names = []
    for where, _, files in os.walk(os.path.join(build, "tests")):
        names += [os.path.join(where, f)[:-4] for f in files if f.endswith(".trs")]
    return sorted(names)


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def count_build(build):
    """(passed, failed) of a build directory, after showing its failures."""
    tests = expected_tests(build)
    if not tests:
        print(f"{build}: make check ran no test; the end of {build}/check.log:")
        print("\n".join(read(os.path.join(build, "check.log")).split("\n")[-TAIL:]))
        return 0, 1
    total = [0, 0, 0]
    for test in tests:
        match = re.search(r"^:global-test-result: (\w+)", read(test + ".trs"), re.M)
        log = read(test + ".log")
        counts = count_cases(log, match.group(1) if match else "ERROR")
        total = [a + b for a, b in zip(total, counts)]
        if counts[1]:
            print(f"--- {test}.log ends:")
            print("\n".join(log.rstrip().split("\n")[-TAIL:]))
        if counts[2]:
            print(f"--- {test}: {counts[2]} skipped")
    print(f"{build}: {len(tests)} programs, {total[0]} passed, {total[1]} failed, "
          f"{total[2]} skipped")
    return total[0], total[1]


def main():
    words = sys.argv[1:]
    passed = failed = 0
    if words[:1] == ["--more-failed"]:
        failed, words = int(words[1]), words[2:]
    for build in words:
        p, f = count_build(build)
        passed, failed = passed + p, failed + f
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
