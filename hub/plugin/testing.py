"""For the tests of a plugin: messages and replies to call its hooks with, an instance of it, a party on trial."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import structlog

from hub.core.catalogue import CATALOGUE
from hub.core.custom import CustomModule, operations
from hub.core.directory import Directory, Platform, State
from hub.core.message import Message, Reply
from hub.core.party import Party, Role
from hub.core.rights import owner_of
from hub.ocpi import envelope
from hub.plugin.api import Hub, Plugin, Settings
from hub.plugin.parts import Alone
from hub.plugin.party.trial import Sent, Trial, party, success

__all__ = ["HUB", "Sent", "Trial", "message", "party", "plugin", "reply", "success"]

HUB = Party("XX", "HUB")

P = TypeVar("P", bound=Plugin[Any])


def message(
    call: str,
    body: object = None,
    *,
    sender: str = "NL-TNM",
    receiver: str | None = None,
    modules: Mapping[str, CustomModule] = {},
) -> Message:
    """A message as `POST sender/tokens/012345/authorize`: method, interface, module and path, and a query if need be.

    `sender` and `receiver` read `NL-TNM`. A body that is no bytes is sent as JSON. `modules` are those that the
    plugin adds. ValueError for what OCPI does not have, OcpiError where the body does not fit the path.
    """
    method, _, target = call.partition(" ")
    path, _, query = target.partition("?")
    interface, _, rest = path.partition("/")
    module, *segments = rest.split("/")
    catalogue = CATALOGUE.plus(row for name, each in modules.items() for row in operations(name, each))
    found = [row for row in catalogue.operations() if (row.method, row.interface.lower()) == (method, interface)]
    operation = next((row for row in found if row.module == module and row.fits(tuple(segments))), None)
    if operation is None:
        raise ValueError(f"{call!r} is no call of OCPI 2.2.1; write one as 'PUT receiver/tokens/NL/TNM/012345'")
    encoded = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    party = Party.parse(sender)
    platform = Platform(
        id=1, name=f"platform of {party}", state=State.REGISTERED, roles={party: frozenset({Role.OTHER})}
    )
    return Message(
        operation=operation,
        segments=tuple(segments),
        query=query,
        body=encoded,
        request_id="test-request",
        correlation_id="test-correlation",
        platform=platform,
        sender=party,
        receiver=Party.parse(receiver) if receiver else None,
        owner=owner_of(operation, tuple(segments), encoded),
        deadline=math.inf,
        directory=Directory.of(HUB, [platform]),
    )


def reply(data: object = None, *, code: int = 1000, status: int = 200) -> Reply:
    """The answer of a receiver: `data` in an OCPI envelope with this status_code."""
    body = envelope.encode("2026-01-01T00:00:00.000Z", code, "Success" if code == 1000 else "Refused", data)
    return Reply(status=status, body=body, ocpi_status=code)


def plugin(kind: type[P], settings: Settings | None = None, hub: Hub | None = None) -> P:
    """An instance of a plugin as the hub makes it, not started: its hooks can be called one by one."""
    made = kind()
    made.settings = settings or Settings()
    made.log = structlog.get_logger().bind(plugin=kind.__name__)
    made.nodes = Alone()
    if hub is not None:
        made.hub = hub
    return made
