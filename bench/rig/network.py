# SPDX-License-Identifier: Apache-2.0
"""A loopback network of the run's own, with a congestion control of one's choice.

Used by bench/compare.  A machine's choice of congestion control weighs more than any gateway: BBR
sends by a timer, which on a busy loopback costs more than all the rest of a 1 MiB answer.  So the
run has its own network namespace, whose routes name the congestion control of their connections;
the machine's settings stay as they are.
"""

import ctypes
import os
import subprocess

from .proc import BenchError, tool_path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
MACHINE = "machine"


def machine_congestion():
    """The congestion control that connections get when nobody says otherwise."""
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as f:
        return f.read().strip()


def _ip(*argv):
    done = subprocess.run([tool_path("ip", "iproute2"), *argv], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise BenchError(f"ip {' '.join(argv)}: {done.stderr.strip()}")


def _unshare():
    """This process and all that it starts have a network of their own from here on."""
    libc, uid, gid = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET if uid == 0 else CLONE_NEWUSER | CLONE_NEWNET):
        raise BenchError(f"no network namespace: {os.strerror(ctypes.get_errno())}; "
                         f"--congestion {MACHINE} measures in the machine's own")
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                           ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as f:
                f.write(text)


def network_enter(congestion):
    """Takes the run into its own network, unless it is to be the machine's."""
    if congestion == MACHINE:
        return
    _unshare()
    _ip("link", "set", "lo", "up")
    for prefix in ("127.0.0.0/8", "127.0.0.1"):
        _ip("route", "change", "local", prefix, "dev", "lo", "proto", "kernel", "scope", "host",
            "src", "127.0.0.1", "table", "local", "congctl", congestion)


def network_fact(congestion):
    if congestion == MACHINE:
        return f"{machine_congestion()}, the machine's"
    return f"{congestion} (the machine's own is {machine_congestion()})"
