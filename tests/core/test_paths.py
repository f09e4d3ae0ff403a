"""Paths and URLs: no tail climbs out of an endpoint, and no URL is taken for another origin's."""

import contextlib
import re
import string
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.paths import join, origin, segments, split_target
from hub.errors import BadRequest, InvalidParameters
from hub.upstream import SendError
from hub.upstream.url import split_url

ENDPOINT = "https://cpo.example.com/ocpi/2.2.1/locations"
NASTY = [
    ".", "..", "...", "/", "//", "\\", "%2e", "%2E%2e", "%2f", "%2F", "%5c", "%5C", "%25", "%252e", "%252f",
    "%00", "%0a", ";", "%3b", "..;", "?", "%3f", "#", "%23", "%", "%%", "%c0%ae", "%e2%80%ae",
    "\t", "\n", "\r", " ", "\x00", "\x7f",
    "é", "．", "／", "\ud800", "http:", "https://evil.example", "@", ":", "~", "a", "LOC1",
]  # fmt: skip
tails = st.lists(st.sampled_from(NASTY), max_size=8).map("".join) | st.text()
plain = st.text(st.characters(exclude_characters="/\\", exclude_categories=["C", "Z"]) | st.just(" "), min_size=1)
URL_PIECES = [
    "http", "https", "HTTPS", "ftp", ":", "//", "/", "\\", "@", "user:pw@", "cpo.example.com", "CPO.example.com",
    "evil", ".", "?", "#", "[", "]", "[::1]", ":443", ":0", ":80", ":99999", ":08", "\t", "\n", " ", "%2f", "%40",
    "é", "K", "127.1",
]  # fmt: skip
urls = st.lists(st.sampled_from(URL_PIECES), max_size=8).map("".join) | st.text()


def without_dots(url: str) -> str:
    """Backslashes are slashes, and dot segments go."""
    head, path = re.fullmatch(r"(https://[^/]*)(.*)", url.replace("\\", "/"), re.DOTALL).groups()
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return "/".join((head, *kept))


def as_browsers(url: str) -> str:
    """WHATWG: tabs and line ends vanish, and dots may be written as %2e."""
    path = re.split(r"[?#]", re.sub(r"[\t\r\n]", "", url))[0]
    return without_dots(re.sub("%2e", ".", path, flags=re.IGNORECASE))


def as_servers(url: str) -> str:
    """Many decode the path first."""
    return without_dots(unquote(re.split(r"[?#]", url)[0]))


def as_tomcat(url: str) -> str:
    """Path parameters are cut off first of all."""
    return as_servers(re.sub(r";[^/]*", "", url))


def as_python(url: str) -> str:
    return urljoin("https://other.example/", url)


NORMALISERS = [as_python, as_browsers, as_servers, as_tomcat]


@pytest.mark.parametrize("endpoint", [ENDPOINT, ENDPOINT + "/", "https://cpo.example.com", "http://[::1]:8080/a//"])
@given(tails)
def test_no_tail_leaves_the_endpoint(endpoint, tail):
    with contextlib.suppress(BadRequest):
        url = join(endpoint, segments(tail))
        base = endpoint.rstrip("/")
        assert url == endpoint or (url.startswith(base + "/") and re.fullmatch(r"[!-~]+", url))
        split_url(url)
        if base == ENDPOINT:
            for normalise in NORMALISERS:
                assert (normalise(url) + "/").startswith(base + "/"), normalise(url)


@given(st.lists(st.sampled_from(NASTY) | st.text()).map(tuple))
def test_no_segments_leave_the_endpoint(tail):
    """Plugins give segments of their own making."""
    with contextlib.suppress(InvalidParameters, UnicodeEncodeError):
        url = join(ENDPOINT, tail)
        assert all((normalise(url) + "/").startswith(ENDPOINT + "/") for normalise in (as_python, as_browsers))


@given(st.lists(plain.filter(lambda part: part not in (".", ".."))).map(tuple))
def test_segments_survive(tail):
    assert segments(join(ENDPOINT, tail).removeprefix(ENDPOINT)) == tail


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", ()),
        ("/", ()),
        ("//NL//TNM/LOC1/", ("NL", "TNM", "LOC1")),
        ("/NL/TNM/LOC%201", ("NL", "TNM", "LOC 1")),
        ("/a%2Bb+c;d", ("a+b+c;d",)),
        ("/100%2525", ("100%25",)),
        ("/a..b/..a/a..", ("a..b", "..a", "a..")),
        ("/a%253Bb%3B..", ("a%3Bb;..",)),
        ("/%C3%A9", ("é",)),
        ("/DE*ABC*E1%3F", ("DE*ABC*E1?",)),
    ],
)
def test_segments(path, parts):
    assert segments(path) == parts


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/..", "holds '.', '..'"),
        ("/a/./b", "holds '.', '..'"),
        ("/%2e%2E/b", "holds '.', '..'"),
        ("/.%2e", "holds '.', '..'"),
        ("/a%2fb", "an encoded slash or a control character"),
        ("/...", "holds '.', '..'"),
        ("/..%20", "holds '.', '..'"),
        ("/..;", "holds '.', '..'"),
        ("/.;a=b/c", "holds '.', '..'"),
        ("/..%3Ba", "holds '.', '..'"),
        ("/;a", "holds '.', '..'"),
        ("/%252e%252e", "holds '.', '..'"),
        ("/%25252e%25252e", "holds '.', '..'"),
        ("/%25252525252e", "holds '.', '..'"),
        ("/..%253b", "holds '.', '..'"),
        ("/%EF%BC%8E%EF%BC%8E", "holds '.', '..'"),
        ("/%E2%80%A5", "holds '.', '..'"),
        ("/a%252fb", "an encoded slash"),
        ("/a%255Cb", "an encoded slash"),
        ("/a%EF%BC%8Fb", "an encoded slash"),
        ("/a%25c0%25afb", "an encoded slash"),
        ("/a%2500", "control character"),
        ("/..%5c", "an encoded slash or a control character"),
        ("/a%00", "an encoded slash or a control character"),
        ("/a\\b", "an encoded slash or a control character"),
        ("/\ud800", "an encoded slash or a control character"),
        ("/a%0d%0ab", "an encoded slash or a control character"),
        ("/a%E2%80%AE", "an encoded slash or a control character"),
        ("/a%", "without two hexadecimal digits; write %25"),
        ("/a%2", "without two hexadecimal digits"),
        ("/a%zz", "without two hexadecimal digits"),
        ("/a%c0%ae", "an escape that is not UTF-8"),
        ("/a%ff", "an escape that is not UTF-8"),
    ],
)
def test_paths_that_are_refused(path, words):
    with pytest.raises(BadRequest, match=re.escape(words)):
        segments(path)


@pytest.mark.parametrize(
    ("endpoint", "tail", "query", "url"),
    [
        ("https://x/locations", (), "", "https://x/locations"),
        ("https://x/locations/", (), "", "https://x/locations/"),
        ("https://x/locations/", (), "offset=5&limit=5", "https://x/locations/?offset=5&limit=5"),
        ("https://x/locations", ("NL", "TNM", "1"), "", "https://x/locations/NL/TNM/1"),
        ("https://x/locations/", ("NL", "TNM", "1"), "", "https://x/locations/NL/TNM/1"),
        ("https://x/tokens//", ("a",), "type=RFID", "https://x/tokens/a?type=RFID"),
        ("https://x", ("a",), "", "https://x/a"),
        ("https://x?key=1", (), "", "https://x?key=1"),
        ("https://x/?key=1", ("a",), "b=2", "https://x/a?key=1&b=2"),
        ("https://x/", ("a b", "ü", "%", "?#", "..;"), "", "https://x/a%20b/%C3%BC/%25/%3F%23/..%3B"),
        ("https://x/", ("DE*AB@c:d,e=f",), "q=%41+b", "https://x/DE*AB@c:d,e=f?q=%41+b"),
    ],
)
def test_join(endpoint, tail, query, url):
    assert join(endpoint, tail, query) == url


@pytest.mark.parametrize("part", [".", ".."])
def test_join_refuses_dot_segments(part):
    with pytest.raises(InvalidParameters, match="an object's id can not be"):
        join(ENDPOINT, ("NL", part))


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/", ("/", "")),
        ("/ocpi/versions?a=b?c&d=%20", ("/ocpi/versions", "a=b?c&d=%20")),
        ("//evil.example/x", ("//evil.example/x", "")),
        ("/a?", ("/a", "")),
    ],
)
def test_split_target(target, parts):
    assert split_target(target) == parts


@pytest.mark.parametrize("target", ["", "*", "http://x/", "x:1", "?a"])
def test_a_target_that_is_no_path(target):
    with pytest.raises(BadRequest, match="must be a path that starts with '/'"):
        split_target(target)


@pytest.mark.parametrize("target", ["/a#b", "/a\\b", "/a b", "/\x00", "/é", "/a?\x7f", "/\udcff"])
def test_a_target_with_odd_characters(target):
    with pytest.raises(BadRequest, match="percent-encode them"):
        split_target(target)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://CPO.Example.com", "https://cpo.example.com:443"),
        ("HTTPS://cpo.example.com:443/a?b#c", "https://cpo.example.com:443"),
        ("http://cpo.example.com/", "http://cpo.example.com:80"),
        ("http://cpo.example.com:8080?x=a@b", "http://cpo.example.com:8080"),
        ("http://[::1]:8080/", "http://::1:8080"),
        ("https://cpo.example.com:0/", "https://cpo.example.com:0"),
    ],
)
def test_origin(url, canonical):
    assert origin(url) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "", "cpo.example.com", "/path", "ftp://cpo.example.com", "https:///path", "https://", "file:///etc/passwd",
        "https://cpo.example.com:x/", "https://cpo.example.com:65536/", "https://[::1/", "javascript:alert(1)",
        "https://cpo.example.com\\@evil.example/", "https://cpo.exa\nmple.com/", " https://cpo.example.com",
        "https://a b/",
    ],
)  # fmt: skip
def test_what_has_no_origin(url):
    with pytest.raises(InvalidParameters, match="is not a"):
        origin(url)


@pytest.mark.parametrize(
    "url",
    ["https://user:pass@cpo.example.com/", "https://pass@cpo.example.com", "https://:pass@[x", "//pass@x", "pass@\\"],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url):
    with pytest.raises(InvalidParameters) as caught:
        origin(url)
    assert "pass@" not in str(caught.value)


@given(urls)
def test_the_client_calls_the_origin_that_was_checked(url):
    """`origin` decides who gets a token, the client reads the URL anew: they may differ in no URL they both take."""
    try:
        checked = origin(url)
        called, _ = split_url(url)
    except (InvalidParameters, SendError):
        return
    assert checked.isascii() is called.host.isascii() or called.host.startswith("xn--")
    if checked.isascii() and not called.literal:
        assert checked == f"{called.scheme}://{called.host}:{called.port}"


@given(st.text(string.printable))
def test_an_origin_is_one_of_its_own(url):
    with contextlib.suppress(InvalidParameters):
        found = origin(url)
        assert ":" in found.removeprefix(found.partition("://")[0])
