"""The fault proxy does what its plan says, to one direction alone, and the same for the same seed."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from tests.fault.fault_proxy import FaultProxy, Faults, Plan

LONG = bytes(range(256)) * 40


class Server:
    """Keeps what came, and answers each connection with `LONG` when the client has sent all, and said so or not."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.ended = asyncio.Event()

    async def serve(self, reader, writer):
        self.got.append(b"")
        try:
            while data := await reader.read(1000):
                self.got[-1] += data
                if len(self.got[-1]) >= len(LONG):
                    break
            writer.write(LONG)
            await writer.drain()
        except ConnectionError:
            self.got.append(b"reset")
        finally:
            writer.close()
            self.ended.set()


@asynccontextmanager
async def proxied(plan=None, seed=0):
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with FaultProxy(listening.sockets[0].getsockname()[1], seed) as proxy:
        proxy.plan = plan or Plan()
        try:
            yield proxy, server
        finally:
            listening.close()


async def talk(proxy, data=LONG):
    """What comes back; what ended it where it was no proper end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    back = b""
    try:
        async with asyncio.timeout(5):
            writer.write(data)
            while got := await reader.read(1000):
                back += got
            return back, None
    except ConnectionResetError:
        return back, "reset"
    finally:
        writer.transport.abort()


async def test_without_faults_it_passes_everything_on():
    async with proxied() as (proxy, server):
        assert await talk(proxy) == (LONG, None)
        assert server.got == [LONG]


@pytest.mark.parametrize(("fault", "ended"), [("cut_at", None), ("reset_at", "reset")])
async def test_an_answer_ends_where_it_should(fault, ended):
    async with proxied(Plan(back=Faults(**{fault: 1234}))) as (proxy, server):
        back, end = await talk(proxy)
        assert end == ended
        assert back == LONG[:1234] if ended is None else len(back) <= 1234
        assert server.got[0] == LONG


@pytest.mark.parametrize("fault", ["cut_at", "reset_at"])
async def test_a_request_ends_where_it_should(fault):
    async with proxied(Plan(there=Faults(**{fault: 1234}))) as (proxy, server):
        back, _ = await talk(proxy)
        await server.ended.wait()
        assert back == b""
        assert len(server.got[0]) <= 1234 if fault == "reset_at" else server.got[0] == LONG[:1234]


async def test_one_direction_ends_and_the_other_goes_on():
    async with proxied(Plan(there=Faults(half_close_at=100))) as (proxy, server):
        assert await talk(proxy) == (LONG, None)
        assert server.got == [LONG[:100]]


async def test_garbage_is_put_in_and_a_bit_turned_and_both_are_the_same_again_for_the_same_seed():
    spoilt = []
    for seed in (1, 1, 2):
        async with proxied(Plan(there=Faults(garbage_at=10, garbage=4, flip_at=20)), seed) as (proxy, server):
            await talk(proxy)
            spoilt.append(server.got[0])
    assert spoilt[0] == spoilt[1] != spoilt[2]
    got = spoilt[0]
    assert (got[:10], got[14:24], got[25:]) == (LONG[:10], LONG[10:20], LONG[21 : len(got) - 4])
    assert (got[24] ^ LONG[20]).bit_count() == 1


async def test_a_stall_lasts_until_the_plan_changes():
    async with proxied(Plan(there=Faults(stall_at=500))) as (proxy, server):
        talking = asyncio.create_task(talk(proxy))
        async with asyncio.timeout(5):
            while not (server.got and len(server.got[0]) == 500):
                await asyncio.sleep(0.01)
        done, _ = await asyncio.wait([talking], timeout=0.1)
        assert not done
        assert len(server.got[0]) == 500
        proxy.plan = Plan()
        assert await talking == (LONG, None)


@pytest.mark.parametrize("faults", [Faults(latency=0.2), Faults(rate=len(LONG) / 0.2)])
async def test_what_is_slow_takes_its_time(faults):
    async with proxied(Plan(back=faults)) as (proxy, _):
        began = time.monotonic()
        assert await talk(proxy) == (LONG, None)
        assert time.monotonic() - began >= 0.19


async def test_it_refuses_and_comes_back_on_the_same_port():
    async with proxied() as (proxy, _):
        await proxy.stop()
        with pytest.raises(ConnectionRefusedError):
            await talk(proxy)
        await proxy.start()
        assert await talk(proxy) == (LONG, None)
