"""The decorators that make a method of a plugin a hook, and what each kind of hook is given and may return."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from hub.core.message import Message, Reply
from hub.core.route import Refuse, Route
from hub.events import Event
from hub.plugin.api import Outgoing, Push, Registration

MARKS = "__hub_hooks__"


class Kind(msgspec.Struct, frozen=True):
    """One kind of hook. `pushes` says that it is only ever called for a push. None may always be returned."""

    name: str
    parameters: tuple[str, ...]
    returns: tuple[type, ...] = ()
    pushes: bool = False


RECEIVE = Kind("receive", ("message",), (Message, Refuse))
ROUTE = Kind("route", ("message", "proposed"), (Route, Refuse))
FORWARD = Kind("forward", ("message", "outgoing"), (Outgoing, Refuse))
RESPOND = Kind("respond", ("message", "reply"), (Reply,))
ADMIT = Kind("admit", ("registration",), (Refuse,))
ON_PUSH = Kind("on_push", ("push",), pushes=True)
ON = Kind("on", ("event",))


class Mark(msgspec.Struct, frozen=True):
    """What a decorator notes on a method. `targets` are selectors, or event types for `@on`."""

    kind: Kind
    targets: tuple[Any, ...]


_Receive = TypeVar("_Receive", bound=Callable[[Any, Message], Awaitable[Message | Refuse | None]])
_Route = TypeVar("_Route", bound=Callable[[Any, Message, Route | Refuse], Awaitable[Route | Refuse | None]])
_Forward = TypeVar("_Forward", bound=Callable[[Any, Message, Outgoing], Awaitable[Outgoing | Refuse | None]])
_Respond = TypeVar("_Respond", bound=Callable[[Any, Message, Reply], Awaitable[Reply | None]])
_Admit = TypeVar("_Admit", bound=Callable[[Any, Registration], Awaitable[Refuse | None]])
_OnPush = TypeVar("_OnPush", bound=Callable[[Any, Push], Awaitable[None]])
_On = TypeVar("_On", bound=Callable[[Any, Any], Awaitable[None]])
_F = TypeVar("_F", bound=Callable[..., Any])


def receive(*selectors: str) -> Callable[[_Receive], _Receive]:
    """Before routing: `(message) -> Message | Refuse | None`. May hand on a changed message, or refuse it."""
    return _selective(RECEIVE, selectors)


def route(*selectors: str) -> Callable[[_Route], _Route]:
    """After routing: `(message, proposed) -> Route | Refuse | None`. May route another way, or refuse."""
    return _selective(ROUTE, selectors)


def forward(*selectors: str) -> Callable[[_Forward], _Forward]:
    """Before each delivery: `(message, outgoing) -> Outgoing | Refuse | None`. May change body and headers."""
    return _selective(FORWARD, selectors)


def respond(*selectors: str) -> Callable[[_Respond], _Respond]:
    """Before the answer goes back: `(message, reply) -> Reply | None`. May change it."""
    return _selective(RESPOND, selectors)


def admit(method: _Admit) -> _Admit:
    """When a platform registers: `(registration) -> Refuse | None`."""
    return _mark(method, Mark(ADMIT, ()))


def on_push(*selectors: str) -> Callable[[_OnPush], _OnPush]:
    """After a push was answered: `(push) -> None`. Called from a queue: no message waits for it."""
    return _selective(ON_PUSH, selectors)


def on(*events: type[Event]) -> Callable[[_On], _On]:
    """After something happened: `(event) -> None`. Called from a queue: nothing waits for it."""
    if not events or not all(isinstance(event, type) and issubclass(event, Event) for event in events):
        raise TypeError("@on takes event types in brackets, as @on(Registered)")
    if Push in events:
        raise TypeError('for pushes there is @on_push("*")')
    return lambda method: _mark(method, Mark(ON, events))


def _selective(kind: Kind, selectors: tuple[str, ...]) -> Callable[[_F], _F]:
    if not selectors or not all(isinstance(selector, str) for selector in selectors):
        raise TypeError(
            f'@{kind.name} takes selectors in brackets, as @{kind.name}("tokens.post") or @{kind.name}("*")'
        )
    return lambda method: _mark(method, Mark(kind, selectors))


def _mark(method: _F, mark: Mark) -> _F:
    setattr(method, MARKS, (*getattr(method, MARKS, ()), mark))
    return method
