"""1,000 sockets that send next to nothing, or nothing: all are freed in time, and nobody else notices."""

import asyncio
import itertools
import resource
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.fault.load import PATH, TO, configure, put, receiver
from tests.fault.process import HubProcess
from tests.partner import Partner
from tests.promises import LONG, size
from tests.raw import Wire, request, wire

pytestmark = [pytest.mark.promise(6), pytest.mark.timeout(0 if LONG else 90)]

SOCKETS = 1_000
HALF = size(100, 1_000)
"""TLS handshakes that are begun and not gone on with."""
LIMIT = size(5.0, 10.0)
"""Seconds for a request to arrive, and for an idle connection to be kept."""
DRIP = LIMIT / 12
HELLO = bytes.fromhex("16030100c8010000c403034a") + bytes(50)
"""The beginning of a ClientHello that announces more."""


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """This process opens as many sockets. The hub begins with fewer than it needs, and takes more by itself."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 2 * SOCKETS:
        pytest.skip(f"this system allows {before[1]} open files only")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _allow(files: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


async def test_slow_sockets_are_freed_and_nobody_else_fails(tmp_path, proof):
    async with _house(tmp_path) as (hub, cpo, _):
        head = request("PUT", PATH, *TO, "Content-Length: 500", token=cpo.token)
        kinds = itertools.cycle([
            (b"", b""),
            (b"GET /ocpi/versions HTTP/1.1\r\nHost: hub\r\n", b"X: y\r\n"),
            (b"GET /oc", b"p"),
            (head, b" "),
            (head.replace(b"Content-Length: 500", b"Transfer-Encoding: chunked"), b"1\r\n \r\n"),
            (request("GET", "/ocpi/versions", token=cpo.token), b""),
        ])  # fmt: skip
        freed, failed, asked = await _besiege(hub.url, cpo, [next(kinds) for _ in range(SOCKETS)], None)
        await hub.stop()
    proof.exactly("slow sockets at a time", len(freed), SOCKETS)
    proof.at_most("seconds until the last one is freed, for each second of the limit", round(max(freed) / LIMIT, 2), 2)
    proof.at_least("healthy requests meanwhile", asked, 20)
    proof.exactly("healthy requests failed meanwhile", failed, 0)


async def test_half_a_tls_handshake_is_freed_and_nobody_else_fails(tmp_path, proof):
    authority = Authority(tmp_path / "ca.pem")
    authority.issue(tmp_path / "certificate.pem", tmp_path / "key.pem")
    files = {"certificate": str(tmp_path / "certificate.pem"), "key": str(tmp_path / "key.pem")}
    async with _house(tmp_path, authority.client(), **files) as (hub, cpo, url):
        kinds = itertools.cycle([(HELLO, b"\0"), (HELLO[:3], b""), (b"", b"")])
        freed, failed, _ = await _besiege(url, cpo, [next(kinds) for _ in range(HALF)], authority.client())
        await hub.stop()
    proof.exactly("half TLS handshakes at a time", len(freed), HALF)
    proof.at_most("seconds until the last handshake is freed, for each second", round(max(freed) / LIMIT, 2), 2)
    proof.exactly("healthy requests failed during half handshakes", failed, 0)


@asynccontextmanager
async def _house(
    folder: Path, tls: ssl.SSLContext | None = None, **listen: str
) -> AsyncIterator[tuple[HubProcess, Partner, str]]:
    _allow(256)
    hub = HubProcess(folder)
    configure(
        hub,
        hub={"event_loop": "uvloop"},
        limits={"slow_request": LIMIT, "keepalive": LIMIT, "timeout": 10.0},
        listen=listen,
    )
    url = hub.url.replace("http://", "https://") if tls else hub.url
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(hub)
        _allow(min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20_000))
        for partner in (cpo, emsp):
            await stack.enter_async_context(partner.serve())
            partner.tls = tls
            invited = await hub.ask("invite", name=str(partner.roles[0]), parties=[str(partner.roles[0])])
            partner.token, partner.hub = invited["token_a"], url
            assert (await partner.register()).code == 1000
        yield hub, cpo, url


async def _besiege(
    url: str, cpo: Partner, sockets: list[tuple[bytes, bytes]], tls: ssl.SSLContext | None
) -> tuple[list[float], int, int]:
    """Seconds until each was freed; healthy requests that failed, and how many there were."""
    failed = asked = 0
    done = asyncio.Event()

    async def healthy() -> None:
        nonlocal failed, asked
        while not done.is_set():
            asked += 1
            try:
                async with wire(url, 10.0, tls) as connection:
                    await connection.send(put(cpo))
                    answer = await connection.answer()
                failed += answer is None or answer.told != (200, 1000)
            except (OSError, TimeoutError):
                failed += 1
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        watched = [group.create_task(healthy()) for _ in range(2)]
        room = asyncio.Semaphore(50)
        freed = await asyncio.gather(*(_slow(url, first, drip, room) for first, drip in sockets))
        done.set()
    assert all(task.done() for task in watched)
    return freed, failed, asked


async def _slow(url: str, first: bytes, drip: bytes, room: asyncio.Semaphore) -> float:
    async with AsyncExitStack() as stack:
        async with room:
            connection = await stack.enter_async_context(wire(url, 4 * LIMIT + 10))
            began = time.monotonic()
            await connection.send(first)
        dripping = asyncio.create_task(_drip(connection, drip))
        await connection.closed()
        dripping.cancel()
        return time.monotonic() - began


async def _drip(connection: Wire, piece: bytes) -> None:
    while piece and not connection.is_closed:
        await asyncio.sleep(DRIP)
        await connection.send(piece)
