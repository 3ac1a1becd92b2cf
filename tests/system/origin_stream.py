# SPDX-License-Identifier: Apache-2.0
"""A service for large bodies: fast to send, counts and hashes what it gets.

GET /large     size pseudo-random bytes with Content-Length; digest is their SHA-256
GET /chunked   the same in chunks of odd sizes
GET /cut       half of it, then the end
GET /reset     half of it, then a reset
GET /small     a few bytes
POST /up       answers with the size and SHA-256 of the body
POST /slow     the same, reading with pauses
"""
import hashlib
import random
import socket
import struct
import threading
import time

PIECE = 1024 * 1024


class StreamOrigin:
    """Running at port; connections and requests count what came."""

    def __init__(self, size):
        self.size = size
        self.piece = random.Random(1).randbytes(PIECE)
        digest = hashlib.sha256()
        for _ in range(size // PIECE):
            digest.update(self.piece)
        self.digest = digest.hexdigest()
        self.connections = self.requests = 0
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        # shutdown() ends the accept() that runs; close() alone would not.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        f = s.makefile("rb", 256 * 1024)
        try:
            while self._one(s, f):
                pass
        except OSError:
            pass  # The gateway went away in the middle, as some tests make it.
        finally:
            f.close()
            s.close()

    def _one(self, s, f):
        line = f.readline()
        if not line:
            return False
        target = line.split()[1].decode()
        head = {}
        while True:
            name, _, value = f.readline().strip().partition(b":")
            if not name:
                break
            head[name.lower()] = value.strip()
        self.requests += 1
        if line.startswith(b"POST"):
            self._take(s, f, head, target == "/slow")
        elif target == "/large":
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size)
            for _ in range(self.size // PIECE):
                s.sendall(self.piece)
        elif target in ("/cut", "/reset"):
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size)
            for _ in range(self.size // PIECE // 2):
                s.sendall(self.piece)
            if target == "/reset":
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif target == "/chunked":
            self._send_chunks(s)
        else:
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsmall\n")
        return True

    def _send_chunks(self, s):
        s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        cuts = (0, 1, 17, 4096, 70_001, 300_000, PIECE)
        chunks = b"".join(b"%x\r\n%s\r\n" % (b - a, self.piece[a:b])
                          for a, b in zip(cuts, cuts[1:]))
        for _ in range(self.size // PIECE):
            s.sendall(chunks)
        s.sendall(b"0\r\n\r\n")

    @staticmethod
    def _pieces(f, head):
        if b"content-length" in head:
            left = int(head[b"content-length"])
            while left:
                piece = f.read(min(left, 256 * 1024))
                if not piece:
                    raise OSError("cut")
                left -= len(piece)
                yield piece
            return
        while True:
            size = int(f.readline(), 16)
            piece = f.read(size)
            f.readline()
            if size == 0:
                return
            yield piece

    def _take(self, s, f, head, slow):
        digest, n = hashlib.sha256(), 0
        for piece in self._pieces(f, head):
            digest.update(piece)
            n += len(piece)
            if slow:
                time.sleep(0.01)
        answer = b"%d bytes %s\n" % (n, digest.hexdigest().encode())
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
