# SPDX-License-Identifier: Apache-2.0
"""http_run -- drives one case of http_cases/ against a proxy and says what went wrong.

Called by test_http_table.py (gatehouse) and tests/http-peers (nginx, HAProxy, gatehouse).
Every case ends with a request of its own on a new connection, the barrier: it shows that the
proxy still serves, and that whatever the case made the proxy send has arrived by then.
"""
import fnmatch

from harness import SLOW, free_port, wait_until
from http_cases import READ_1XX, REACH, SEEN
from origin import DRIBBLE, HALF, Origin, blackhole
from wire import Client

BARRIER = b"GET /-/barrier HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
AGAIN = b"GET /-/again HTTP/1.1\r\nHost: a.test\r\n\r\n"
CLOSE_LIMIT = 2.0

# Words of gatehouse that mean the same to the table.
REASONS = {
    "bad_request": ("bad_request", "bad_path", "bad_host", "bad_framing"),
    "bad_response": ("bad_response", "bad_response_framing"),
    "upstream_closed": ("upstream_closed", "upstream_closed_head"),
    "response_timeout": ("response_timeout", "response_stalled"),
}


class Backends:
    """What stands behind a proxy: the scripted origin, a closed port, a port without answer."""

    def __init__(self):
        self.origin = Origin("main", "other")
        self.origin.ignore = "/-/"
        self.refused = free_port()
        self.blackhole, self._sockets = blackhole()

    def close(self):
        """Ends everything."""
        self.origin.close()
        for s in self._sockets:
            s.close()


class Run:
    """One case being driven; problems collects what was not as the row says."""

    def __init__(self, case, port, origin, ours):
        self.case, self.port, self.origin, self.ours = case, port, origin, ours
        self.problems = []
        self.client = None
        self.answers = []
        self.sent = b""
        self.episode = None

    def expect(self, good, text):
        """Notes a problem unless good.  Returns good."""
        if not good:
            self.problems.append(text)
        return good

    def go(self):
        """Drives the case.  Returns the list of problems, empty if the row holds."""
        case = self.case
        self.episode = self.origin.begin(*case.origin, on_accept=case.accept)
        try:
            with Client(self.port, limit=case.limit * SLOW) as self.client:
                self._dialogue()
                self._judge_answers()
            self._barrier()
        except OSError as e:
            self.expect(False, "the proxy's port: %s" % e)
        finally:
            self.origin.finish()
        self._judge_origin()
        return self.problems

    # --- The client's side ------------------------------------------------------------------

    def _dialogue(self):
        for step in self.case.send:
            if isinstance(step, DRIBBLE):
                for i in range(len(step)):
                    self._send(step[i:i + 1])
            elif isinstance(step, SEEN):
                self._wait_seen(step)
            elif isinstance(step, bytes):
                self._send(step)
            elif isinstance(step, REACH):
                self.episode.reach(step)
            elif step is HALF:
                self.client.shutdown_write()
            elif step is READ_1XX:
                got = self.client.recv_until(b"\r\n\r\n", self.case.limit * SLOW)
                self.client.buf = got + self.client.buf
        for method in self.case.methods:
            self.answers.append(self.client.response(method))

    def _send(self, data):
        self.sent += data
        self.client.send(data)

    def _wait_seen(self, mark):
        def seen():
            return any(mark in bytes(s.received) for s in self.origin.streams())
        try:
            wait_until(seen, self.case.limit, "bytes at the origin")
        except AssertionError as e:
            self.expect(False, str(e))

    def _judge_answers(self):
        case, first = self.case, self.answers[0]
        status = first.status
        if status is None and first.error and "end of stream" not in first.error:
            self.expect(False, "no answer: %s" % first.error)
        elif status not in self._permitted():
            self.expect(False, "status %s (%s), not %s" % (
                status, first.error or first.reason.decode("latin-1"),
                " or ".join(map(str, case.statuses))))
        for answer in self.answers:
            self.expect(not answer.error or "malformed" not in answer.error,
                        "the answer is %s" % answer.error)
        if status in case.statuses and status is not None:
            self._judge_first(first)
            if case.then and status < 400:
                got = tuple(a.status for a in self.answers[1:])
                self.expect(got == tuple(case.then), "then %s, not %s" % (got, case.then))
            if case.play:
                case.play(self)
            self._judge_after(self.answers[-1])
        if self.ours and status and status >= 400:
            self._judge_problem(first)

    def _refused(self):
        """True if the row permits both to serve and to refuse, and it was refused."""
        status = self.answers[0].status
        served = any(s and s < 400 for s in self.case.statuses)
        return served and (status is None or status >= 400)

    def _permitted(self):
        return self.case.statuses + (() if self.ours else tuple(self.case.also))

    def _judge_first(self, res):
        case = self.case
        if self._refused():
            return
        if case.whole is True:
            self.expect(res.complete, "not whole: %s" % res.error)
        elif case.whole is False:
            self.expect(not res.complete, "ended as if it were whole: %r" % res.body)
        judge_fields(self, res.headers, case.gets, "answer")
        if case.text is not None:
            self.expect(res.body == case.text, "body %r, not %r" % (res.body, case.text))
        if case.framing and self.ours or case.framing == "none":
            self.expect(res.framing == case.framing, "framed by %s, not %s" % (
                res.framing, case.framing))
        if case.trailers is not None:
            names = {n.lower().decode() for n, _ in res.trailers}
            self.expect(names == set(case.trailers), "trailers %r" % res.trailers)
        if case.interim is not None:
            got = tuple(i.status for i in res.interim)
            self.expect(got == tuple(case.interim), "interim %s, not %s" % (got, case.interim))

    def _judge_after(self, last):
        case, client = self.case, self.client
        if case.after == "close" and not self._refused():
            self.expect(client.closed(CLOSE_LIMIT * SLOW), "the connection is not closed")
            self.expect(not client.buf, "more than was asked for: %r" % client.buf[:200])
            if self.ours and last.complete and last.version == b"HTTP/1.1":
                self.expect(b"close" in last.headers.tokens("connection"),
                            "no Connection: close before the end")
        elif case.after == "keep" and last.complete:
            client.send(AGAIN)
            again = client.response("GET")
            self.expect(again.status == 200 and again.body == b"GET /-/again",
                        "the connection does not serve another: %r %r" % (again, again.body))

    def _judge_problem(self, res):
        """What gatehouse itself says is a problem document with the reason word in its type."""
        if not (res.header("content-type") or "").startswith("application/problem+json"):
            self.expect(not self.case.reason, "no problem document: %r" % res.body[:200])
            return
        if self.case.methods[0] == "HEAD":
            return
        try:
            value = res.json()
            word = value["type"].rstrip("/").replace(":", "/").rpartition("/")[2]
            self.expect(value["status"] == res.status, "problem document %r" % value)
            self.expect(set(value) <= {"type", "title", "status", "detail", "reason",
                                       "request_id"}, "problem members %s" % sorted(value))
        except (ValueError, KeyError, TypeError) as e:
            self.expect(False, "problem document %r: %r" % (res.body, e))
            return
        want = self.case.reason
        if want and res.status in self.case.statuses:
            self.expect(word in REASONS.get(want, (want,)), "reason %s, not %s" % (word, want))

    def settle(self):
        """One refused request: what reached the proxy before has been read when it is over."""
        with Client(self.port, limit=CLOSE_LIMIT * SLOW) as c:
            c.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nX A: b\r\n\r\n")
            c.closed()

    # --- The origin's side ------------------------------------------------------------------

    def _barrier(self):
        self.episode.on_accept = []

        def served():
            with Client(self.port, limit=CLOSE_LIMIT * SLOW) as c:
                c.send(BARRIER)
                return c.response().body == b"GET /-/barrier"
        try:
            wait_until(served, 3, "the proxy serves a plain request afterwards")
        except AssertionError as e:
            self.expect(False, str(e))

    def _judge_origin(self):
        case, messages = self.case, self.episode.messages
        whole = [m for m in messages if m.error is None]
        for m in messages:
            if m.error and m.error.startswith("malformed"):
                self.expect(False, "the origin got a malformed request, %s" % m.error)
        if any("hidden" in (m.target or "") for m in messages) and not self._meant_hidden():
            self.expect(False, "a hidden request reached the origin")
        if len(whole) < len(messages) and not case.partial and not case.origin:
            self.expect(False, "an incomplete request reached the origin: %r" % [
                m.error for m in messages if m.error])
        if not self.answers:
            return
        if self.answers[0].status in case.statuses and not self._refused():
            if case.relays is not None:
                self._judge_lines(whole)
            if whole:
                self._judge_request(whole[0])
        elif (self.answers[0].status or 0) >= 400 and not case.origin and not case.accept:
            self.expect(not whole, "refused, yet the origin got %s" % [m.line for m in whole])

    def _meant_hidden(self):
        return b"/hidden" in self.sent.split(b"\r\n")[0]

    def _judge_lines(self, whole):
        case = self.case
        got = [m.line for m in whole]
        want = [r if isinstance(r, tuple) else (r,) for r in case.relays]
        if case.raw and not self.ours:
            line = self.sent.split(b" HTTP/1.1\r\n")[0].decode("latin-1")
            want = [w + (line,) for w in want]
        self.expect(len(got) == len(want) and all(g in w for g, w in zip(got, want)),
                    "the origin got %s, not %s" % (got, [" or ".join(w) for w in want]))
        at = {m.at for m in whole}
        self.expect(at <= {case.at}, "it went to %s, not %s" % (sorted(at), case.at))

    def _judge_request(self, msg):
        case = self.case
        judge_fields(self, msg.headers, case.has, "request")
        if case.body is not None:
            self.expect(msg.body == case.body, "body at the origin %r, not %r" % (
                msg.body[:200], case.body[:200]))

    def report(self):
        """Returns what was sent and what was seen, for a failure."""
        lines = ["%s / %s  (RFC %s)" % (self.case.group, self.case.name, self.case.rfc)]
        lines += ["  problem: " + p for p in self.problems]
        lines.append("  sent:    %r" % _short(self.sent))
        got = bytes(self.client.received) if self.client else b""
        lines.append("  got:     %r%s" % (_short(got), " (end)" if self.client.eof else "")
                     if self.client else "  got:     no connection")
        for m in self.episode.messages:
            lines.append("  origin:  %r%s" % (_short(m.raw), " [%s]" % m.error if m.error else ""))
        for script in self.case.origin:
            lines.append("  played:  %s" % _short(repr(list(script))))
        return "\n".join(lines)


def _short(data, most=600):
    half = most // 2
    if len(data) <= most:
        return data
    mark = " ...%d... " % (len(data) - most)
    return data[:half] + (mark if isinstance(data, str) else mark.encode()) + data[-half:]


def judge_fields(run, headers, facts, where):
    """Compares fields with facts.

    None: absent; ...: present once; a list: all of these in order; a tuple: any of these;
    text with a * at its end: begins so.
    """
    for name, want in facts.items():
        got = headers.all(name)
        if want is ...:
            run.expect(len(got) == 1, "%s: one %s wanted, got %r" % (where, name, got))
        elif isinstance(want, list):
            run.expect(got == want or got == [b", ".join(want)],
                       "%s: %s %r, not %r" % (where, name, got, want))
        else:
            options = want if isinstance(want, tuple) else (want,)
            run.expect(any(_field_is(got, o) for o in options),
                       "%s: %s %r, not %r" % (where, name, got, want))


def _field_is(got, want):
    if want is None:
        return not got
    if len(got) != 1:
        return False
    value = got[0]
    if isinstance(want, bytes):
        return value == want
    text = value.decode("latin-1")
    return fnmatch.fnmatchcase(text, want) if want.endswith("*") else text == want


def gatehouse_config(backends):
    """Returns the services and routes that the table is written for."""
    main, other = backends.origin.ports["main"], backends.origin.ports["other"]

    def service(port):
        return {"endpoints": ["127.0.0.1:%d" % port]}

    def route(path, name, **more):
        return dict({"path": path, "plugin": "relay", "config": {"service": name}}, **more)

    return {
        "services": {"main": service(main), "other": service(other),
                     "refused": service(backends.refused),
                     "blackhole": service(backends.blackhole)},
        "routes": [route("/*", "main"), route("/", "main"), route("/other/*", "other"),
                   route("/refused/*", "refused"), route("/blackhole/*", "blackhole"),
                   route("/small-body", "main", limits={"body": "8KiB"})],
        "defaults": {"timeout": {"connect": "1s", "response": "1s", "stall": "1s"}},
    }


def run_case(case, port, origin, ours):
    """Drives one case.  Returns the Run; its problems are empty if the row holds."""
    run = Run(case, port, origin, ours)
    run.go()
    return run
