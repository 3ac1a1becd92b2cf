# SPDX-License-Identifier: Apache-2.0
"""wire -- bytes on a socket, and a strict reader of HTTP/1.1 messages.

Used by every system test through harness.py, and by the scripted origin.  Shares no code
with http.client, so that a message which two readers could take differently is an error here
and not a guess.  Every read has a limit in seconds; nothing here ever waits for ever.
"""
import errno
import re
import socket
import struct
import time

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)\Z")
FIELD_VALUE = re.compile(rb"[^\0\r\n]*\Z")  # RFC 9110, 5.5: other controls may be kept.
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?)\Z")
KEEP = 4 << 20
DIGITS = re.compile(rb"[0-9]{1,19}\Z")


class Malformed(Exception):
    """The bytes received break RFC 9112; the text says how."""


class Cut(Exception):
    """The connection ended, or the limit passed, inside a message."""


class Fields(list):
    """Header fields as received: (name, value) byte pairs, in order."""

    def all(self, name):
        """Returns every value of a field, case-insensitively, in order."""
        want = _bytes(name).lower()
        return [v for n, v in self if n.lower() == want]

    def get(self, name, default=None):
        """Returns the first value of a field, or default."""
        values = self.all(name)
        return values[0] if values else default

    def tokens(self, name):
        """Returns the lower-cased members of a comma-separated field."""
        parts = b",".join(self.all(name)).split(b",")
        return [p.strip(b" \t").lower() for p in parts if p.strip(b" \t")]


class Response:
    """One response as it came off the wire.

    complete is True only if the framing said where the message ends and it ended there (a
    body that runs until close counts when the connection was closed in order, not reset).
    error is why it is not complete, or None.  interim holds the 1xx responses before it.
    """

    def __init__(self):
        self.version = None
        self.status = None
        self.reason = b""
        self.headers = Fields()
        self.body = b""
        self.trailers = Fields()
        self.framing = None  # "length", "chunked", "close", "none" or "upgrade"
        self.complete = False
        self.error = None
        self.interim = []

    def header(self, name, default=None):
        """Returns the first value of a header as text, or default."""
        value = self.headers.get(name)
        return default if value is None else value.decode("latin-1")

    def json(self):
        """Returns the body parsed as JSON."""
        import json
        return json.loads(self.body)

    def __repr__(self):
        state = "complete" if self.complete else "incomplete: %s" % self.error
        return "<Response %s %s, %d bytes of body, %s>" % (
            self.status, self.reason.decode("latin-1"), len(self.body), state)


def _bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else bytes(text)


class Stream:
    """One end of a TCP connection: sends exact bytes, reads strictly, remembers everything."""

    def __init__(self, sock, limit=5.0):
        self.sock = sock
        self.limit = limit
        self.buf = b""  # Received and not yet consumed.
        self.received = bytearray()  # What was received, up to the first KEEP bytes.
        self.total = 0  # How many bytes were received.
        self.eof = False
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        """Sends every byte.  Returns False if the peer is gone or does not read in time."""
        try:
            self.sock.settimeout(self.limit)
            self.sock.sendall(_bytes(data))
            return True
        except OSError:
            return False

    def shutdown_write(self):
        """Half-closes: the peer reads end of file, we still read."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        """Closes with a TCP reset instead of an orderly end."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.sock.close()

    def close(self):
        """Closes in order; calling it twice is harmless."""
        self.sock.close()

    def _fill(self, deadline):
        """Reads once into buf.  Returns False at end of file; raises Cut at the limit."""
        if self.eof:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            raise Cut("nothing more within the limit")
        try:
            self.sock.settimeout(left)
            data = self.sock.recv(65536)
        except socket.timeout:
            raise Cut("nothing more within the limit") from None
        except OSError as e:
            self.eof = True
            self.was_reset = e.errno == errno.ECONNRESET
            return False
        if not data:
            self.eof = True
            return False
        self.buf += data
        self.total += len(data)
        if len(self.received) < KEEP:
            self.received += data
        return True

    def _deadline(self, limit):
        return time.monotonic() + (self.limit if limit is None else limit)

    def recv_n(self, n, limit=None):
        """Returns exactly n bytes, or what came before the end or the limit."""
        deadline = self._deadline(limit)
        try:
            while len(self.buf) < n and self._fill(deadline):
                pass
        except Cut:
            pass
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def recv_until(self, mark, limit=None):
        """Returns the bytes up to and with mark, or what came before the end or the limit."""
        deadline = self._deadline(limit)
        mark = _bytes(mark)
        try:
            while mark not in self.buf and self._fill(deadline):
                pass
        except Cut:
            pass
        at = self.buf.find(mark)
        end = len(self.buf) if at < 0 else at + len(mark)
        out, self.buf = self.buf[:end], self.buf[end:]
        return out

    def recv_all(self, limit=None):
        """Returns everything until the peer closes or the limit passes; see eof."""
        deadline = self._deadline(limit)
        try:
            while self._fill(deadline):
                pass
        except Cut:
            pass
        out, self.buf = self.buf, b""
        return out

    def closed(self, limit=None):
        """True if the peer ends the connection within the limit; other bytes stay in buf."""
        deadline = self._deadline(limit)
        try:
            while self._fill(deadline):
                pass
        except Cut:
            return False
        return True

    def quiet(self, seconds):
        """True if nothing, neither bytes nor an end, comes for that long."""
        if self.buf or self.eof:
            return False
        try:
            self._fill(time.monotonic() + seconds)
        except Cut:
            return True
        return False

    def _line(self, deadline):
        """Returns one line without its CR LF; a bare CR or LF in it is malformed."""
        while b"\n" not in self.buf:
            if not self._fill(deadline):
                raise Cut("end of stream in a line" if self.buf else "end of stream")
        line, self.buf = self.buf.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Malformed("line ends in a bare LF: %r" % line)
        if b"\r" in line[:-1]:
            raise Malformed("bare CR in a line: %r" % line)
        return line[:-1]

    def _fields(self, deadline):
        fields = Fields()
        while True:
            line = self._line(deadline)
            if not line:
                return fields
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name):
                raise Malformed("field line %r" % line)
            value = value.strip(b" \t")
            if not FIELD_VALUE.match(value):
                raise Malformed("CR, LF or NUL in the value of %r" % line)
            fields.append((name, value))

    def _exactly(self, body, n, deadline):
        """Appends exactly n bytes to the bytearray, keeping what came before a cut."""
        while n:
            if not self.buf and not self._fill(deadline):
                raise Cut("%d bytes of body missing" % n)
            part, self.buf = self.buf[:n], self.buf[n:]
            body += part
            n -= len(part)

    def _content(self, res, length, deadline):
        """Reads a body of that length, or in chunks (None)."""
        body = bytearray()
        try:
            if length is None:
                self._chunks(body, deadline)
            else:
                self._exactly(body, length, deadline)
        finally:
            res.body = bytes(body)
        if length is None:
            res.trailers = self._fields(deadline)

    def _chunks(self, body, deadline):
        while True:
            line = self._line(deadline)
            match = CHUNK_LINE.match(line)
            if not match:
                raise Malformed("chunk line %r" % line)
            size = int(match[1], 16)
            if size == 0:
                break
            self._exactly(body, size, deadline)
            if self._line(deadline):
                raise Malformed("no CR LF after chunk data")


class Client(Stream):
    """A connection to a server, with a strict reader of its responses."""

    def __init__(self, port, host="127.0.0.1", limit=5.0, rcvbuf=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.settimeout(limit)
        try:
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock, limit)

    def response(self, method="GET", limit=None):
        """Reads one final response and the 1xx before it.  Never raises: see error."""
        deadline = self._deadline(limit)
        res = Response()
        try:
            while True:
                self.read_head(res, deadline)
                if not 100 <= res.status < 200 or res.status == 101:
                    break
                done, res = res, Response()
                res.interim = done.interim + [done]
                done.interim, done.complete, done.framing = [], True, "none"
            self._body(res, method, deadline)
            res.complete = True
        except (Cut, Malformed) as e:
            kind = "malformed: " if isinstance(e, Malformed) else ""
            res.error = kind + str(e) + (" (connection reset)" if self.was_reset else "")
        return res

    def read_head(self, res, deadline):
        """Reads a status line and fields into res.  Raises Malformed or Cut."""
        line = self._line(deadline)
        match = STATUS_LINE.match(line)
        if not match:
            raise Malformed("status line %r" % line)
        res.version, res.status, res.reason = match[1], int(match[2]), match[3]
        res.headers = self._fields(deadline)

    def _body(self, res, method, deadline):
        """Reads the body by RFC 9112, section 6.3; what is ambiguous is malformed."""
        lengths = res.headers.all("content-length")
        codings = res.headers.tokens("transfer-encoding")
        if len(lengths) > 1 or any(not DIGITS.match(n) for n in lengths):
            raise Malformed("content-length %r" % lengths)
        if codings and (lengths or codings != [b"chunked"]):
            raise Malformed("transfer-encoding %r with content-length %r" % (codings, lengths))
        if res.status == 101:
            res.framing = "upgrade"
        elif method == "HEAD" or res.status in (204, 304):
            if res.status == 204 and (codings or lengths):
                raise Malformed("204 with body framing")
            res.framing = "none"
        elif method == "CONNECT" and 200 <= res.status < 300:
            res.framing = "upgrade"
        elif codings:
            res.framing = "chunked"
            self._content(res, None, deadline)
        elif lengths:
            res.framing = "length"
            self._content(res, int(lengths[0]), deadline)
        else:
            res.framing = "close"
            try:
                while self._fill(deadline):
                    pass
            finally:
                res.body, self.buf = self.buf, b""
            if self.was_reset:
                raise Cut("reset in a body that runs until close")
