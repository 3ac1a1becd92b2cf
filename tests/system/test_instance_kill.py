#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The short form of tests/instance-kill: no GET fails, and of POSTs those in flight at most."""
import os
import subprocess
import sys
import unittest

from harness import SLOW, SRCDIR


class InstanceKill(unittest.TestCase):
    def test_short(self):
        # With sanitizers a worker answers a few hundred a second.
        rate = [] if SLOW == 1 else ["--rate", "500"]
        done = subprocess.run(
            [sys.executable, os.path.join(SRCDIR, "tests", "instance-kill"), "--short", *rate],
            capture_output=True, text=True, check=False, timeout=240 * SLOW)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
