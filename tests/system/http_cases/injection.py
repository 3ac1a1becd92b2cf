# SPDX-License-Identifier: Apache-2.0
"""Injection: no header line, log line or JSON member comes out of what somebody sent."""
from . import Group, get, ok, post, req

CASES = Group("injection")
refuse, relay, add, answer = CASES.refuse, CASES.relay, CASES.add, CASES.answer

# What the client sends, towards the origin.
for name, target in (
        ("CR LF in the path", "/a%0d%0aX-Injected:%20yes"),
        ("LF in the path", "/a%0aX-Injected:%20yes"),
        ("a request in the path", "/a%20HTTP/1.1%0d%0aHost:%20b%0d%0a%0d%0aGET%20/hidden"),
        ("wide CR LF in the path", "/%e5%98%8d%e5%98%8aX-Injected:yes")):
    relay(name, "9110 5.5", get(target=target), None, also=(400,), has={"x-injected": None},
          gets={"x-injected": None})
for name, query in (("CR LF in the query", "x=%0d%0aX-Injected:%20yes"),
                    ("a request in the query", "x=%20HTTP/1.1%0d%0a%0d%0aGET%20/hidden")):
    relay(name, "9110 5.5", get(target="/a?" + query), "GET /a?" + query,
          has={"x-injected": None})
for name, value in (("CR LF as text", r"a\r\nX-Injected: yes"), ("JSON", '","injected":"yes'),
                    ("markup", "<script>alert(1)</script>"), ("percent", "%0d%0aX-Injected: yes"),
                    ("shell", "$(id) `id` ; id"), ("backslashes", "\\\\\\"),
                    ("format", "%s%n%x%p%999999d")):
    relay(name + " in a value", "9110 5.5", get("User-Agent: " + value, "Referer: " + value),
          "GET /", has={"user-agent": value, "x-injected": None})
    relay(name + " in X-Request-Id", "ours", get("X-Request-Id: " + value), "GET /",
          has={"x-request-id": ..., "x-injected": None}, ours=True)
relay("X-Request-Id of 4 KiB", "ours", get("X-Request-Id: " + "i" * 4096), "GET /",
      has={"x-request-id": ...}, ours=True)
relay("X-Request-Id in UTF-8", "ours", get(b"X-Request-Id: caf\xc3\xa9"), "GET /",
      has={"x-request-id": ...}, ours=True)
relay("X-Request-Id twice", "ours", get("X-Request-Id: a", "X-Request-Id: b"), "GET /",
      has={"x-request-id": ...}, ours=True)

# What ends in a problem document, towards the client; the runner parses every one.
for name, path, status in (
        ("quotes", '/refused/"a"', 400), ("backslash", "/refused/\\u0022", 400),
        ("markup", "/refused/<b>", 400), ("encoded backslash", "/refused/%5c%22", 400),
        ("encoded quotes", "/refused/%22,%22status%22:1", 502),
        ("encoded control", "/refused/%01%1b", 502), ("UTF-8", "/refused/caf%C3%A9", 502)):
    add("problem document with %s" % name, "8259 7", get(target=path), status=status, relays=[],
        gets={"content-type": "application/problem+json*"}, ours=True)
add("problem document with an odd method", "8259 7",
    req("A'B|C`D / HTTP/1.1", "Host: a.test"), status=501, relays=[], ours=True,
    gets={"content-type": "application/problem+json*"})
refuse("problem document after bad bytes", "8259 7",
       req(b"GET /\"\xff\x00<> HTTP/1.1", "Host: a.test"), ours=True,
       gets={"content-type": "application/problem+json*"})
refuse("HEAD that is refused has no body", "9110 9.3.2",
       req("HEAD / HTTP/1.1", "Host: a.test", "X A: b"))
add("problem document for HEAD has no body", "9110 9.3.2",
    req("HEAD /refused/x HTTP/1.1", "Host: a.test"), status=502, also=(503,), relays=None,
    framing="none")

# What the origin sends, towards the client.
for name, field in (
        ("bare CR in a value", b"X-A: b\rX-Injected: yes"),
        ("NUL in a value", b"X-A: b\0X-Injected: yes"),
        ("bare CR in Location", b"Location: /a\rX-Injected: yes"),
        ("bare CR in the name", b"X-A\rX-Injected: yes"),
        ("folded line", b"X-A: b\r\n X-Injected: yes"),
        ("vertical tab in a value", b"X-A: b\x0bX-Injected: yes")):
    answer("origin sends " + name, "9110 5.5", [ok("Content-Length: 5", field, body=b"hello")],
           status=502, also=(200,), gets={"x-injected": None})
answer("origin sends an encoded CR LF", "9110 5.5",
       [req("HTTP/1.1 302 Found", "Location: /a%0d%0aX-Injected:%20yes", "Content-Length: 0")],
       status=302, gets={"location": "/a%0d%0aX-Injected:%20yes", "x-injected": None},
       after="keep")
answer("origin sends a reason with bare CR", "9112 4",
       [req(b"HTTP/1.1 200 OK\rX-Injected: yes", "Content-Length: 5", body=b"hello")],
       status=502, also=(200,), gets={"x-injected": None})
answer("origin sends a trailer that injects", "9110 6.5.1",
       [ok("Transfer-Encoding: chunked",
           body=b"5\r\nhello\r\n0\r\nX-T: a\rX-Injected: yes\r\n\r\n")],
       get("TE: trailers", "Connection: TE"), status=(200, 502), whole=None,
       gets={"x-injected": None})
answer("origin sends our own fields", "9110 7.6.3",
       [ok("Content-Length: 5", "Server: x", "Via: 1.1 y", body=b"hello")], text=b"hello",
       gets={"server": "x"}, ours=True, after="keep")
relay("body that looks like a head", "9112 6",
      post("Content-Length: 27", body=b"\r\n\r\nX-Injected: yes\r\n\r\n\0\r\n\r\n"[:27].ljust(27)),
      "POST /", has={"x-injected": None})
