# SPDX-License-Identifier: Apache-2.0
"""Faults of the origin: each has its answer, and a cut answer reaches the client as cut."""
from . import AWAIT, CLOSE, EARLY, HALF, HOLD, MARK, RESET, Group, get, ok, post, req

CASES = Group("upstream")
add, answer = CASES.add, CASES.answer
HELLO = ok("Content-Length: 5", body=b"hello")
POST_HELLO = post("Content-Length: 5", body=b"hello")
EVIL = ok("Content-Length: 4", body=b"evil")


def fault(name, rfc, origin, status=502, reason=None, **facts):
    """The gateway answers for the origin; a GET may have been tried again."""
    add(name, rfc, facts.pop("send", None) or get(), origin=origin, status=status, reason=reason,
        relays=None, **facts)


def cut(name, rfc, origin, **facts):
    """The client must see that the answer is not whole, and a closed end.

    A gateway that has not begun to pass it on may still answer 502 instead.
    """
    add(name, rfc, facts.pop("send", None) or get(), origin=origin,
        status=facts.pop("any_status", (200, 502)), also=(None,), whole=False, after="close",
        relays=None, **facts)


# --- Before the head ------------------------------------------------------------------------

fault("connection refused", "9110 15.6.3", (), reason="connect_refused",
      send=get(target="/refused/x"), also=(503,))
fault("connection not answered", "9110 15.6.5", (), status=504, reason="connect_timeout",
      send=get(target="/blackhole/x"), also=(502, 503), limit=5)
fault("closed when accepted", "9110 15.6.3", (), reason="upstream_closed", accept=[CLOSE],
      also=(503,))
fault("reset when accepted", "9110 15.6.3", (), accept=[RESET], also=(503,))
fault("closed after the request", "9110 15.6.3", [CLOSE], reason="upstream_closed")
fault("closed after a POST", "9110 9.2.2", [CLOSE], reason="upstream_closed", send=POST_HELLO)
fault("reset after the request", "9110 15.6.3", [RESET])
fault("half-closed without an answer", "9110 15.6.3", [HALF, HOLD], reason="upstream_closed")
fault("closed before the body is read", "9110 15.6.3", [EARLY, CLOSE],
      send=post("Content-Length: 4194304", body=b"x" * (4 << 20)), partial=True)
fault("no answer", "9110 15.6.5", [HOLD], status=504, reason="response_timeout", limit=5)
fault("no answer to a POST", "9110 15.6.5", [HOLD], status=504, reason="response_timeout",
      send=POST_HELLO, limit=5)
fault("closed in the status line", "9112 8", [b"HTTP/1.1 20", CLOSE])
fault("closed after the status line", "9112 8", [b"HTTP/1.1 200 OK\r\n", CLOSE])
fault("closed in a field", "9112 8", [b"HTTP/1.1 200 OK\r\nContent-Len", CLOSE])
fault("closed before the empty line", "9112 8",
      [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", CLOSE])
fault("reset in the head", "9112 8", [b"HTTP/1.1 200 OK\r\nContent-Le", RESET])
fault("stops in the head", "9110 15.6.5", [b"HTTP/1.1 200 OK\r\nContent-Le", HOLD], status=504,
      reason="response_timeout", limit=5)
fault("closed after a 100", "9112 8", [b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE])

# --- In the body ----------------------------------------------------------------------------

TEN = ok("Content-Length: 10", body=b"hello")
CHUNK = ok("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n")
cut("closed in a body with length", "9112 8", [TEN, CLOSE])
cut("reset in a body with length", "9112 8", [TEN, RESET])
cut("stops in a body with length", "9112 8", [TEN, HOLD], limit=5)
cut("half-closed in a body with length", "9112 8", [TEN, HALF, HOLD])
cut("closed after a chunk", "9112 8", [CHUNK, CLOSE])
cut("reset after a chunk", "9112 8", [CHUNK, RESET])
cut("closed in a chunk", "9112 8",
    [ok("Transfer-Encoding: chunked", body=b"a\r\nhello"), CLOSE])
cut("closed in a chunk size", "9112 8", [CHUNK + b"5", CLOSE])
cut("closed after the last chunk", "9112 8", [CHUNK + b"0\r\n", CLOSE])
cut("closed in the trailers", "9112 8", [CHUNK + b"0\r\nX-T: do", CLOSE])
cut("stops after a chunk", "9112 8", [CHUNK, HOLD], limit=5)
cut("reset in a body until close", "9112 8", [ok(body=b"hello"), RESET])
cut("closed in a body, HTTP/1.0 client", "9112 8", [TEN, CLOSE],
    send=req("GET / HTTP/1.0", "Host: a.test"))
add("closed in chunks, HTTP/1.0 client", "9112 8", req("GET / HTTP/1.0", "Host: a.test"),
    origin=[[CHUNK, CLOSE]], whole=False, relays=None, ours=True)
for name, body in (("size not hex", b"g\r\nhello\r\n"), ("size negative", b"-5\r\nhello\r\n"),
                   ("size with space", b" 5\r\nhello\r\n"), ("size 0x", b"0x5\r\nhello\r\n"),
                   ("size empty", b"\r\nhello\r\n"),
                   ("size overflow", b"10000000000000005\r\nhello\r\n"),
                   ("data not ended", b"5\r\nhello5\r\nhello\r\n"),
                   ("data too long", b"5\r\nhello!\r\n"),
                   ("size line ends in CR", b"5\rhello\r\n")):
    cut("chunk " + name, "9112 7.1",
        [CHUNK + body + b"0\r\n\r\n", CLOSE])
for name, body in (("size not hex", b"g\r\nhello\r\n"), ("size negative", b"-5\r\nhello\r\n")):
    add("first chunk " + name, "9112 7.1", get(), relays=None, status=(200, 502), also=(None,),
        whole=False, origin=[[ok("Transfer-Encoding: chunked", body=body + b"0\r\n\r\n"), CLOSE]],
        after=None)

for name, body in (("size line ends in LF", b"5\nhello\r\n"), ("size plus", b"+5\r\nhello\r\n"),
                   ("size with a tab", b"5\t\r\nhello\r\n"),
                   ("size with a comma", b"5,5\r\nhello\r\n"),
                   ("size 2^63", b"8000000000000000\r\nhello\r\n"),
                   ("size 2^64 - 1", b"ffffffffffffffff\r\nhello\r\n"),
                   ("extension with NUL", b"5;a\0\r\nhello\r\n"),
                   ("extension with bare CR", b"5;a\rb\r\nhello\r\n"),
                   ("extension with bare LF", b"5;a\nb\r\nhello\r\n"),
                   ("data ended by LF", b"5\r\nhello\n"), ("data too short", b"5\r\nhell\r\n"),
                   ("a status line", b"HTTP/1.1 200 OK\r\n"),
                   ("extension of 64 KiB", b"5;" + b"a" * 65536 + b"\r\nhello\r\n")):
    cut("later chunk " + name, "9112 7.1", [CHUNK + body + b"0\r\n\r\n", CLOSE], ours=True)
cut("length longer than sent, and a second answer in it", "9112 8",
    [ok("Content-Length: 100", body=EVIL), CLOSE])
cut("reset while the client still sends", "9112 8", [EARLY, TEN, RESET],
    send=post("Content-Length: 4194304", body=b"x" * (4 << 20)), partial=True, ours=True)
cut("closed in the body of a 404", "9112 8",
    [req("HTTP/1.1 404 Not Found", "Content-Length: 10", body=b"no"), CLOSE], ours=True,
    any_status=(404, 502))

# --- Status lines ---------------------------------------------------------------------------

for name, line in (
        ("not HTTP", b"HELLO"), ("wrong name", b"HTP/1.1 200 OK"),
        ("lower case", b"http/1.1 200 OK"), ("HTTP/2", b"HTTP/2.0 200 OK"),
        ("HTTP/0.9", b"HTTP/0.9 200 OK"), ("no version", b"HTTP 200 OK"),
        ("version with two digits", b"HTTP/1.10 200 OK"),
        ("status of two digits", b"HTTP/1.1 99 OK"),
        ("status of four digits", b"HTTP/1.1 2000 OK"), ("status of letters", b"HTTP/1.1 abc OK"),
        ("status negative", b"HTTP/1.1 -200 OK"), ("status 000", b"HTTP/1.1 000 OK"),
        ("status 099", b"HTTP/1.1 099 OK"), ("status in hex", b"HTTP/1.1 0xc8 OK"),
        ("no status", b"HTTP/1.1 OK"), ("only version", b"HTTP/1.1"),
        ("reason with NUL", b"HTTP/1.1 200 O\0K"), ("reason with bare CR", b"HTTP/1.1 200 O\rK"),
        ("reason with control", b"HTTP/1.1 200 O\x01K"),
        ("request instead", b"GET / HTTP/1.1"), ("SSH banner", b"SSH-2.0-OpenSSH_9.2")):
    lenient = (200,) if name.startswith("reason") or name == "HTTP/2" else ()
    fault("status line " + name, "9112 4",
          [req(line, "Content-Length: 5", body=b"hello"), CLOSE], reason="bad_response",
          also=lenient)
for name, line, status in (("two spaces", b"HTTP/1.1  200 OK", 502),
                           ("no space after status", b"HTTP/1.1 200", 200),
                           ("HTTP/1.2", b"HTTP/1.2 200 OK", 502),
                           ("leading CR LF", b"\r\nHTTP/1.1 200 OK", 502),
                           ("reason with obs-text", b"HTTP/1.1 200 caf\xe9", 200),
                           ("status 600", b"HTTP/1.1 600 Odd", 600),
                           ("status 999", b"HTTP/1.1 999 Odd", 999)):
    fault("status line " + name, "9112 4",
          [req(line, "Content-Length: 5", body=b"hello"), CLOSE], status=status,
          also=(200, 502))
fault("HTTP/0.9 answer", "9112 4", [b"hello, world\r\n", CLOSE], reason="bad_response")
fault("binary answer", "9112 4", [bytes(range(256)), CLOSE], reason="bad_response")
fault("TLS alert", "9112 4", [b"\x15\x03\x01\x00\x02\x02\x46", CLOSE])

# --- Conflicting framing --------------------------------------------------------------------

for name, fields, lenient in (
        ("length and chunked", ("Content-Length: 5", "Transfer-Encoding: chunked"), (200,)),
        ("lengths differ", ("Content-Length: 5", "Content-Length: 6"), ()),
        ("length list differs", ("Content-Length: 5, 6",), ()),
        ("length letters", ("Content-Length: abc",), ()),
        ("length negative", ("Content-Length: -5",), ()),
        ("length plus", ("Content-Length: +5",), ()),
        ("length hex", ("Content-Length: 0x5",), ()),
        ("length overflow", ("Content-Length: 18446744073709551621",), ()),
        ("length empty", ("Content-Length:",), ()),
        ("length with space", ("Content-Length: 5 5",), ()),
        ("chunked twice", ("Transfer-Encoding: chunked, chunked",), (200,)),
        ("coding with parameter", ("Transfer-Encoding: chunked;a=b",), (200,)),
        ("coding with control", ("Transfer-Encoding: \x0bchunked",), (200,)),
        ("coding unknown", ("Transfer-Encoding: cow",), (200,)),
        ("coding gzip, chunked", ("Transfer-Encoding: gzip, chunked",), (200,))):
    fault("framing, " + name, "9112 6.3",
          [ok(*fields, body=b"5\r\nhello\r\n0\r\n\r\n"), CLOSE], reason="bad_response",
          also=lenient)
for name, fields in (
        ("length after coding", ("Transfer-Encoding: chunked", "Content-Length: 5")),
        ("length 0 and chunked", ("Content-Length: 0", "Transfer-Encoding: chunked")),
        ("chunked in two lines", ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
        ("coding identity", ("Transfer-Encoding: identity",)),
        ("coding chunked, identity", ("Transfer-Encoding: chunked, identity",)),
        ("coding empty", ("Transfer-Encoding:",)),
        ("coding quoted", ('Transfer-Encoding: "chunked"',)),
        ("coding like chunked", ("Transfer-Encoding: xchunked",)),
        ("coding hidden by space", ("Transfer-Encoding : chunked",)),
        ("coding hidden by folding", ("Transfer-Encoding:\r\n chunked",)),
        ("length 2^63", ("Content-Length: 9223372036854775808",)),
        ("length with a comma", ("Content-Length: 5,",)),
        ("length three times, last differs", ("Content-Length: 5", "Content-Length: 5",
                                              "Content-Length: 50")),
        ("length with junk", ("Content-Length: 5 hello",)),
        ("length dotted", ("Content-Length: 5.0",)),
        ("length in quotes", ('Content-Length: "5"',))):
    fault("framing, " + name, "9112 6.3",
          [ok(*fields, body=b"5\r\nhello\r\n0\r\n\r\n"), CLOSE], reason="bad_response", also=(200,))
for name, fields in (("lengths equal", ("Content-Length: 5", "Content-Length: 5")),
                     ("length list equal", ("Content-Length: 5, 5",))):
    fault("framing, " + name, "9112 6.3", [ok(*fields, body=b"hello"), CLOSE],
          reason="bad_response", also=(200,))
fault("framing, chunked in HTTP/1.0", "9112 6.1",
      [req("HTTP/1.0 200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
       CLOSE], reason="bad_response", also=(200,))

# --- Header syntax --------------------------------------------------------------------------

for name, field in (("without colon", b"X-A"), ("empty name", b": b"),
                    ("name with space", b"X A: b"), ("name with NUL", b"X\0A: b"),
                    ("name with high byte", b"X\xe9: b"), ("name in brackets", b"[X]: b"),
                    ("folded", b"X-A: b\r\n c"), ("space before colon", b"X-A : b"),
                    ("value with NUL", b"X-A: b\0c"), ("value with bare CR", b"X-A: b\rc"),
                    ("value with control", b"X-A: b\x01c"), ("value with delete", b"X-A: b\x7fc")):
    fault("field " + name, "9112 5", [ok("Content-Length: 5", field, body=b"hello")],
          reason="bad_response", also=(200,))
fault("field line ended by LF", "9112 2.2",
      [b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"], reason="bad_response", also=(200,))
fault("head of 1 MiB", "9110 5.4",
      [ok("Content-Length: 0", *("X-%d: %s" % (i, "v" * 1000) for i in range(1024)))])
fault("10,000 fields", "9110 5.4", [ok("Content-Length: 0", *("A: b" for _ in range(10000)))])
fault("head without an end", "9110 5.4", [ok("X-A: " + "v" * 300000)[:-4], HOLD],
      status=502, also=(504,), limit=5)
fault("1xx without end", "9110 15.2", [b"HTTP/1.1 102 Processing\r\n\r\n" * 20000, HOLD],
      status=502, also=(504,), limit=5)
fault("1xx with a field too large", "9110 15.2",
      [b"HTTP/1.1 103 Early Hints\r\nLink: " + b"v" * 300000, HOLD], status=502, also=(504,),
      limit=5)

# --- More than was asked for ----------------------------------------------------------------

answer("bytes after the length", "9112 6.3", [HELLO + b"EXTRA"], text=b"hello", after="keep")
answer("a second answer after the first", "9112 6.3", [HELLO + EVIL], text=b"hello",
       after="keep")
answer("a second answer after the chunks", "9112 6.3",
       [ok("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n") + EVIL],
       text=b"hello", after="keep")
answer("a second answer after 204", "9112 6.3", [req("HTTP/1.1 204 No Content") + EVIL],
       status=204, text=b"", after="keep")
answer("a second answer after 304", "9112 6.3", [req("HTTP/1.1 304 Not Modified") + EVIL],
       status=304, text=b"", after="keep")
answer("a second answer after HEAD", "9112 6.3", [ok("Content-Length: 4") + EVIL],
       req("HEAD / HTTP/1.1", "Host: a.test"), text=b"", after="keep")


def play_unsolicited(run):
    """The origin speaks on an idle connection; nobody may ever be given that."""
    run.episode.reach("idle")
    run.expect(run.episode.point("spoken").wait(3), "the origin spoke")
    run.settle()
    for _ in range(3):
        run.client.send(get(target="/-/next"))
        res = run.client.response()
        run.expect(res.status == 200 and res.body == b"GET /-/next",
                   "the next answer is its own: %r %r" % (res, res.body))


for name, extra in (("CR LF", b"\r\n"), ("one byte", b"\0"), ("a chunk", b"0\r\n\r\n"),
                    ("an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n")):
    answer("%s after the length" % name, "9112 6.3", [HELLO + extra], text=b"hello", after="keep")
    answer("%s after the chunks" % name, "9112 6.3",
           [ok("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n") + extra],
           text=b"hello", after="keep")
answer("an answer on an idle connection", "9112 9.2",
       [HELLO, AWAIT("idle"), EVIL, MARK("spoken"), HOLD], text=b"hello", play=play_unsolicited)
answer("junk on an idle connection", "9112 9.2",
       [HELLO, AWAIT("idle"), b"junk", MARK("spoken"), HOLD], text=b"hello", play=play_unsolicited)
answer("an idle connection is closed", "9112 9.3.1",
       [HELLO, AWAIT("idle"), HALF, MARK("spoken"), CLOSE], text=b"hello", play=play_unsolicited)
answer("an idle connection is reset", "9112 9.3.1", [HELLO, AWAIT("idle"), MARK("spoken"), RESET],
       text=b"hello", play=play_unsolicited)
fault("an answer before the request", "9112 9.2", [CLOSE], accept=[EVIL], status=(200, 502),
      also=(503, 504))
