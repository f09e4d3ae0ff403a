"""Objects against the rules of their OCPI version: refused, reported or passed over, as the operator says.

What a partner pushes is checked before it goes anywhere. What it answers is only ever reported, apart from the way of
the message, and not each time: an answer of the same kind from the same platform is looked at once a second.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import msgspec
import structlog

from hub.core.directory import Directory, Platform
from hub.core.message import Message
from hub.core.modules import Operation
from hub.core.route import Refuse
from hub.errors import BadRequest, OcpiError
from hub.events import Answered, Bus, Found, Subscription
from hub.ocpi import envelope
from hub.ocpi.check import Finding, describe
from hub.ocpi.kinds import answer_checker, body_checker

log = structlog.get_logger()

_PAUSE = 1.0
_LARGEST = 1_000_000
_REMEMBERED = 10_000


class Mode(StrEnum):
    """What happens to an object that breaks a rule."""

    ENFORCE = "enforce"
    REPORT = "report"
    OFF = "off"


def body_of(message: Message) -> str:
    """What the body has to be, in words: a Location of OCPI 2.2.1."""
    operation = message.operation
    return f"{operation.body} of {f'module {message.module}' if operation.structs else f'OCPI {message.version}'}"


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong with a body, and the refusal of its message, where there is one."""

    findings: Sequence[Finding] = ()
    refusal: Refuse | None = None


_FINE = Verdict()
_MODES = {each.value: each for each in Mode}


class Validator:
    """Checks what passes. `mode` holds for every platform that has no setting of its own."""

    def __init__(self, bus: Bus, mode: Mode, current: Callable[[], Directory]) -> None:
        self._bus = bus
        self._mode = mode
        self._current = current
        self._looked: dict[tuple[int, Operation], float] = {}
        self._subscription: Subscription | None = None

    def start(self) -> None:
        """Begin to look at answers."""
        self.reconfigure(self._mode)

    def reconfigure(self, mode: Mode) -> None:
        """Another mode for platforms without a setting of their own."""
        self._mode = mode
        if mode is not Mode.OFF and self._subscription is None:
            self._subscription = self._bus.subscribe(self._answered, Answered, name="validation")

    def check(self, message: Message) -> Refuse | None:
        """The refusal (2001) of a message whose body breaks a rule, where that is enforced. Findings are reported."""
        verdict = self.judge(message)
        if verdict is _FINE:
            return None
        if verdict.findings:
            self._report(message.platform, message.operation.body or "", verdict.findings, message.exchange)
        return verdict.refusal

    def value(self, platform: Platform, operation: Operation, body: bytes) -> Any:
        """The body as its wire type; None where it is not looked at, or something may be said of it."""
        if not body or self.mode_of(platform) is Mode.OFF or (checker := body_checker(operation)) is None:
            return None
        return checker.value(body)

    def passes(self, message: Message) -> bool:
        """Whether nothing is to be said of a message's body."""
        return self.judge(message) is _FINE

    def judge(self, message: Message) -> "Verdict":
        """What is to be said of a message's body; nothing is reported."""
        mode = self.mode_of(message.platform)
        if mode is Mode.OFF or not message.body or (checker := body_checker(message.operation)) is None:
            return _FINE
        try:
            found = checker.check(message.body)
        except BadRequest as error:
            return Verdict(refusal=Refuse(error.message, error.code))
        if not found:
            return _FINE
        if mode is Mode.REPORT:
            return Verdict(found)
        reason = f"body: {describe(found)}"
        trail = f"not a {body_of(message)}", reason
        return Verdict(found, Refuse(reason, trail=trail))

    def mode_of(self, platform: Platform) -> Mode:
        """What holds for a platform."""
        return _MODES[platform.validation] if platform.validation else self._mode

    async def _answered(self, event: Answered) -> None:
        platform, operation = event.platform, event.operation
        kind, now = operation.data, asyncio.get_running_loop().time()
        if kind is None or len(event.body) > _LARGEST or self.mode_of(platform) is Mode.OFF:
            return
        if now < self._looked.get((platform.id, operation), 0.0):
            return
        if len(self._looked) >= _REMEMBERED:
            self._looked.clear()
        self._looked[platform.id, operation] = now + _PAUSE
        received = envelope.receive(event.body)
        if received is None or not 1000 <= received.status_code < 2000:
            return
        data = bytes(received.data).strip()
        checker = answer_checker(operation, platform.version or operation.version, many=data.startswith(b"["))
        if checker is None or data in (b"", b"null"):
            return
        try:
            found = checker.check(data)
        except OcpiError:
            return
        if found:
            self._report(platform, kind, found, event.exchange)

    def _report(self, platform: Platform, kind: str, found: Sequence[Finding], exchange: int) -> None:
        log.debug("findings", platform=platform.name, kind=kind, first=describe(found, 1))
        self._bus.publish(
            Found(
                platform_id=platform.id,
                platform=platform.name,
                kind=kind,
                findings=tuple(found),
                exchange=exchange,
            )
        )
