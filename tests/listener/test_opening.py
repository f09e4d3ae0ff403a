"""The end of a listener."""

import asyncio
import socket

import pytest
import uvloop

from hub.listener import accept_no_more


class Echo(asyncio.Protocol):
    """Sends back what came."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)
        self.transport.close()


async def _answer(turns: int) -> bytes:
    """What is answered to who connected so many turns of the loop before the end; nothing where it was refused."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        client.sendall(b"asked")
        client.settimeout(5)
        for _ in range(turns):
            await asyncio.sleep(0)
        await accept_no_more(server)
        server.close()
        try:
            return await asyncio.to_thread(client.recv, 100)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_was_accepted_is_answered(loop, turns):
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(_answer(turns)) == b"asked" or turns < 2
