"""Bad input over real sockets: each gets an OCPI envelope that names the problem, or its connection closed in time.

One hub takes all of it. After every case it has to serve a healthy request, and nothing may be logged as an error.
OCPI 2.2.1, transport_and_format: Request format, Message Routing Headers; status_codes.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.config import Limits
from tests.raw import ROUTING, TARIFF, House, ask, calm, request
from tests.support import network

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(request_body=200_000)
VERSIONS = "/ocpi/versions"
LIST = "/ocpi/2.2.1/sender/locations"
PATH = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1"
CHUNKED = "Transfer-Encoding: chunked"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with network(tmp_path_factory.mktemp("hub"), limits=LIMITS) as (app, cpo, emsp):
        yield House(app, cpo, emsp)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _unharmed(house: House, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    with calm():
        yield
        await house.check()
    assert [each.getMessage() for each in caplog.records if each.levelname in ("ERROR", "CRITICAL")] == []


NOT_JSON = {
    "cut off": TARIFF[:-1],
    "trailing comma": TARIFF[:-1] + b",}",
    "single quotes": TARIFF.replace(b'"', b"'"),
    "something after it": TARIFF + b" x",
    "comment": b"/* */" + TARIFF,
    "NaN": b'{"id":"T1","x":NaN}',
    "unknown escape": b'{"id":"T1","x":"\\q"}',
    "line feed in a string": b'{"id":"T1","x":"a\nb"}',
    "half a surrogate pair": b'{"id":"\\ud800"}',
    "not UTF-8": b'{"id":"T1","x":"\xc3\x28"}',
    "UTF-16": TARIFF.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + TARIFF,
    "100,000 levels": b'{"x":' + b"[" * 100_000,
    "100,000 levels, closed": b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "empty": b"",
    "not there at all": None,
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_a_body_that_is_not_json_is_http_400(house: House, body: bytes | None) -> None:
    """OCPI 2.2.1, status_codes: what is no valid JSON is answered with HTTP 400."""
    answer = await house.told(house.put(body))
    assert answer.told == (400, 2000)
    assert "body" in answer.message


WRONG_SHAPE = {
    "list": (b"[]", "object"),
    "list of one": (b"[" + TARIFF + b"]", "object"),
    "null": (b"null", "object"),
    "string": (b'"x"', "object"),
    "id is a number": (b'{"id":1}', "$.id"),
    "country is a list": (TARIFF.replace(b'"NL"', b"[]"), "$.country_code"),
    "party is an object": (TARIFF.replace(b'"CPO"', b"{}"), "$.party_id"),
    "other id than in the path": (TARIFF.replace(b'"T1"', b'"T2"'), "id"),
    "other owner than in the path": (TARIFF.replace(b'"CPO"', b'"XXX"'), "party_id"),
}


@pytest.mark.parametrize(("body", "named"), WRONG_SHAPE.values(), ids=WRONG_SHAPE)
async def test_json_of_a_wrong_shape_is_2001(house: House, body: bytes, named: str) -> None:
    """OCPI 2.2.1, status_codes: valid JSON reached the OCPI layer, so HTTP stays 200."""
    answer = await house.told(house.put(body))
    assert answer.told == (200, 2001)
    assert named in answer.message


AUTHORIZATION = {
    "missing": (None, "missing"),
    "empty": ("", "missing"),
    "only Token": ("Token", "must read"),
    "Token and a space": ("Token ", "must read"),
    "two words": ("Token a b", "must read"),
    "Bearer": ("Bearer abc", "must read"),
    "Basic": ("Basic eDp5", "must read"),
    "no scheme": ("abc", "must read"),
    "unknown": ("Token abc", "not known"),
    "only padding": ("Token ====", "not known"),
    "10 kB": ("Token " + "A" * 10_000, "not known"),
}


@pytest.mark.parametrize(("value", "named"), AUTHORIZATION.values(), ids=AUTHORIZATION)
async def test_a_token_that_is_none_is_http_401(house: House, value: str | None, named: str) -> None:
    """OCPI 2.2.1, transport_and_format: Authorization header; on a path that exists and on one that does not."""
    lines = [] if value is None else [f"Authorization: {value}"]
    for target in (VERSIONS, LIST, "/", "/admin"):
        answer = await house.told(request("GET", target, *lines))
        assert answer.told == (401, 2000)
        assert answer.headers["www-authenticate"] == "Token"
        assert named in answer.message
        assert "A" * 40 not in answer.message


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Token abc",
        "AUTHORIZATION: Token abc",
        "OCPI-From-Party-Id: CPO",
        "OCPI-To-Country-Code: DE",
        "X-Request-ID: a\r\nX-Request-ID: a",
        "X-Correlation-ID: a\r\nX-Correlation-ID: b",
        "Host: a\r\nHost: b",
        "Content-Type: application/json\r\nContent-Type: text/plain",
    ],
)
async def test_a_header_that_may_come_once_comes_twice(house: House, line: str) -> None:
    answer = await house.told(house.put(TARIFF, line))
    assert answer.told == (400, 2000)
    assert line.split(":", maxsplit=1)[0].lower() in answer.message.lower()


@pytest.mark.parametrize(
    "line",
    [
        b"X-Request-ID: \xff",
        b"X-Request-ID: " + b"a" * 129,
        b"X-Correlation-ID: \xc3\xa9",
        b"X-\xff: a",
        b"X-Note: a\0b",
        b"X-Note: a\rb",
        b"X-Note: a\r\n b",
        b"X-Note",
        b"X-Note : a",
        b": a",
    ],
)
async def test_headers_of_odd_bytes(house: House, line: bytes) -> None:
    assert (await house.told(house.put(TARIFF, line))).told == (400, 2000)


@pytest.mark.parametrize("token", [b"Token \xff", "Token tökén".encode(), b"T\xf6ken abc"])
async def test_a_token_that_is_not_ascii(house: House, token: bytes) -> None:
    answer = await house.told(request("GET", VERSIONS, b"Authorization: " + token))
    assert answer.told == (400, 2000)
    assert "Authorization" in answer.message


async def test_a_header_that_the_hub_does_not_read_may_hold_anything(house: House) -> None:
    assert (await house.told(house.put(TARIFF, b"X-Note: \xff\xfe"))).code == 1000


ROUTING_HEADERS = {
    "half of from": (ROUTING[1:], "OCPI-from-country-code"),
    "half of to": (ROUTING[:3], "OCPI-to-party-id"),
    "three letters": ((*ROUTING[:2], "OCPI-to-country-code: DEU", ROUTING[3]), "'DEU'"),
    "two letters": ((*ROUTING[:3], "OCPI-to-party-id: MS"), "'MS'"),
    "10 kB": ((*ROUTING[:3], "OCPI-to-party-id: " + "M" * 10_000), "party id"),
    "empty": ((*ROUTING[:2], "OCPI-to-country-code:", "OCPI-to-party-id:"), "missing"),
}


@pytest.mark.parametrize(("lines", "named"), ROUTING_HEADERS.values(), ids=ROUTING_HEADERS)
async def test_routing_headers_that_name_no_party(house: House, lines: tuple[str, ...], named: str) -> None:
    raw = request("PUT", PATH, "X-Request-ID: r1", "X-Correlation-ID: c1", *lines, token=house.token, body=TARIFF)
    answer = await house.told(raw)
    assert answer.told == (200, 2001)
    assert named in answer.message
    assert len(answer.message) < 300
    assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("r1", "c1")


TARGETS = {
    "/..": 400, "/../../credentials": 400, "/%2e%2e": 400, "/%2E%2e/x": 400, "/.": 400, "/a%2fb": 400, "/a%5cb": 400,
    "/a\\b": 400, "/%": 400, "/%zz": 400, "/%ff": 400, "/%00": 400, "/%0d%0a": 400, "#x": 400, "?a#x": 400,
    "/é": 400, "/" + "a" * 20_000: 400, "/a/b/c/d": 404, "/a/b/c/" + "d" * 10_000: 404,
}  # fmt: skip


@pytest.mark.parametrize(("tail", "status"), TARGETS.items())
async def test_paths_that_would_climb_or_do_not_exist(house: House, tail: str, status: int) -> None:
    answer = await house.told(house.get(LIST + tail, *ROUTING))
    assert answer.told == (status, 2000)
    assert house.emsp.received == [] or house.emsp.received[-1].module == "tariffs"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://hub/ocpi/versions", 400), ("https://evil.example/ocpi/versions", 400), ("*", 400), ("x", 400),
        ("/ocpi/../ocpi/versions", 404), ("/ocpi/%76ersions", 404), ("/", 404), ("/ocpi", 404), ("/ocpi/9.9", 404),
        ("/ocpi/2.2.1/sender", 404), ("/ocpi/2.2.1/middle/locations", 404), ("/ocpi/2.2.1/sender/horses", 404),
        ("/ocpi/2.2.1/sender/versions", 404), ("/ocpi/2.2.1/sender/credentials", 404), ("/ocpi/2.2.1/sealed", 404),
        ("/ocpi/2.2.1/sealed/abc", 404), ("/ocpi/2.2.1/sealed/%ff", 404), ("/ocpi/2.2.1/sealed/abc/def", 404),
        ("//ocpi//versions", 200), ("/ocpi/versions//", 200), ("/ocpi//2.2.1/", 200), ("/ocpi/versions?a=b&&c", 200),
        ("/ocpi/2.2.1//credentials//", 200),
    ],
)  # fmt: skip
async def test_targets(house: House, target: str, status: int) -> None:
    assert (await house.told(house.get(target))).status == status


@pytest.mark.parametrize("tail", ["", "/", "//", "?limit=1", "/?limit=1"])
async def test_a_slash_too_many_reaches_the_module(house: House, tail: str) -> None:
    answer = await house.told(house.get(f"/ocpi/2.2.1/sender//tokens{tail}", *ROUTING))
    assert answer.told == (200, 1000)


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        *((method, VERSIONS, "GET") for method in ("POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND")),
        ("PATCH", "/ocpi/2.2.1", "GET"),
        ("PATCH", "/ocpi/2.2.1/credentials", "GET, POST, PUT, DELETE"),
        ("POST", "/ocpi/2.2.1/credentials", "GET, PUT, DELETE"),
        ("DELETE", "/ocpi/2.2.1/receiver/locations/NL/CPO/LOC1", "GET, PUT, PATCH"),
        ("POST", LIST, "GET"),
    ],
)
async def test_a_method_that_a_path_does_not_have(house: House, method: str, target: str, allow: str) -> None:
    answer = await house.told(house.get(target, method=method))
    assert answer.told == (405, 2000)
    assert answer.headers["allow"] == allow


async def test_methods_that_are_none(house: House) -> None:
    for method in ("FOO", "get", "G" * 300, "\x00"):
        assert (await house.told(house.get(VERSIONS, method=method))).told == (400, 2000)
    for target in ("hub:443", VERSIONS):
        connect = request("CONNECT", target, "OCPI-to-party-id: alone", token=house.token)
        assert (await house.told(connect)).told == (400, 2000)
    assert (await house.told(house.get("*", method="OPTIONS"))).told == (400, 2000)
    head = await ask(house.app.url, house.get(VERSIONS, method="HEAD"))
    assert head is not None
    assert (head.status, head.body, head.headers["allow"]) == (405, b"", "GET")


FRAMING = {
    "length and chunked": (CHUNKED, "Content-Length: 5"),
    "two lengths": ("Content-Length: 5", "Content-Length: 6"),
    "two equal lengths": ("Content-Length: 5", "Content-Length: 5"),
    "list of lengths": ("Content-Length: 5, 5",),
    "negative length": ("Content-Length: -1",),
    "length with a sign": ("Content-Length: +5",),
    "endless length": ("Content-Length: 99999999999999999999999",),
    "gzip and chunked": ("Transfer-Encoding: gzip, chunked",),
    "chunked twice": (CHUNKED, CHUNKED),
    "chunked, then something": ("Transfer-Encoding: chunked, x",),
    "unknown coding": ("Transfer-Encoding: x",),
    "compressed": ("Content-Encoding: gzip",),
    "compressed, said late": ("Content-Encoding: identity", "Content-Encoding: br"),
}


@pytest.mark.parametrize("lines", FRAMING.values(), ids=FRAMING)
async def test_framing_that_two_servers_could_read_differently(house: House, lines: tuple[str, ...]) -> None:
    """Request smuggling lives on these."""
    body = b"5\r\n12345\r\n0\r\n\r\n" if any("chunked" in line for line in lines) else b"12345"
    assert (await house.told(house.put(body, *lines))).told == (400, 2000)


async def test_http_1_0(house: House) -> None:
    old = house.put(TARIFF).replace(b" HTTP/1.1", b" HTTP/1.0")
    assert (await house.told(old)).code == 1000
    answer = await house.told(house.put(b"0\r\n\r\n", CHUNKED).replace(b" HTTP/1.1", b" HTTP/1.0"))
    assert answer.told == (400, 2000)
    assert "HTTP/1.0" in answer.message
