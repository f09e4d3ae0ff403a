"""What nodes tell each other at once, and keep nowhere: results that another one waits for, and what is live.

It goes as notifications of PostgreSQL, on a channel of each node and one of all; what is longer than one holds goes in
pieces. All of it is encrypted: PostgreSQL may put notifications that wait into a file. Nothing is repeated.
"""

import asyncio
import base64
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import count

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from hub.background import background
from hub.errors import NotNow
from hub.store.crypto import Keyring
from hub.store.database import Database
from hub.store.errors import StoreError
from hub.store.seat import Seat

log = structlog.get_logger()

LARGEST = 256 * 1024
"""Bytes that can be told at once."""
_PIECE = 5_000
"""Bytes of a piece: in base64, and with what names it, it has no more than 7,000."""
_MOST_OPEN = 8 * LARGEST
"""Bytes of what has not come whole yet. What is there for longest is forgotten."""
_PATIENCE = 2.0
"""Seconds in which a node says whether it has taken what it was handed."""
_WAITING = 1000
_CONTEXT = b"ocpi-hub relay 1"
_CHANNEL = "ocpi_hub_"
_ALL = "all"
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")
_ANSWER = ""

Handler = Callable[[bytes], bool]
"""Gets what another node tells; whether it was for anybody here."""


class NotTold(NotNow):
    """Another node can not be told something now."""


class _Told(msgspec.Struct, frozen=True, array_like=True):
    """`number` is that of what was handed, and of the answer to it; 0 where none is wanted."""

    kind: str
    body: bytes
    number: int = 0


class Relay:
    """Tells other nodes, and hears them. Where there can be no other, there is nobody to tell.

    `own` is what others call this node: 22 letters that fit into a URL, and are another node's after a restart.
    """

    def __init__(self, seat: Seat, database: Database, keyring: Keyring) -> None:
        """To be made before the seat is taken."""
        self.own = short(database.node)
        self.several = database.shared
        self._seat = seat
        self._cipher = AESSIV(keyring.derive(b"relay", 64))
        self._handlers: dict[str, Handler] = {}
        self._numbers = count(1)
        self._handed: dict[int, asyncio.Future[bool]] = {}
        self._open = _Open()
        self._answers: asyncio.Queue[tuple[str, _Told]] = asyncio.Queue(_WAITING)
        self._task: asyncio.Task[None] | None = None
        if self.several:
            for channel in (self.own, _ALL):
                seat.hear(_CHANNEL + channel, partial(self._heard, channel))

    def on(self, kind: str, handler: Handler) -> None:
        """Have a function called with what is told of a kind."""
        self._handlers[kind] = handler

    def start(self) -> None:
        """Begin to answer those who hand something over."""
        if self.several:
            self._task = background(self._answer(), "relay")

    async def stop(self) -> None:
        """Answer no more."""
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def send(self, to: str | None, kind: str, body: bytes) -> None:
        """Tell one node, or all others, without knowing whether they hear it. Raises NotTold."""
        if self.several and to != self.own and (to is None or _NAME.fullmatch(to)):
            await self._tell(to or _ALL, _Told(kind, body))

    async def hand(self, to: str, kind: str, body: bytes) -> bool:
        """Tell one node; whether it says that it was for somebody there. Raises NotTold.

        Also False where there is no such node, or it says nothing.
        """
        if not self.several or to == self.own or not _NAME.fullmatch(to):
            return False
        number = next(self._numbers)
        taken = self._handed[number] = asyncio.get_running_loop().create_future()
        try:
            await self._tell(to, _Told(kind, body, number))
            await asyncio.wait((taken,), timeout=_PATIENCE)
            return taken.done() and taken.result()
        finally:
            del self._handed[number]

    async def _tell(self, channel: str, told: _Told) -> None:
        if len(told.body) > LARGEST:
            raise NotTold(f"this is too large to be handed to another node of the hub: over {LARGEST} bytes")
        sealed = self._cipher.encrypt(msgspec.msgpack.encode(told), self._bound_to(self.own, channel))
        pieces = [sealed[at : at + _PIECE] for at in range(0, len(sealed), _PIECE)]
        number = next(self._numbers)
        try:
            for place, piece in enumerate(pieces):
                words = f"{self.own} {number} {place} {len(pieces)} {base64.b64encode(piece).decode()}"
                await self._seat.tell(_CHANNEL + channel, words)
        except StoreError as error:
            log.warning("relay_failed", kind=told.kind, reason=str(error))
            raise NotTold("the hub can not tell its other nodes just now; try again") from None

    def _heard(self, channel: str, words: str) -> None:
        sender, number, place, pieces, text = words.split(" ")
        if sender == self.own:
            return
        sealed = self._open.add((sender, int(number)), int(place), int(pieces), base64.b64decode(text))
        if sealed is None:
            return
        try:
            told = msgspec.msgpack.decode(self._cipher.decrypt(sealed, self._bound_to(sender, channel)), type=_Told)
        except (InvalidTag, msgspec.MsgspecError):
            log.warning("relay_unreadable", node=sender)  # another hub.key, or somebody else's
            return
        self._take(sender, told)

    def _take(self, sender: str, told: _Told) -> None:
        if told.kind == _ANSWER:
            handed = self._handed.get(told.number)
            if handed and not handed.done():
                handed.set_result(bool(told.body))
            return
        handler = self._handlers.get(told.kind)
        try:
            taken = handler(told.body) if handler else False
        except Exception:
            log.exception("relay_handler_failed", kind=told.kind)
            taken = False
        if told.number and not self._answers.full():
            self._answers.put_nowait((sender, _Told(_ANSWER, b"1" if taken else b"", told.number)))

    async def _answer(self) -> None:
        while True:
            to, told = await self._answers.get()
            try:
                await self._tell(to, told)
            except NotTold:
                continue  # who waits for it waits no longer than a moment

    @staticmethod
    def _bound_to(sender: str, channel: str) -> list[bytes]:
        return [_CONTEXT, sender.encode(), channel.encode()]


class _Open:
    """What has not come whole yet, by who tells it and its number. Pieces of one come in their order."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[tuple[str, int], list[bytes]] = OrderedDict()
        self._bytes = 0

    def add(self, key: tuple[str, int], place: int, pieces: int, piece: bytes) -> bytes | None:
        """Add a piece; all of it, where it was the last."""
        there = self._pieces.setdefault(key, [])
        if place != len(there):  # the one before was missed
            self._forget(key)
            return None
        there.append(piece)
        self._bytes += len(piece)
        if len(there) == pieces:
            self._forget(key)
            return b"".join(there)
        while self._bytes > _MOST_OPEN:
            self._forget(next(iter(self._pieces)))
        return None

    def _forget(self, key: tuple[str, int]) -> None:
        self._bytes -= sum(map(len, self._pieces.pop(key)))


def short(node: str) -> str:
    """The id of a node in the 22 letters by which others call it."""
    return base64.urlsafe_b64encode(bytes.fromhex(node.replace("-", ""))).rstrip(b"=").decode()
