# SPDX-License-Identifier: Apache-2.0
"""Paths: the path is normalised once; the one that was matched is the one relayed.

/other/ is routed to the origin's listener "other", everything else to "main".  A peer may
relay the target as received where that can't leave the route (RFC 9110, 7.7).
"""
from . import Group, get

CASES = Group("paths")
refuse, relay, add = CASES.refuse, CASES.relay, CASES.add


def same(name, rfc, target, relayed, **facts):
    """The target is relayed in its normal form."""
    if isinstance(relayed, str):
        relayed = "GET " + relayed
    else:
        relayed = tuple("GET " + r for r in relayed)
    relay(name, rfc, get(target=target), [relayed], raw=True, **facts)


# --- One spelling ---------------------------------------------------------------------------

for name, target, relayed in (
        ("one dot", "/a/./b", "/a/b"),
        ("two dots", "/a/../b", "/b"),
        ("one dot first", "/./a", "/a"),
        ("one dot last", "/a/.", "/a/"),
        ("two dots last", "/a/b/..", "/a/"),
        ("many dots", "/a/b/c/./../../g", "/a/g"),
        ("up and down", "/a/../b/../c", "/c"),
        ("dots in a name", "/a..b/.c/d./...", "/a..b/.c/d./..."),
        ("encoded one dot", "/a/%2e/b", "/a/b"),
        ("encoded two dots", "/a/%2e%2e/b", "/b"),
        ("half encoded two dots", "/a/.%2e/b", "/b"),
        ("other half, upper case", "/a/%2E./b", "/b"),
        ("query kept", "/a/../b?x=/../y", "/b?x=/../y")):
    same(name, "3986 5.2.4", target, relayed)
for name, target, relayed in (
        ("two slashes first", "//a", "/a"),
        ("two slashes inside", "/a//b", "/a/b"),
        ("two slashes last", "/a//", "/a/"),
        ("only slashes", "///", "/"),
        ("slashes and dots", "/a//../b", "/b")):
    same(name, "3986 6.2.3", target, relayed)
for name, target, relayed in (
        ("encoded letter", "/%61", "/a"), ("encoded digit", "/%30", "/0"),
        ("encoded tilde", "/%7Ea", "/~a"), ("encoded hyphen", "/a%2Db", "/a-b"),
        ("encoded underscore", "/a%5Fb", "/a_b"), ("encoded dot in a name", "/a%2Eb", "/a.b")):
    same(name, "3986 6.2.2.2", target, relayed)
for name, target, relayed in (
        ("space", "/a%20b", "/a%20b"), ("question mark", "/a%3Fb", "/a%3Fb"),
        ("number sign", "/a%23b", "/a%23b"), ("percent", "/a%25b", "/a%25b"),
        ("percent and digits", "/a%2541", "/a%2541"),
        ("twice encoded dots", "/a/%252e%252e/b", "/a/%252e%252e/b"),
        ("twice encoded slash", "/a%252Fb", "/a%252Fb"),
        ("UTF-8", "/caf%C3%A9", "/caf%C3%A9"), ("quotation mark", "/a%22b", "/a%22b"),
        ("less-than", "/a%3Cb", "/a%3Cb")):
    same("encoded %s stays" % name, "3986 2.4", target, relayed)
same("encoded in lower case hex", "3986 6.2.2.1", "/caf%c3%a9", ("/caf%C3%A9", "/caf%c3%a9"))
for name, target in (("semicolon", "/a%3Bb"), ("at sign", "/a%40b"), ("plus", "/a%2Bb"),
                     ("equals", "/a%3Db"), ("ampersand", "/a%26b")):
    same("encoded %s stays" % name, "3986 2.2", target, target)
same("sub-delimiters stay", "3986 3.3", "/a;x=1,2/b!$&'()*+:@", "/a;x=1,2/b!$&'()*+:@")

# --- A route is not left, nor entered, by a spelling ----------------------------------------

for name, target, at, relayed in (
        ("straight", "/other/x", "other", "/other/x"),
        ("out by dots", "/other/../x", "main", "/x"),
        ("out by encoded dots", "/other/%2e%2e/x", "main", "/x"),
        ("out by half encoded dots", "/other/.%2E/x", "main", "/x"),
        ("in by dots", "/x/../other/y", "other", "/other/y"),
        ("in by encoded letter", "/%6fther/y", "other", "/other/y"),
        ("in by two slashes", "//other/y", "other", "/other/y"),
        ("in by one dot", "/./other/y", "other", "/other/y"),
        ("out and in", "/other/../other/y", "other", "/other/y"),
        ("stays with two slashes", "/other//y", "other", "/other/y"),
        ("other case is another path", "/OTHER/y", "main", "/OTHER/y"),
        ("longer name is another path", "/otherwise/y", "main", "/otherwise/y"),
        ("not by the query", "/x?/../other/y", "main", "/x?/../other/y")):
    relay("route " + name, "3986 6.2.2.3", get(target=target), "GET " + relayed, at=at)
for name, target in (("by encoded slash", "/other/..%2fx"),
                     ("by encoded slashes", "/other%2f..%2fx"),
                     ("in by encoded slash", "/other%2Fy")):
    refuse("route " + name, "3986 2.2", get(target=target), also=(200,))
refuse("route out by backslash", "3986 3.3", get(target="/other/..\\x"), also=(200,))
for name, target in (("with parameter", "/other/..;/x"),
                     ("with encoded parameter", "/other/..%3b/x"),
                     ("with encoded backslash", "/other/..%5cx")):
    refuse("route dots " + name, "3986 3.3", get(target=target), also=(200,))
for name, target in (("one dot with parameter", "/.;/other/x"),
                     ("one dot and encoded parameter", "/.%3bx/a"),
                     ("one encoded dot with parameter", "/%2e;a=b/other/x"),
                     ("dots with encoded NUL behind", "/other/..%00/x"),
                     ("dots, twice a parameter", "/other/..;;/x"),
                     ("encoded dots with a parameter", "/other/%2e%2e;/x"),
                     ("dots behind an encoded slash", "/other/x%2f../y"),
                     ("dots, overlong", "/other/%c0%ae%c0%ae/x"),
                     ("slash, overlong", "/other%c0%afx"), ("encoded backslash", "/other%5cx"),
                     ("dots and backslash", "/other/..%5C..%5Cx"),
                     ("NUL behind the prefix", "/other/%00/../x")):
    refuse("route by " + name, "3986 3.3", get(target=target), also=(200,))
for name, target, at, relayed in (
        ("dots in a query", "/other/x?../../y", "other", "/other/x?../../y"),
        ("dots behind an encoded question mark", "/other/x%3f/../y", "other", "/other/y"),
        ("dots behind an encoded number sign", "/other/x%23/../y", "other", "/other/y"),
        ("the prefix alone by dots", "/other/x/..", "other", "/other/"),
        ("out by the last dots", "/other/..", "main", "/"),
        ("out by the last dots and slash", "/other/../", "main", "/"),
        ("deep and out", "/other/a/b/../../../c", "main", "/c"),
        ("twice encoded dots", "/other/%252e%252e/x", "other", "/other/%252e%252e/x"),
        ("wide dots", "/other/%ef%bc%8e%ef%bc%8e/x", "other", "/other/%EF%BC%8E%EF%BC%8E/x"),
        ("dots with a space", "/other/..%20/x", "other", "/other/..%20/x"),
        ("dots with a letter", "/other/..a/x", "other", "/other/..a/x"),
        ("a tilde", "/other/~/x", "other", "/other/~/x"),
        ("slashes between dots", "/other/.//..//x", "main", "/x"),
        ("absolute form", "http://a.test/other/../x", "main", "/x"),
        ("absolute form, encoded", "http://a.test/%6Fther/%2E%2E/x", "main", "/x")):
    relay("route left by " + name, "3986 5.2.4", get(target=target), "GET " + relayed, at=at)
same("route three dots", "3986 3.3", "/other/.../x", "/other/.../x", at="other")
for name, target in (("above the root", "/../a"), ("far above the root", "/a/../../../b"),
                     ("only dots", "/.."), ("encoded above the root", "/%2e%2e/a"),
                     ("above the root and into a route", "/../other/y")):
    refuse(name, "3986 5.2.4", get(target=target), also=(200,))

# --- Refused unless the configuration says otherwise ----------------------------------------

for name, target in (("percent at the end", "/a%"), ("one digit", "/a%4"), ("not hex", "/a%zz"),
                     ("half hex", "/a%4g/b"), ("percent percent", "/a%%41"),
                     ("%u form", "/a%u0041"), ("percent space", "/a%+1")):
    refuse("bad percent, " + name, "3986 2.1", get(target=target), also=(200,))
for name, target in (("encoded slash", "/a%2Fb"), ("encoded slash, lower case", "/a%2fb"),
                     ("encoded NUL", "/a%00b"), ("encoded NUL last", "/a%00")):
    refuse(name, "3986 7.3", get(target=target), also=(200,))
for name, target in (("lone continuation", "/%80"), ("0xff", "/%ff"), ("truncated", "/%c3"),
                     ("truncated before a letter", "/%c3a"), ("overlong slash", "/%c0%af"),
                     ("overlong dot", "/%c0%ae%c0%ae/"), ("overlong, three bytes", "/%e0%80%af"),
                     ("surrogate", "/%ed%a0%80"), ("above U+10FFFF", "/%f4%90%80%80"),
                     ("five bytes", "/%f8%88%80%80%80")):
    refuse("not UTF-8, " + name, "3986 2.5", get(target=target), also=(200,))
for name, target in (("CR LF", "/a%0D%0AX-Injected:%20b"), ("LF", "/a%0Ab"), ("tab", "/a%09b"),
                     ("escape", "/a%1Bb"), ("delete", "/a%7Fb")):
    same("encoded control stays, " + name, "3986 7.3", target, target, also=(400,),
         has={"x-injected": None})
