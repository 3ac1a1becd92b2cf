# SPDX-License-Identifier: Apache-2.0
"""origin -- a backend that records exact bytes and plays a script.

Called by the HTTP case runner and by any system test that needs a backend which misbehaves.
It never answers on its own judgement: what it sends is the episode's script, byte for byte,
and a request that breaks RFC 9112 is recorded as malformed, whatever it might have meant.

An episode is one case.  begin() gives the script, finish() returns what arrived since.  A
script is a list of steps, played for each request (or for each connection accepted):

    b"..."         send these bytes
    DRIBBLE(b"")   send them in one-byte segments
    BODY           read the request's body now (else it is read before the first step)
    EARLY          at the head of a script: do not read the body before the first step
    AWAIT("name")  wait until episode.reach("name")
    MARK("name")   reach a point that the other side waits for
    CLOSE RESET    end the connection in order, or with a TCP reset
    HALF           end our sending side only
    HOLD           send nothing more; record what comes until the peer closes or finish()
    ECHO           send back every byte that comes, until end of file, then half-close
"""
import itertools
import os
import select
import socket
import struct
import threading
import time

from wire import DIGITS, TOKEN, Cut, Fields, Malformed, Stream

BODY, EARLY, CLOSE, RESET, HALF, HOLD, ECHO = (
    "BODY", "EARLY", "CLOSE", "RESET", "HALF", "HOLD", "ECHO")
LIMIT = 5.0 * float(os.environ.get("TEST_SLOW_FACTOR", "1"))


class DRIBBLE(bytes):
    """Bytes to be sent one at a time, so that the peer reads them in pieces."""


class AWAIT(str):
    """The name of a point that the other side of the case reaches."""


class MARK(str):
    """The name of a point that the origin reaches."""


class Message:
    """One request as it arrived: raw bytes, and the parsed form by RFC 9112.

    error is None, or says why it is no well-formed complete request.
    """

    def __init__(self):
        self.raw = b""
        self.method = self.target = self.version = None
        self.headers = Fields()
        self.body = b""
        self.trailers = Fields()
        self.framing = None  # "length", "chunked" or "none"
        self.connection = None  # Number of the connection it came on.
        self.at = None  # Name of the listener it came to.
        self.error = "head not complete"

    @property
    def line(self):
        """Returns "METHOD TARGET" as text."""
        return "%s %s" % (self.method, self.target)


class Episode:
    """What one case plays and what arrived meanwhile."""

    def __init__(self, scripts=(), on_accept=()):
        self.scripts = [list(s) for s in scripts]
        self.on_accept = list(on_accept)
        self.messages = []
        self.connections = 0
        self.stray = b""  # Bytes outside any request: after HOLD or in a tunnel.
        self._points = {}
        self._lock = threading.Lock()

    def next_script(self):
        """Returns the script of the next request; the last one serves all that follow."""
        with self._lock:
            if not self.scripts:
                return None
            return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    def point(self, name):
        """Returns the event of a named point."""
        with self._lock:
            return self._points.setdefault(name, threading.Event())

    def reach(self, name):
        """Lets a script that stands at AWAIT(name) go on."""
        self.point(name).set()


class OriginStream(Stream):
    """The origin's side of a connection, with a strict reader of requests."""

    def wait_byte(self):
        """Waits, as long as it takes, for the next request.  False at end of file."""
        try:
            return bool(self.buf) or self._fill(time.monotonic() + 3600)
        except Cut:
            return False

    def head(self, msg):
        """Reads the request line and the header section into msg."""
        deadline = self._deadline(None)
        parts = self._line(deadline).split(b" ")
        if len(parts) != 3 or not TOKEN.match(parts[0]):
            raise Malformed("request line %r" % b" ".join(parts))
        if parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise Malformed("version %r" % parts[2])
        if not parts[1] or any(c <= 0x20 or c >= 0x7f or c == 0x23 for c in parts[1]):
            raise Malformed("target %r" % parts[1])
        msg.method, msg.target = parts[0].decode(), parts[1].decode()
        msg.version = parts[2].decode()
        msg.headers = self._fields(deadline)
        self.check_head(msg)
        msg.error = "body not complete"

    @staticmethod
    def check_head(msg):
        """Raises Malformed unless the head can be read in one way only."""
        lengths = msg.headers.all("content-length")
        codings = msg.headers.all("transfer-encoding")
        if len(lengths) > 1 or any(not DIGITS.match(n) for n in lengths):
            raise Malformed("content-length %r" % lengths)
        if codings and (lengths or [c.lower() for c in codings] != [b"chunked"]):
            raise Malformed("transfer-encoding %r with content-length %r" % (codings, lengths))
        if codings and msg.version == "HTTP/1.0":
            raise Malformed("transfer-encoding in HTTP/1.0")
        hosts = len(msg.headers.all("host"))
        if hosts > 1 or (hosts == 0 and msg.version == "HTTP/1.1"):
            raise Malformed("%d Host fields" % hosts)
        msg.framing = "chunked" if codings else "length" if lengths else "none"

    def body(self, msg):
        """Reads the body that the head announced into msg."""
        deadline = self._deadline(None)
        if msg.framing == "chunked":
            self._content(msg, None, deadline)
        elif msg.framing == "length":
            self._content(msg, int(msg.headers.get("content-length")), deadline)
        msg.error = None


class Origin:
    """A scripted origin with a listener for each name: ports["main"] and so on."""

    def __init__(self, *names):
        self.listeners = {}
        self.ports = {}
        self.episode = Episode()
        self.ignore = None  # Requests for targets that begin so are answered, not recorded.
        self._open = {}
        self._count = itertools.count()
        self._lock = threading.Lock()
        for name in names or ("main",):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.bind(("127.0.0.1", 0))
            listener.listen(512)
            self.listeners[name] = listener
            self.ports[name] = listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(name,), daemon=True).start()
        self.port = next(iter(self.ports.values()))

    def begin(self, *scripts, on_accept=()):
        """Starts an episode.  One script for each request; none: the default answer.

        With on_accept, connections of earlier episodes are closed, so that a new one comes.
        """
        self.episode = Episode(scripts, on_accept)
        if on_accept:
            self._shut(self.streams())
        return self.episode

    def finish(self):
        """Ends the episode: waits until all that arrived is read, releases what is held."""
        episode = self.episode
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and self._unread():
            time.sleep(0.001)
        self.episode = Episode()
        with self._lock:
            held = [s for s, state in self._open.items() if state != "reading"]
        self._shut(held)
        return episode

    @staticmethod
    def _shut(streams):
        for stream in streams:
            try:
                stream.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def streams(self):
        """Returns the open connections."""
        with self._lock:
            return list(self._open)

    def close(self):
        """Stops accepting and ends every connection."""
        for listener in self.listeners.values():
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for stream in self.streams():
            stream.reset()

    def _unread(self):
        """True while bytes lie in a socket that a thread is about to read."""
        with self._lock:
            socks = [s.sock for s, state in self._open.items() if state == "reading"]
        socks += self.listeners.values()
        try:
            return bool(select.select(socks, [], [], 0)[0])
        except (OSError, ValueError):
            return True  # One was closed just now: look again.

    def _accept(self, name):
        while True:
            try:
                sock, _ = self.listeners[name].accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = OriginStream(sock, LIMIT)
            with self._lock:
                self._open[stream] = "reading"
            stream.number, stream.at = next(self._count), name
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        try:
            episode = self.episode
            episode.connections += 1
            if not self._play(episode, stream, None, episode.on_accept):
                return
            while stream.wait_byte() and self._one(stream):
                pass
        finally:
            with self._lock:
                self._open.pop(stream, None)
            stream.close()

    def _one(self, stream):
        """Reads and answers one request.  True if the connection can serve another."""
        episode, msg = self.episode, Message()
        start = stream.total - len(stream.buf)
        msg.connection, msg.at = stream.number, stream.at
        listed = False
        try:
            stream.head(msg)
            if self.ignore and msg.target.startswith(self.ignore):
                stream.body(msg)
                return self._play(episode, stream, msg, self._default(msg))
            episode.messages.append(msg)
            listed = True
            script = episode.next_script()
            if not script or script[0] is not EARLY and BODY not in script:
                stream.body(msg)
            return self._play(episode, stream, msg, script or self._default(msg))
        except (Cut, Malformed) as e:
            msg.error = "%s: %s" % (type(e).__name__.lower(), e)
            if not listed:
                episode.messages.append(msg)
            stream.send(b"HTTP/1.1 400 Malformed at origin\r\nContent-Length: 0\r\n"
                        b"Connection: close\r\n\r\n")
            return False
        finally:
            end = stream.total - len(stream.buf)
            msg.raw = bytes(stream.received[start:end]) if msg.error is None else bytes(
                stream.received[start:])

    @staticmethod
    def _default(msg):
        """The answer when no script is given: 200, the body names method and target."""
        body = b"" if msg.method == "HEAD" else msg.line.encode()
        return [b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (
            len(msg.line), body)]

    def _play(self, episode, stream, msg, steps):
        """Plays steps.  True if the connection is still in order after the last one."""
        for step in steps:
            if isinstance(step, DRIBBLE):
                for i in range(len(step)):
                    stream.send(step[i:i + 1])
            elif isinstance(step, bytes):
                stream.send(step)
            elif isinstance(step, AWAIT):
                episode.point(step).wait(LIMIT)
            elif isinstance(step, MARK):
                episode.reach(step)
            elif step is BODY:
                stream.body(msg)
            elif step is HALF:
                stream.shutdown_write()
            elif step is CLOSE:
                self._end(stream)
                return False
            elif step is RESET:
                stream.reset()
                return False
            elif step is HOLD or step is ECHO:
                self._absorb(episode, stream, step is ECHO)
                return False
        return msg is None or msg.error is None

    @staticmethod
    def _end(stream):
        """Closes in order: reads what is there first, since unread bytes make it a reset."""
        stream.shutdown_write()
        try:
            while select.select([stream.sock], [], [], 0)[0] and stream.sock.recv(65536):
                pass
        except (OSError, ValueError):
            pass
        stream.close()

    def _absorb(self, episode, stream, echo):
        with self._lock:
            self._open[stream] = "held"
        while True:
            if stream.buf:
                data, stream.buf = stream.buf, b""
                episode.stray += data
                if echo:
                    stream.send(data)
            elif not stream.wait_byte():
                break
        if echo:
            stream.shutdown_write()


def blackhole():
    """Returns (port, sockets): connections to the port are never completed.

    The accept queue of a listener that nobody serves is filled, so that the kernel drops
    every further SYN.  The caller closes the sockets.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    sockets = [listener]
    for _ in range(4):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.connect_ex(("127.0.0.1", port))
        sockets.append(s)
    return port, sockets
