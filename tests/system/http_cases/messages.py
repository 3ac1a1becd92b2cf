# SPDX-License-Identifier: Apache-2.0
"""Answers and dialogues: framing of responses, Expect, 1xx, Upgrade and trailers."""
from . import (AWAIT, BODY, CLOSE, DRIBBLE, EARLY, ECHO, READ_1XX, REACH, SEEN, Group,
               chunked, get, ok, post, req)

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

# --- Expect ---------------------------------------------------------------------------------

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

# --- 1xx from the origin --------------------------------------------------------------------

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
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
relay("trailers in a request", "9110 6.5.1",
      chunked(b"5\r\nhello\r\n0\r\nX-T: done\r\n\r\n", "Trailer: X-T"), "POST /", body=b"hello",
      has={"x-t": None})
