# SPDX-License-Identifier: Apache-2.0
"""Answers and dialogues: framing of responses, Expect, 1xx, Upgrade and trailers."""
import threading

from . import (AWAIT, BODY, CLOSE, DRIBBLE, EARLY, ECHO, HALF, HOLD, READ_1XX, REACH, RESET, SEEN,
               Group, chunked, get, ok, post, req)

CASES = Group("messages")
refuse, relay, add, answer = CASES.refuse, CASES.relay, CASES.add, CASES.answer
HOST = "Host: a.test"
HEAD = req("HEAD / HTTP/1.1", HOST)
HELLO = ok("Content-Length: 5", body=b"hello")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HELLO_CHUNKS = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"

# --- How a response ends --------------------------------------------------------------------

answer("length", "9112 6.3", [HELLO], text=b"hello", framing="length", after="keep")
answer("length 0", "9112 6.3", [ok("Content-Length: 0")], text=b"", after="keep")
answer("length, byte by byte", "9112 6.3", [DRIBBLE(HELLO)], text=b"hello", after="keep")
answer("chunks", "9112 7.1", [ok("Transfer-Encoding: chunked", body=HELLO_CHUNKS)],
       text=b"hello", framing="chunked", after="keep")
answer("chunks, byte by byte", "9112 7.1",
       [DRIBBLE(ok("Transfer-Encoding: chunked", body=HELLO_CHUNKS))], text=b"hello",
       after="keep")
answer("chunks with extensions", "9112 7.1.1",
       [ok("Transfer-Encoding: chunked", body=b"5;a=b\r\nhello\r\n0;c\r\n\r\n")], text=b"hello",
       after="keep")
answer("chunks, coding in mixed case", "9112 7",
       [ok("Transfer-Encoding: Chunked", body=HELLO_CHUNKS)], text=b"hello", after="keep")
answer("no chunks", "9112 7.1", [ok("Transfer-Encoding: chunked", body=b"0\r\n\r\n")], text=b"",
       after="keep")
answer("until close", "9112 6.3", [ok(body=b"hello"), CLOSE], text=b"hello", framing="chunked")
answer("until close, empty", "9112 6.3", [ok(), CLOSE], text=b"")
answer("until close, HTTP/1.0 origin", "9112 6.3", [req("HTTP/1.0 200 OK", body=b"hello"), CLOSE],
       text=b"hello", framing="chunked")
answer("length, HTTP/1.0 origin", "9112 6.3",
       [req("HTTP/1.0 200 OK", "Content-Length: 5", body=b"hello"), CLOSE], text=b"hello",
       after="keep")
answer("chunks for an HTTP/1.0 client", "9112 6.1",
       [ok("Transfer-Encoding: chunked", body=HELLO_CHUNKS)], req("GET / HTTP/1.0", HOST),
       text=b"hello", framing="close", after="close", gets={"transfer-encoding": None})
answer("chunks for an HTTP/1.0 client that keeps alive", "9112 6.1",
       [ok("Transfer-Encoding: chunked", body=HELLO_CHUNKS)],
       req("GET / HTTP/1.0", HOST, "Connection: keep-alive"), text=b"hello",
       gets={"transfer-encoding": None})
answer("no reason phrase", "9112 4", [req("HTTP/1.1 200 ", "Content-Length: 5", body=b"hello")],
       text=b"hello", after="keep")
answer("unknown status 299", "9110 15", [req("HTTP/1.1 299 Odd", "Content-Length: 0")],
       status=299, after="keep")
answer("unknown status 499", "9110 15", [req("HTTP/1.1 499 Odd", "Content-Length: 0")],
       status=499, after="keep")

# --- Without a body -------------------------------------------------------------------------

answer("HEAD with length", "9110 9.3.2", [ok("Content-Length: 5")], HEAD,
       gets={"content-length": "5"}, framing="none", after="keep")
answer("HEAD with chunks", "9110 9.3.2", [ok("Transfer-Encoding: chunked")], HEAD,
       framing="none", after="keep")
answer("HEAD with neither", "9110 9.3.2", [ok()], HEAD, framing="none", after="keep")
answer("HEAD answered with a body", "9110 9.3.2", [HELLO], HEAD, framing="none", after="keep")
answer("HEAD answered with 204", "9110 9.3.2", [req("HTTP/1.1 204 No Content")], HEAD,
       status=204, after="keep")
answer("204", "9110 15.3.5", [req("HTTP/1.1 204 No Content")], status=204, text=b"",
       framing="none", after="keep", gets={"content-length": None})
answer("204 with length 0", "9110 8.6", [req("HTTP/1.1 204 No Content", "Content-Length: 0")],
       status=204, framing="none", after="keep", gets={"content-length": None})
answer("204 with a length and a body", "9110 8.6",
       [req("HTTP/1.1 204 No Content", "Content-Length: 5", body=b"hello")], status=204,
       also=(502,), gets={"content-length": None}, after="keep")
answer("204 with chunks", "9112 6.1",
       [req("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")],
       status=204, also=(502,), gets={"transfer-encoding": None}, after="keep")
answer("205 with length 0", "9110 15.3.6",
       [req("HTTP/1.1 205 Reset Content", "Content-Length: 0")], status=205, text=b"",
       after="keep")
answer("205 with a body", "9110 15.3.6",
       [req("HTTP/1.1 205 Reset Content", "Content-Length: 5", body=b"hello")],
       status=205, also=(502,), after="keep")
answer("304", "9110 15.4.5", [req("HTTP/1.1 304 Not Modified", 'ETag: "a"')], status=304,
       framing="none", gets={"etag": '"a"'}, after="keep")
answer("304 with length", "9110 8.6",
       [req("HTTP/1.1 304 Not Modified", "Content-Length: 5")], status=304, framing="none",
       after="keep")
answer("304 with a body", "9110 15.4.5",
       [req("HTTP/1.1 304 Not Modified", "Content-Length: 5", body=b"hello")], status=304,
       framing="none", after="keep")
answer("304 with chunks", "9112 6.1",
       [req("HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked", body=HELLO_CHUNKS)],
       status=304, framing="none", after="keep")

for name, fields in (("lengths that differ", ("Content-Length: 5", "Content-Length: 6")),
                     ("a bad length", ("Content-Length: x",)),
                     ("length and chunks", ("Content-Length: 5", "Transfer-Encoding: chunked"))):
    answer("HEAD with " + name, "9112 6.3", [ok(*fields), CLOSE], HEAD, status=502, also=(200,))
    answer("304 with " + name, "9112 6.3", [req("HTTP/1.1 304 Not Modified", *fields), CLOSE],
           status=502, also=(304,))
    answer("204 with " + name, "9112 6.3", [req("HTTP/1.1 204 No Content", *fields), CLOSE],
           status=502, also=(204,))
answer("HEAD with a length over 2^32", "9110 8.6", [ok("Content-Length: 99999999999")], HEAD,
       gets={"content-length": "99999999999"}, framing="none", after="keep")
answer("204 from an HTTP/1.0 origin", "9110 15.3.5", [req("HTTP/1.0 204 No Content"), CLOSE],
       status=204, framing="none", after="keep")
answer("204 for an HTTP/1.0 client", "9110 15.3.5", [req("HTTP/1.1 204 No Content")],
       req("GET / HTTP/1.0", HOST, "Connection: keep-alive"), status=204, framing="none",
       after="keep")
answer("205 with chunks, none", "9110 15.3.6",
       [req("HTTP/1.1 205 Reset Content", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")],
       status=205, text=b"", after="keep")
answer("205 until close", "9110 15.3.6", [req("HTTP/1.1 205 Reset Content"), CLOSE], status=205,
       text=b"")
answer("304 until close is over at once", "9110 15.4.5",
       [req("HTTP/1.1 304 Not Modified", "Connection: close"), HOLD], status=304, framing="none",
       after="keep")
answer("HEAD until close is over at once", "9110 9.3.2", [ok("Connection: close"), HOLD], HEAD,
       framing="none", after="keep")
answer("HEAD with 103 before", "9110 15.2",
       [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("Content-Length: 5")], HEAD,
       interim=(103,), framing="none", after="keep")
answer("chunks of one byte", "9112 7.1",
       [ok("Transfer-Encoding: chunked", body=b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n")],
       text=b"x" * 3000, after="keep")
answer("chunk sizes with leading zeros", "9112 7.1",
       [ok("Transfer-Encoding: chunked", body=b"0005\r\nhello\r\n000\r\n\r\n")], text=b"hello",
       after="keep")
answer("length with leading zeros", "9110 8.6", [ok("Content-Length: 0005", body=b"hello")],
       text=b"hello", gets={"content-length": ("5", "0005")}, after="keep")
answer("coding in a list with nothing", "9110 5.6.1",
       [ok("Transfer-Encoding: , chunked", body=HELLO_CHUNKS), CLOSE], status=502, also=(200,))
answer("content coding is not the gateway's", "9110 8.4",
       [ok("Content-Length: 5", "Content-Encoding: gzip", body=b"hello")], text=b"hello",
       gets={"content-encoding": "gzip"}, after="keep")

# --- Expect ---------------------------------------------------------------------------------

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
EXPECT = post("Expect: 100-continue", "Content-Length: 5")
relay("expect, continued by the origin", "9110 10.1.1",
      [EXPECT, SEEN(b"\r\n\r\n"), REACH("go"), READ_1XX, b"hello"], "POST /", body=b"hello",
      origin=[[EARLY, AWAIT("go"), CONTINUE, BODY, HELLO]], interim=(100,), text=b"hello",
      has={"expect": "100-continue"}, ours=True)
relay("expect, body after the 100", "9110 10.1.1", [EXPECT, READ_1XX, b"hello"], "POST /",
      body=b"hello", origin=[[EARLY, CONTINUE, BODY, HELLO]], interim=(100,), text=b"hello")
relay("expect, in other case", "9110 10.1.1",
      [post("Expect: 100-Continue", "Content-Length: 5"), READ_1XX, b"hello"], "POST /",
      body=b"hello", origin=[[EARLY, CONTINUE, BODY, HELLO]], text=b"hello")
relay("expect, chunks after the 100", "9110 10.1.1",
      [chunked(b"", "Expect: 100-continue"), READ_1XX, b"5\r\nhello\r\n0\r\n\r\n"], "POST /",
      body=b"hello", origin=[[EARLY, CONTINUE, BODY, HELLO]], text=b"hello")
relay("expect, body sent without waiting", "9110 10.1.1",
      post("Expect: 100-continue", "Content-Length: 5", body=b"hello"), "POST /", body=b"hello",
      origin=[[EARLY, CONTINUE, BODY, HELLO]], text=b"hello")
relay("expect, body sent and no 100", "9110 10.1.1",
      post("Expect: 100-continue", "Content-Length: 5", body=b"hello"), "POST /", body=b"hello",
      origin=[[BODY, HELLO]], text=b"hello")
add("expect, refused by the origin", "9110 10.1.1", [EXPECT], status=403, relays=None,
    partial=True, text=b"no!\n", ours=True,
    origin=[[EARLY, req("HTTP/1.1 403 Forbidden", "Content-Length: 4", body=b"no!\n"), CLOSE]])
relay("expect in HTTP/1.0 is ignored", "9110 10.1.1",
      req("POST / HTTP/1.0", HOST, "Expect: 100-continue", "Content-Length: 5", body=b"hello"),
      "POST /", body=b"hello", interim=(), after="close")
relay("expect without a body", "9110 10.1.1", get("Expect: 100-continue"), "GET /",
      also=(400, 417))
for name, value in (("unknown", "cow"), ("with a parameter", "100-continue;a=b"),
                    ("unknown with value", "a=b"), ("with a prefix", "x100-continue"),
                    ("two words", "y 100-continue"), ("200-ok", "200-ok")):
    add("expect " + name, "9110 10.1.1",
        post("Expect: " + value, "Content-Length: 5", body=b"hello"), status=417,
        also=(200, 400), relays=[])
for name, value in (("with another", "100-continue, cow"), ("twice in a list",
                                                            "100-continue, 100-continue")):
    add("expect " + name, "9110 10.1.1",
        post("Expect: " + value, "Content-Length: 5", body=b"hello"), status=417,
        also=(200, 400), relays=[])
add("expect empty", "9110 10.1.1", post("Expect:", "Content-Length: 5", body=b"hello"),
    status=417, also=(200, 400), relays=[])

relay("expect, two 100s", "9110 15.2", [EXPECT, READ_1XX, b"hello"], "POST /", body=b"hello",
      origin=[[EARLY, CONTINUE + CONTINUE, BODY, HELLO]], text=b"hello", whole=True)
relay("expect, 103 before the 100", "9110 15.2", [EXPECT, READ_1XX, b"hello"], "POST /",
      body=b"hello", origin=[[EARLY, HINTS + CONTINUE, BODY, HELLO]], text=b"hello")
relay("expect in two lines, equal", "9110 10.1.1",
      post("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 5", body=b"hello"), [],
      status=417, also=(200, 400), after="close", ours=True)
relay("expect with length 0", "9110 10.1.1", post("Expect: 100-continue", "Content-Length: 0"),
      "POST /", interim=())
relay("expect named by Connection", "9110 7.6.1",
      [post("Expect: 100-continue", "Connection: Expect", "Content-Length: 5", body=b"hello")],
      "POST /", body=b"hello", origin=[[EARLY, CONTINUE, BODY, HELLO]], text=b"hello", ours=True)
add("expect over the limit", "9110 15.5.14",
    post("Expect: 100-continue", "Content-Length: 99999999999", target="/small-body"), status=413,
    after="close", relays=[], interim=(), ours=True)

# --- 1xx from the origin --------------------------------------------------------------------

answer("103 is passed on", "9110 15.2", [HINTS, HELLO], interim=(103,), text=b"hello",
       after="keep")
answer("103 three times", "9110 15.2", [HINTS * 3, HELLO], interim=(103, 103, 103),
       text=b"hello", after="keep")
answer("102 is passed on", "9110 15.2", [b"HTTP/1.1 102 Processing\r\n\r\n", HELLO],
       interim=(102,), text=b"hello", after="keep")
answer("100 not asked for", "9110 15.2", [CONTINUE, HELLO], text=b"hello", after="keep")
answer("1xx is not for HTTP/1.0", "9110 15.2", [HINTS, HELLO], req("GET / HTTP/1.0", HOST),
       interim=(), text=b"hello", after="close")
answer("101 not asked for", "9110 15.2.2",
       [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", CLOSE],
       status=502)

answer("1xx that nobody knows", "9110 15.2", [b"HTTP/1.1 199 Odd\r\n\r\n", HELLO],
       text=b"hello", after="keep")
answer("103 with a length", "9110 8.6", [b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n",
                                         HELLO], text=b"hello", interim=(103,))
answer("103 with chunks", "9112 6.1",
       [b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", HELLO], text=b"hello",
       status=(200, 502))
answer("103 with Connection: close", "9112 9.6",
       [b"HTTP/1.1 103 Early Hints\r\nConnection: close, X-A\r\nX-A: b\r\n\r\n", HELLO],
       text=b"hello", interim=(103,))
answer("103 byte by byte", "9110 15.2", [DRIBBLE(HINTS + HELLO)], text=b"hello", interim=(103,),
       after="keep")
for name, field in (("a bare CR", b"X-A: b\rX-Injected: yes"), ("a folded line", b"X-A: b\r\n c"),
                    ("no colon", b"X-A"), ("NUL", b"X-A: \0")):
    answer("103 with " + name, "9112 5", [b"HTTP/1.1 103 Early Hints\r\n" + field + b"\r\n\r\n",
                                          HELLO, CLOSE], status=502, also=(200,), interim=None,
           gets={"x-injected": None})
answer("103, then junk", "9112 4", [HINTS + b"junk\r\n\r\n", CLOSE], status=502, interim=(103,),
       ours=True)
answer("103, then the end", "9112 8", [HINTS, CLOSE], status=502, interim=(103,), ours=True)
answer("103, then a reset", "9112 8", [HINTS, RESET], status=502, interim=None, ours=True)
answer("16 interim answers", "9110 15.2", [HINTS * 16, HELLO], interim=(103,) * 16, text=b"hello",
       ours=True)
answer("17 interim answers", "9110 15.2", [HINTS * 17, HELLO], status=502, interim=(103,) * 16,
       reason="too_many_interim", ours=True)

# --- Upgrade --------------------------------------------------------------------------------

WEBSOCKET = get("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCH = req("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
UPGRADED = {"upgrade": "websocket", "connection": ("upgrade", "Upgrade")}


def play_tunnel(run):
    """Both ways, then the client ends its half and still gets what is under way."""
    run.client.send(b"\x81\x05hello\0\r\n")
    run.expect(run.client.recv_n(10, 3) == b"\x81\x05hello\0\r\n", "the tunnel echoes")
    run.client.send(b"last")
    run.client.shutdown_write()
    run.expect(run.client.recv_all(3) == b"last", "what was sent before the half-close comes")
    run.expect(run.client.eof and not run.client.was_reset, "the tunnel ends in order")


def play_origin_ends(run):
    """The origin ends its half first; the client can still send."""
    run.expect(run.client.recv_all(3) == b"bye", "what the origin sent last comes")
    run.expect(run.client.eof and not run.client.was_reset, "the end is in order")


add("upgrade to websocket", "9110 7.8", WEBSOCKET, status=101, gets=UPGRADED,
    has={"upgrade": "websocket", "connection": ("upgrade", "Upgrade", "*")}, relays="GET /",
    origin=[[SWITCH, ECHO]], play=play_tunnel)
add("upgrade, names in other case", "9110 7.8",
    get("connection: keep-alive, UPGRADE", "upgrade: WebSocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), status=101, relays="GET /",
    origin=[[SWITCH, ECHO]], play=play_tunnel)
add("upgrade, data with the 101", "9110 7.8", WEBSOCKET, status=101, relays="GET /",
    origin=[[SWITCH + b"bye", CLOSE]], play=play_origin_ends)
add("upgrade, refused", "9110 7.8", WEBSOCKET, status=403, relays="GET /", text=b"no!\n",
    origin=[[req("HTTP/1.1 403 Forbidden", "Content-Length: 4", body=b"no!\n")]], after="keep")
add("upgrade, ignored", "9110 7.8", WEBSOCKET, status=200, relays="GET /", text=b"hello",
    origin=[[HELLO]], after="keep")
relay("upgrade in HTTP/1.0 is ignored", "9110 7.8",
      req("GET / HTTP/1.0", HOST, "Connection: Upgrade", "Upgrade: websocket"), "GET /",
      has={"upgrade": None}, after="close")
add("upgrade, data sent too early is not a request", "9110 7.8",
    WEBSOCKET + get(target="/hidden"), status=101, relays="GET /",
    origin=[[SWITCH, ECHO]], ours=True)



def play_early_end(run):
    """What the client sent before the 101, and its end, come to the origin behind it."""
    run.expect(run.client.recv_all(3) == b"early", "what was sent before the 101 comes back")
    run.expect(run.client.eof and not run.client.was_reset, "the tunnel ends in order")


def play_origin_reset(run):
    """A reset is passed on as one."""
    run.client.recv_all(3)
    run.expect(run.client.was_reset, "the client sees the reset")


def play_large(run):
    """More than any buffer holds, both ways at once."""
    sent = bytes(range(256)) * 8192
    thread = threading.Thread(target=lambda: (run.client.send(sent), run.client.shutdown_write()))
    thread.start()
    got = run.client.recv_n(len(sent), 10)
    thread.join()
    run.expect(got == sent, "all of %d bytes come back, %d did" % (len(sent), len(got)))


add("upgrade, data and the end before the 101", "9110 7.8", [WEBSOCKET + b"early", HALF],
    status=101,
    relays="GET /", origin=[[SWITCH, ECHO]], play=play_early_end, ours=True)
add("upgrade, the end before the 101", "9110 7.8",
    [WEBSOCKET, SEEN(b"\r\n\r\n"), HALF, REACH("go")],
    status=101, relays="GET /", origin=[[AWAIT("go"), SWITCH + b"early", ECHO]],
    play=play_early_end,
    ours=True)
add("upgrade, the origin resets", "9110 7.8", WEBSOCKET, status=101, relays="GET /",
    origin=[[SWITCH, RESET]], play=play_origin_reset, ours=True)
add("upgrade, megabytes both ways", "9110 7.8", WEBSOCKET, status=101, relays="GET /",
    origin=[[SWITCH, ECHO]], play=play_large)
for name, fields in (
        ("to another protocol", ("Upgrade: chat", "Connection: Upgrade")),
        ("to h2c", ("Upgrade: h2c", "Connection: Upgrade")),
        ("to more than asked for", ("Upgrade: websocket, chat", "Connection: Upgrade")),
        ("without Upgrade", ("Connection: Upgrade",)),
        ("without Connection", ("Upgrade: websocket",)),
        ("with nothing", ()),
        ("with conflicting framing", ("Upgrade: websocket", "Connection: Upgrade",
                                      "Content-Length: 5", "Content-Length: 6"))):
    add("101 " + name, "9110 7.8", WEBSOCKET, status=502, also=(101,), relays=None,
        origin=[[req("HTTP/1.1 101 Switching Protocols", *fields), CLOSE]])
add("101 in HTTP/1.0", "9110 7.8", WEBSOCKET, status=502, also=(101,), relays=None,
    origin=[[SWITCH.replace(b"/1.1", b"/1.0"), CLOSE]])
add("101 to a request with a body", "9110 7.8",
    post("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5", body=b"hello"),
    status=502,
    also=(101,), relays=None, origin=[[SWITCH, CLOSE]])
for value in ("h2c", "H2C", "h2", "websocket, h2c", "h2c, websocket", "websocket, HTTP/2.0",
              "TLS/1.2",
              "websocket, TLS/1.0", "HTTP/3", "h2c/1", "web socket", "websocket/", "/13", "a/b/c"):
    relay("upgrade to %s is not passed on" % value, "9110 7.8",
          get("Connection: Upgrade", "Upgrade: " + value), "GET /", has={"upgrade": None},
          ours=True)
for value in ("websocket", "chat, websocket", "IRC/6.9, RTA/x11", "WebSocket/13"):
    relay("upgrade to %s is passed on" % value, "9110 7.8",
          get("Connection: Upgrade", "Upgrade: " + value), "GET /",
          has={"upgrade": value, "connection": ("upgrade", "Upgrade")}, after=None)
relay("upgrade without Upgrade", "9110 7.8", get("Connection: Upgrade"), "GET /",
      has={"upgrade": None})
relay("upgrade with an empty Upgrade", "9110 7.8", get("Connection: Upgrade", "Upgrade:"), "GET /",
      has={"upgrade": None})
relay("upgrade of a POST with a body", "9110 7.8",
      post("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5", body=b"hello"),
      "POST /",
      body=b"hello", has={"upgrade": None}, ours=True)
relay("upgrade of a chunked POST", "9110 7.8",
      chunked(HELLO_CHUNKS, "Connection: Upgrade", "Upgrade: websocket"), "POST /", body=b"hello",
      has={"upgrade": None}, ours=True)
relay("upgrade ignored, then pipelined", "9112 9.3.2", WEBSOCKET + get(target="/2"),
      ["GET /", "GET /2"], then=(200,))
add("426 is passed on", "9110 15.5.22", get(), status=426, relays="GET /",
    origin=[[req("HTTP/1.1 426 Upgrade Required", "Upgrade: websocket", "Connection: Upgrade",
                 "Content-Length: 0")]], after="keep")

# --- Trailers -------------------------------------------------------------------------------

TRAILED = ok("Transfer-Encoding: chunked", "Trailer: X-T",
             body=b"5\r\nhello\r\n0\r\nX-T: done\r\n\r\n")
answer("trailers asked for", "9110 6.5.1", [TRAILED], get("TE: trailers", "Connection: TE"),
       text=b"hello", trailers={"x-t": "done"}, after="keep", ours=True)
answer("trailers not asked for", "9110 6.5.1", [TRAILED], text=b"hello", trailers={},
       after="keep", ours=True)
answer("trailers for an HTTP/1.0 client", "9112 7.1.2", [TRAILED],
       req("GET / HTTP/1.0", HOST, "TE: trailers", "Connection: TE"), text=b"hello",
       framing="close", after="close")
answer("trailers that frame", "9110 6.5.1",
       [ok("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n"
           b"Transfer-Encoding: x\r\nX-T: done\r\n\r\n")],
       get("TE: trailers", "Connection: TE"), text=b"hello",
       gets={"content-length": None, "x-t": None}, after=None, whole=None,
       status=(200, 502))
TE = get("TE: trailers", "Connection: TE")
LAST = b"5\r\nhello\r\n0\r\n"


def trailed(name, lines, trailers, send=TE, **facts):
    """Chunks that end in these trailer lines; the client sees those that may be passed on."""
    answer("trailers, " + name, "9110 6.5.1",
           [ok("Transfer-Encoding: chunked", body=LAST + lines + b"\r\n"), CLOSE], send,
           text=b"hello", trailers=trailers, ours=True, **facts)


trailed("three", b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n", {"x-a", "x-b"})
trailed("with spaces", b"X-A:  \t1 \r\nX-B:\r\nX-C: \r\n", {"x-a", "x-b", "x-c"})
trailed("byte by byte", b"X-A: 1\r\n", {"x-a"})
for line in (b"Host: b", b"Transfer-Encoding: chunked", b"Connection: close",
             b"Content-Type: x", b"TE: x", b"Trailer: x", b"Upgrade: x", b"Keep-Alive: x",
             b"X-Forwarded-For: x", b"Via: x", b"X_A: 1"):
    trailed("never " + line.decode(), line + b"\r\nX-A: 1\r\n" + line.lower() + b"\r\n", {"x-a"})
trailed("TE in another case", b"X-A: 1\r\n", {"x-a"}, get("TE: Trailers"))
trailed("TE with others", b"X-A: 1\r\n", {"x-a"}, get("TE: gzip;q=0.5, trailers"))
trailed("TE with others only", b"X-A: 1\r\n", {}, get("TE: gzip"))
trailed("TE that is like it", b"X-A: 1\r\n", {}, get("TE: trailersx, xtrailers"))
for name, line in (("folded", b"X-T: 1\r\n X-Injected: 2\r\n"),
                   ("a bare LF", b"X-T: 1\nX-B: 2\r\n"),
                   ("a space before the colon", b"X-T : 1\r\n"), ("no colon", b"X-T\r\n"),
                   ("no name", b": 1\r\n"), ("NUL", b"X-T: \0\r\n"), ("DEL", b"X-T: \x7f\r\n"),
                   ("40 KiB", b"X-T: " + b"t" * 40960 + b"\r\n")):
    answer("trailers with %s are a cut" % name, "9112 7.1.2",
           [ok("Transfer-Encoding: chunked", body=LAST + line + b"\r\n"), CLOSE], TE,
           status=(200, 502), also=(200,), whole=False if name != "40 KiB" else None, ours=True)
relay("trailers in a request", "9110 6.5.1",
      chunked(b"5\r\nhello\r\n0\r\nX-T: done\r\n\r\n", "Trailer: X-T"), "POST /", body=b"hello",
      has={"x-t": None})
