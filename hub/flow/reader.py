"""From a request to a Message: who calls, what is asked, who sends it, whose object it is."""

from collections.abc import Callable
from uuid import uuid4

import msgspec

from hub.core.directory import Directory
from hub.core.headers import RequestHeaders
from hub.core.message import Message
from hub.core.modules import Catalogue, Interface, Operation
from hub.core.paths import segments
from hub.core.rights import owner_of, sending_party
from hub.errors import MethodNotAllowed, NotFound
from hub.flow.indirect import Indirect
from hub.partners.access import Access, Caller


class Target(msgspec.Struct, frozen=True):
    """What a functional request is aimed at, before its body is read."""

    operation: Operation
    segments: tuple[str, ...]
    query: str
    caller: Caller
    url: str | None = None
    headers: RequestHeaders = RequestHeaders()


class Reader:
    """Reads functional requests. `current` gives the directory in force."""

    def __init__(
        self, catalogue: Catalogue, access: Access, indirect: Indirect, current: Callable[[], Directory]
    ) -> None:
        self._catalogue = catalogue
        self._access = access
        self._indirect = indirect
        self._current = current

    def target(
        self, version: str, interface: str, rest: str, method: str, query: str, headers: RequestHeaders
    ) -> tuple[Target, Directory]:
        """Authenticate, and find the operation. Raises Unauthorized, NotFound, MethodNotAllowed, BadRequest."""
        directory = self._current()
        caller = self._access.functional(directory, headers.authorization)
        module, *tail = segments(rest) or ("",)
        side = Interface.__members__.get(interface.upper())
        rows = side and self._catalogue.module(version, side, module)
        if not rows:
            raise NotFound(f"there is no {interface}/{module[:64]} in OCPI {version} here; see the version details")
        parts = tuple(tail)
        operation = rows.find(method, parts)
        if operation is None:
            raise _no_such_method(rows.allowed(parts), method, module)
        return Target(operation, parts, query, caller, None, headers), directory

    def sealed(self, segment: str, method: str, headers: RequestHeaders) -> tuple[Target, Directory]:
        """The same for a sealed URL: the parties are those it was made for, whatever the headers say."""
        directory = self._current()
        caller = self._access.functional(directory, headers.authorization)
        inner = self._indirect.open(segment, caller.platform, method)
        target = directory.platforms.get(inner.target)
        interface = Interface.RECEIVER if inner.use.name == "OBJECT" else Interface.SENDER
        operation = self._catalogue.indirect(inner.version, inner.module, interface, method)
        if target is None or operation is None:
            raise NotFound("this URL does not exist any more")
        known = msgspec.structs.replace(headers, claimed=inner.holder_party, receiver=inner.target_party)
        return Target(operation, (segment,), "", caller, self._indirect.expand(inner, target), known), directory

    def message(self, target: Target, directory: Directory, body: bytes, deadline: float) -> Message:
        """The message, when its body is there. Raises BadRequest and InvalidParameters."""
        headers = target.headers
        owner = owner_of(target.operation, target.segments, body)
        return Message(
            operation=target.operation,
            segments=target.segments,
            query=target.query,
            body=body,
            request_id=headers.request_id or str(uuid4()),
            correlation_id=headers.correlation_id or str(uuid4()),
            platform=target.caller.platform,
            sender=sending_party(target.caller.platform, headers.claimed, owner),
            receiver=headers.receiver,
            owner=owner,
            url=target.url,
            deadline=deadline,
            directory=directory,
        )


def _no_such_method(allowed: tuple[str, ...], method: str, module: str) -> MethodNotAllowed | NotFound:
    if allowed:
        return MethodNotAllowed(f"{module} has no {method} here; it has {', '.join(allowed)}", allowed)
    return NotFound(f"{module} has no such path; compare it with the OCPI specification")
