# SPDX-License-Identifier: Apache-2.0
"""Request framing: where a request ends must be read in one way only."""
from . import HALF, Group, chunked, get, post, req

CASES = Group("framing")
refuse, refuse_body, relay, add = CASES.refuse, CASES.refuse_body, CASES.relay, CASES.add

# A request hidden in a body.  It must never reach the origin as a request.
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n"
CHUNKED_HELLO = b"5\r\nhello\r\n0\r\n\r\n"

# --- Content-Length -------------------------------------------------------------------------

for name, field in (
        ("plain", "Content-Length: 5"),
        ("lower case name", "content-length: 5"),
        ("upper case name", "CONTENT-LENGTH: 5"),
        ("no space", "Content-Length:5"),
        ("space and tab around", "Content-Length: \t5 \t")):
    relay("length " + name, "9112 6.2", post(field, body=b"hello"), "POST /", body=b"hello")

relay("length 0", "9112 6.2", post("Content-Length: 0"), "POST /", body=b"")
relay("length leading zeros", "9110 8.6", post("Content-Length: 005", body=b"hello"), "POST /",
      also=(400,), body=b"hello")
relay("no length is no body", "9112 6.3", post(), "POST /", body=b"")

for name, value in (
        ("plus", b"+5"), ("minus", b"-5"), ("minus zero", b"-0"), ("plus zero", b"+0"),
        ("hex", b"0x5"), ("exponent", b"1e1"), ("decimal", b"5.0"), ("underscore", b"5_0"),
        ("two numbers", b"5 5"), ("two with tab", b"5\t5"), ("letters", b"five"),
        ("trailing letter", b"5a"), ("quoted", b'"5"'), ("parameter", b"5;q=1"),
        ("list of two", b"5, 6"), ("leading comma", b",5"), ("trailing comma", b"5,"),
        ("only comma", b","), ("full width digit", b"\xef\xbc\x95"), ("no-break space", b"5\xa0"),
        ("vertical tab", b"\x0b5"), ("form feed", b"5\x0c"), ("NUL", b"5\0")):
    refuse("length " + name, "9112 6.3", post(b"Content-Length: " + value, body=b"hello"))

refuse("length empty", "9112 6.3", post("Content-Length:", body=b"hello"))
for name, value in (("2^64", "18446744073709551616"), ("2^64 + 5", "18446744073709551621"),
                    ("forty digits", "9" * 40)):
    refuse("length overflow " + name, "9110 8.6", post("Content-Length: " + value, body=b"hello"),
           also=(413,))
for name, value in (("2^63", "9223372036854775808"), ("2^32 * 2^32 - 1", "18446744073709551615")):
    refuse("length huge " + name, "9110 8.6", post("Content-Length: " + value, body=b"hello"),
           also=(413,), partial=True)

refuse("length list of equals", "9112 6.3", post("Content-Length: 5, 5", body=b"hello"),
       also=(200,))
refuse("length twice equal", "9112 6.3",
       post("Content-Length: 5", "Content-Length: 5", body=b"hello"), also=(200,))
refuse("length twice different", "9112 6.3",
       post("Content-Length: 5", "Content-Length: 6", body=b"hello!"))
refuse("length twice, second 0", "9112 6.3",
       post("Content-Length: 5", "Content-Length: 0", body=b"hello"))
refuse("length twice, other case", "9112 6.3",
       post("Content-Length: 0", "content-length: %d" % len(HIDDEN), body=HIDDEN))
refuse("length twice, second bad", "9112 6.3",
       post("Content-Length: 5", "Content-Length: x", body=b"hello"))
refuse("length in a folded line", "9112 5.2", post("Content-Length:\r\n 5", body=b"hello"),
       also=(200,))
refuse("length space before colon", "9112 5.1", post("Content-Length : 5", body=b"hello"))
add("length over the limit", "9110 15.5.14",
    post("Content-Length: 99999999999", target="/small-body"), status=413,
    reason="body_too_large", after="close", relays=[], ours=True)
add("chunks over the limit", "9110 15.5.14",
    req("POST /small-body HTTP/1.1", "Host: a.test", "Transfer-Encoding: chunked",
        body=b"4000\r\n" + b"x" * 0x4000 + b"\r\n0\r\n\r\n"), status=413,
    reason="body_too_large", after="close", relays=[], partial=True, ours=True)
refuse_body("length cut by the client", "9112 8", [post("Content-Length: 5", body=b"hel"), HALF],
            status=None, also=(400, 408, 499))

# --- Transfer-Encoding ----------------------------------------------------------------------

for name, field in (
        ("plain", b"Transfer-Encoding: chunked"),
        ("mixed case", b"transfer-encoding: cHuNKed"),
        ("upper case", b"Transfer-Encoding: CHUNKED"),
        ("no space", b"Transfer-Encoding:chunked"),
        ("tab before", b"Transfer-Encoding:\tchunked"),
        ("space after", b"Transfer-Encoding: chunked \t")):
    relay("coding " + name, "9112 6.1", post(field, body=CHUNKED_HELLO), "POST /", body=b"hello")

# Both: RFC 9112 lets a server go by the coding if it closes after; we never guess.
for name, fields in (
        ("CL.TE", ("Content-Length: 6", "Transfer-Encoding: chunked")),
        ("TE.CL", ("Transfer-Encoding: chunked", "Content-Length: 6")),
        ("lower case", ("content-length: 6", "transfer-encoding: chunked")),
        ("length 0", ("Content-Length: 0", "Transfer-Encoding: chunked")),
        ("far apart", ("Content-Length: 6", "X-A: 1", "X-B: 2", "Transfer-Encoding: chunked"))):
    refuse("length and coding " + name, "9112 6.1", post(*fields, body=b"0\r\n\r\nG"),
           also=(200,))
refuse("length and coding, bad length", "9112 6.3",
       post("Content-Length: x", "Transfer-Encoding: chunked", body=CHUNKED_HELLO))
refuse("length and unknown coding", "9112 6.1",
       post("Content-Length: 5", "Transfer-Encoding: identity", body=b"hello"), also=(501,))

# What does not end in chunked leaves the end in doubt (400); what ends in it behind a coding that
# nobody knows is only not implemented.
for name, value in (("gzip", "gzip"), ("unheard of", "cow"), ("identity", "identity"),
                    ("two, neither chunked", "gzip, deflate"),
                    ("prefix", "xchunked"), ("suffix", "chunkedx"), ("plural", "chunkeds"),
                    ("single quotes", "'chunked'"), ("hyphenated", "chunk-ed"),
                    ("leading dot", ".chunked"), ("percent", "%63hunked"),
                    ("null word", "null"), ("quality", "chunked;q=0")):
    refuse("coding " + name, "9112 6.3",
           post("Transfer-Encoding: " + value, body=CHUNKED_HELLO), also=(501,))
for name, value in (("gzip then chunked", "gzip, chunked"),
                    ("deflate then chunked", "deflate, chunked"),
                    ("identity then chunked", "identity, chunked"),
                    ("two then chunked", "gzip, compress,chunked")):
    refuse("coding " + name, "9112 6.1",
           post("Transfer-Encoding: " + value, body=CHUNKED_HELLO), status=501, also=(400,))

for name, value in (
        ("chunked then identity", b"chunked, identity"), ("chunked then gzip", b"chunked, gzip"),
        ("chunked twice", b"chunked, chunked"), ("parameter", b"chunked;q=1"),
        ("parameter with space", b"chunked ; a=b"), ("quoted", b'"chunked"'),
        ("split", b"chun ked"), ("two words", b"x chunked"), ("leading colon", b": chunked"),
        ("bracketed", b"[chunked]"), ("utf-8 lookalike", b"\xc4\x8bhunked"),
        ("no-break space", b"chunked\xa0"), ("trailing semicolon", b"chunked;")):
    refuse("coding " + name, "9112 6.1", post(b"Transfer-Encoding: " + value,
                                              body=CHUNKED_HELLO), also=(501,))
for name, value in (("leading comma", ", chunked"), ("trailing comma", "chunked,")):
    refuse("coding " + name, "9110 5.6.1", post("Transfer-Encoding: " + value,
                                                body=CHUNKED_HELLO), also=(200, 501))
refuse("coding empty", "9112 6.3", post("Transfer-Encoding:", body=CHUNKED_HELLO), also=(501,))
refuse("coding empty, with length", "9112 6.3",
       post("Transfer-Encoding:", "Content-Length: 5", body=b"hello"), also=(501,))
for name, value in (("vertical tab before", b"\x0bchunked"), ("form feed before", b"\x0cchunked"),
                    ("vertical tab after", b"chunked\x0b"), ("NUL after", b"chunked\0"),
                    ("control before", b"\x01chunked"), ("delete after", b"chunked\x7f"),
                    ("backspace inside", b"chu\x08nked")):
    refuse("coding " + name, "9110 5.5",
           post(b"Transfer-Encoding: " + value, body=CHUNKED_HELLO), also=(501,))
for name, fields in (
        ("chunked, chunked", ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
        ("chunked, identity", ("Transfer-Encoding: chunked", "Transfer-Encoding: identity")),
        ("identity, chunked", ("Transfer-Encoding: identity", "Transfer-Encoding: chunked")),
        ("cow, chunked", ("Transfer-Encoding: cow", "Transfer-Encoding: chunked")),
        ("chunked, cow", ("Transfer-Encoding: chunked", "Transfer-encoding: cow"))):
    refuse("coding in two lines " + name, "9112 6.1", post(*fields, body=CHUNKED_HELLO),
           also=(501,))

for name, field in (
        ("space before colon", b"Transfer-Encoding : chunked"),
        ("tab before colon", b"Transfer-Encoding\t: chunked"),
        ("vertical tab before colon", b"Transfer-Encoding\x0b: chunked"),
        ("NUL in name", b"Transfer-Encoding\0: chunked"),
        ("no colon", b"Transfer-Encoding chunked"),
        ("folded value", b"Transfer-Encoding:\r\n chunked"),
        ("folded after", b"Transfer-Encoding: chunked\r\n , identity"),
        ("folded before", b"X-A: b\r\n Transfer-Encoding: chunked")):
    refuse("coding hidden by " + name, "9112 5",
           post("Content-Length: 15", field, body=CHUNKED_HELLO),
           also=(200,) if name in ("folded value", "folded before") else ())
refuse("coding hidden by underscore", "9110 5.1",
       post("Content-Length: 5", "Transfer_Encoding: chunked", body=b"hello"), also=(200,))
refuse("coding hidden by bare LF", "9112 2.2",
       post(b"Content-Length: 15", b"X-A: b\nTransfer-Encoding: chunked", body=CHUNKED_HELLO),
       also=(200,))
refuse("coding hidden by bare CR", "9112 2.2",
       post(b"Content-Length: 15", b"X-A: b\rTransfer-Encoding: chunked", body=CHUNKED_HELLO),
       also=(200,))
refuse("coding in HTTP/1.0", "9112 6.1",
       req("POST / HTTP/1.0", "Host: a.test", "Transfer-Encoding: chunked", body=CHUNKED_HELLO),
       also=(200,))
refuse("coding in HTTP/1.0 with length", "9112 6.1",
       req("POST / HTTP/1.0", "Host: a.test", "Connection: keep-alive", "Content-Length: 15",
           "Transfer-Encoding: chunked", body=CHUNKED_HELLO), also=(200,))

for name, fields in (
        ("HTTP/1.0 GET", ("GET / HTTP/1.0",)), ("HTTP/1.0 HEAD", ("HEAD / HTTP/1.0",)),
        ("HTTP/1.0 DELETE", ("DELETE / HTTP/1.0",)),
        ("HTTP/1.0 GET that keeps alive", ("GET / HTTP/1.0", "Connection: keep-alive"))):
    refuse("body of an " + name, "9110 9.3.1",
           req(fields[0], "Host: a.test", *fields[1:], "Content-Length: %d" % len(HIDDEN),
               body=HIDDEN), also=(200, 413))
relay("length 0 of an HTTP/1.0 GET", "9110 8.6",
      req("GET / HTTP/1.0", "Host: a.test", "Content-Length: 0"), "GET /", after="close")
for name, fields in (
        ("length with a name in parts", (b"Content-\0Length: 5",)),
        ("length in a name with a tab", (b"Content-Length\t: 5",)),
        ("length behind a colon", (b":Content-Length: 5",)),
        ("length behind a plus sign", (b"+Content-Length 5",)),
        ("length with two colons", (b"Content-Length:: 5",)),
        ("length in the line of another", (b"X-A: b\x0bContent-Length: 5",)),
        ("length 5 and length 5 in other spaces", (b"Content-Length: 5", b"Content-Length:  5")),
        ("length three times", (b"Content-Length: 5",) * 3),
        ("length with a comment", (b"Content-Length: 5 (five)",)),
        ("length in Arabic digits", (b"Content-Length: \xd9\xa5",)),
        ("length with a thousands separator", (b"Content-Length: 1,000",)),
        ("length with a fraction sign", (b"Content-Length: 5/5",)),
        ("coding and length that name each other by Connection",
         (b"Connection: Content-Length", b"Content-Length: 5", b"Transfer-Encoding: chunked")),
        ("coding and length, coding named by Connection",
         (b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked",
          b"Content-Length: 5"))):
    refuse(name, "9112 6.3", post(*fields, body=b"hello"),
           also=(200,) if "three" in name or "other spaces" in name or "Connection" in name else ())

# --- Chunks ---------------------------------------------------------------------------------

for name, body, rest in (
        ("two", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
        ("hex lower", b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        ("hex upper", b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        ("leading zeros", b"0005\r\nhello\r\n0\r\n\r\n", b"hello"),
        ("none", b"0\r\n\r\n", b""),
        ("last with zeros", b"5\r\nhello\r\n000\r\n\r\n", b"hello"),
        ("extension", b"5;a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
        ("extension without value", b"5;a\r\nhello\r\n0\r\n\r\n", b"hello"),
        ("extension quoted", b'5;a="b;c \\" d"\r\nhello\r\n0\r\n\r\n', b"hello"),
        ("extension on the last", b"5\r\nhello\r\n0;a=b\r\n\r\n", b"hello"),
        ("CR LF as data", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        ("trailer", b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", b"hello"),
        ("many leading zeros", b"0" * 30 + b"5\r\nhello\r\n0\r\n\r\n", b"hello")):
    relay("chunk " + name, "9112 7.1", chunked(body), "POST /", body=rest,
          also=(400,) if name == "many leading zeros" else ())

# Valid, or to be ignored, by the letter; we take no chunk that a reader might take otherwise.
for name, body in (("space before extension", b"5 ;a=b\r\nhello\r\n0\r\n\r\n"),
                   ("space in extension", b"5; a = b\r\nhello\r\n0\r\n\r\n"),
                   ("extension like a request", b"5;GET /b HTTP/1.1\r\nhello\r\n0\r\n\r\n"),
                   ("trailer that frames", b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n"
                    b"Transfer-Encoding: x\r\nHost: b\r\n\r\n")):
    refuse_body("chunk " + name, "9112 7.1.1", chunked(body), also=(200,))

for name, body in (
        ("size plus", b"+5\r\nhello\r\n0\r\n\r\n"),
        ("size minus", b"-5\r\nhello\r\n0\r\n\r\n"),
        ("size 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("size underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
        ("size leading space", b" 5\r\nhello\r\n0\r\n\r\n"),
        ("size leading tab", b"\t5\r\nhello\r\n0\r\n\r\n"),
        ("size trailing space", b"5 \r\nhello\r\n0\r\n\r\n"),
        ("size trailing tab", b"5\t\r\nhello\r\n0\r\n\r\n"),
        ("size empty", b"\r\nhello\r\n0\r\n\r\n"),
        ("size only extension", b";a=b\r\nhello\r\n0\r\n\r\n"),
        ("size not hex", b"g\r\nhello\r\n0\r\n\r\n"),
        ("size with h suffix", b"5h\r\nhello\r\n0\r\n\r\n"),
        ("size NUL", b"5\0\r\nhello\r\n0\r\n\r\n"),
        ("size quoted", b'"5"\r\nhello\r\n0\r\n\r\n'),
        ("size comma", b"5,5\r\nhello\r\n0\r\n\r\n"),
        ("size dot", b"5.0\r\nhello\r\n0\r\n\r\n"),
        ("size in braces", b"{5}\r\nhello\r\n0\r\n\r\n"),
        ("size with a high digit", b"\xb5\r\nhello\r\n0\r\n\r\n"),
        ("size x5", b"x5\r\nhello\r\n0\r\n\r\n"),
        ("size with a colon", b"5:\r\nhello\r\n0\r\n\r\n"),
        ("size vertical tab", b"5\x0b\r\nhello\r\n0\r\n\r\n"),
        ("size form feed", b"\x0c5\r\nhello\r\n0\r\n\r\n"),
        ("size with a line before", b"\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("size of two numbers", b"5 5\r\nhello\r\n0\r\n\r\n"),
        ("second size empty", b"5\r\nhello\r\n\r\n0\r\n\r\n"),
        ("last with minus", b"5\r\nhello\r\n-0\r\n\r\n"),
        ("last 0x0", b"5\r\nhello\r\n0x0\r\n\r\n"),
        ("last with a space", b"5\r\nhello\r\n0 \r\n\r\n"),
        ("data ended by LF CR", b"5\r\nhello\n\r0\r\n\r\n"),
        ("data ended twice", b"5\r\nhello\r\n\r\n0\r\n\r\n"[:-5] + b"0\r\n\r\n"),
        ("extension quoted, not closed", b'5;a="b\r\nhello\r\n0\r\n\r\n'),
        ("extension with DEL", b"5;a=\x7f\r\nhello\r\n0\r\n\r\n"),
        ("extension with CR LF quoted", b'5;a="\r\n0\r\n\r\n"\r\nhello\r\n0\r\n\r\n'),
        ("extension in a bare CR LF CR", b"5;\r\r\nhello\r\n0\r\n\r\n"),
        ("trailer with a control", b"5\r\nhello\r\n0\r\nX-T: \x01\r\n\r\n"),
        ("trailer with DEL", b"5\r\nhello\r\n0\r\nX-T: \x7f\r\n\r\n"),
        ("trailer with a bare CR", b"5\r\nhello\r\n0\r\nX-T: a\rb\r\n\r\n"),
        ("trailer name with a space", b"5\r\nhello\r\n0\r\nX T: 1\r\n\r\n"),
        ("trailer that is a request line", b"5\r\nhello\r\n0\r\nGET /hidden HTTP/1.1\r\n\r\n"),
        ("size line ends in LF", b"5\nhello\r\n0\r\n\r\n"),
        ("size line ends in CR", b"5\rhello\r\n0\r\n\r\n"),
        ("size line ends in CR CR LF", b"5\r\r\nhello\r\n0\r\n\r\n"),
        ("size overflow 2^64", b"10000000000000000\r\nhello\r\n0\r\n\r\n"),
        ("size overflow wraps to 5", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("size overflow long", b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n"),
        ("data too long", b"5\r\nhelloX\r\n0\r\n\r\n"),
        ("data not ended", b"5\r\nhello0\r\n\r\n"),
        ("data ended by LF", b"5\r\nhello\n0\r\n\r\n"),
        ("data ended by CR", b"5\r\nhello\r0\r\n\r\n"),
        ("data ended by other bytes", b"5\r\nhelloXX0\r\n\r\n"),
        ("data too short", b"5\r\nhell\r\n0\r\n\r\n"),
        ("last ended by LF", b"5\r\nhello\r\n0\n\r\n"),
        ("last ended by CR and junk", b"5\r\nhello\r\n0\rX\r\n\r\n"),
        ("end is junk", b"5\r\nhello\r\n0\r\nXX\r\n\r\n"),
        ("extension with bare CR", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("extension with NUL", b"5;a\0\r\nhello\r\n0\r\n\r\n"),
        ("extension with control", b"5;a=\x01\r\nhello\r\n0\r\n\r\n"),
        ("trailer space before colon", b"5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n"),
        ("trailer without name", b"5\r\nhello\r\n0\r\n: 1\r\n\r\n"),
        ("trailer NUL", b"5\r\nhello\r\n0\r\nX-T: \0\r\n\r\n")):
    refuse_body("chunk " + name, "9112 7.1", chunked(body))
refuse_body("chunk trailer folded", "9112 5.2",
            chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n 2\r\n\r\n"), also=(200,))
refuse_body("chunk end with LF", "9112 7.1", chunked(b"5\r\nhello\r\n0\r\n\n"), also=(200,))
refuse_body("chunk trailer line ends in LF", "9112 2.2",
            chunked(b"5\r\nhello\r\n0\r\nX-T: 1\n\r\n"), also=(200,))
refuse_body("chunk extension with bare LF", "9112 7.1.1",
            chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"))
refuse_body("chunk size 2^64 - 1", "9112 7.1", chunked(b"ffffffffffffffff\r\nhello"),
            also=(413,))
refuse_body("chunk extension of 64 KiB", "9112 7.1.1",
            chunked(b"5;a=" + b"b" * 65536 + b"\r\nhello\r\n0\r\n\r\n"), also=(200, 413, 431))
refuse_body("chunk trailers of 256 KiB", "9112 7.1.2",
            chunked(b"5\r\nhello\r\n0\r\n" + b"X-T: %s\r\n" % (b"t" * 1000) * 256 + b"\r\n"),
            status=431, reason="header_too_large", also=(200, 400, 413))
refuse_body("chunk cut by the client", "9112 8", [chunked(b"5\r\nhel"), HALF],
            status=None, also=(400, 408, 499))
refuse_body("chunks without the last", "9112 8", [chunked(b"5\r\nhello\r\n"), HALF],
            status=None, also=(400, 408, 499))
refuse_body("chunks without the final line", "9112 8", [chunked(b"5\r\nhello\r\n0\r\n"), HALF],
            status=None, also=(400, 408, 499))

# --- Requests that hide in a body -----------------------------------------------------------

hidden_length = "Content-Length: %d" % len(HIDDEN)
for method in ("GET", "POST", "OPTIONS", "DELETE", "PUT"):
    relay("hidden in the body of " + method, "9112 6.3",
          req(method + " / HTTP/1.1", "Host: a.test", hidden_length, body=HIDDEN),
          method + " /", body=HIDDEN)
add("hidden in the body of HEAD", "9112 6.3",
    req("HEAD / HTTP/1.1", "Host: a.test", hidden_length, body=HIDDEN), relays="HEAD /",
    body=HIDDEN, after="keep")
relay("hidden in a chunk", "9112 6.3",
      chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)), "POST /", body=HIDDEN)
relay("hidden in a GET with chunks", "9110 9.3.1",
      req("GET / HTTP/1.1", "Host: a.test", "Transfer-Encoding: chunked",
          body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)), "GET /", body=HIDDEN,
      also=(400, 411, 413))
relay("after a body of 0", "9112 6.3",
      post("Content-Length: 0") + get("Connection: close", target="/second"),
      ["POST /", "GET /second"], then=(200,), after="close")
relay("GET with a length", "9110 9.3.1",
      req("GET / HTTP/1.1", "Host: a.test", "Content-Length: 5", body=b"hello"), "GET /",
      body=b"hello", has={"content-length": "5", "transfer-encoding": None})
relay("HTTP/1.0 with length", "9112 6.3",
      req("POST / HTTP/1.0", "Host: a.test", "Content-Length: 5", body=b"hello"), "POST /",
      body=b"hello", after="close")
relay("HTTP/1.0 POST without length", "9112 6.3", req("POST / HTTP/1.0", "Host: a.test"),
      "POST /", body=b"", also=(400, 411), after="close")
relay("unread body does not become a request", "9112 6.3",
      get("Content-Length: 5", target="/a") + b"hello" + get("Connection: close", target="/b"),
      ["GET /a", "GET /b"], then=(200,), after="close", body=b"hello")
