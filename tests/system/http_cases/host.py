# SPDX-License-Identifier: Apache-2.0
"""Host: exactly one, and one that can be a host."""
from . import Group, get, req

CASES = Group("host")
refuse, relay, add = CASES.refuse, CASES.relay, CASES.add

for name, value in (("name", "a.test"), ("with port", "a.test:8080"), ("IPv4", "127.0.0.1"),
                    ("IPv4 with port", "127.0.0.1:80"), ("IPv6", "[::1]"),
                    ("IPv6 with port", "[2001:db8::1]:8080"), ("one label", "a"),
                    ("hyphen", "a-b.test"), ("digits", "1a.test"), ("trailing dot", "a.test."),
                    ("punycode", "xn--caf-dma.test")):
    relay(name, "9110 7.2", get(host=value), "GET /", has={"host": value})
relay("underscore in the name", "3986 3.2.2", get(host="a_b.test"), "GET /", also=(400,))
relay("upper case", "9110 4.2.3", get(host="A.Test"), "GET /", has={"host": ("A.Test", "a.test")})
relay("spaces around", "9112 5", get(host="  a.test \t"), "GET /", has={"host": "a.test"})
relay("none in HTTP/1.0", "9112 3.2", req("GET / HTTP/1.0"), "GET /", after="close",
      has={"host": ...})
for name, value in (("empty port", "a.test:"), ("percent-encoded", "%61.test"),
                    ("300 characters", "a" * 300 + ".test"), ("sub-delimiters", "a!b.test")):
    relay(name, "3986 3.2.2", get(host=value), "GET /", also=(400,))

refuse("none", "9112 3.2", req("GET / HTTP/1.1"))
refuse("none, other fields", "9112 3.2", req("GET / HTTP/1.1", "X-A: b", "Hostx: a.test"))
refuse("none, but after the head", "9112 3.2",
       req("GET / HTTP/1.1") + b"Host: a.test\r\n\r\n")
refuse("empty", "9110 7.2", req("GET / HTTP/1.1", "Host:"), also=(200,))
for name, fields in (
        ("twice equal", ("Host: a.test", "Host: a.test")),
        ("twice different", ("Host: a.test", "Host: b.test")),
        ("twice, other case", ("Host: a.test", "HOST: b.test")),
        ("twice, far apart", ("Host: a.test", "X-A: b", "Host: b.test")),
        ("twice, second empty", ("Host: a.test", "Host:")),
        ("twice, first empty", ("Host:", "Host: a.test"))):
    refuse(name, "9112 3.2", req("GET / HTTP/1.1", *fields))
refuse("twice in HTTP/1.0", "9112 3.2", req("GET / HTTP/1.0", "Host: a.test", "Host: b.test"))
refuse("twice, second with underscore", "9110 5.1",
       req("GET / HTTP/1.1", "Host: a.test", "Ho_st: b.test"), also=(200,))
refuse("second folded in", "9112 5.2", req("GET / HTTP/1.1", "Host: a.test\r\n Host: b.test"))
refuse("space before colon", "9112 5.1", req("GET / HTTP/1.1", "Host : a.test"))

for name, value in (
        ("list", b"a.test, b.test"), ("list without space", b"a.test,b.test"),
        ("space inside", b"a.test b.test"), ("tab inside", b"a.test\tb.test"),
        ("userinfo", b"u@a.test"), ("userinfo with password", b"u:p@a.test"),
        ("two ports", b"a.test:80:90"), ("port of letters", b"a.test:http"),
        ("port negative", b"a.test:-1"), ("port with space", b"a.test: 80"),
        ("port with plus", b"a.test:+80"), ("port in hex", b"a.test:0x50"),
        ("path", b"a.test/b"), ("query", b"a.test?b"), ("fragment", b"a.test#b"),
        ("absolute URI", b"http://a.test"), ("slash first", b"/a.test"),
        ("backslash", b"a.test\\b"), ("bracket not closed", b"[::1"),
        ("bracket not opened", b"::1]"), ("IPv6 without brackets", b"::1"),
        ("bracket with junk", b"[::1]x"), ("bracket with a name", b"[a.test]"),
        ("bracket empty", b"[]"), ("high byte", b"a\x80.test"), ("UTF-8", b"caf\xc3\xa9.test"),
        ("angle brackets", b"<script>"), ("quotes", b'"a.test"'), ("percent alone", b"a%.test"),
        ("percent not hex", b"a%zz.test"), ("pipe", b"a|b"), ("caret", b"a^b"),
        ("braces", b"{a}"), ("backquote", b"a`b")):
    refuse("with " + name, "9112 3.2", req("GET / HTTP/1.1", b"Host: " + value))
for name, value in (
        ("IPv6 with two gaps", b"[1::2::3]"), ("IPv6 with a part too many", b"[1:2:3:4:5:6:7:8:9]"),
        ("IPv6 with a part too long", b"[12345::]"), ("IPv6 of dots", b"[..]"),
        ("IPv6 of colons", b"[::::]"), ("IPv6 that is IPv4", b"[127.0.0.1]"),
        ("IPv6 with a zone", b"[fe80::1%25lo]"), ("IPv6 with a bare zone", b"[fe80::1%lo]"),
        ("IPv6 with a space", b"[:: 1]"), ("IPv6 and a second bracket", b"[::1]]"),
        ("IPv6 with junk behind the port", b"[::1]:80x"), ("two brackets", b"[[::1]]"),
        ("semicolon and space", b"a.test; b"), ("port of six digits", b"a.test:000080"),
        ("port with a path", b"a.test:80/x"), ("only a port", b":80"), ("only a colon", b":"),
        ("port in other digits", b"a.test:\xd9\xa8"), ("NUL encoded half", b"a%0.test"),
        ("two at signs", b"a@b@c"), ("comma at the end", b"a.test,"),
        ("soft hyphen", b"a\xc2\xad.test")):
    refuse("with " + name, "9112 3.2", req("GET / HTTP/1.1", b"Host: " + value),
           also=(200,) if "IPv6" in name or "six" in name else ())
for name, value in (("IPv6 with IPv4 inside", "[::ffff:192.0.2.1]"),
                    ("IPv6 and port", "[::1]:8080"),
                    ("IPv6 whole", "[2001:db8:0:0:0:0:0:1]"), ("IPv4 and port", "192.0.2.1:80"),
                    ("port 65535", "a.test:65535"), ("a dot at the end", "a.test.")):
    relay("with " + name, "3986 3.2.2", get(host=value), "GET /", has={"host": value})
relay("of 6,000 characters, which is written twice", "9110 7.2",
      get("X-A: " + "b" * 6000, host="a" * 6000), "GET /", ours=True,
      has={"host": "a" * 6000, "x-forwarded-host": "a" * 6000, "x-a": "b" * 6000})
refuse("with port out of range", "9110 4.2.1", get(host="a.test:99999"), also=(200,))
for name, value in (("NUL", b"a\0.test"), ("control", b"a\x01.test"), ("bare CR", b"a\rb.test"),
                    ("delete", b"a\x7f.test")):
    refuse("with " + name, "9110 5.5", req("GET / HTTP/1.1", b"Host: " + value))
