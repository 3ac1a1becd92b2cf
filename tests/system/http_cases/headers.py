# SPDX-License-Identifier: Apache-2.0
"""Header syntax: what is a field line, and what is done with its value."""
from . import DRIBBLE, Group, get, req

CASES = Group("headers")
refuse, relay, add = CASES.refuse, CASES.relay, CASES.add

# --- Passed on, re-serialised ---------------------------------------------------------------

for name, field, value in (
        ("plain", b"X-A: b", b"b"),
        ("no space after colon", b"X-A:b", b"b"),
        ("spaces around the value", b"X-A:  \t b \t ", b"b"),
        ("tab inside the value", b"X-A: a\tb", b"a\tb"),
        ("empty value", b"X-A:", b""),
        ("value of spaces", b"X-A:  \t ", b""),
        ("colon in the value", b"X-A: b:c", b"b:c"),
        ("every visible character", b"X-A: " + bytes(range(0x21, 0x7f)), bytes(range(0x21, 0x7f))),
        ("7 KiB", b"X-A: " + b"v" * 7000, b"v" * 7000)):
    relay(name, "9110 5.5", get(field), "GET /", has={"x-a": value})
relay("every token character in a name", "9110 5.1", get("!#$%&'*+-.^`|~09AZaz: b"), "GET /",
      has={"!#$%&'*+-.^`|~09azaz": "b"})
for name, value in (("Latin-1", b"caf\xe9"), ("UTF-8", b"caf\xc3\xa9"), ("all high", b"\x80\xff")):
    relay("obs-text " + name, "9110 5.5", get(b"X-A: " + value), "GET /", also=(400,),
          has={"x-a": value})
relay("order of equal names kept", "9110 5.3", get("X-A: 1", "X-B: 2", "x-a: 3"), "GET /",
      has={"x-a": [b"1", b"3"]})
relay("50 fields", "9110 5.4", get(*("X-%d: v" % i for i in range(50))), "GET /",
      has={"x-0": "v", "x-49": "v"})
relay("byte by byte", "9112 2.2", [DRIBBLE(get("X-A: b"))], "GET /", has={"x-a": "b"})

# --- Refused --------------------------------------------------------------------------------

for name, field in (
        ("space before colon", b"X-A : b"),
        ("tab before colon", b"X-A\t: b"),
        ("name is empty", b": b"),
        ("name is a space", b" : b"),
        ("name with space", b"X A: b"),
        ("line without colon", b"X-A"),
        ("line without colon, with space", b"X-A b"),
        ("name is nothing but the colon", b":")):
    refuse(name, "9112 5", get(field))
# A folded line may be joined by spaces instead; we refuse it.
for name, field in (
        ("line is a tab", b"\t"), ("folded by space", b"X-A: b\r\n c"),
        ("folded by tab", b"X-A: b\r\n\tc"), ("folded empty", b"X-A: b\r\n "),
        ("folded at once", b"X-A:\r\n b")):
    refuse(name, "9112 5.2", get(field), also=(200,))
for char in b'"(),/;<=>?@[\\]{}':
    refuse("name with %c" % char, "9110 5.1", get(b"X%cA: b" % char))
for name, char in (("NUL", 0), ("SOH", 1), ("backspace", 8), ("vertical tab", 11),
                   ("form feed", 12), ("escape", 27), ("delete", 127), ("0x80", 128),
                   ("0xff", 255)):
    refuse("name with " + name, "9110 5.1", get(b"X%cA: b" % char))
refuse("name with bare CR", "9112 2.2", get(b"X\rA: b"))
refuse("name in UTF-8", "9110 5.1", get("X-\u00e9".encode() + b": b"))
refuse("name with underscore", "9110 5.1", get("X_A: b"), also=(200,))
refuse("first line folded", "9112 2.2", b"GET / HTTP/1.1\r\n Host: a.test\r\n\r\n", also=(200,))
refuse("first line is space", "9112 2.2", b"GET / HTTP/1.1\r\n \r\nHost: a.test\r\n\r\n",
       also=(200,))
refuse("first name starts with space", "9112 2.2",
       b"GET / HTTP/1.1\r\n X-A: b\r\nHost: a.test\r\n\r\n", also=(200,))

# CR, LF and NUL: reject or replace by a space.  Other controls may be kept; we keep none.
for name, value in (("NUL", b"b\0c"), ("NUL alone", b"\0"), ("bare CR", b"b\rc"),
                    ("bare CR at the end", b"b\r"), ("CR CR", b"\r\rb")):
    refuse("value with " + name, "9110 5.5", get(b"X-A: " + value), also=(200,))
for name, char in (("SOH", 1), ("backspace", 8), ("vertical tab", 11), ("form feed", 12),
                   ("escape", 27), ("delete", 127)):
    refuse("value with " + name, "9110 5.5", get(b"X-A: b%cc" % char), also=(200,))

# A lone LF may be read as a line end; then every reader behind us must do so too.
refuse("line ended by LF", "9112 2.2", b"GET / HTTP/1.1\r\nHost: a.test\r\nX-A: b\n\r\n",
       also=(200,))
refuse("request line ended by LF", "9112 2.2", b"GET / HTTP/1.1\nHost: a.test\r\n\r\n",
       also=(200,))
refuse("head ended by LF", "9112 2.2", b"GET / HTTP/1.1\r\nHost: a.test\r\n\n", also=(200,))
refuse("head in LF only", "9112 2.2", b"GET / HTTP/1.1\nHost: a.test\n\n", also=(200,))
refuse("lines ended by LF CR", "9112 2.2", b"GET / HTTP/1.1\n\rHost: a.test\n\r\n\r",
       also=(200, 408))
refuse("lines ended by CR", "9112 2.2", b"GET / HTTP/1.1\rHost: a.test\r\r\r\n\r\n")
refuse("head ended by CR CR LF", "9112 2.2", b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\r\n",
       also=(200,))

refuse("head of 1 MiB", "9110 5.4", get(*("X-%d: %s" % (i, "v" * 1000) for i in range(1024))),
       status=431, reason="header_too_large", also=(400, 413))
refuse("one value of 256 KiB", "9110 5.4", get("X-A: " + "v" * 262144), status=431,
       reason="header_too_large", also=(400, 413))
refuse("one name of 256 KiB", "9110 5.4", get("X" * 262144 + ": v"), status=431,
       reason="header_too_large", also=(400, 413))
refuse("10,000 fields", "9110 5.4", get(*("A: b" for _ in range(10000))), status=431,
       reason="header_too_large", also=(400, 413))
refuse("head without an end", "9110 5.4",
       req("GET / HTTP/1.1", "Host: a.test", "X-A: " + "v" * 300000)[:-4], status=431,
       reason="header_too_large", also=(400, 413))
