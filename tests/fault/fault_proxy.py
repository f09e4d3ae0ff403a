"""A TCP proxy between a client and a server that does to their bytes what a test says, the same for the same seed.

Each direction has faults of its own, and they can change while connections are open. Positions are bytes of one
direction of one connection, from 0 on.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from math import inf
from typing import TypeAlias

import msgspec

from tests.fault.listening import Listening

_CHUNK = 65_536
_TICK = 0.02
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one direction. Times are seconds, `rate` bytes per second.

    Each piece of data comes later by `latency`, and by up to `jitter` more. Where a position is reached, `cut_at`
    closes both connections, `reset_at` resets them, `half_close_at` ends this direction alone, `stall_at` holds back
    what follows until the faults change, `garbage_at` puts `garbage` random bytes in, `flip_at` turns one bit.
    """

    latency: float = 0.0
    jitter: float = 0.0
    rate: float | None = None
    cut_at: int | None = None
    reset_at: int | None = None
    half_close_at: int | None = None
    stall_at: int | None = None
    garbage_at: int | None = None
    garbage: int = 8
    flip_at: int | None = None

    def ends(self, sent: int) -> "End | None":
        """What ends or holds the direction after so many bytes."""
        for at, end in (
            (self.cut_at, End.CUT),
            (self.reset_at, End.RESET),
            (self.half_close_at, End.HALF_CLOSE),
            (self.stall_at, End.STALL),
        ):
            if at is not None and sent >= at:
                return end
        return None

    def next_stop(self, sent: int) -> float:
        """How far it goes from here without anything happening."""
        stops = (self.cut_at, self.reset_at, self.half_close_at, self.stall_at, self.garbage_at, self.flip_at)
        return min((at for at in stops if at is not None and at > sent), default=inf)


class End(StrEnum):
    """What can become of a direction."""

    CUT = "cut"
    RESET = "reset"
    HALF_CLOSE = "half-close"
    STALL = "stall"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`there` is what happens to the client's bytes, `back` to the server's."""

    there: Faults = Faults()
    back: Faults = Faults()


class FaultProxy(Listening):
    """Listens at `url`, and passes on to `target`, a port of this machine. `connections` counts those that came."""

    def __init__(self, target: int, seed: int = 0) -> None:
        super().__init__()
        self.connections = 0
        self._target = target
        self._seed = seed
        self._plan = Plan()
        self._changed = asyncio.Event()

    @property
    def plan(self) -> Plan:
        """What is in force, for connections that are open, too."""
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            with suppress(OSError, asyncio.CancelledError):
                far = await asyncio.open_connection("127.0.0.1", self._target)
                await self._carry(number, (reader, writer), far)
        finally:
            writer.transport.abort()

    async def _carry(self, number: int, near: Streams, far: Streams) -> None:
        """Pass on in both directions, until both ended or one of them ends everything."""
        ends: set[End | None] = set()
        pending = {
            asyncio.create_task(self._pump(near[0], far[1], number, "there")),
            asyncio.create_task(self._pump(far[0], near[1], number, "back")),
        }
        try:
            while pending and not ends & {End.CUT, End.RESET}:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                ends |= {task.result() for task in done}
            await _close((near[1], far[1]), reset=End.RESET in ends)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
            far[1].transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, direction: str
    ) -> End | None:
        """Pass one direction on; what ended it, None where it was its own sender."""
        chance = random.Random(f"{self._seed} {number} {direction}")
        sent = 0
        try:
            while data := await reader.read(_CHUNK):
                faults = self._faults(direction)
                await asyncio.sleep(faults.latency + chance.uniform(0, faults.jitter))
                end = await self._pass_on(writer, data, sent, direction, chance)
                sent += len(data)
                if end is End.HALF_CLOSE:
                    break
                if end:
                    return end
            writer.write_eof()
        except OSError:
            return End.CUT
        return None

    async def _pass_on(
        self, writer: asyncio.StreamWriter, data: bytes, sent: int, direction: str, chance: random.Random
    ) -> End | None:
        """Pass data on whose first byte is at a position; what ends the direction within it, or right after it."""
        while data:
            if end := await self._end(direction, sent):
                return end
            faults = self._faults(direction)
            most = int(min(len(data), faults.next_stop(sent) - sent, (faults.rate or inf) * _TICK + 1))
            writer.write(b"".join(_spoilt(data[:most], sent, faults, chance)))
            await writer.drain()
            data, sent = data[most:], sent + most
            if faults.rate:
                await asyncio.sleep(most / faults.rate)
        end = self._faults(direction).ends(sent)
        return None if end is End.STALL else end

    def _faults(self, direction: str) -> Faults:
        return self._plan.there if direction == "there" else self._plan.back

    async def _end(self, direction: str, sent: int) -> End | None:
        """What ends a direction here; a stall is waited out."""
        while (end := self._faults(direction).ends(sent)) is End.STALL:
            await self._changed.wait()
        return end


def _spoilt(piece: bytes, at: int, faults: Faults, chance: random.Random) -> Iterator[bytes]:
    """A piece whose first byte is at a position, with what is inserted there, and flipped."""
    if faults.garbage_at == at:
        yield chance.randbytes(faults.garbage)
    if faults.flip_at == at:
        yield bytes((piece[0] ^ 1 << chance.randrange(8),))
        piece = piece[1:]
    yield piece


async def _close(writers: tuple[asyncio.StreamWriter, ...], *, reset: bool) -> None:
    for writer in writers:
        if reset:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            for writer in writers:
                await writer.wait_closed()
