"""Which URLs are taken, what is made of them, and the many spellings that are refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.upstream import Fault, SendError, split_url

TAKEN = [
    ("http://example.org", "example.org", 80, "example.org", "/"),
    ("http://example.org/", "example.org", 80, "example.org", "/"),
    ("HTTP://EXAMPLE.org/Path", "example.org", 80, "example.org", "/Path"),
    ("https://example.org:443/a", "example.org", 443, "example.org", "/a"),
    ("https://example.org:80/a", "example.org", 80, "example.org:80", "/a"),
    ("http://example.org:8080/a//b/?q=1&r=%2F", "example.org", 8080, "example.org:8080", "/a//b/?q=1&r=%2F"),
    ("http://example.org?x=/y", "example.org", 80, "example.org", "/?x=/y"),
    ("http://example.org/a;b=c,d:e@f!$'()*+~_-.", "example.org", 80, "example.org", "/a;b=c,d:e@f!$'()*+~_-."),
    ('http://example.org/{"id"}|^`<>', "example.org", 80, "example.org", '/{"id"}|^`<>'),
    ("http://my_service:81/", "my_service", 81, "my_service:81", "/"),
    ("http://1st.example.org/", "1st.example.org", 80, "1st.example.org", "/"),
    ("http://dead.beef/", "dead.beef", 80, "dead.beef", "/"),
    ("http://192.0.2.7:8080/", "192.0.2.7", 8080, "192.0.2.7:8080", "/"),
    ("http://[2001:DB8:0::1]/x", "2001:db8::1", 80, "[2001:db8::1]", "/x"),
    ("https://[::1]:8443/x", "::1", 8443, "[::1]:8443", "/x"),
    ("http://example.org?a?b", "example.org", 80, "example.org", "/?a?b"),
    ("http://example.org:1/", "example.org", 1, "example.org:1", "/"),
    ("http://example.org:65535/", "example.org", 65535, "example.org:65535", "/"),
    (f"http://{'a.' * 126}a/", f"{'a.' * 126}a", 80, f"{'a.' * 126}a", "/"),
    ("http://münchen.example/x", "xn--mnchen-3ya.example", 80, "xn--mnchen-3ya.example", "/x"),
]

REFUSED = [
    "",
    "example.org/x",
    "//example.org/x",
    "/x",
    "ftp://example.org/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http:example.org",
    "http:/example.org",
    "http:///example.org",
    "http://",
    "http://:80/",
    " http://example.org/",
    "http://example.org /",
    "http://exa mple.org/",
    "http://example.org/a b",
    "http://example.org/a#b",
    "http://example.org#b",
    "http://example.org/a\\b",
    "http://example.org\\@evil.example/",
    "http:\\\\example.org/",
    "http://example.org/a\r\nX: y",
    "http://example.org/\n",
    "http://example.org/\x00",
    "http://example.org/\x7f",
    "http://exam\tple.org/",
    "http://example.org\r\n/",
    "http://example.org/ü",
    "http://example.org/?q=ü",
    "http://user@example.org/",
    "http://user:secret@example.org/",
    "http://example.org@10.0.0.1/",
    "http://@example.org/",
    "http://example.org:0/",
    "http://example.org:65536/",
    "http://example.org:99999999/",
    "http://example.org:/",
    "http://example.org:-1/",
    "http://example.org:+80/",
    "http://example.org:8o/",
    "http://example.org:80:80/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://127.0.0.01/",
    "http://127.0.0.1./",
    "http://127.0.0.0x1/",
    "http://127.0.0.0x/",
    "http://127.0.0.256/",
    "http://1.2.3.4.5/",
    "http://.127.0.0.1/",
    "http://example.1/",
    "http://example.0x1f/",
    "http://...1/",
    "http://127.0.0.1%00.example.org/",
    "http://%31%32%37.0.0.1/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://１２７.0.0.1/",
    "http://straße.example/",
    "http://١٢٧.٠.٠.١/",
    "http://münchen٣.example/",
    "http://example。org/",
    "http://exa\u00admple.org/",
    "http://[::1/",
    "http://::1/",
    "http://[fe80::1%eth0]/",
    "http://[fe80::1%25eth0]/",
    "http://[::1]x/",
    "http://[1]/",
    "http://[]/",
    "http://[127.0.0.1]/",
    "http://[v1.fe]/",
    "http://example.org./",
    "http://.example.org/",
    "http://exa..mple.org/",
    "http://-example.org/",
    "http://example-.org/",
    "http://exa*mple.org/",
    "http://a,b/",
    "http://" + "a" * 64 + ".org/",
    "http://" + "a." * 126 + "aa/",
]


@pytest.mark.parametrize(("url", "host", "port", "authority", "target"), TAKEN)
def test_a_plain_url_is_taken_apart(url: str, host: str, port: int, authority: str, target: str):
    origin, asked = split_url(url)
    assert (origin.host, origin.port, origin.authority, asked) == (host, port, authority, target)
    assert origin.scheme == url.split(":", maxsplit=1)[0].lower()
    assert origin.literal == (host[0] in "1:2" and host[1:2] != "s")


@pytest.mark.parametrize("url", REFUSED)
def test_an_ambiguous_url_is_refused(url: str):
    with pytest.raises(SendError, match=r"^the URL") as caught:
        split_url(url)
    assert caught.value.fault is Fault.URL
    assert not caught.value.sent


@pytest.mark.parametrize("who", ["user:secret", "secret"])
def test_a_password_is_not_repeated(who: str):
    with pytest.raises(SendError, match="user name or password") as caught:
        split_url(f"http://{who}@example.org/")
    assert "secret" not in str(caught.value)


@given(st.text())
def test_a_taken_target_fits_into_a_request_line(tail: str):
    with suppress(SendError):
        origin, target = split_url("http://example.org/" + tail)
        assert origin.host == "example.org"
        assert target == "/" + tail
        assert target.isascii()
        assert target.isprintable()
        assert not set(target) & set(" #\\")


@given(st.text())
def test_a_taken_host_is_plain(host: str):
    with suppress(SendError):
        origin, _ = split_url(f"http://{host}/")
        assert set(origin.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.:")
