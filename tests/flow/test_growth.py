"""What a message costs does not grow: with parties, agreements, plugins that it does not concern, mirror and journal.

Not time is compared, but operations: the calls and lines of the hub's own code, on the thread of its loop. Sender and
receiver are sockets in threads of their own.
"""

import asyncio
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

import hub
from hub.app import App
from hub.config.model import Liveness
from hub.core.agreements import Rule
from hub.core.party import Role
from hub.partners.opening import Store
from hub.store.journal_schema import exchange
from hub.store.schema import agreement
from tests.bench.cases import put
from tests.bench.seed import NOW, Member, _mirror, _seed, clone, many
from tests.bench.wrk import Request
from tests.support import config

FEW, MANY = 10, 10_000
SHARE = 0.01
"""What the counts of the same messages may differ by: how events fall into the turns of the loop is a bit of chance."""

_HUB = str(Path(hub.__file__).parent)
_MESSAGES = 40
_BATCHES = 7
_OK = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}'
_PLUGIN = '''"""Concerned with others."""

from hub.plugin import Message, Plugin, Push, on_push, receive, route


class Other{number}(Plugin):
    @receive("cdrs.post")
    async def look(self, message: Message) -> None: ...

    @route("tokens.post")
    async def choose(self, message: Message, proposed: object) -> None: ...

    @on_push("sessions.put")
    async def watch(self, push: Push) -> None: ...
'''


async def test_the_operations_for_a_message_are_as_many_with_10_parties_and_nothing_as_with_10_000_and_all(tmp_path):
    with partner() as url:
        small, big = tmp_path / "small", tmp_path / "big"
        cpo, *others = [*many(1, Role.CPO, url), *many(MANY - 1, Role.EMSP, url, "DE")]
        for folder in (small, big):
            folder.mkdir()
            await _seed(folder, [cpo, *others[: FEW - 1]], 0)
        await grow(big, cpo, others[FEW - 2], others[FEW - 1 :])
        few, much = await operations(small, put(cpo)), await operations(big, put(cpo))
    assert few.total() > 20 * _MESSAGES, "nothing was counted"
    more = "\n".join(f"{count / _MESSAGES:+.2f} {name}" for name, count in (much - few).most_common(12))
    assert much.total() == pytest.approx(few.total(), rel=SHARE), f"a message, with all of it:\n{more}"


async def grow(folder: Path, cpo: Member, model: Member, others: list[Member]) -> None:
    """Thousands of platforms, agreements, objects in the mirror, rows in the journal, and some plugins."""
    for number in range(5):
        (folder / "plugins").mkdir(exist_ok=True)
        (folder / "plugins" / f"other_{number}.py").write_text(_PLUGIN.format(number=number))
    rules = [Rule.between(str(each.role.party), "FR-AAA", "locations", allow=False) for each in others[:2000]]
    async with Store(config(folder)) as store:

        async def write(connection: AsyncConnection) -> None:
            await clone(connection, store, FEW, model, others)
            rows = [{"one": r.one, "other": r.other, "module": r.module, "allow": r.allow} for r in rules]
            await connection.execute(insert(agreement), [row | {"updated_at": NOW} for row in rows])
            await _mirror(connection, cpo, 1, 3000)
            past = {each.name: None if each.nullable else _any(each.type.python_type) for each in exchange.columns}
            await connection.execute(insert(exchange), [past | {"id": n} for n in range(1, 5001)])

        await store.database.write(write)


def _any(kind: type) -> Any:
    return "delivered" if kind is str else kind()


async def operations(folder: Path, request: Request) -> "Counter[str]":
    """The calls and lines of the hub for a number of messages, by function: of each, the least of several batches."""
    counts: list[Counter[str]] = []
    # What is done by the clock is no part of a message: no platform is probed meanwhile.
    async with App(config(folder, validation="enforce", liveness=Liveness(idle=86_400))) as app:
        with socket.create_connection(("127.0.0.1", int(app.url.split(":")[2].split("/")[0]))) as sender:
            sending = raw(request)
            await asyncio.to_thread(send, sender, sending)
            for _ in range(_BATCHES):
                with counted() as count:
                    await asyncio.to_thread(send, sender, sending)
                counts.append(count)
    least = counts[0]
    for count in counts[1:]:
        least &= count
    return least


@contextmanager
def counted() -> "Iterator[Counter[str]]":
    """Counts calls and lines of code of the hub on this thread."""
    count: Counter[str] = Counter()

    def step(frame: FrameType, _event: str, _arg: Any) -> Any:
        count[frame.f_code.co_qualname] += 1
        return step

    def call(frame: FrameType, event: str, arg: Any) -> Any:
        return step(frame, event, arg) if frame.f_code.co_filename.startswith(_HUB) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield count
    finally:
        sys.settrace(before)


def raw(request: Request) -> bytes:
    """A request as it goes over the wire."""
    headers = {"Host": "hub", "Content-Length": str(len(request.body or b"")), **request.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode() + (request.body or b"")


def send(to: socket.socket, request: bytes) -> None:
    """Send messages, one after the other, each when the one before it was answered."""
    for _ in range(_MESSAGES):
        to.sendall(request)
        answer = take(to)
        assert b'"status_code":1000' in answer, answer


def take(of: socket.socket) -> bytes:
    """A whole request or answer; nothing where the other side has closed."""
    taken = b""
    while part := of.recv(65536):
        taken += part
        head, end, body = taken.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0):
            return taken
    return b""


@contextmanager
def partner() -> Iterator[str]:
    """The URL of a partner that answers everything with success."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_OK), _OK)

    def serve(connection: socket.socket) -> None:
        with connection:
            while take(connection):
                connection.sendall(answer)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=accept, daemon=True))
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(5)
