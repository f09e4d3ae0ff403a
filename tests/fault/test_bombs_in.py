"""Requests that are bombs, to a hub that is a process: its memory at the peak, and how soon it is done with each."""

import asyncio
import time
from collections.abc import Iterator
from itertools import repeat

import pytest

from tests.fault.bombs import MB, Bomb, bodies, heads, texts
from tests.fault.load import PATH, TO, configure, join, put, receiver
from tests.fault.memory import peak, watch
from tests.fault.process import HubProcess
from tests.partner import Partner
from tests.promises import LONG, size
from tests.raw import Answer, request, wire

pytestmark = [pytest.mark.promise(6), pytest.mark.timeout(0 if LONG else 90)]

AT_ONCE = size(2, 8)
"""Connections that send the same bomb at a time."""
TIMEOUT = 2.0
SLOW = 1.5
"""Seconds that a request may take to arrive."""
WITHIN = 2.0
"""Seconds to be done with a bomb; for one that drips, or whose sender takes no answers, after the time for it."""
MOST = 64
REQUEST_BODY = MB
REFUSED = size(300, 2_000)
"""Bodies that are refused, one after the other."""
NOT_TAKEN = "requests whose answers nobody takes"
"""How soon they are cut off depends on when the buffers between hub and sender are full; that they are is enough."""


def requests(token: str) -> Iterator[Bomb]:
    """Every request of the kind, with and without a token, to a module and to credentials."""
    for head in (
        request("PUT", PATH, *TO, token=token),
        request("PUT", "/ocpi/2.2.1/credentials", token=token),
        request("PUT", PATH, *TO),
        request("GET", "/ocpi/versions", token=token),
    ):
        start = head.removesuffix(b"\r\n")
        yield from bodies(start)
        yield from heads(start)
    start = request("PUT", PATH, *TO, token=token).removesuffix(b"\r\n")
    for name, text in texts():
        cut = text.removeprefix(b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":')[: REQUEST_BODY - 2]
        for body in (cut, _closed(cut)):
            yield Bomb(name, lambda body=body: iter([start + b"Content-Length: %d\r\n\r\n" % len(body), body]))
    yield Bomb("a request line without end", lambda: repeat(b"G" * 10_000, 200_000))
    yield Bomb("a path without end", lambda: _then(b"GET /ocpi/", repeat(b"a/" * 5_000, 200_000)))
    yield Bomb("empty lines without end", lambda: repeat(b"\r\n" * 5_000, 200_000), drips=True)
    yield Bomb(
        "an upgrade",
        lambda: _then(
            start + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
            repeat(b"a" * 10_000, 200_000),
        ),
    )
    yield Bomb(NOT_TAKEN, lambda: repeat(request("GET", "/ocpi/2.2.1", token=token) * 100, 100_000), drips=True)


def _then(head: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from parts


def _closed(text: bytes) -> bytes:
    """The same as whole JSON, where it is a list that was cut off."""
    return text[: text.rfind(b",")] + b"]" if text.startswith(b"[") and b"," in text else text


async def test_requests_that_are_bombs(tmp_path, proof):
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    hub = HubProcess(tmp_path, timeout=TIMEOUT)
    configure(hub, hub={"event_loop": "uvloop"}, limits={"slow_request": SLOW}, routing={"validation": "enforce"})
    configure(hub, partner_limits={"wrong_tokens": 0})
    slowest, dripping, tried = 0.0, 0.0, 0
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        await _healthy(hub, cpo)
        base = watch(hub)
        for bomb in requests(cpo.token):
            took = await _best(hub, bomb)
            tried += AT_ONCE
            print(f"{bomb.name}: {took:.2f} s, {(peak(hub) - base) / MB:.0f} MB")
            if bomb.drips:
                dripping = max(dripping, took if bomb.name != NOT_TAKEN else 0.0)
            else:
                slowest = max(slowest, took)
            await _healthy(hub, cpo)
        grown = peak(hub) - base
        await hub.stop()
    proof.at_least("requests that are bombs", tried, 100)
    proof.at_most("MB over the base at the peak, requests", round(grown / MB, 1), MOST)
    proof.at_most("seconds to be done with a request that is a bomb", round(slowest, 2), WITHIN)
    proof.at_most("seconds to be done with one that drips", round(dripping, 2), TIMEOUT + WITHIN)


async def test_what_was_refused_is_let_go_of_at_once(tmp_path, proof):
    """Not at the next garbage collection, which comes after so many objects, and not after so many bytes."""
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    hub = HubProcess(tmp_path, timeout=TIMEOUT)
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        start = request("PUT", PATH, *TO, token=cpo.token).removesuffix(b"\r\n")
        sent = start + b"Transfer-Encoding: chunked\r\n\r\n", b"200000\r\n" + b" " * (REQUEST_BODY + 1000)
        bomb = Bomb("a body of more than 1 MB", lambda: iter(sent))
        base = watch(hub)
        for _ in range(REFUSED):
            assert (await _try(hub, bomb))[1].status == 413
        grown = peak(hub) - base
        await hub.stop()
    proof.at_most("MB over the base at the peak, refused bodies in a row", round(grown / MB, 1), 32)


async def _best(hub: HubProcess, bomb: Bomb) -> float:
    """Seconds until all are done with. What a busy machine adds is left out: the best of three counts."""
    best = float("inf")
    for _ in range(3):
        outcomes = await asyncio.gather(*(_try(hub, bomb) for _ in range(AT_ONCE)))
        for _, answer in outcomes:
            assert answer is None or 400 <= answer.status < 500 or answer.code == 2001 or answer.status == 200, (
                bomb.name,
                answer,
            )
        best = min(best, max(took for took, _ in outcomes))
        if best < WITHIN:
            break
    return best


async def _try(hub: HubProcess, bomb: Bomb) -> tuple[float, Answer | None]:
    """Send, until there is an answer or the end of the connection."""
    began = moved = time.monotonic()
    async with wire(hub.url, 20.0) as connection:

        async def send() -> None:
            nonlocal moved
            for part in bomb.bytes():
                if connection.is_closed:
                    return
                moved = time.monotonic()
                await connection.send(part)

        sending = asyncio.create_task(send())
        try:
            if bomb.name == NOT_TAKEN:
                connection.stop_reading()
                async with asyncio.timeout(20):
                    await sending
                return time.monotonic() - moved, None
            answer = await connection.answer()
            return time.monotonic() - began, answer
        finally:
            sending.cancel()


async def _healthy(hub: HubProcess, cpo: Partner) -> None:
    async with wire(hub.url, 10.0) as connection:
        await connection.send(put(cpo))
        answer = await connection.answer()
    assert answer is not None
    assert answer.told == (200, 1000)
