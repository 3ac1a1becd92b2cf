#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The short form of tests/chaos: every scenario a few times, none of its targets missed.

With sanitizers, what a plugin does to its worker: they see a heap corrupted where nobody else does.
"""
import os
import subprocess
import sys
import unittest

from harness import SLOW, SRCDIR

SANITIZED = "crash-null,crash-overflow,crash-heap,quarantine"


class Chaos(unittest.TestCase):
    def test_short(self):
        sanitizers = os.environ.get("GATEHOUSE_SANITIZERS")
        done = subprocess.run(
            [sys.executable, os.path.join(SRCDIR, "tests", "chaos"), "--short",
             *(["--only", SANITIZED] if sanitizers else [])],
            capture_output=True, text=True, check=False, timeout=240 * SLOW)
        print(done.stdout)
        # What was missed is the end of what is printed: a log may keep no more than that.
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
