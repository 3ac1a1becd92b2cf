#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bodies of any size both ways, memory that stays flat, endpoints in turn, upstream timeouts.

RELAY_MIB sets the size of the large bodies (default 64).  What a gigabyte costs:
    RELAY_MIB=1024 make check TESTS=tests/system/test_relay.py; cat tests/system/test_relay.log
"""
import hashlib
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import unittest

import harness
from backend import Backend
from origin_stream import StreamOrigin

MIB = 1024 * 1024
SIZE = int(os.environ.get("RELAY_MIB", "64")) * MIB
GROWTH_KIB = 1024


def resident_kib(pid):
    """Memory that a process has in use, as the kernel counts it."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("process %d has no VmRSS" % pid)


class Peak(threading.Thread):
    """Samples a process's memory until it is stopped; peak is the most it had."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.start_kib, self.peak = pid, resident_kib(pid), 0
        self.done = threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.02):
            self.peak = max(self.peak, resident_kib(self.pid))

    def growth(self):
        self.done.set()
        self.join()
        return max(self.peak, resident_kib(self.pid)) - self.start_kib


class Bodies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = StreamOrigin(SIZE)
        cls.gateway = harness.start_gateway(harness.relay_config({"/*": [cls.origin.port]}))
        cls.sanitized = "asan" in os.environ.get("GATEHOUSE_SANITIZERS", "")
        # What is allocated once (buffers, an arena) is there before anything is measured.
        harness.request(cls.gateway.port, "/small")
        harness.request(cls.gateway.port, "/small", "POST", body=b"x" * 100000)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.origin.close()

    def connect(self, head):
        s = socket.create_connection(("127.0.0.1", self.gateway.port), 30)
        s.sendall(head)
        return s

    def read_body(self, s, pause_every=0):
        """Reads a response whose body has Content-Length; returns its hash and size."""
        f = s.makefile("rb", 256 * 1024)
        self.assertIn(b" 200 ", f.readline())
        length = None
        while True:
            line = f.readline().strip()
            if not line:
                break
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        digest, left, since = hashlib.sha256(), length, 0
        while left:
            piece = f.read(min(left, 256 * 1024))
            self.assertTrue(piece, "cut with %d bytes to come" % left)
            digest.update(piece)
            left -= len(piece)
            since += len(piece)
            if pause_every and since >= pause_every:
                since = 0
                time.sleep(0.005)
        return digest.hexdigest(), length

    def assert_flat(self, peak):
        growth = peak.growth()
        print("    %s: the worker grew by %d KiB from %d KiB" % (
            self.id().rpartition(".")[2], growth, peak.start_kib))
        if not self.sanitized:
            self.assertLess(growth, GROWTH_KIB, "the worker grew by %d KiB" % growth)

    def test_download(self):
        peak, began = Peak(self.gateway.worker_pids()[0]), time.monotonic()
        with self.connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") as s:
            self.assertEqual(self.read_body(s), (self.origin.digest, SIZE))
        self.report("down", began)
        self.assert_flat(peak)

    def test_download_in_chunks(self):
        path = harness.scratch("body")
        subprocess.run(["curl", "-sSf", "-o", path,
                        "http://127.0.0.1:%d/chunked" % self.gateway.port],
                       check=True, timeout=(60 + SIZE / (2 * MIB)) * harness.SLOW)
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest() \
                if hasattr(hashlib, "file_digest") else hashlib.sha256(f.read()).hexdigest()
        self.assertEqual(digest, self.origin.digest)
        os.unlink(path)

    def test_slow_reader_does_not_grow_the_worker(self):
        peak = Peak(self.gateway.worker_pids()[0])
        with self.connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") as s:
            self.assertEqual(self.read_body(s, pause_every=MIB), (self.origin.digest, SIZE))
        self.assert_flat(peak)

    def test_reader_that_stops_does_not_grow_the_worker(self):
        peak = Peak(self.gateway.worker_pids()[0])
        with self.connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") as s:
            time.sleep(1)
            self.assertIn(b" 200 ", s.recv(64))
        self.assert_flat(peak)

    def test_cut_by_the_service(self):
        for target in (b"/cut", b"/reset"):
            with self.subTest(target), \
                    self.connect(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target) as s:
                f = s.makefile("rb", 256 * 1024)
                while f.readline().strip():
                    pass
                n = 0
                try:
                    while piece := f.read(256 * 1024):
                        n += len(piece)
                except ConnectionResetError:
                    pass
                self.assertLess(n, SIZE)
                self.gateway.wait_access(lambda a, t=target.decode(): a["path"] == t
                                         and a["reason"] == "upstream_cut")

    def upload(self, head, frame):
        rng = random.Random(7)
        digest, left = hashlib.sha256(), SIZE
        with self.connect(head) as s:
            while left:
                piece = rng.randbytes(min(left, 200_000))
                digest.update(piece)
                s.sendall(frame(piece))
                left -= len(piece)
            s.sendall(frame(b""))
            answer = s.makefile("rb").read()
        self.assertIn(b" 200 ", answer.split(b"\r\n")[0])
        self.assertIn(digest.hexdigest().encode(), answer)
        self.assertIn(b"%d bytes" % SIZE, answer)

    def report(self, way, began):
        """Leaves a figure in the log of the test."""
        print("    %d MiB %s in %.1f s, SHA-256 equal" % (
            SIZE // MIB, way, time.monotonic() - began))

    def test_upload(self):
        peak, began = Peak(self.gateway.worker_pids()[0]), time.monotonic()
        self.upload(b"POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    b"Content-Length: %d\r\n\r\n" % SIZE, lambda piece: piece)
        self.report("up", began)
        self.assert_flat(peak)

    def test_upload_in_chunks(self):
        peak = Peak(self.gateway.worker_pids()[0])
        self.upload(b"POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n",
                    lambda piece: b"%x\r\n%s\r\n" % (len(piece), piece))
        self.assert_flat(peak)

    def test_slow_service_does_not_grow_the_worker(self):
        peak = Peak(self.gateway.worker_pids()[0])
        size = 16 * MIB
        with self.connect(b"POST /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                          b"Content-Length: %d\r\n\r\n" % size) as s:
            s.sendall(b"z" * size)
            answer = s.makefile("rb").read()
        self.assertIn(b"%d bytes" % size, answer)
        self.assert_flat(peak)


class Pool(unittest.TestCase):
    def test_connections_are_kept_and_shared(self):
        origin = StreamOrigin(0)
        gateway = harness.start_gateway(harness.relay_config({"/*": [origin.port]}))
        try:
            for _ in range(50):
                self.assertEqual(harness.request(gateway.port, "/small").status, 200)
            self.assertEqual(origin.connections, 1)
            metrics = gateway.metrics()
            reused = [v for k, v in metrics.items() if "reused_total" in k]
            self.assertEqual(sum(reused), 49, metrics)
        finally:
            gateway.stop()
            origin.close()

    def test_weights(self):
        backends = [StreamOrigin(0) for _ in range(3)]
        gateway = harness.start_gateway({
            "services": {"s": {"endpoints": [
                {"address": "127.0.0.1:%d" % b.port, "weight": w}
                for b, w in zip(backends, (5, 3, 2))]}},
            "routes": [{"path": "/*", "plugin": "relay", "config": {"service": "s"}}]})
        try:
            for _ in range(100):
                self.assertEqual(harness.request(gateway.port, "/small").status, 200)
            self.assertEqual([b.requests for b in backends], [50, 30, 20])
        finally:
            gateway.stop()
            for b in backends:
                b.close()


class Faults(unittest.TestCase):
    def gateway_to(self, ports, **timeout):
        return harness.start_gateway(harness.relay_config(
            {"/*": ports}, defaults={"timeout": timeout}))

    def test_no_connection_in_time(self):
        # A full queue of a listening socket that nobody accepts from: connections hang.
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            fillers.append(s)
        with self.gateway_to([port], connect="300ms") as gateway:
            began = time.monotonic()
            answer = harness.request(gateway.port, "/", "POST", body=b"x", limit=10)
            self.assertEqual(answer.status, 504)
            self.assertIn(b"connect_timeout", answer.body)
            self.assertLess(time.monotonic() - began, 5)
        for s in fillers:
            s.close()
        listener.close()

    def test_other_endpoint_when_one_refuses(self):
        gone = harness.free_port()
        backend = Backend()
        with self.gateway_to([gone, backend.port]) as gateway:
            for _ in range(6):
                answer = harness.request(gateway.port, "/x")
                self.assertEqual(answer.status, 200, answer.body)
        backend.close()

    def test_all_refuse(self):
        with self.gateway_to([harness.free_port()]) as gateway:
            answer = harness.request(gateway.port, "/")
            self.assertEqual(answer.status, 502)
            self.assertEqual(answer.json()["type"], "urn:gatehouse:connect_refused")
            line = gateway.wait_access(lambda a: a.get("reason") == "connect_refused")
            self.assertEqual(line["request_id"], answer.json()["request_id"])

    def test_a_service_that_never_registered(self):
        config = {"services": {"s": {"endpoints": ["never.invalid:80"]}},
                  "routes": [{"path": "/*", "plugin": "relay", "config": {"service": "s"}}]}
        gateway = harness.start_gateway(config, wait=False)
        try:
            harness.wait_until(lambda: self.answers(gateway.port), 10, "an answer")
            answer = harness.request(gateway.port, "/")
            self.assertEqual(answer.status, 503)
            self.assertIn(answer.json()["type"].rpartition(":")[2],
                          ("never_registered", "no_endpoints"))
            self.assertTrue(answer.header("retry-after"))
        finally:
            gateway.stop()

    @staticmethod
    def answers(port):
        try:
            return harness.request(port, "/", limit=1).status
        except OSError:
            return None


@unittest.skipUnless(shutil.which("wrk"), "wrk is not installed (scripts/setup installs it)")
class Load(unittest.TestCase):
    def test_no_request_fails(self):
        origin = StreamOrigin(0)
        gateway = harness.start_gateway(harness.relay_config({"/*": [origin.port]}, workers=2))
        try:
            out = subprocess.run(
                ["wrk", "-t1", "-c16", "-d3", "http://127.0.0.1:%d/small" % gateway.port],
                capture_output=True, text=True, timeout=60, check=True).stdout
            self.assertNotIn("Socket errors", out)
            self.assertNotIn("Non-2xx", out)
            self.assertIn("requests in", out)
        finally:
            gateway.stop()
            origin.close()


if __name__ == "__main__":
    unittest.main()
