# SPDX-License-Identifier: Apache-2.0
"""A machine that goes wrong, for one gateway alone: a small file system, a clock of its own."""
import ctypes
import mmap
import os
import shlex
import struct
import subprocess

from harness import scratch

CLONE_NEWNS = 0x00020000

# The wall clock of a process and its children: what the kernel says, and what the file says more.
SHIM = r"""
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *more;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("CHAOS_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*more), PROT_READ, MAP_SHARED, fd, 0);

    more = p == MAP_FAILED ? NULL : p;
    if (fd >= 0)
        close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, t);
    if (r == 0 && more && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += *more;
    return r;
}

int gettimeofday(struct timeval *tv, void *zone)
{
    struct timespec t;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    tv->tv_sec = t.tv_sec;
    tv->tv_usec = t.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}
"""


def clock_shim(path):
    """The environment for a process whose wall clock can be moved, and what moves it: called with
    the seconds that it is to be ahead."""
    source, library = scratch("clock.c"), scratch("clock.so")
    with open(source, "w", encoding="ascii") as f:
        f.write(SHIM)
    subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-D_GNU_SOURCE", "-O2", "-shared",
                    "-fPIC", "-x", "c", source, "-o", library, "-ldl"], check=True, timeout=120)
    os.chmod(library, 0o755)
    with open(path, "w+b") as f:
        f.write(struct.pack("q", 0))
        f.flush()
        shared = mmap.mmap(f.fileno(), 8)

    def jump(seconds):
        shared[:8] = struct.pack("q", seconds)

    return {"LD_PRELOAD": library, "CHAOS_CLOCK": path}, jump


def file_system(size):
    """A new file system of that size that only this process and its children see: (path, None), or
    (None, why there is none)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        return None, "no file system of its own: %s" % os.strerror(ctypes.get_errno())
    path = scratch("disk")
    os.unlink(path)
    os.mkdir(path, 0o755)
    for argv in (["mount", "--make-rprivate", "/"],
                 ["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", path]):
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
        if done.returncode:
            return None, "no file system of its own: " + done.stderr.strip()
    return path, None
