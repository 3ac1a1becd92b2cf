# SPDX-License-Identifier: Apache-2.0
"""Connections: persistence, pipelining, and the fields that belong to one hop."""
from . import CLOSE, DRIBBLE, EARLY, Group, chunked, get, ok, post, req

CASES = Group("connections")
refuse, relay, add, answer = CASES.refuse, CASES.relay, CASES.add, CASES.answer
HOST = "Host: a.test"
HELLO = ok("Content-Length: 5", body=b"hello")

# --- Persistence ----------------------------------------------------------------------------

relay("1.1 is kept", "9112 9.3", get(), "GET /", after="keep")
relay("1.1 with close", "9112 9.6", get("Connection: close"), "GET /", after="close",
      gets={"connection": "close"})
for name, value in (("upper case", "CLOSE"), ("in a list", "x, close"),
                    ("first in a list", "close, x"), ("with keep-alive", "keep-alive, close"),
                    ("empty members", ", close,")):
    relay("1.1 with close " + name, "9112 9.6", get("Connection: " + value), "GET /",
          after="close")
relay("1.1 with close in a second line", "9112 9.6",
      get("Connection: keep-alive", "Connection: close"), "GET /", after="close")
relay("1.1 with a word like close", "9110 7.6.1", get("Connection: closed"), "GET /",
      after="keep")
relay("1.0 is closed", "9112 9.3", req("GET / HTTP/1.0", HOST), "GET /", after="close")
relay("1.0 with keep-alive", "9112 C.2.2",
      req("GET / HTTP/1.0", HOST, "Connection: keep-alive"), "GET /", after="keep",
      gets={"connection": ("keep-alive", "Keep-Alive")})
relay("1.0 with Keep-Alive, upper case", "9112 C.2.2",
      req("GET / HTTP/1.0", HOST, "Connection: Keep-Alive"), "GET /", after="keep")
relay("1.0 with close", "9112 9.6", req("GET / HTTP/1.0", HOST, "Connection: close"), "GET /",
      after="close")
relay("1.0 answered in 1.1 words", "9110 2.5", req("GET / HTTP/1.0", HOST), "GET /",
      after="close", has={"host": "a.test"})
answer("upstream close is not the client's", "9110 7.6.1",
       [ok("Content-Length: 5", "Connection: close", body=b"hello"), CLOSE], after="keep",
       text=b"hello")
answer("upstream closes without saying so", "9112 9.6", [HELLO, CLOSE], after="keep",
       text=b"hello")
refuse("closed after a refusal", "9112 9.6", get("X A: b") + get(target="/second"))
relay("kept after 404 from upstream", "9112 9.3", get(), "GET /", status=404,
      origin=[req("HTTP/1.1 404 Not Found", "Content-Length: 3", body=b"no\n")], text=b"no\n")

# --- Pipelining -----------------------------------------------------------------------------

relay("two pipelined", "9112 9.3.2", get(target="/1") + get(target="/2"), ["GET /1", "GET /2"],
      then=(200,))
relay("ten pipelined", "9112 9.3.2", b"".join(get(target="/%d" % i) for i in range(10)),
      ["GET /%d" % i for i in range(10)], then=(200,) * 9)
relay("pipelined byte by byte", "9112 9.3.2", [DRIBBLE(get(target="/1") + get(target="/2"))],
      ["GET /1", "GET /2"], then=(200,))
relay("pipelined, first answer slow", "9112 9.3.2", get(target="/1") + get(target="/2"),
      ["GET /1", "GET /2"], then=(200,), origin=[[DRIBBLE(HELLO)], [HELLO]])
relay("pipelined with bodies", "9112 9.3.2",
      post("Content-Length: 5", body=b"hello", target="/1") +
      chunked(b"3\r\nabc\r\n0\r\n\r\n") + get(target="/3"),
      ["POST /1", "POST /", "GET /3"], then=(200, 200), body=b"hello")
relay("pipelined, then close", "9112 9.6",
      get(target="/1") + get("Connection: close", target="/2") + get(target="/3"),
      ["GET /1", "GET /2"], then=(200,), after="close")
relay("pipelined after close", "9112 9.6", get("Connection: close") + get(target="/2"), "GET /",
      after="close")
relay("pipelined after 1.0", "9112 9.6", req("GET / HTTP/1.0", HOST) + get(target="/2"),
      "GET /", after="close")
relay("pipelined, second bad", "9112 9.3.2", get(target="/1") + get("X A: b", target="/2"),
      "GET /1", then=(400,), after="close")
relay("pipelined after HEAD", "9112 9.3.2", req("HEAD /1 HTTP/1.1", HOST) + get(target="/2"),
      ["HEAD /1", "GET /2"], then=(200,))
relay("pipelined after 204", "9112 9.3.2", get(target="/1") + get(target="/2"),
      ["GET /1", "GET /2"], status=204, then=(200,),
      origin=[[req("HTTP/1.1 204 No Content")], [HELLO]])
relay("pipelined after 304", "9112 9.3.2", get(target="/1") + get(target="/2"),
      ["GET /1", "GET /2"], status=304, then=(200,),
      origin=[[req("HTTP/1.1 304 Not Modified", 'ETag: "a"')], [HELLO]])

BAD_CHUNK = chunked(b"5\r\nhelloX\r\n0\r\n\r\n")
for name, bad, status in (
        ("chunk", BAD_CHUNK, 400), ("Host twice", get("Host: b.test"), 400),
        ("version", req("GET /2 HTTP/3.0", HOST), 505),
        ("method", req("FOO / HTTP/1.1", HOST), 501),
        ("coding", post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
        ("TRACE", req("TRACE / HTTP/1.1", HOST), 405), ("path", get(target="/../x"), 400),
        ("Expect", post("Expect: x", "Content-Length: 0"), 417),
        ("bare LF", b"GET /2 HTTP/1.1\nHost: a.test\n\n", 400),
        ("HEAD", req("HEAD /2 HTTP/1.1", HOST, "X A: b"), 400),
        ("field of 64 KiB", get("X-A: " + "a" * 65536), 431)):
    relay("pipelined, second with a bad " + name, "9112 9.3.2",
          get(target="/1") + bad + get(target="/hidden"), None, then=(status,), after="close",
          ours=name not in ("Host twice", "chunk"))
relay("pipelined, third bad", "9112 9.3.2",
      post("Content-Length: 3", body=b"abc", target="/1") + get(target="/2") + get("X A: b") +
      get(target="/hidden"), ["POST /1", "GET /2"], then=(200, 400), after="close")
relay("pipelined with chunks, CR LF before the next", "9112 2.2",
      chunked(b"3\r\nabc\r\n0\r\n\r\n") + b"\r\n" + get(target="/2"), ["POST /", "GET /2"],
      then=(200,))
relay("pipelined behind a trailer", "9112 7.1.2",
      chunked(b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n") + get(target="/2"), ["POST /", "GET /2"],
      then=(200,))
relay("pipelined, answers of the gateway and of the service", "9112 9.3.2",
      get(target="/1") + req("OPTIONS * HTTP/1.1", HOST) + get(target="/3"), ["GET /1", "GET /3"],
      then=(204, 200), ours=True)
relay("pipelined 1.0 that keeps alive", "9112 C.2.2",
      req("GET /1 HTTP/1.0", HOST, "Connection: keep-alive") +
      req("GET /2 HTTP/1.0", HOST, "Connection: keep-alive") + req("GET /3 HTTP/1.0", HOST),
      ["GET /1", "GET /2", "GET /3"], then=(200, 200), after="close")
relay("pipelined 1.0 behind 1.1", "9112 9.3", get(target="/1") + req("GET /2 HTTP/1.0", HOST) +
      get(target="/3"), ["GET /1", "GET /2"], then=(200,), after="close")
relay("pipelined, the first answer is cut", "9112 8", get(target="/1") + get(target="/2"),
      ["GET /1"],
      origin=[[ok("Content-Length: 10", body=b"hello"), CLOSE], [HELLO]], status=(200, 502),
      whole=False, after="close", ours=True)
relay("pipelined behind an early answer", "9112 9.6",
      post("Content-Length: 4194304", body=b"x" * (4 << 20)) + get(target="/hidden"), None,
      status=403, partial=True, after="close",
      origin=[[EARLY, req("HTTP/1.1 403 Forbidden", "Content-Length: 4", body=b"no!\n"), CLOSE]])
relay("a hundred pipelined", "9112 9.3.2", b"".join(get(target="/%d" % i) for i in range(100)),
      ["GET /%d" % i for i in range(100)], then=(200,) * 99, ours=True)

# --- Fields of one hop, in requests ---------------------------------------------------------

for name, fields, gone in (
        ("named by Connection", ("Connection: X-A", "X-A: b"), "x-a"),
        ("named in other case", ("Connection: x-A", "X-a: b"), "x-a"),
        ("named with close", ("X-A: b", "Connection: x-a, keep-alive"), "x-a"),
        ("named in a second line", ("Connection: keep-alive", "Connection: X-A", "X-A: b"),
         "x-a"),
        ("Keep-Alive", ("Keep-Alive: timeout=5",), "keep-alive"),
        ("Proxy-Connection", ("Proxy-Connection: keep-alive",), "proxy-connection"),
        ("TE with other codings", ("TE: gzip, deflate;q=0.5",), ()),
        ("Upgrade that is not named", ("Upgrade: websocket",), "upgrade"),
        ("Upgrade to h2c", ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), "http2-settings")):
    relay("request field removed, " + name, "9110 7.6.1", get(*fields), "GET /",
          has={gone: None} if gone else {}, ours=name.endswith("h2c"),
          after=None if "h2c" in name else "keep")
relay("request TE: gzip is not passed on", "9110 10.1.4", get("TE: gzip"), "GET /",
      has={"te": (None, "trailers")})
relay("request Upgrade to h2c is not passed on", "9110 7.8",
      get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
          "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), "GET /", has={"upgrade": None}, ours=True)
for name, field, fact in (("Host", "Connection: Host", {"host": "a.test"}),
                          ("Content-Length", "Connection: Content-Length", {}),
                          ("Transfer-Encoding", "Connection: Transfer-Encoding", {})):
    if "Length" in name:
        send = post(field, "Content-Length: 5", body=b"hello")
    elif "Transfer" in name:
        send = chunked(b"5\r\nhello\r\n0\r\n\r\n", field)
    else:
        send = get(field)
    relay("Connection names " + name, "9110 7.6.1", send,
          "GET /" if name == "Host" else "POST /", also=(400,), has=fact,
          body=None if name == "Host" else b"hello")
# Nobody takes a field away by naming it: neither what frames, nor what the gateway says itself.
EVERY = ("Host, Content-Length, Transfer-Encoding, X-Forwarded-For, X-Forwarded-Host, "
         "X-Forwarded-Proto, X-Request-Id, Via, Connection, Expect, Max-Forwards, Trailer")
relay("Connection names every field of the gateway's", "9110 7.6.1",
      post("Connection: " + EVERY, "Content-Length: 5", body=b"hello"), "POST /", also=(400,),
      body=b"hello", has={"host": "a.test", "content-length": "5", "x-forwarded-for": "127.0.0.1",
                          "x-forwarded-host": "a.test", "x-request-id": ..., "via": ...}, ours=True)
relay("Connection names them, one line each", "9110 7.6.1",
      get(*("Connection: " + n for n in EVERY.split(", "))), "GET /", also=(400,),
      has={"host": "a.test", "x-request-id": ..., "x-forwarded-for": "127.0.0.1"}, ours=True)
relay("Connection names a field that is not there", "9110 7.6.1", get("Connection: X-Gone"),
      "GET /")
relay("Connection names a field twice there", "9110 7.6.1",
      get("Connection: x-a", "X-A: 1", "X-B: 2", "x-a: 3"), "GET /", has={"x-a": None, "x-b": "2"})
relay("Connection names a field that stands before it", "9110 7.6.1",
      get("X-A: 1", "X-B: 2", "Connection: X-B"), "GET /", has={"x-a": "1", "x-b": None})
relay("Connection names a part of a name", "9110 7.6.1", get("Connection: X", "X-A: 1"), "GET /",
      has={"x-a": "1"})
relay("Connection of commas", "9110 5.6.1", get("Connection: ,, ,\t,"), "GET /")
relay("Connection empty", "9110 5.6.1", get("Connection:"), "GET /")
relay("Connection names close in quotes", "9110 7.6.1", get('Connection: "close"'), "GET /",
      also=(400,))
relay("Connection with 4,000 members", "9110 7.6.1", get("Connection: " + "a," * 4000, "A: 1"),
      "GET /", has={"a": None}, also=(400, 431))
relay("Connection names TE, TE is trailers", "9110 10.1.4", get("Connection: TE", "TE: trailers"),
      "GET /", has={"te": "trailers", "connection": ("TE", "te")}, ours=True)
relay("Connection: close and upgrade", "9110 7.6.1",
      get("Connection: close, upgrade", "Upgrade: x"), "GET /", after="close")
relay("Proxy-Authorization is not passed on", "9110 11.7.2", get("Proxy-Authorization: Basic eA=="),
      "GET /", has={"proxy-authorization": None}, ours=True)
relay("fields that look like the gateway's stay apart", "9110 5.1",
      get("X-Forwarded-For-X: 1", "X-Forwarded: 2", "Forwarded: for=192.0.2.1"), "GET /",
      has={"x-forwarded-for-x": "1", "x-forwarded": "2", "forwarded": "for=192.0.2.1"})
relay("X-Forwarded-For in many lines", "ours",
      get("X-Forwarded-For: 192.0.2.1", "X-A: 1", "x-forwarded-for: 192.0.2.2, 192.0.2.3"), "GET /",
      has={"x-forwarded-for": "192.0.2.1, 192.0.2.2, 192.0.2.3, 127.0.0.1"}, ours=True)
relay("X-Forwarded-Proto twice", "ours", get("X-Forwarded-Proto: a", "X-Forwarded-Proto: b"),
      "GET /", has={"x-forwarded-proto": "http"}, ours=True)
for value in ("-1", "abc", "18446744073709551616", "1, 0"):
    relay("Max-Forwards that is %s" % value, "9110 7.6.2",
          req("OPTIONS / HTTP/1.1", HOST, "Max-Forwards: " + value), "OPTIONS /",
          also=(204, 400), after=None)
relay("Max-Forwards of a GET is not counted", "9110 7.6.2", get("Max-Forwards: 0"), "GET /")
relay("Connection with a bad member", "9110 7.6.1", get("Connection: a b"), "GET /",
      also=(400,))
relay("Max-Forwards: 0 on OPTIONS is not passed on", "9110 7.6.2",
      req("OPTIONS / HTTP/1.1", HOST, "Max-Forwards: 0"), [], status=204, also=(200,))
relay("Max-Forwards on OPTIONS counts down", "9110 7.6.2",
      req("OPTIONS / HTTP/1.1", HOST, "Max-Forwards: 5"), "OPTIONS /", has={"max-forwards": "4"})
relay("Via is added", "9110 7.6.3", get(), "GET /", has={"via": ...})
relay("Via is appended", "9110 7.6.3", get("Via: 1.0 fred"), "GET /", has={"via": "1.0 fred*"})
relay("X-Forwarded-For is appended", "ours", get("X-Forwarded-For: 192.0.2.1"), "GET /",
      has={"x-forwarded-for": ("192.0.2.1, 127.0.0.1", "127.0.0.1")}, ours=True)
relay("X-Forwarded-Proto is not the client's", "ours", get("X-Forwarded-Proto: https"), "GET /",
      has={"x-forwarded-proto": "http"}, ours=True)
relay("X-Forwarded-Host is added", "ours", get(), "GET /", has={"x-forwarded-host": "a.test"},
      ours=True)
relay("X-Request-Id is added", "ours", get(), "GET /", has={"x-request-id": ...}, ours=True)

# --- Fields of one hop, in responses --------------------------------------------------------

for name, fields, gone in (
        ("named by Connection", ("Connection: X-B", "X-B: c"), "x-b"),
        ("named in other case", ("X-B: c", "Connection: keep-alive, x-b"), "x-b"),
        ("Keep-Alive", ("Keep-Alive: timeout=5",), "keep-alive"),
        ("Proxy-Connection", ("Proxy-Connection: keep-alive",), "proxy-connection"),
        ("Upgrade", ("Upgrade: websocket", "Connection: Upgrade"), "upgrade")):
    answer("response field removed, " + name, "9110 7.6.1",
           [ok("Content-Length: 5", *fields, body=b"hello")], gets={gone: None}, after="keep")
answer("response fields passed on", "9110 7.7",
       [ok("Content-Length: 5", "X-A: 1", "ETag: \"x\"", "X-A: 2", "Set-Cookie: a=b",
           "Set-Cookie: c=d", body=b"hello")],
       gets={"x-a": [b"1", b"2"], "etag": '"x"', "set-cookie": [b"a=b", b"c=d"]}, after="keep")
answer("response Date is passed on", "9110 6.6.1",
       [ok("Content-Length: 0", "Date: Sun, 06 Nov 1994 08:49:37 GMT")],
       gets={"date": "Sun, 06 Nov 1994 08:49:37 GMT"}, after="keep")
answer("response without Date gets one", "9110 6.6.1", [ok("Content-Length: 0")],
       gets={"date": ...}, after="keep")
answer("response Via is added", "9110 7.6.3", [ok("Content-Length: 0")], gets={"via": ...},
       ours=True)

# --- Early answers: the request's body is still coming --------------------------------------

REFUSED = req("HTTP/1.1 403 Forbidden", "Content-Length: 4", "Connection: close", body=b"no!\n")
MEGABYTES = b"x" * (4 << 20)
for name, origin in (("and closes", [EARLY, REFUSED, CLOSE]),
                     ("and keeps reading", [EARLY, REFUSED, "BODY"])):
    add("early answer " + name, "9112 9.5", post("Content-Length: 4194304", body=MEGABYTES),
        status=403, origin=[origin], text=b"no!\n", partial=True, relays=None)
add("early answer, body never sent", "9112 9.5", post("Content-Length: 1000000", body=b"x"),
    status=403, origin=[[EARLY, REFUSED, CLOSE]], text=b"no!\n", partial=True, relays=None,
    after="close")
add("early answer to chunks", "9112 9.5",
    chunked(b"400000\r\n" + MEGABYTES + b"\r\n0\r\n\r\n"), status=403,
    origin=[[EARLY, REFUSED, CLOSE]], text=b"no!\n", partial=True, relays=None)
add("early answer that is 200", "9112 9.5", post("Content-Length: 4194304", body=MEGABYTES),
    status=200, origin=[[EARLY, HELLO, "BODY"]], text=b"hello", partial=True, relays=None)
relay("refused while the body comes", "9112 9.6",
      post("Content-Length: 4194304", "X A: b", body=MEGABYTES), [], status=400, after="close")
