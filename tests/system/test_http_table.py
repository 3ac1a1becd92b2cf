# SPDX-License-Identifier: Apache-2.0
"""Every row of http_cases/ against one running gateway, a test for each row.

One row:    python3 test_http_table.py -k 'chunk size'
One group:  python3 test_http_table.py Framing
"""
import collections
import unittest

import harness
import http_cases
import http_run

world = None


class World:
    """The gateway and its backends, shared by all rows."""

    def __init__(self):
        self.backends = http_run.Backends()
        self.gateway = harness.start_gateway(http_run.gatehouse_config(self.backends))
        self.pids = sorted(self.gateway.worker_pids())

    def close(self):
        """Stops everything.  Returns the gateway's exit status."""
        status = self.gateway.stop()
        self.backends.close()
        return status


def setUpModule():
    global world
    world = World()


def tearDownModule():
    """What must hold after all rows: no worker was lost, each log line is JSON, exit 0."""
    gateway = world.gateway
    try:
        pids = sorted(gateway.worker_pids())
        assert pids == world.pids, "workers %s became %s\n%s" % (
            world.pids, pids, gateway.tail())
        bad = [line for line in gateway.access_log() if "text" in line and len(line) == 1]
        assert not bad, "access log lines that are no JSON: %s" % bad[:5]
    finally:
        status = world.close()
    assert status == 0, "gatehouse ended with %s\n%s" % (status, gateway.tail())


def row_test(case):
    """Returns a test method for one row."""
    def test(self):
        run = http_run.run_case(case, world.gateway.port, world.backends.origin, True)
        if run.problems:
            self.fail("\n" + run.report())
    test.__doc__ = "%s / %s (RFC %s)" % (case.group, case.name, case.rfc)
    return test


def method_name(case):
    """Returns test_<name> with what Python doesn't take in names as underscores."""
    return "test_" + "".join(c if c.isalnum() and c.isascii() else
                             "_" if c in " _" else "_%02x_" % ord(c) for c in case.name)




def build():
    """Makes a TestCase class for each group of the table."""
    groups = collections.defaultdict(dict)
    for case in http_cases.load():
        members = groups[case.group]
        name = method_name(case)
        if name in members:
            raise ValueError("two tests %s in %s" % (name, case.group))
        members[name] = row_test(case)
    for group, members in groups.items():
        globals()[group.capitalize()] = type(group.capitalize(), (unittest.TestCase,), members)


build()

if __name__ == "__main__":
    unittest.main()
