"""What is fuzzed: each reads bytes as the hub reads those of partners, and lets no error pass but those documented.

A target asserts what must hold of what was read. Its seeds are valid examples, for the fuzzer to begin with.
"""

import asyncio
import gzip
import math
import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

from hub.bridge import CanNotBridge, Facts, convert
from hub.config.load import load
from hub.config.origin import ConfigError
from hub.core.addresses import Proxies
from hub.core.catalogue import CATALOGUE
from hub.core.content import driver, hints_of, keys_of
from hub.core.directory import Directory, Platform, State
from hub.core.headers import credentials_tokens, message_ids, read, traceparent
from hub.core.message import Message, decode_json
from hub.core.pages import PageHeaders, next_page
from hub.core.paging import PageQuery
from hub.core.party import Party
from hub.core.patching import part, patch, put
from hub.core.paths import join, origin, segments, split_target
from hub.core.rights import owner_of
from hub.core.sealed import KEY_BYTES, Sealed, Sealer, Use
from hub.errors import BadRequest, CannotUseApi, InvalidParameters, NotFound, OcpiError
from hub.flow.http import check_framing
from hub.listener.request import Request
from hub.ocpi import envelope
from hub.ocpi.handshake import VersionDetails
from hub.ocpi.kinds import answer_checker, body_checker
from hub.ocpi.rows import NoList, rows
from hub.partners.peer import read_one, read_versions
from hub.upstream import SendError, split_url
from hub.upstream.answer import AnswerReader
from tests.fault.samples import body_of
from tests.raw import ROUTING, TARIFF, request

CPO, EMSP = Party("NL", "CPO"), Party("DE", "MSP")
VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
ENDPOINT = "http://partner.example/ocpi/2.2.1/sender/locations"
PLATFORM = Platform(id=1, name="P", state=State.REGISTERED)
OPERATIONS = [each for each in CATALOGUE.operations() if "{url}" not in each.path]
WITH_BODY = [each for each in OPERATIONS if each.has_body]
LISTS = [each for each in OPERATIONS if each.data]
PROXIES = Proxies(("127.0.0.0/8", "::1/128"))
SEALER = Sealer(b"k" * KEY_BYTES)
SEALED = [
    Sealed(Use.PAGE, "2.2.1", "locations", 1, CPO, 2, EMSP, "http://partner.example/page?offset=1"),
    Sealed(Use.RESULT, "2.3.0", "commands", 1, EMSP, 2, CPO, "https://partner.example/later/1"),
]
SEGMENTS = {SEALER.seal(each): each for each in SEALED}
LARGEST = 10_000


class Target(NamedTuple):
    """A target, and its seeds."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def headers(data: bytes) -> None:
    """The headers of a request: routing, ids, Authorization, X-Forwarded-For."""
    pairs = [line.partition(b":") for line in data.split(b"\n")]
    fields = [(name, value) for name, _, value in pairs]
    message_ids(fields)
    traceparent(fields)
    PROXIES.caller("127.0.0.1", [value.decode("utf-8", "surrogateescape") for _, value in fields])
    try:
        found = read(fields)
        raw, decoded = credentials_tokens(found.authorization)
    except OcpiError as error:
        _check_shown(error)
        return
    for text in (raw, decoded or "", found.request_id or "", found.correlation_id or ""):
        assert text.isascii()
        assert text.isprintable()
    assert "AAAAAAAA" not in repr(found)


def path(data: bytes) -> None:
    """The target of a request, and where it leads at a partner: never out of the endpoint."""
    try:
        target, query = split_target(data.decode("utf-8", "surrogateescape"))
        tail = segments(target)
        there = join(ENDPOINT, tail, query)
    except (BadRequest, InvalidParameters) as error:
        _check_shown(error)
        return
    found = urlsplit(there)
    assert (found.scheme, found.netloc) == ("http", "partner.example")
    for each in (found.path, unquote(found.path), unquote(unquote(found.path).replace("\\", "/"))):
        if "%" not in "".join(tail):
            assert posixpath.normpath(each).startswith("/ocpi/2.2.1/sender/locations"), each
    split_url(there)
    for operation in OPERATIONS:
        operation.fits(tail)
    try:
        asked = PageQuery.read(query, 100)
    except InvalidParameters:
        return
    assert 0 <= asked.limit <= 100
    asked.with_paging(1, 1)


def link(data: bytes) -> None:
    """The next page of a list: one of the same list, and never the same one again."""
    said, total, limit = [*data.split(b"\n"), b"", b""][:3]
    asked = f"{ENDPOINT}?offset=10&limit=5&date_from=2026-01-01T00:00:00Z"
    told = PageHeaders(said.decode("latin-1"), total.decode("latin-1"), limit.decode("latin-1"))
    url = next_page(asked, told)
    if url is None:
        return
    assert url.startswith(f"{ENDPOINT}?")
    assert url != asked
    try:
        split_url(url)
    except SendError:
        return


def bodies(data: bytes) -> None:
    """The body of a request: checked, understood, kept, and told in each other version."""
    if not data:
        return
    operation, body = WITH_BODY[data[0] % len(WITH_BODY)], data[1:]
    tail = tuple(
        {"{country_code}": "NL", "{party_id}": "CPO"}.get(each, "T1" if "{" in each else each)
        for each in operation.path
    )
    try:
        if checker := body_checker(operation):
            for finding in checker.check(body):
                assert str(finding)
        owner = owner_of(operation, tail, body)
        value = decode_json(body) if body else None
    except OcpiError:
        return
    message = Message(
        operation=operation, segments=tail, body=body, request_id="r", correlation_id="c", platform=PLATFORM,
        sender=CPO, owner=owner,
        deadline=math.inf, directory=Directory(hub=Party("XX", "HUB")),
    )  # fmt: skip
    for look in (driver, keys_of, lambda each: tuple(hints_of(each, EMSP))):
        _documented(lambda look=look: look(message))
    for change in (put, patch):
        for inside in ((), ("E1",), ("E1", "1")):
            _documented(lambda change=change, inside=inside: part(change(_held(), inside, body), inside))
    if operation.bridged_body:
        _bridge(operation.bridged_body, value, operation.version, partial=operation.method == "PATCH")


def answers(data: bytes) -> None:
    """The answer of a partner: its envelope, its rows, and each of them in each other version."""
    if not data:
        return
    operation, body = LISTS[data[0] % len(LISTS)], data[1:]
    code, received = envelope.status_code(body), envelope.receive(body)
    if received is None:
        return
    assert code == received.status_code
    for understand in (lambda: read_versions(received.data, "u"), lambda: read_one(received.data, VersionDetails, "u")):
        try:
            understand()
        except CannotUseApi:
            continue
    for version in VERSIONS:
        _documented(lambda version=version: _checked(operation, version, received.data))
    try:
        found = list(rows(received.data))
    except NoList:
        return
    assert sum(map(len, found)) <= len(body)
    for row in found[:3]:
        value = _documented(lambda row=row: decode_json(row))
        if value is not None and operation.bridged_data:
            _bridge(operation.bridged_data, value, operation.version, partial=False)


def sealed(data: bytes) -> None:
    """A sealed URL: what opens was sealed for just this platform."""
    text = data.decode("latin-1")
    for holder in (1, 2):
        try:
            inner = SEALER.open(text, holder)
        except NotFound:
            continue
        assert SEGMENTS[text] == inner
        assert holder == inner.holder


def urls(data: bytes) -> None:
    """A URL of a partner: who checks it and who calls it see the same host and port."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        there, target = split_url(text)
    except SendError:
        return
    assert target.startswith("/")
    assert target.isascii()
    try:
        named = origin(text)
    except InvalidParameters:
        return
    scheme, _, rest = named.partition("://")
    host, _, port = rest.rpartition(":")
    assert (there.scheme, there.port) == (scheme, int(port))
    if there.host.isascii() and host.isascii() and ":" not in host:
        assert there.host == host


def responses(data: bytes) -> None:
    """What a connection to a partner brings, in pieces: an answer within its bounds, or SendError."""
    if len(data) < 2:
        return
    size = data[0] % 64 + 1
    reader = AnswerReader("partner.example", 2_000)
    reader.expect(LARGEST)
    try:
        for at in range(1, len(data), size):
            if response := reader.feed(data[at : at + size]):
                break
        else:
            response = reader.eof()
    except SendError:
        return
    if response is not None:
        assert len(response.body) <= LARGEST
        response.headers.items()
        assert 200 <= response.status < 1000
    reader.let_go()


def requests(data: bytes) -> None:
    """A request as HTTP: what is no HTTP, and what could be read in two ways, is refused."""
    loop = asyncio.new_event_loop()
    protocol = BaseProtocol(loop)
    parser = HttpRequestParser(protocol, loop, 2**16, auto_decompress=False, max_msg_queue_size=32)
    connection = SimpleNamespace(transport=None)
    try:
        messages, _, _ = parser.feed_data(data)
        for message, content in messages:
            request = Request(message, content, connection)
            check_framing(request, 16_384)
            split_target(request.target)
    except (HttpProcessingError, BadRequest):
        return
    finally:
        loop.close()


def config(data: bytes) -> None:
    """config.toml."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        with suppress(ConfigError):
            load(Path(file.name), {})


def _check_shown(error: OcpiError) -> None:
    assert error.http < 500
    assert error.message.isprintable()


def _documented(what: Callable[[], object]) -> object:
    try:
        return what()
    except OcpiError:
        return None


def _checked(operation: object, version: str, data: msgspec.Raw) -> None:
    checker = answer_checker(operation, version, many=bytes(data).startswith(b"["))
    if checker is not None:
        checker.check(bytes(data))


def _bridge(kind: str, value: object, version: str, *, partial: bool) -> None:
    for target in VERSIONS:
        if target == version:
            continue
        try:
            told = convert(
                kind, value, version, target, Facts(owner=CPO, received="2026-01-01T00:00:00Z"), partial=partial
            )
        except CanNotBridge:
            continue
        assert msgspec.json.encode(told.value)


def _held() -> bytes:
    return (
        b'{"id":"T1","evses":[{"uid":"E1","connectors":[{"id":"1","last_updated":"2020-01-01T00:00:00Z"}],'
        b'"last_updated":"2020-01-01T00:00:00Z"}],"last_updated":"2020-01-01T00:00:00Z"}'
    )


def _valid_bodies() -> Iterator[bytes]:
    for at, operation in enumerate(WITH_BODY):
        yield bytes([at]) + body_of(operation, CPO)


def _valid_answers() -> Iterator[bytes]:
    for at, operation in enumerate(LISTS):
        pushed = next(
            (each for each in WITH_BODY if each.body == operation.data and each.version == operation.version), None
        )
        body = body_of(pushed, CPO) if pushed else b"{}"
        for data in (body, b"[%b,%b]" % (body, body)):
            yield bytes([at]) + b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":%b}' % data
    yield b'\x00{"status_code":1000,"data":[{"version":"2.2.1","url":"http://a/"}]}'
    yield b'\x00{"status_code":1000,"data":{"version":"2.2.1","endpoints":[{"identifier":"a","url":"http://a/"}]}}'


TARGETS: dict[str, Target] = {
    "headers": Target(headers, lambda: [
        b"\n".join((b"Authorization: Token AAAAAAAA", b"X-Request-ID: r", b"X-Correlation-ID: c",
        b"OCPI-from-country-code: NL",
        b"OCPI-from-party-id: CPO", b"OCPI-to-country-code: DE", b"OCPI-to-party-id: MSP")),
        b"Authorization: Token eA==\nX-Forwarded-For: 127.0.0.1, [::1]:80, 10.0.0.1:5\ntraceparent: 00-ab-cd-01",
    ]),
    "path": Target(path, lambda: [
        *(f"/{'/'.join(each.path)}".encode() for each in OPERATIONS[:40]),
        b"/NL/CPO/a%20b%2Fc/..;/%2e%2e?offset=1&limit=2&date_from=2026-01-01T00:00:00Z&date_to=2026-01-01T00:00:00%2B01:00",
    ]),
    "link": Target(link, lambda: [
        b'<http://partner.example/ocpi/2.2.1/sender/locations?offset=15&limit=5>; rel="next", <a>; rel=prev\n100\n5',
        b'<?offset=50>;rel=next', b"\n99\n7",
    ]),
    "bodies": Target(bodies, _valid_bodies),
    "answers": Target(answers, _valid_answers),
    "sealed": Target(sealed, lambda: [each.encode() for each in SEGMENTS]),
    "urls": Target(urls, lambda: [
        b"http://partner.example:8080/a?b=c", b"https://[::1]:443/", b"http://127.0.0.1",
        "https://müller.example/x".encode(), b"http://0x7f.1/", b"HTTP://A.B?c",
    ]),
    "responses": Target(responses, lambda: [
        b'\x05HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\n{}',
        b"\x10HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 K\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\n{}\r\n0\r\nX: y\r\n\r\n",
        b"\x3fHTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + gzip.compress(b"{}"),
        b"\x01HTTP/1.0 204 No\r\nLocation: /x\r\n\r\n",
    ]),
    "requests": Target(requests, lambda: [
        request("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1?a=b", *ROUTING, token="t", body=TARIFF),
        request("GET", "/ocpi/versions", "Transfer-Encoding: chunked",
        "Expect: 100-continue") + b"2;a=b\r\n{}\r\n0\r\n\r\n",
        request("CONNECT", "hub:443") + request("OPTIONS", "*", "Connection: upgrade", "Upgrade: websocket"),
    ]),
    "config": Target(config, lambda: [
        (Path(__file__).parents[2] / "config.toml").read_bytes().replace(b"\n# ", b"\n")[:4_000],
        b'[hub]\nparty = "NL-HUB"\n[plugins.x]\na = 1\n[modules.m]\nsender = ["GET"]\n',
    ]),
}  # fmt: skip
