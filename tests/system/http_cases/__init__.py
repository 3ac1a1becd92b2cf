# SPDX-License-Identifier: Apache-2.0
"""http_cases -- what a gateway does with what: the table of HTTP/1.1 cases.

Each file here is a part of the table, to be read from top to bottom.  A row names the case,
cites the rule (9110 and 9112 are RFCs, 3986 is the URI RFC), gives the exact bytes that the
client sends or the origin answers, and says what must be seen at both ends.  Rows hold for
any gateway; http_run.py drives them, README.md says how to add one.
"""
from origin import (AWAIT, BODY, CLOSE, DRIBBLE, EARLY, ECHO, HALF, HOLD, MARK,  # noqa: F401
                    RESET)

# Steps that only the client plays, next to bytes, DRIBBLE and HALF.
READ_1XX = "READ_1XX"  # Read one interim response.


class SEEN(bytes):
    """The client waits until these bytes have arrived at the origin."""


class REACH(str):
    """The client lets the origin's script go on at AWAIT(name)."""


class Case:
    """One row.

    name     unique within its group
    rfc      the rule, e.g. "9112 6.3"
    send     the client's steps
    status   what gatehouse answers: a status or a tuple of statuses; None is an orderly end
             of the connection without an answer
    also     other statuses that the RFC permits and that a peer may give; if a peer does,
             only safety is checked: nothing malformed and nothing extra at the origin
    reason   the reason word that gatehouse's problem document carries
    after    "keep": a second request on the connection works; "close": the gateway closed;
             None: either
    relays   the requests that arrive complete at the origin, as "METHOD TARGET" (a tuple
             where several spellings are right); None: any number of the right one
    raw      True: a peer may relay the target as it was received
    at       the origin's listener that gets them
    partial  True: an incomplete request may arrive, since its head was good
    has      request headers at the origin: name -> value, None (absent) or ... (present)
    body     the request body at the origin
    origin   one script for each request (see origin.py); none: 200, body "METHOD TARGET"
    accept   a script played when the origin accepts a connection
    gets     response headers at the client, as in has
    text     the response body at the client
    whole    False: the client must see that the answer was cut
    framing  how the body reached the client: "length", "chunked", "close" or "none"
    trailers the trailer fields that the client must see, {} for none
    interim  the statuses of the interim responses that the client must see
    then     the statuses of further answers on the connection, in order
    play     a function(run) for a dialogue that steps can't say; it raises AssertionError
    ours     True: a decision of gatehouse, on which no RFC rules; peers are not judged
    limit    seconds to wait for an answer
    """

    def __init__(self, name, rfc, send, **facts):
        self.group = None
        self.name, self.rfc = name, rfc
        self.send = [send] if isinstance(send, bytes) else list(send)
        self.status, self.also = facts.pop("status", 200), facts.pop("also", ())
        self.reason, self.after = facts.pop("reason", None), facts.pop("after", None)
        self.relays, self.raw = facts.pop("relays", None), facts.pop("raw", False)
        self.at, self.partial = facts.pop("at", "main"), facts.pop("partial", False)
        self.has, self.body = facts.pop("has", {}), facts.pop("body", None)
        self.origin, self.accept = facts.pop("origin", ()), facts.pop("accept", ())
        self.gets, self.text = facts.pop("gets", {}), facts.pop("text", None)
        self.whole, self.framing = facts.pop("whole", True), facts.pop("framing", None)
        self.trailers, self.interim = facts.pop("trailers", None), facts.pop("interim", None)
        self.then, self.play = facts.pop("then", ()), facts.pop("play", None)
        self.ours, self.limit = facts.pop("ours", False), facts.pop("limit", 3.0)
        if facts:
            raise TypeError("%s: unknown facts %s" % (name, sorted(facts)))
        if isinstance(self.relays, str):
            self.relays = [self.relays]
        if self.origin and not isinstance(self.origin[0], (list, tuple)):
            self.origin = [self.origin]

    @property
    def statuses(self):
        """Returns the statuses that gatehouse may answer, as a tuple."""
        return status_set(self.status)

    @property
    def methods(self):
        """Returns the method of each request sent, so that answers are framed right."""
        first = next((s for s in self.send if isinstance(s, bytes)), b"")
        method = first.lstrip(b"\r\n").split(b" ")[0].decode("latin-1")
        return [method] + ["GET"] * len(self.then)


class Group(list):
    """The cases of one file, in order, and the ways to write a row."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def add(self, name, rfc, send, **facts):
        """Adds a case with no fact taken for granted."""
        case = Case(name, rfc, send, **facts)
        case.group = self.name
        if any(c.name == name for c in self):
            raise ValueError("two cases %s: %s" % (self.name, name))
        self.append(case)

    def refuse(self, name, rfc, send, status=400, reason="bad_request", **facts):
        """The head is refused: an error, the connection closed, not a byte at the origin."""
        if status != 400 and reason == "bad_request":
            reason = None
        facts.setdefault("after", "close")
        facts.setdefault("relays", None if 200 in status_set(status) else [])
        self.add(name, rfc, send, status=status, reason=reason, **facts)

    def refuse_body(self, name, rfc, send, status=400, **facts):
        """The body is refused: an error, closed, never a complete request at the origin."""
        facts.setdefault("reason", "bad_request" if status == 400 else None)
        self.add(name, rfc, send, status=status, after="close", relays=[], partial=True,
                 **facts)

    def relay(self, name, rfc, send, relays, **facts):
        """Relayed as "METHOD TARGET", answered with 200, the connection kept."""
        facts.setdefault("after", "keep")
        self.add(name, rfc, send, relays=relays, **facts)

    def answer(self, name, rfc, origin, send=None, **facts):
        """The origin plays a script in answer to a plain GET of "/"."""
        self.add(name, rfc, send or get(), origin=origin, **facts)


def status_set(status):
    """Returns a status, or a tuple of them, as a tuple."""
    return status if isinstance(status, tuple) else (status,)


def req(line, *fields, body=b""):
    """Returns a request: the line, the fields (text is taken as Latin-1), and a body."""
    parts = [p if isinstance(p, bytes) else p.encode("latin-1") for p in (line, *fields)]
    return b"\r\n".join(parts) + b"\r\n\r\n" + body


def get(*fields, target="/", host="a.test"):
    """Returns GET target with a good Host."""
    return req("GET %s HTTP/1.1" % target, "Host: " + host, *fields)


def post(*fields, body=b"", target="/"):
    """Returns POST target with a good Host; framing is the caller's."""
    return req("POST %s HTTP/1.1" % target, "Host: a.test", *fields, body=body)


def chunked(body, *fields):
    """Returns a POST with Transfer-Encoding: chunked and these bytes as its body."""
    return post("Transfer-Encoding: chunked", *fields, body=body)


def ok(*fields, body=b""):
    """Returns a 200 response with these fields; framing is the caller's."""
    return req("HTTP/1.1 200 OK", *fields, body=body)


def load():
    """Returns every case, in the order of the table."""
    from . import (connections, framing, headers, host, injection, messages, paths, target,
                   upstream)
    groups = (framing, headers, target, host, paths, connections, messages, upstream,
              injection)
    return [case for module in groups for case in module.CASES]
