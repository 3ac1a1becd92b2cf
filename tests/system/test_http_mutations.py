# SPDX-License-Identifier: Apache-2.0
"""Random mutations of valid requests: nothing malformed comes out at either end.

MUTATIONS sets how many (3,000 by default), SEED repeats a run.  Meant for sanitizer builds
too: whatever the gateway's processes write about memory makes the test fail.
"""
import os
import random
import re
import threading
import time
import unittest

import harness
import http_cases
import http_run
from wire import Client, Cut, Malformed, Response

COUNT = int(os.environ.get("MUTATIONS", "3000"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
THREADS = 4
LIMIT = 5.0
TROUBLE = re.compile(r"Sanitizer|runtime error|LeakSanitizer|panic|assert", re.I)

SPICE = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"%", b"%2f", b"%00", b"..",
         b"//", b"\x0b", b"\x0c", b"\x7f", b"\x80", b"\xff", b"_", b"*", b"#", b"?", b"@", b"[",
         b"0\r\n\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
         b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Host: b.test\r\n", b"HTTP/1.0",
         b"ffffffffffffffff", b"18446744073709551616", b"GET /hidden HTTP/1.1\r\n", b"-1"]


def mutated(rng, seeds):
    """Returns one seed, changed in one to four places."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.randint(1, 16))
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 2:
            data[at:at] = rng.choice(SPICE)
        elif kind == 3:
            del data[at:end]
        elif kind == 4:
            data[at:at] = data[at:end] * rng.randint(1, 3)
        else:
            other = rng.choice(seeds)
            cut = rng.randrange(len(other) + 1)
            data[at:at] = other[cut:cut + rng.randint(1, 64)]
    return bytes(data)


class Mutations(unittest.TestCase):
    """One gateway, several senders, and a plain client that must not notice."""

    def setUp(self):
        self.backends = http_run.Backends()
        self.gateway = harness.start_gateway(http_run.gatehouse_config(self.backends))
        self.problems = []
        self.done = threading.Event()
        self.slowest = 0.0
        self.plain = 0

    def tearDown(self):
        self.gateway.stop()
        self.backends.close()

    def seeds(self):
        """Returns the requests of the table that are served, whole ones of moderate size."""
        return [c.send[0] for c in http_cases.load()
                if len(c.send) == 1 and 200 in c.statuses and len(c.send[0]) < 1000]

    def send_many(self, rng, seeds, count):
        """Sends count mutations, each on a connection of its own."""
        for _ in range(count):
            if len(self.problems) > 20:
                return
            data = mutated(rng, seeds)
            try:
                self.send_one(data)
            except OSError as e:
                self.problems.append("%r: %s" % (data, e))

    def send_one(self, data):
        """What comes back is nothing or a well-formed head, and then the end."""
        with Client(self.gateway.port, limit=LIMIT * harness.SLOW) as c:
            c.send(data)
            c.shutdown_write()
            if not c.closed():
                self.problems.append("no end to the connection: %r" % data)
            elif c.buf:
                try:
                    c.read_head(Response(), time.monotonic() + 1)
                except (Malformed, Cut) as e:
                    self.problems.append("answer to %r: %s" % (data, e))

    def serve_plain(self):
        """A client whose requests are all right; each must be answered."""
        while not self.done.wait(0.02):
            start = time.monotonic()
            try:
                with Client(self.gateway.port, limit=LIMIT * harness.SLOW) as c:
                    c.send(http_run.BARRIER)
                    res = c.response()
                if res.body != b"GET /-/barrier":
                    self.problems.append("a plain request got %r" % res)
            except OSError as e:
                self.problems.append("a plain request: %s" % e)
            self.plain += 1
            self.slowest = max(self.slowest, time.monotonic() - start)

    def check_origin(self):
        """No request that arrived may be malformed.

        Begins a new episode and looks at the one before the last, which is over by now.
        """
        self.episodes.append(self.backends.origin.begin())
        if len(self.episodes) > 2:
            self.check_episode(self.episodes.pop(0))

    def check_episode(self, episode):
        """Notes each request of an episode that RFC 9112 does not permit."""
        for m in episode.messages:
            if m.error and m.error.startswith("malformed"):
                self.problems.append("the origin got %r: %s" % (m.raw, m.error))

    def test_mutations(self):
        seeds, origin = self.seeds(), self.backends.origin
        self.episodes = [origin.begin()]
        pids = sorted(self.gateway.worker_pids())
        senders = [threading.Thread(target=self.send_many, args=(
            random.Random(SEED + i), seeds, COUNT // THREADS)) for i in range(THREADS)]
        plain = threading.Thread(target=self.serve_plain)
        for thread in senders + [plain]:
            thread.start()
        for thread in senders:
            while thread.is_alive():
                thread.join(1)
                self.check_origin()
        self.done.set()
        plain.join()
        origin.finish()
        for episode in self.episodes:
            self.check_episode(episode)
        self.assertFalse(self.problems, "\n".join(["SEED=%d" % SEED] + self.problems))
        status = self.gateway.status()
        self.assertEqual([w["pid"] for w in status["workers"]], pids, "SEED=%d" % SEED)
        requests = sum(w["requests"] for w in status["workers"])
        self.assertEqual(self.gateway.stop(), 0)
        self.assertIsNone(TROUBLE.search(self.gateway.stderr()), self.gateway.tail())
        print("%d mutations (SEED=%d) made %d requests; %d plain ones, slowest %.0f ms" % (
            COUNT, SEED, requests - self.plain, self.plain, self.slowest * 1000))


if __name__ == "__main__":
    unittest.main()
