# SPDX-License-Identifier: Apache-2.0
"""What the log says of a worker that a signal ended: where, and on which way."""
import os
import signal
import unittest

from harness import request, wait_until
from test_quarantine import Case


class Report(Case):
    def line(self, path):
        """The log line of the crash that the path brings about."""
        gw = self.start(workers=1)
        try:
            request(gw.port, path, limit=10)
        except OSError:
            pass
        line = wait_until(lambda: self.logged(gw), 10.0, "the line")
        wait_until(lambda: request(gw.port, "/web/x").status == 200, 5.0)
        gw.stop()
        return line

    def logged(self, gw):
        """The line of a death, if there is one."""
        return next((a for a in gw.log() if a["message"].startswith("worker died")), None)

    def check_way(self, line, *parts):
        """These stand in the backtrace, one behind the other."""
        at = 0
        for part in parts:
            found = line["backtrace"].find(part, at)
            self.assertGreaterEqual(found, 0, "%r in %s" % (part, line["backtrace"]))
            at = found + len(part)

    def test_null(self):
        line = self.line("/faults/null")
        self.assertEqual((line["how"], line["address"], line["plugin"]),
                         ("SIGSEGV", "0x40", "faults"))
        self.check_way(line, "faults_on_request", "(faults.so) < ", "(gatehouse) < ")

    def test_abort(self):
        line = self.line("/faults/abort")
        self.assertEqual(line["how"], "SIGABRT")
        self.assertNotIn("address", line)
        self.check_way(line, "abort+0x", "(libc.so", "faults_on_request")

    def test_stack_overflow(self):
        line = self.line("/faults/overflow")
        self.assertEqual(line["how"], "SIGSEGV")
        self.check_way(line, *["faults_overflow+0x"] * 10)

    def test_another_file_has_no_names(self):
        gw = self.start(workers=1)
        # The directory's file is no longer the one that runs: its symbols would be wrong.
        path = os.path.join(self.plugins, "faults.so")
        with open(path, "rb") as f:
            content = f.read()
        os.unlink(path)
        with open(path, "wb") as f:
            f.write(content + b"another")
        try:
            request(gw.port, "/faults/null", limit=10)
        except OSError:
            pass
        line = wait_until(lambda: self.logged(gw), 10.0)
        self.assertNotIn("faults_on_request", line["backtrace"])
        self.check_way(line, "faults.so+0x", "(gatehouse) < ")

    def test_killed_from_outside(self):
        gw = self.start(workers=1)
        os.kill(gw.worker_pids()[0], signal.SIGKILL)
        line = wait_until(lambda: self.logged(gw), 10.0)
        self.assertEqual(line["how"], "SIGKILL")
        self.assertNotIn("backtrace", line)


if __name__ == "__main__":
    unittest.main()
