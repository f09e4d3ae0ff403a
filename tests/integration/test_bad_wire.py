"""Bad connections: silence, dribble, bodies that never end or break off, other protocols, clients that do not read.

The hub cuts them off in time, logs none of them as an error, and serves everybody else meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from hub.config import Limits
from hub.core.modules import Interface
from tests.raw import ROUTING, TARIFF, House, calm, request, wire
from tests.support import network

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 0.4
LIMITS = Limits(timeout=1.0, slow_request=PATIENCE, keepalive=PATIENCE, request_body=20_000, header_bytes=16_384)
VERSIONS = "/ocpi/versions"
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


@pytest.mark.parametrize(
    "lines",
    [
        ["X-Note: " + "a" * 16_384],
        ["a" * 16_384 + ": x"],
        [f"X-{number}: a" for number in range(200)],
        [f"X-{number}: {'a' * 8000}" for number in range(3)],
    ],
    ids=["one value", "one name", "too many", "too much together"],
)
async def test_a_head_that_is_too_large(house: House, lines: list[str]) -> None:
    answer = await house.told(house.put(TARIFF, *lines))
    assert answer.told == (400, 2000)
    assert any(word in answer.message for word in ("too long", "too large", "Too many"))


async def test_a_head_just_small_enough(house: House) -> None:
    assert (await house.told(house.put(TARIFF, "X-Note: " + "a" * 15_000))).code == 1000


BAD_CHUNKS = {
    "no number": b"zz\r\n" + TARIFF,
    "negative": b"-5\r\n12345\r\n0\r\n\r\n",
    "longer than said": b"5\r\n" + TARIFF + b"\r\n0\r\n\r\n",
    "endless size": b"f" * 40 + b"\r\n",
    "line feeds alone": b"5\n12345\n0\n\n",
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_a_bad_chunk(house: House, body: bytes) -> None:
    async with wire(house.app.url) as connection:
        await connection.send(house.put(body, CHUNKED))
        answer = await connection.answer()
        assert answer is not None
        assert answer.told == (400, 2000)
        await connection.closed()


async def test_a_bad_chunk_that_comes_after_the_rest(house: House) -> None:
    async with wire(house.app.url) as connection:
        await connection.send(house.put(b"1\r\n{\r\n", CHUNKED))
        await asyncio.sleep(PATIENCE / 4)
        began = time.perf_counter()
        await connection.send(b"zz\r\n")
        answer = await connection.answer()
        assert answer is not None
        assert answer.told == (400, 2000)
        assert time.perf_counter() - began < PATIENCE / 2
        await connection.closed()


async def test_a_body_over_the_limit(house: House) -> None:
    """By its length before a byte is read, and by its bytes where it is chunked."""
    whole = b"4e21\r\n" + b" " * 20_001 + b"\r\n0\r\n\r\n"
    for raw in (house.put(b"", "Content-Length: 20001"), house.put(b" " * 20_001), house.put(whole, CHUNKED)):
        async with wire(house.app.url) as connection:
            await connection.send(raw)
            answer = await connection.answer()
            assert answer is not None
            assert answer.told == (413, 2000)
            assert "20000" in answer.message
            await connection.closed()
    assert (await house.told(house.put(TARIFF + b" " * (20_000 - len(TARIFF))))).code == 1000


async def test_an_endless_body_is_not_read_to_its_end(house: House) -> None:
    async with wire(house.app.url) as connection:
        await connection.send(house.put(b"", "Content-Length: 1000000000"))
        answer = await connection.answer()
        assert answer is not None
        assert answer.told == (413, 2000)
        async with asyncio.timeout(5):
            for _ in range(100_000):
                await connection.send(b" " * 65_536)
                if connection.is_closed:
                    break
        assert connection.is_closed


@pytest.mark.parametrize("raw", [b"Content-Length: 100", CHUNKED.encode()], ids=["length", "chunked"])
async def test_a_body_that_breaks_off(house: House, raw: bytes) -> None:
    """The client closes in the middle: nothing is forwarded, and nobody is told of a failure."""
    before = len(house.emsp.received)
    for end in ("half", "abort"):
        async with wire(house.app.url) as connection:
            await connection.send(house.put(b"32\r\n" + TARIFF[:20], raw))
            await asyncio.sleep(0.02)
            if end == "half":
                connection.half_close()
                answer = await connection.answer()
                assert answer is None or answer.told == (400, 2000)
            else:
                connection.abort()
    await asyncio.sleep(0.1)
    assert len(house.emsp.received) == before


@pytest.mark.parametrize("first", [b"", TARIFF[:20]], ids=["nothing", "a part"])
async def test_a_slow_body_is_http_408(house: House, first: bytes) -> None:
    async with wire(house.app.url) as connection:
        began = time.perf_counter()
        await connection.send(house.put(first, f"Content-Length: {len(TARIFF)}"))
        answer = await connection.answer()
        assert answer is not None
        assert answer.told == (408, 2000)
        assert PATIENCE * 0.9 < time.perf_counter() - began < 2 * PATIENCE
        await connection.closed()


async def test_a_body_that_dribbles_is_http_408(house: House) -> None:
    async with wire(house.app.url) as connection:
        await connection.send(house.put(b"", f"Content-Length: {len(TARIFF)}"))
        dribble = asyncio.create_task(connection.dribble(TARIFF))
        answer = await connection.answer()
        dribble.cancel()
        assert answer is not None
        assert answer.told == (408, 2000)


async def test_a_silent_connection_is_closed(house: House) -> None:
    began = time.perf_counter()
    async with wire(house.app.url) as connection:
        assert await connection.closed() == b""
    assert PATIENCE * 0.9 < time.perf_counter() - began < 2 * PATIENCE


@pytest.mark.parametrize("raw", [b"GET", b"\r\n\r\n", request("GET", VERSIONS)[:-2]], ids=["method", "lines", "head"])
async def test_a_head_that_never_ends_is_closed(house: House, raw: bytes) -> None:
    began = time.perf_counter()
    async with wire(house.app.url) as connection:
        await connection.send(raw)
        assert await connection.closed() == b""
    assert time.perf_counter() - began < 2 * PATIENCE


async def test_a_head_that_dribbles_is_closed(house: House) -> None:
    began = time.perf_counter()
    async with wire(house.app.url) as connection:
        dribble = asyncio.create_task(connection.dribble(house.get(VERSIONS)))
        assert await connection.closed() == b""
        dribble.cancel()
    assert time.perf_counter() - began < 2 * PATIENCE


async def test_a_second_head_that_dribbles_is_closed(house: House) -> None:
    """A connection that was good once gets no more patience for that."""
    async with wire(house.app.url) as connection:
        await connection.send(house.get(VERSIONS))
        assert await connection.answer() is not None
        began = time.perf_counter()
        dribble = asyncio.create_task(connection.dribble(house.get(VERSIONS)))
        assert await connection.closed() == b""
        dribble.cancel()
    assert time.perf_counter() - began < 2 * PATIENCE


async def test_a_connection_between_two_requests_is_kept_for_a_while(house: House) -> None:
    async with wire(house.app.url) as connection:
        for _ in range(3):
            await connection.send(house.get(VERSIONS))
            answer = await connection.answer()
            assert answer is not None
            assert answer.code == 1000
            await asyncio.sleep(PATIENCE / 2)
        began = time.perf_counter()
        assert await connection.closed() == b""
        assert time.perf_counter() - began < 2 * PATIENCE


OTHER_PROTOCOLS = {
    "TLS": bytes.fromhex("16030100c8010000c403034a") + bytes(190),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": b"GET / HTTP/3.0\r\nHost: hub\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"EHLO hub\r\n",
    "a proxy's": b"CONNECT  \r\nHost: hub\r\n\r\n",
    "PROXY": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n",
    "noise": bytes(range(256)) * 10,
}


@pytest.mark.parametrize("raw", OTHER_PROTOCOLS.values(), ids=OTHER_PROTOCOLS)
async def test_what_is_no_http_1(house: House, raw: bytes) -> None:
    async with wire(house.app.url) as connection:
        await connection.send(raw)
        answer = await connection.answer()
        assert answer is not None
        assert answer.told == (400, 2000)
        assert not answer.message.endswith(":")
        await connection.closed()


async def test_pipelined_requests_are_answered_in_order(house: House) -> None:
    async with wire(house.app.url) as connection:
        each = [house.get(VERSIONS, f"X-Request-ID: r{number}") for number in range(50)]
        await connection.send(b"".join(each))
        answers = [await connection.answer() for _ in each]
        assert [answer and answer.headers["x-request-id"] for answer in answers] == [f"r{n}" for n in range(50)]


async def test_nothing_is_read_after_a_request_that_is_broken(house: House) -> None:
    before = len(house.emsp.received)
    async with wire(house.app.url) as connection:
        await connection.send(house.get(VERSIONS))
        assert await connection.answer() is not None
        await connection.send(b"broken\r\n\r\n" + house.put(TARIFF))
        answer = await connection.answer()
        assert answer is not None
        assert answer.told == (400, 2000)
        assert await connection.closed() == b""
    assert len(house.emsp.received) == before


async def test_a_body_where_none_belongs_is_passed_by(house: House) -> None:
    """GET and DELETE have no body in OCPI; one that comes all the same does not become the next request."""
    async with wire(house.app.url) as connection:
        for method, target in (("GET", VERSIONS), ("GET", "/ocpi/2.2.1/sender/tokens")):
            await connection.send(house.get(target, *ROUTING, method=method, body=b"GET / HTTP/1.1\r\n\r\n"))
            answer = await connection.answer()
            assert answer is not None
            assert answer.told == (200, 1000)


async def test_a_client_that_asks_whether_to_go_on_is_told(house: House) -> None:
    """RFC 9110, 10.1.1: with Expect: 100-continue a client waits for a word before it sends the body."""
    async with wire(house.app.url) as connection:
        await connection.send(house.put(b"", "Expect: 100-continue", f"Content-Length: {len(TARIFF)}"))
        interim = await connection.answer()
        assert interim is not None
        assert interim.status == 100
        await connection.send(TARIFF)
        answer = await connection.answer()
        assert answer is not None
        assert answer.code == 1000
    refused = await house.told(request("PUT", VERSIONS, "Expect: 100-continue", "Content-Length: 5"))
    assert refused.status == 401


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "x"])
async def test_an_offer_to_switch_protocols_is_declined(house: House, protocol: str) -> None:
    async with wire(house.app.url) as connection:
        for raw in (house.put(TARIFF, "Connection: Upgrade", f"Upgrade: {protocol}"), house.get(VERSIONS)):
            await connection.send(raw)
            answer = await connection.answer()
            assert answer is not None
            assert answer.code == 1000


async def test_silent_connections_are_in_nobodys_way(house: House) -> None:
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(wire(house.app.url)) for _ in range(200)]
        await house.check()
        assert [await each.closed() for each in silent] == [b""] * 200


async def test_a_client_that_goes_while_the_partner_is_asked(house: House) -> None:
    """The message is delivered all the same, once; its answer is for nobody."""
    before = len(house.emsp.received)
    house.emsp.delay = 0.1
    async with wire(house.app.url) as connection:
        await connection.send(house.put(TARIFF))
        while len(house.emsp.received) == before:
            await asyncio.sleep(0.005)
        connection.abort()
    house.emsp.delay = 0.0
    await asyncio.sleep(0.15)
    assert len(house.emsp.received) == before + 1


async def test_a_client_that_does_not_take_its_answers_is_cut_off(house: House) -> None:
    house.cpo.seed(3000)
    house.cpo.page_cap = 3000
    reply = await house.emsp.call("locations", Interface.SENDER, "GET", to=house.cpo.party)
    assert len(reply.body) > 3_000_000
    token = house.emsp.peer.token.reveal()
    swapped = [line.replace("from", "x").replace("to", "from").replace("x", "to") for line in ROUTING]
    raw = request("GET", "/ocpi/2.2.1/sender/locations", *swapped, token=token)
    async with wire(house.app.url) as connection:
        connection.stop_reading()
        await connection.send(raw * 4)
        async with asyncio.timeout(3 * LIMITS.timeout):
            while not connection.is_closed:
                await connection.send(b"\r\n")
                await asyncio.sleep(0.05)
