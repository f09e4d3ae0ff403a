"""Platforms as they are: endpoints, redirects, headers and answers that deviate, and what the sender gets of them.

OCPI 2.2.1, transport_and_format: Response format, Message Routing, Interface endpoints; status_codes. On ways other
than direct routing: test_quirks.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Limits
from hub.core.modules import Interface
from hub.sim import SimCpo, SimReply
from tests.partner import TIMESTAMP, Partner, Say, ocpi
from tests.raw import calm
from tests.support import CPO, register, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER
TARIFF = b'{"country_code":"NL", "party_id":"CPO","id":"T1",\n "x":null}'
ENVELOPE = b'{ "status_code":1000,\n"timestamp":"%s" , "data":[{"a":1.10,"b":null}],"x":"\\u00e9"}' % TIMESTAMP.encode()
NUMBERS = count(100)


class House(msgspec.Struct):
    """A hub with a CPO that asks, and an eMSP of its own for every test."""

    app: App
    cpo: SimCpo

    @asynccontextmanager
    async def emsp(self, **paths: str) -> AsyncIterator[Partner]:
        """A registered eMSP; its endpoints are at `paths` (`receiver_tariffs="/x/"`) below its URL."""
        partner = Partner(f"DE-{next(NUMBERS)}:EMSP", endpoints=("receiver/tariffs", "sender/tokens"))
        partner.endpoints |= {name.replace("_", "/"): path for name, path in paths.items()}
        async with partner.serve():
            await partner.invited(self.app)
            assert (await partner.register()).code == 1000
            partner.asked.clear()
            yield partner

    async def put(self, to: Partner, body: bytes = TARIFF) -> SimReply:
        return await self.cpo.call("tariffs", RECEIVER, "PUT", "NL/CPO/T1", to=to.party, body=body)

    async def list(self, to: Partner, **query: Any) -> SimReply:
        return await self.cpo.call("tokens", SENDER, "GET", to=to.party, query=query)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with (
        running(tmp_path_factory.mktemp("hub"), limits=Limits(timeout=0.5)) as app,
        SimCpo("Cpo", [CPO]) as cpo,
    ):
        await register(app, cpo)
        yield House(app, cpo)


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with calm():
        yield


ENDPOINTS = {
    "plain": ("/tariffs", "/tariffs/NL/CPO/T1"),
    "with a slash": ("/tariffs/", "/tariffs/NL/CPO/T1"),
    "with two": ("/tariffs//", "/tariffs/NL/CPO/T1"),
    "deep": ("/a/b%20c/2.2.1/tariffs", "/a/b%20c/2.2.1/tariffs/NL/CPO/T1"),
    "with a query": ("/api?module=tariffs", "/api/NL/CPO/T1?module=tariffs"),
}


@pytest.mark.parametrize(("path", "target"), ENDPOINTS.values(), ids=ENDPOINTS)
async def test_objects_below_an_endpoint(house: House, path: str, target: str) -> None:
    async with house.emsp(receiver_tariffs=path) as emsp:
        emsp.says[f"PUT {target.partition('?')[0]}"] = ocpi(status=201)
        assert (await house.put(emsp)).status == 201
        assert [each.target for each in emsp.asked] == [target]


@pytest.mark.parametrize("path", ["/tokens", "/tokens/", "/tokens//", "/api?module=tokens", "/"])
async def test_an_endpoint_itself_is_called_as_it_is_advertised(house: House, path: str) -> None:
    """Some need the slash at the end, others refuse it."""
    async with house.emsp(sender_tokens=path) as emsp:
        emsp.says[f"GET {path.partition('?')[0]}"] = ocpi([])
        assert (await house.list(emsp)).ok
        assert (await house.list(emsp, limit=5)).ok
        join = "&" if "?" in path else "?"
        assert [each.target for each in emsp.asked] == [path, f"{path}{join}limit=5"]


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("location", ["/tariffs/NL/CPO/T1/", "?slash=1", "{url}/elsewhere"])
async def test_a_redirect_within_the_origin_keeps_everything(house: House, status: int, location: str) -> None:
    """As frameworks send it that add the missing slash: method, body and headers are the same, the answer counts."""
    async with house.emsp(receiver_tariffs="/tariffs") as emsp:
        where = Say(status, headers={"Location": location.format(url=emsp.url)})
        first = "/tariffs/NL/CPO/T1"
        usual = ocpi(status=201)
        emsp.says = {f"PUT {path}": usual for path in ("/tariffs/NL/CPO/T1/", "/elsewhere")}
        emsp.says[f"PUT {first}"] = lambda asked: usual if "slash" in asked.target else where
        assert (await house.put(emsp)).status == 201
        one, two = emsp.asked
        assert (one.method, one.body, one.headers) == (two.method, two.body, two.headers)
        assert two.body == TARIFF


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (301, "/tariffs/NL/CPO/T1/"), (302, "/tariffs/NL/CPO/T1/"), (303, "/tariffs/NL/CPO/T1/"), (300, "/x"),
        (307, "http://localhost:{port}/x"), (307, "https://127.0.0.1:{port}/x"), (307, "//127.0.0.1:1/x"),
        (308, "http://user@127.0.0.1:{port}/x"), (307, "file:///etc/passwd"), (307, ""), (307, "http://[::1"),
    ],
)  # fmt: skip
async def test_no_other_redirect_is_followed(house: House, status: int, location: str) -> None:
    async with house.emsp(receiver_tariffs="/tariffs") as emsp:
        headers = {"Location": location.format(port=emsp.url.rpartition(":")[2])}
        emsp.says["PUT /tariffs/NL/CPO/T1"] = Say(status, headers=headers)
        reply = await house.put(emsp)
        assert (reply.status, reply.status_code) == (200, 4000)
        assert "redirects" in reply.status_message
        assert len(emsp.asked) == (2 if location == "" else 1)


def _gzipped(body: bytes) -> Say:
    return Say(200, gzip.compress(body), {"Content-Encoding": "gzip"})


FORMS: dict[str, Callable[[bytes], Say]] = {
    "as text": lambda body: Say(200, body, {"Content-Type": "text/html"}),
    "without a type": lambda body: Say(200, body),
    "as latin-1, they say": lambda body: Say(200, body, {"Content-Type": "application/json; charset=iso-8859-1"}),
    "compressed unasked": _gzipped,
    "with odd headers": lambda body: Say(200, body, {"X-Total-Count": "many", "X-Limit": "-1", "Link": "<<>;;,"}),
    "in HTTP 299": lambda body: Say(299, body),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_an_answer_goes_back_with_the_bytes_it_came_with(house: House, form: Callable[[bytes], Say]) -> None:
    async with house.emsp() as emsp:
        emsp.says["GET /sender/tokens"] = form(ENVELOPE)
        reply = await house.list(emsp)
        assert reply.ok
        assert reply.body == ENVELOPE
        assert reply.headers["Content-Type"].startswith("application/json")
        assert "Link" not in reply.headers


DATA = {"a list of one": [{"a": 1}], "null": None, "an object": {"a": 1}, "text": "ACCEPTED", "nothing at all": ...}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
async def test_data_of_any_shape_goes_back(house: House, data: object) -> None:
    body = {"status_code": 1000, "timestamp": TIMESTAMP} | ({} if data is ... else {"data": data})
    async with house.emsp() as emsp:
        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = Say(200, msgspec.json.encode(body))
        reply = await house.put(emsp)
        assert reply.ok
        assert reply.body == msgspec.json.encode(body)


async def test_only_what_ocpi_knows_of_headers_goes_either_way(house: House) -> None:
    """Neither side learns tokens, cookies or servers of the other; ids and parties are right whatever was sent."""
    async with house.emsp() as emsp:
        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = ocpi(
            Set_Cookie="a=b", Authorization="Token secret", X_Powered_By="x", Location=f"{emsp.url}/x", Via="x",
            X_Request_ID="other", X_Correlation_ID="other", OCPI_from_party_id="XXX", OCPI_to_country_code="XX",
        )  # fmt: skip
        headers = {"X-Request-ID": "mine", "X-Correlation-ID": "ours", "Cookie": "c=d", "X-Forwarded-For": "192.0.2.1"}
        reply = await house.cpo.call(
            "tariffs", RECEIVER, "PUT", "NL/CPO/T1", to=emsp.party, body=TARIFF, headers=headers
        )
        names = {name.lower() for name in reply.headers}
        assert not names & {"set-cookie", "authorization", "x-powered-by", "location", "via"}
        assert (reply.headers["X-Request-ID"], reply.headers["X-Correlation-ID"]) == ("mine", "ours")
        assert reply.headers["OCPI-from-party-id"] == emsp.party.party_id
        assert reply.headers["OCPI-to-country-code"] == "NL"
        (asked,) = emsp.asked
        assert not {"cookie", "x-forwarded-for"} & set(asked.headers)
        assert house.cpo.peer.token.reveal() not in str(asked.headers)
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["x-request-id"] not in ("", "mine")


@pytest.mark.parametrize(
    ("says", "code"),
    [(Say(401), 4000), (Say(403, b'{"detail":"?"}'), 4000), (Say(500, b"?"), 4000), (ocpi(code=3000), 3000)],
)
async def test_a_token_that_the_partner_lost_is_not_the_senders_affair(house: House, says: Say, code: int) -> None:
    async with house.emsp() as emsp:
        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = says
        reply = await house.put(emsp)
        assert (reply.status, reply.status_code) == (200, code)
        assert "WWW-Authenticate" not in reply.headers


WIRE: dict[str, tuple[list[bytes], int]] = {
    "HTTP/1.0 to the end": ([b"HTTP/1.0 200 OK\r\n\r\n", ENVELOPE], 1000),
    "lower-case chunks": ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % len(ENVELOPE), ENVELOPE,
                           b"\r\n0\r\n\r\n"], 1000),
    "after an interim answer": ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ENVELOPE], 1000),
    "byte by byte": ([b"HTTP/1.1 200 OK\r\n\r\n", *(bytes((each,)) for each in ENVELOPE)], 1000),
    "too slowly": ([b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", *[b" "] * 500], 4002),
    "head without end": ([b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 500], 4002),
    "broken off": ([b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", ENVELOPE], 4003),
    "nothing": ([], 4003),
    "noise": ([bytes(range(256))], 4000),
    "two lengths": ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"], 4000),
    "a tunnel": ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], 4000),
    "huge header": ([b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n", ENVELOPE], 4000),
    "header that is not ASCII": ([b"HTTP/1.1 200 OK\r\nX-Total-Count: \xff\xfe\r\n\r\n", ENVELOPE], 1000),
}  # fmt: skip


@pytest.mark.parametrize(("pieces", "code"), WIRE.values(), ids=WIRE)
async def test_answers_as_they_come_over_the_wire(house: House, pieces: list[bytes], code: int) -> None:
    async with house.emsp() as emsp, _server(pieces) as url:
        await house.app.partners.set_endpoint(str(emsp.party), "tokens", "SENDER", url)
        reply = await house.list(emsp)
        assert (reply.status, reply.status_code) == (200, code)
        assert reply.body == ENVELOPE or code != 1000
        assert reply.headers["Content-Type"].startswith("application/json")


@asynccontextmanager
async def _server(pieces: list[bytes]) -> AsyncIterator[str]:
    """A server that writes the pieces, one after the other, and closes."""
    tasks = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with _whatever_happens(writer):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                if writer.transport.is_closing():
                    break
                writer.write(piece)
                await asyncio.sleep(0.002)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/tokens"
    server.close()
    await asyncio.wait(tasks)


@contextmanager
def _whatever_happens(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
