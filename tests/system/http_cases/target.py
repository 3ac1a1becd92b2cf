# SPDX-License-Identifier: Apache-2.0
"""The request line: method, target and version."""
from . import Group, get, post, req

CASES = Group("target")
refuse, relay, add = CASES.refuse, CASES.relay, CASES.add
HOST = "Host: a.test"

# --- Methods --------------------------------------------------------------------------------

for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
    relay("method " + method, "9110 9.3", req(method + " / HTTP/1.1", HOST), method + " /")
relay("method HEAD", "9110 9.3.2", req("HEAD / HTTP/1.1", HOST), "HEAD /", framing="none",
      gets={"content-length": "6"})
for method in ("PROPFIND", "REPORT", "PURGE"):
    relay("method " + method, "9110 9.1", req(method + " / HTTP/1.1", HOST), method + " /",
          also=(405, 501))
for name, method in (("unknown", "FOO"), ("lower case", "get"), ("mixed case", "Get"),
                     ("longer than known", "GETS"), ("with hyphen", "X-GET"),
                     ("with digits", "GET2")):
    add("method " + name, "9110 9.1", req(method + " / HTTP/1.1", HOST), status=501,
        also=(200, 400, 405), relays=[])
for method in ("ANNOUNCE", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "OPTION", "OPTIONSX", "GE",
               "G", "GETGET", "get", "post", "head", "options", "connect", "trace", "gEt", "0", "-",
               "!", "~", "PRI2", "HTTP", "HTTP1"):
    add("method named " + method, "9110 9.1", req(method + " / HTTP/1.1", HOST), status=501,
        also=(200, 400, 405), relays=[])
for name, method in (("with at sign", "G@T"), ("with slash", "G/T"), ("with NUL", "G\0T"),
                     ("with colon", "GET:"), ("in quotes", '"GET"'), ("with high byte", "G\xc9T"),
                     ("with control", "G\x01T")):
    refuse("method " + name, "9112 3.1", req(method + " / HTTP/1.1", HOST), also=(501,))
refuse("method of 64 KiB", "9112 3", req("G" * 65536 + " / HTTP/1.1", HOST),
       status=501, also=(400, 414, 431))
refuse("no method", "9112 3", req("/ HTTP/1.1", HOST))
add("CONNECT", "9110 9.3.6", req("CONNECT a.test:443 HTTP/1.1", "Host: a.test:443"), status=405,
    reason="method_not_allowed", also=(400, 501), relays=[])
add("CONNECT with a path", "9110 9.3.6", req("CONNECT /x HTTP/1.1", HOST),
    status=405, also=(400, 501), relays=[])
add("CONNECT absolute", "9110 9.3.6", req("CONNECT http://a.test/x HTTP/1.1", HOST),
    status=405, also=(400, 501), relays=[])
add("CONNECT without a port", "9110 9.3.6", req("CONNECT a.test HTTP/1.1", HOST),
    status=405, also=(400, 501), relays=[])
add("TRACE", "9110 9.3.8", req("TRACE / HTTP/1.1", HOST, "X-Secret: 1"), status=405,
    reason="method_not_allowed", also=(200, 400, 501), relays=[])
add("TRACE with a body", "9110 9.3.8",
    req("TRACE / HTTP/1.1", HOST, "Content-Length: 5", body=b"hello"), status=405,
    also=(200, 400, 501), relays=[])

# --- Separators: a reader may take other white space for the space; we don't ----------------

for name, line in (
        ("two spaces after method", b"GET  / HTTP/1.1"),
        ("two spaces before version", b"GET /  HTTP/1.1"),
        ("tab after method", b"GET\t/ HTTP/1.1"),
        ("tab before version", b"GET /\tHTTP/1.1"),
        ("space at the end", b"GET / HTTP/1.1 "),
        ("tab at the end", b"GET / HTTP/1.1\t"),
        ("space at the start", b" GET / HTTP/1.1"),
        ("tab at the start", b"\tGET / HTTP/1.1"),
        ("vertical tab after method", b"GET\x0b/ HTTP/1.1"),
        ("form feed before version", b"GET /\x0cHTTP/1.1"),
        ("bare CR after method", b"GET\r/ HTTP/1.1"),
        ("bare CR before version", b"GET /\rHTTP/1.1")):
    refuse("line with " + name, "9112 3", req(line, HOST), also=(200, 501, 505))
relay("CR LF before the line", "9112 2.2", b"\r\n" + get(), "GET /")
refuse("two CR LF before the line", "9112 2.2", b"\r\n\r\n" + get(), also=(200,))
relay("CR LF after a body", "9112 2.2",
      post("Content-Length: 5", body=b"hello\r\n") + get("Connection: close", target="/b"),
      ["POST /", "GET /b"], then=(200,), after="close")
refuse("LF before the line", "9112 2.2", b"\n" + get(), also=(200,))
refuse("CR before the line", "9112 2.2", b"\r" + get(), also=(200,))
refuse("NUL before the line", "9112 3", b"\0" + get(), also=(501,))
refuse("UTF-8 mark before the line", "9112 3", b"\xef\xbb\xbf" + get(), also=(501,))
refuse("TLS on a plain port", "9112 3",
       b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + b"\x11" * 40 + b"\r\n\r\n",
       also=(501, None))
refuse("TLS record of zeros", "9112 3", b"\x16\x03\x01\x02\x00" + b"\0" * 64, also=(501, None))
refuse("SSH banner", "9112 3", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", also=(501,))
refuse("PROXY protocol line", "9112 3",
       b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + get(), status=501, also=(400,))

# --- Version --------------------------------------------------------------------------------

for name, version in (
        ("lower case", "http/1.1"), ("mixed case", "Http/1.1"), ("two digits", "HTTP/1.10"),
        ("leading zero", "HTTP/01.1"), ("no minor", "HTTP/1"), ("empty minor", "HTTP/1."),
        ("empty major", "HTTP/.1"), ("comma", "HTTP/1,1"), ("no dot", "HTTP/11"),
        ("three parts", "HTTP/1.1.1"), ("space before slash", "HTTP /1.1"),
        ("space after slash", "HTTP/ 1.1"), ("junk after", "HTTP/1.1x"), ("HTTPS", "HTTPS/1.1"),
        ("minus", "HTTP/-1.1"), ("plus", "HTTP/+1.1"), ("NUL after", "HTTP/1.1\0"),
        ("no slash", "HTTP1.1"), ("only name", "HTTP"), ("only slash", "HTTP/"),
        ("no number", "HTTP/x.y"), ("other protocol", "RTSP/1.0"), ("ICE", "ICE/1.0"),
        ("one letter", "H"), ("short", "HTP/1.1"), ("backslash", "HTTP\\1.1"),
        ("huge", "HTTP/4294967297.1")):
    refuse("version " + name, "9112 2.3", req("GET / " + version, HOST), also=(505,))
refuse("version ICE with SOURCE", "9112 2.3", req("SOURCE / ICE/1.0", HOST),
       also=(405, 501, 505))
refuse("version 2.0", "9110 15.6.6", req("GET / HTTP/2.0", HOST), status=505, also=(400,))
refuse("version 3.0", "9110 15.6.6", req("GET / HTTP/3.0", HOST), status=505, also=(400,))
refuse("version 0.9", "9112 2.3", req("GET / HTTP/0.9", HOST), status=505, also=(400,))
refuse("version 0.0", "9112 2.3", req("GET / HTTP/0.0", HOST), status=505, also=(400,))
for minor in ("2", "9"):
    refuse("version 1." + minor, "9110 2.5", req("GET / HTTP/1." + minor, HOST), status=505,
           also=(200, 400))
refuse("HTTP/0.9 request", "9112 2.3", b"GET /\r\n", also=(505,))
refuse("HTTP/0.9 request with fields", "9112 2.3", b"GET /\r\nHost: a.test\r\n\r\n",
       status=505, also=(400,))
refuse("HTTP/2 preface", "9112 2.3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       also=(505, None))
refuse("HTTP/2 preface for a path", "9112 2.3", b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n",
       also=(501, 505))

# --- Target ---------------------------------------------------------------------------------

for name, target in (
        ("SOH", b"/a\x01b"), ("NUL", b"/a\0b"), ("delete", b"/a\x7fb"), ("tab", b"/a\tb"),
        ("bare CR", b"/a\rb"), ("escape", b"/a\x1b[31mb")):
    refuse("target with " + name, "9112 3.2", req(b"GET " + target + b" HTTP/1.1", HOST),
           also=(505,))
refuse("target with space", "9112 3.2", req("GET /a b HTTP/1.1", HOST), also=(505,))
refuse("target with space and version", "9112 3.2", req("GET / HTTP/1.1 HTTP/1.1", HOST),
       also=(505,))
for name, target in (("UTF-8", "/caf\u00e9".encode()), ("Latin-1", b"/caf\xe9"),
                     ("0x80 in the query", b"/?a=\x80")):
    refuse("target in " + name, "9112 3.2", req(b"GET " + target + b" HTTP/1.1", HOST))
refuse("target with fragment", "9112 3.2", get(target="/a#b"), also=(200,))
refuse("target with fragment first", "9112 3.2", get(target="#b"))
refuse("target with backslash", "3986 3.3", get(target="/a\\b"), also=(200,))
for char in '<>"^`{|}':
    refuse("target with %s" % char, "3986 3.3", get(target="/a%sb" % char), also=(200,))
refuse("target empty", "9112 3", b"GET  HTTP/1.1\r\nHost: a.test\r\n\r\n")
refuse("target missing", "9112 3", b"GET HTTP/1.1\r\nHost: a.test\r\n\r\n", also=(505,))
refuse("target without slash", "9112 3.2.1", get(target="a"))
refuse("target only query", "9112 3.2.1", get(target="?a=b"))
refuse("target relative", "9112 3.2.1", get(target="../a"))
refuse("target asterisk with GET", "9112 3.2.4", get(target="*"))
refuse("target asterisk and more", "9112 3.2.4", req("OPTIONS *a HTTP/1.1", HOST))
add("target asterisk with OPTIONS", "9112 3.2.4", req("OPTIONS * HTTP/1.1", HOST),
    status=204, also=(200, 400, 404, 405, 501), relays=[], after="keep")
refuse("target authority with GET", "9112 3.2.3", get(target="a.test:80"))
relay("target two slashes and host", "9112 3.2.1", get(target="//b.test/x"), "GET /b.test/x",
      raw=True, also=(400,), has={"host": "a.test"})

for name, target, relayed in (
        ("absolute", "http://a.test/x", "GET /x"),
        ("absolute with query", "http://a.test/x?y=1", "GET /x?y=1"),
        ("absolute without path", "http://a.test", "GET /"),
        ("absolute only query", "http://a.test?y=1", "GET /?y=1")):
    relay("target " + name, "9112 3.2.2", get(target=target), relayed, has={"host": "a.test"})
relay("target absolute, upper case scheme", "3986 3.1", get(target="HTTP://a.test/x"), "GET /x")
relay("target absolute, upper case host", "3986 3.2.2", get(target="http://A.TEST/x"), "GET /x")
relay("target absolute with port", "9112 3.2.2",
      get(target="http://a.test:8080/x", host="a.test:8080"), "GET /x",
      has={"host": "a.test:8080"})
relay("target absolute in HTTP/1.0 without Host", "9112 3.2.2",
      req("GET http://a.test/x HTTP/1.0"), "GET /x", has={"host": "a.test"}, after="close")
# Either is right; if it is relayed, the authority of the target must win.
relay("target absolute, other Host", "9112 3.2.2", get(target="http://a.test/x", host="b.test"),
      "GET /x", status=(200, 400), has={"host": "a.test"}, after=None)
relay("target absolute, other port in Host", "9112 3.2.2",
      get(target="http://a.test/x", host="a.test:81"), "GET /x", status=(200, 400),
      has={"host": "a.test"}, after=None)
relay("target https on a plain port", "9110 7.4", get(target="https://a.test/x"), "GET /x",
      also=(400, 421))
relay("target absolute, port of the scheme", "9110 4.2.3",
      get(target="http://a.test:80/x", host="a.test"), "GET /x", also=(400,))
relay("target absolute, port of the scheme in Host", "9110 4.2.3",
      get(target="http://a.test/x", host="a.test:80"), "GET /x", also=(400,))
relay("target absolute, empty port", "9110 4.2.3",
      get(target="http://a.test:/x", host="a.test"), "GET /x", also=(400,))
relay("target absolute, IPv6", "9110 4.2.3", get(target="http://[::1]:80/x", host="[::1]"),
      "GET /x",
      also=(400,))
relay("target absolute, dots in the path", "3986 5.2.4", get(target="http://a.test/a/../x"),
      "GET /x",
      raw=True)
for name, target, host in (
        ("port of another scheme", "http://a.test:443/x", "a.test"),
        ("another name", "http://a.test/x", "a.test.b"),
        ("a name as prefix", "http://a.test.b/x", "a.test"),
        ("port in one", "http://a.test:81/x", "a.test:8"),
        ("no Host value", "http://a.test/x", "")):
    refuse("target absolute, Host with " + name, "9112 3.2.2", get(target=target, host=host),
           also=(200,))
for name, target in (
        ("query in the host", "http://a.test?b/../../x@c"),
        ("at sign behind", "http://a.test@b.test/x"),
        ("encoded at sign", "http://a.test%40b.test/x"), ("backslash", "http://a.test\\x"),
        ("two hosts", "http://a.test,b.test/x"), ("no authority", "http:a.test/x"),
        ("three slashes", "http:////a.test/x"), ("only a port", "http://:80/x"),
        ("ws scheme", "ws://a.test/x"), ("javascript", "javascript:alert(1)"),
        ("file", "file:///etc/passwd"), ("data", "data:,x"), ("about", "about:blank"),
        ("urn", "urn:a:b"), ("IPv6 not closed", "http://[::1/x"),
        ("IPv6 bad", "http://[1::2::3]/x")):
    if name == "query in the host":
        relay("target absolute, " + name, "3986 3.2", get(target=target), "GET /?b/../../x@c")
    else:
        refuse("target absolute, " + name, "9112 3.2.2", get(target=target), also=(200, 404))
add("target absolute without path with OPTIONS", "9112 3.2.4",
    req("OPTIONS http://a.test HTTP/1.1", HOST), status=204, also=(200, 400, 404, 405, 501),
    relays=[], after="keep")
relay("target absolute of / with OPTIONS", "9112 3.2.4",
      req("OPTIONS http://a.test/ HTTP/1.1", HOST), "OPTIONS /")
refuse("target asterisk with a query", "9112 3.2.4", req("OPTIONS *?a HTTP/1.1", HOST))
refuse("target of two asterisks", "9112 3.2.4", req("OPTIONS ** HTTP/1.1", HOST))
refuse("target asterisk with HEAD", "9112 3.2.4", req("HEAD * HTTP/1.1", HOST))
refuse("target asterisk with POST", "9112 3.2.4",
       req("POST * HTTP/1.1", HOST, "Content-Length: 0"))
refuse("target authority with POST", "9112 3.2.3",
       req("POST a.test:80 HTTP/1.1", HOST, "Content-Length: 0"))
refuse("target authority with OPTIONS", "9112 3.2.3", req("OPTIONS a.test:80 HTTP/1.1", HOST))
for name, target in (("star path", "*/x"), ("tilde", "~a"), ("dot", "."), ("dots", ".."),
                     ("percent slash", "%2fa"), ("encoded first", "%2F%2Fa"), ("at", "@a"),
                     ("colon", ":80"), ("semicolon", ";a"), ("IPv6", "[::1]:80"),
                     ("backslash", "\\a"), ("scheme alone", "http:"), ("equals", "=")):
    refuse("target begins with %s" % name, "9112 3.2.1", get(target=target))
refuse("target absolute without Host", "9112 3.2", req("GET http://a.test/x HTTP/1.1"))
for name, target in (("empty host", "http:///x"), ("only scheme", "http://"),
                     ("no slashes", "http:/x"), ("bad scheme", "1http://a.test/x"),
                     ("fragment", "http://a.test/x#y"), ("space in host", "http://a .test/x")):
    refuse("target absolute, " + name, "9110 4.2.1", get(target=target), also=(505,))
for name, target in (("userinfo", "http://u:p@a.test/x"),
                     ("port out of range", "http://a.test:99999/x"),
                     ("port not a number", "http://a.test:8x/x"), ("ftp", "ftp://a.test/x"),
                     ("unknown scheme", "gopher://a.test/x")):
    refuse("target absolute, " + name, "9110 4.2.4", get(target=target), also=(200, 404))

relay("target of 7,900 bytes", "9112 3", get(target="/" + "a" * 7900), "GET /" + "a" * 7900)
refuse("target of 64 KiB", "9112 3", get(target="/" + "a" * 65536), status=414,
       reason="uri_too_long")
refuse("target of 1 MiB", "9112 3", get(target="/" + "a" * (1 << 20)), status=414,
       reason="uri_too_long")
refuse("query of 64 KiB", "9112 3", get(target="/?" + "a" * 65536), status=414,
       reason="uri_too_long")
for name, query in (("dots", "x=../b"), ("encoded slash", "y=%2F%00"), ("slashes", "x=//a//b"),
                    ("question mark", "a?b=c"), ("empty", ""), ("ampersands", "&&a=1&"),
                    ("encoded letter", "x=%61"), ("lower case hex", "x=%c3%a9"),
                    ("plus and colon", "a+b:c@d;e")):
    relay("query opaque, " + name, "9110 4.2.3", get(target="/a?" + query), "GET /a?" + query)
