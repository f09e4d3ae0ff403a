"""Seeded fuzzing over real sockets: every answer is below HTTP 500 and an envelope, or the connection is closed."""

import asyncio
import random

import msgspec
import pytest

from hub.config import Limits
from tests.raw import ROUTING, TARIFF, House, ask, calm
from tests.support import network

ROUNDS = 600
AT_ONCE = 50
LIMITS = Limits(timeout=1.0, slow_request=0.3, request_body=20_000)
METHODS = (b"GET", b"PUT", b"POST", b"PATCH", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"")
PIECES = (
    b"", b"\r\n", b"\n", b"\0", b"\xff", b" ", b"\t", b":", b"/", b"//", b"/../", b"%2e%2e", b"%2f", b"%00", b"%",
    b"?", b"#", b"&", b"=", b"{", b"}", b"[" * 500, b'"', b"\\", b"\\ud800", b"null", b"-1", b"1e999", b"9" * 20,
    b"NaN", b"0x1", b"HTTP/1.0", b"HTTP/2", b"sealed", b"credentials", b"versions", b"NL", b"de", b"0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 7\r\n", b"Content-Length: 0\r\n", b"Connection: close\r\n",
    b"Expect: 100-continue\r\n", b"OCPI-to-party-id: CPO\r\n", b"Authorization: Token x\r\n", b"A" * 9000,
    b"\xef\xbb\xbf", "é".encode(), "\u202e".encode(), b"f" * 16 + b"\r\n", b"http://127.0.0.1:1/",
)  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_mutated_request_breaks_the_hub(tmp_path, caplog, seed):
    dice = random.Random(seed)
    async with network(tmp_path, limits=LIMITS) as (app, cpo, emsp):
        house = House(app, cpo, emsp)
        originals = await _originals(house)
        with calm():
            room = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(_try(app.url, _mutate(dice, dice.choice(originals)), room)) for _ in range(ROUNDS)
                ]
            await house.check()
    outcomes = {task.result() for task in tasks}
    assert {None, 200, 400, 401, 404, 405, 408} <= outcomes  # it got everywhere
    assert not [each for each in caplog.records if each.getMessage().startswith("Unhandled exception")]


async def _originals(house: House) -> list[bytes]:
    """Healthy requests to every part of the hub."""
    location = next(iter(house.cpo.locations))
    sealed = f"{house.app.url}/ocpi/2.2.1/sealed/{'x' * 80}"
    origin = house.cpo.url
    command = {"response_url": f"{origin}/r/1", "token": house.emsp.token(), "location_id": location["id"]}
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(TARIFF), TARIFF)
    requests = [
        house.get("/ocpi/versions"),
        house.get("/ocpi/2.2.1"),
        house.get("/ocpi/2.2.1/credentials"),
        house.get("/ocpi/2.2.1/sender/tokens?offset=1&limit=2&date_from=2020-01-01T00:00:00Z", *ROUTING),
        house.get("/ocpi/2.2.1/receiver/locations/NL/CPO/LOC1", *ROUTING),
        house.get(sealed.removeprefix(house.app.url)),
        house.put(TARIFF, "X-Request-ID: request", "X-Correlation-ID: correlation"),
        house.put(chunk, "Transfer-Encoding: chunked"),
        house.get(
            "/ocpi/2.2.1/receiver/locations/NL/CPO/LOC1", *ROUTING, method="PUT", body=msgspec.json.encode(location)
        ),
        house.get("/ocpi/2.2.1/sender/tokens/ABC/authorize?type=RFID", *ROUTING, method="POST", body=b""),
        house.get("/ocpi/2.2.1/receiver/cdrs", *ROUTING, method="POST", body=TARIFF),
        house.get(
            "/ocpi/2.2.1/receiver/commands/START_SESSION", *ROUTING, method="POST", body=msgspec.json.encode(command)
        ),
        house.get(f"/ocpi/2.2.1/receiver/chargingprofiles/S1?duration=9&response_url={origin}/r/1", *ROUTING),
    ]
    for raw in requests:
        assert (await house.told(raw)).status < 500
    return requests


def _mutate(dice: random.Random, raw: bytes) -> bytes:
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(raw) + 1)
        end = min(len(raw), start + dice.choice((0, 0, 1, 2, 10, 60)))
        match dice.randrange(6):
            case 0:
                raw = raw[:start] + dice.choice(PIECES) + raw[end:]
            case 1:
                raw = raw[:start] + dice.randbytes(dice.randint(1, 4)) + raw[end:]
            case 2:
                raw = raw[:start] + raw[end:]
            case 3:
                raw = raw[:end] + raw[start:]
            case 4:
                lines = raw.split(b"\r\n")
                lines.insert(dice.randrange(len(lines)), dice.choice(lines))
                raw = b"\r\n".join(lines)
            case 5:
                raw = b" ".join((dice.choice(METHODS), *raw.split(b" ")[1:]))
    return raw


async def _try(url: str, raw: bytes, room: asyncio.Semaphore) -> int | None:
    async with room:
        answer = await ask(url, raw)
    if answer is None:
        return None
    assert answer.status < 500 or answer.status == 503, (raw, answer)
    assert raw.lstrip().startswith(b"HEAD") or answer.envelope, raw
    return answer.status
