"""Connections: one request after the other, each in a task and a context of its own, on both event loops."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest

from hub.listener.connection import Connection, Site
from hub.listener.request import Request

GET = b"GET /%s HTTP/1.1\r\nHost: hub\r\n\r\n"
UPGRADE = b"GET /up HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
MARK: ContextVar[str] = ContextVar("mark", default="none")
MOST_CALLS = 10
"""Of Python functions, for a request with a body, from its bytes to those of its answer."""


class Told:
    """An answer in plain text."""

    def __init__(self, text: str, *, close: bool = False) -> None:
        self.text = text
        self.close = close

    def encode(self, method, version, *, keep_alive):
        if "\n" in self.text:
            raise ValueError("a line break")
        how = "keep" if keep_alive else "close"
        body = f"{method} {self.text} {how}\n".encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class House(Site):
    """Answers with what `handle` gives."""

    def __init__(self, handle: Callable[[Request], Awaitable[Told]], **options) -> None:
        super().__init__(handle, **{"patience": 5.0, "write_patience": 5.0, "access_log": None, **options})
        self.errors: list[BaseException] = []

    def failed(self, error):
        self.errors.append(error)
        return Told("failed", close=True)

    def unreadable(self, error):
        self.errors.append(error)
        return Told("unreadable", close=True)


class Client:
    """A connection to a house."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def told(self) -> str:
        """The body of the next answer; nothing where the connection ended."""
        async with asyncio.timeout(5):
            head = await self.reader.readline()
            while head and await self.reader.readline() != b"\r\n":
                pass
            return (await self.reader.readline()).decode().strip()


@asynccontextmanager
async def open_house(handle, **options) -> AsyncIterator[tuple[House, Callable[[], Awaitable[Client]]]]:
    house = House(handle, **options)
    server = await asyncio.get_running_loop().create_server(house, "127.0.0.1", 0)
    clients = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection(*server.sockets[0].getsockname())))
        return clients[-1]

    try:
        yield house, connect
    finally:
        for each in clients:
            each.writer.close()
        server.close()
        await house.shutdown(1)


async def echo(request: Request) -> Told:
    return Told(request.target)


async def met(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_requests_are_answered_in_their_order_however_many_come_at_once():
    async def turn(request: Request) -> Told:
        await asyncio.sleep(0)
        return Told(request.target)

    async with open_house(turn) as (_, connect):
        client = await connect()
        await client.send(b"".join(GET % str(number).encode() for number in range(100)))
        assert [await client.told() for _ in range(100)] == [f"GET /{number} keep" for number in range(100)]


async def test_one_request_knows_nothing_of_another_one():
    async def mark(request: Request) -> Told:
        seen = MARK.get()
        MARK.set(request.target)
        await asyncio.sleep(0)
        return Told(seen)

    async with open_house(mark) as (_, connect):
        client = await connect()
        await client.send(GET % b"a" + GET % b"b")
        assert [await client.told() for _ in range(2)] == ["GET none keep"] * 2
        await client.send(GET % b"c")
        assert await client.told() == "GET none keep"


async def test_nothing_runs_for_a_connection_on_which_nothing_is_asked():
    async with open_house(echo) as (house, connect):
        before = asyncio.all_tasks()
        client = await connect()
        await client.send(GET % b"a")
        await client.told()
        await met(lambda: len(house.connections) == 1 and not house.busy)
        await met(lambda: asyncio.all_tasks() <= before)


async def test_an_idle_connection_is_closed_and_one_that_is_not_is_left():
    slow = asyncio.Event()

    async def wait(request: Request) -> Told:
        if request.target == "/slow":
            await slow.wait()
        return Told(request.target)

    async with open_house(wait, keepalive_timeout=0.1) as (house, connect):
        idle, busy = await connect(), await connect()
        await idle.send(GET % b"a")
        await busy.send(GET % b"slow")
        assert await idle.told() == "GET /a keep"
        assert await idle.told() == ""
        await asyncio.sleep(0.2)
        slow.set()
        assert await busy.told() == "GET /slow keep"
        await busy.send(GET % b"b")
        assert await busy.told() == "GET /b keep"
        assert await busy.told() == ""
        await met(lambda: not house.connections)


async def test_a_request_for_another_protocol_is_one_as_any_other():
    async with open_house(echo) as (house, connect):
        client = await connect()
        await client.send(UPGRADE + GET % b"a")
        assert [await client.told(), await client.told()] == ["GET /up keep", "GET /a keep"]
        await client.send(UPGRADE)
        assert await client.told() == "GET /up keep"
        await client.send(GET % b"b" + UPGRADE + b"nonsense\r\n\r\n")
        told = [await client.told() for _ in range(4)]
        assert told == ["GET /b keep", "GET /up keep", "UNKNOWN unreadable close", ""]
        assert len(house.errors) == 1


async def test_a_body_that_nobody_reads_is_waited_for_but_not_for_long():
    head = b"PUT /a HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n"
    async with open_house(echo, lingering_time=0.2) as (_, connect):
        client = await connect()
        await client.send(head)
        assert await client.told() == "PUT /a keep"
        await client.send(bytes(100) + GET % b"b")
        assert await client.told() == "GET /b keep"
        await client.send(head)
        assert await client.told() == "PUT /a keep"
        assert await client.told() == ""


async def test_who_goes_away_does_not_end_what_is_under_way():
    began, done = asyncio.Event(), asyncio.Event()

    async def work(_: Request) -> Told:
        began.set()
        await asyncio.sleep(0.05)
        done.set()
        return Told("done")

    async with open_house(work) as (house, connect):
        client = await connect()
        await client.send(GET % b"a" + GET % b"never")
        await began.wait()
        client.writer.transport.abort()
        began.clear()
        await asyncio.wait_for(done.wait(), 5)
        await met(lambda: not house.connections)
        assert not began.is_set()


async def test_a_body_that_breaks_off_ends_the_wait_for_it():
    ended = asyncio.get_running_loop().create_future()

    async def read(request: Request) -> Told:
        try:
            await request.content.read()
        except Exception as error:
            ended.set_result(error)
        return Told("")

    async with open_house(read) as (_, connect):
        client = await connect()
        await client.send(b"PUT /a HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n")
        await asyncio.sleep(0.01)
        client.writer.transport.abort()
        assert isinstance(await asyncio.wait_for(ended, 5), ConnectionError)


@pytest.mark.parametrize("seconds", [5.0, 0.05])
async def test_shutdown_waits_for_the_answer_but_not_for_ever(seconds):
    ended = []

    async def work(_: Request) -> Told:
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("done")
        return Told("done")

    async with open_house(work) as (house, connect):
        client = await connect()
        await client.send(GET % b"a")
        await met(lambda: house.busy == 1)
        await house.shutdown(seconds)
        assert await client.told() == ("GET done keep" if seconds > 1 else "")
        await met(lambda: ended == ["done" if seconds > 1 else "cancelled"])


async def test_what_fails_is_answered_all_the_same_and_ends_the_connection():
    async def fail(request: Request) -> Told:
        if request.target == "/raise":
            raise LookupError
        return Told("two\nlines")

    async with open_house(fail) as (house, connect):
        for target, kind in ((b"raise", LookupError), (b"lines", ValueError)):
            client = await connect()
            await client.send(GET % target + GET % b"more")
            assert [await client.told(), await client.told()] == ["GET failed close", ""]
            assert isinstance(house.errors.pop(), kind)


async def test_a_request_that_somebody_else_cancels_ends_its_connection():
    async def wait(request: Request) -> Told:
        asyncio.get_running_loop().call_soon(request.task.cancel)
        await asyncio.sleep(5)
        return Told("")

    async with open_house(wait) as (house, connect):
        client = await connect()
        await client.send(GET % b"a" + GET % b"b")
        assert await client.told() == ""
        await met(lambda: not house.connections)


async def test_an_http_1_0_client_and_one_that_says_close():
    async with open_house(echo) as (_, connect):
        for line in (b"GET /a HTTP/1.0\r\n\r\n", b"GET /a HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"):
            client = await connect()
            await client.send(line)
            assert [await client.told(), await client.told()] == ["GET /a close", ""]
        client = await connect()
        await client.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert await client.told() == "GET /a keep"


@pytest.mark.parametrize("pieces", [(b"abcdefg",), (b"", b"abcdefg"), (b"abc", b"", b"d", b"efg")])
async def test_a_body_is_whole_at_once_or_piece_by_piece(pieces):
    async def read(request: Request) -> Told:
        whole = request.whole(10)
        body = await request.content.read() if whole is None else whole
        return Told(f"{whole is not None} {body.decode()}")

    async with open_house(read) as (_, connect):
        client = await connect()
        await client.send(b"PUT /a HTTP/1.1\r\nHost: hub\r\nContent-Length: 7\r\n\r\n" + pieces[0])
        for piece in pieces[1:]:
            await asyncio.sleep(0.01)
            await client.send(piece)
        assert await client.told() == f"PUT {len(pieces) == 1} abcdefg keep"
        await client.send(b"PUT /a HTTP/1.1\r\nHost: hub\r\nContent-Length: 11\r\n\r\n" + b"x" * 11)
        assert await client.told() == "PUT False xxxxxxxxxxx keep"
        await client.send(GET % b"a")
        assert await client.told() == "GET True  keep"


class Wall(asyncio.Transport):
    """A transport that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, data):
        self.written.set()

    def is_closing(self):
        return False

    def close(self):
        """Nothing is open."""

    def set_write_buffer_limits(self, high=None, low=None):
        """Nothing is kept."""


async def test_a_request_costs_few_calls():
    """What each request pays before and after the hub's own work. Many more than now would be a step back."""

    async def read(request: Request) -> Told:
        request.whole(10)
        return answer

    answer = Told("a")
    house, wall = House(read), Wall()
    connection = house()
    assert isinstance(connection, Connection)
    connection.connection_made(wall)
    calls: Counter[str] = Counter()

    async def ask() -> None:
        wall.written.clear()
        connection.data_received(b"PUT /a HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nabc")
        await wall.written.wait()

    def count(frame, event, _):
        code = frame.f_code
        if event == "call" and ("/hub/" in code.co_filename or "/site-packages/" in code.co_filename):
            calls[code.co_qualname] += 1

    await ask()
    await asyncio.sleep(0)
    sys.setprofile(count)
    for _ in range(10):
        await ask()
    sys.setprofile(None)
    connection.connection_lost(None)
    assert calls.total() <= MOST_CALLS * 10, calls
