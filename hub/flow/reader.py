"""From a request to a Message: who calls, what is asked, who sends it, whose object it is."""

from collections.abc import Callable

import msgspec

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import THE_HUB, Directory, Platform
from hub.core.headers import RequestHeaders
from hub.core.hiding import hide_in_path
from hub.core.message import Message
from hub.core.modules import METHODS, Catalogue, Interface, Operation
from hub.core.party import Party
from hub.core.paths import segments
from hub.core.rights import owner_of, sending_party
from hub.errors import MethodNotAllowed, NotFound, UnsupportedVersion
from hub.flow.indirect import Indirect
from hub.flow.numbers import Numbers
from hub.ids import new_id
from hub.partners.access import Access, Caller

_INTERFACES = {each.lower(): (each,) for each in Interface}


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
        self,
        catalogue: Catalogue,
        access: Access,
        indirect: Indirect,
        current: Callable[[], Directory],
        numbers: Numbers,
        *,
        believes_hubs: bool = False,
    ) -> None:
        """`believes_hubs`: a hub speaks for whoever it says, as it does to a platform that is no hub itself."""
        self._believes_hubs = believes_hubs
        self._catalogue = catalogue
        self._access = access
        self._indirect = indirect
        self._current = current
        self._numbers = numbers

    def offer(self, catalogue: Catalogue) -> None:
        """Find these operations from the next request on."""
        self._catalogue = catalogue

    def target(
        self,
        version: str,
        path: str,
        method: str,
        query: str,
        headers: RequestHeaders,
        caller: Caller | None = None,
    ) -> tuple[Target, Directory]:
        """Authenticate (but for a `caller` that is known), and find the operation; `path` is what follows the version.

        Raises Unauthorized, NotFound, MethodNotAllowed, BadRequest, and UnsupportedVersion where the platform has
        agreed on another version than that of the URL.
        """
        directory = self._current()
        caller = caller or self._access.functional(directory, headers.authorization)
        if caller.platform.version != version:
            raise UnsupportedVersion(
                f"this platform is registered with OCPI {caller.platform.version}; "
                f"to use OCPI {version}, PUT your credentials at its credentials endpoint"
            )
        found = segments(path)
        if version in WITHOUT_INTERFACES:
            module, parts = (*found, "")[0], found[1:]
            interfaces: tuple[Interface, ...] = _sides(caller.platform, method, parts)
        else:
            side, module, parts = *(*found, "", "")[:2], found[2:]
            interfaces = _INTERFACES.get(side.lower(), ())
        tables = self._catalogue.rows
        for interface in interfaces:
            rows = tables.get((version, interface, module))
            if rows is not None and (operation := rows.find(method, parts)) is not None:
                return Target(operation, parts, query, caller, None, headers), directory
        there = [rows for each in interfaces if (rows := tables.get((version, each, module)))]
        if not there:
            raise NotFound(
                f"there is no {hide_in_path('/'.join(found[:2]))[:80]} in OCPI {version} here; see the version details"
            )
        allowed = tuple(each for each in METHODS if any(rows.find(each, parts) for rows in there))
        raise _no_such_method(allowed, method, module)

    def sealed(
        self, segment: str, method: str, headers: RequestHeaders, caller: Caller | None = None
    ) -> tuple[Target, Directory]:
        """The same for a sealed URL: the parties are those it was made for, whatever the headers say."""
        directory = self._current()
        caller = caller or self._access.functional(directory, headers.authorization)
        inner = self._indirect.open(segment, caller.platform, method)
        itself = inner.target == THE_HUB
        target = directory.platforms.get(inner.target)
        interface = Interface.RECEIVER if inner.use.name == "OBJECT" else Interface.SENDER
        operation = self._catalogue.indirect(inner.version, inner.module, interface, method)
        if operation is None or (target is None and not itself):
            raise NotFound("this URL does not exist any more")
        receiver = directory.hub if itself else inner.target_party
        known = msgspec.structs.replace(headers, claimed=inner.holder_party, receiver=receiver)
        url = self._indirect.expand(inner, target) if target else inner.url
        return Target(operation, (segment,), "", caller, url, known), directory

    def message(self, target: Target, directory: Directory, body: bytes, deadline: float) -> Message:
        """The message, when its body is there. Raises BadRequest and InvalidParameters."""
        headers = target.headers
        owner = owner_of(target.operation, target.segments, body)
        platform, claimed = target.caller.platform, headers.claimed
        believed = claimed if self._believes_hubs and platform.is_hub else None
        return Message(
            operation=target.operation,
            segments=target.segments,
            query=target.query,
            body=body,
            request_id=headers.request_id or new_id(),
            correlation_id=headers.correlation_id or new_id(),
            platform=platform,
            sender=believed or sending_party(platform, claimed, owner),
            receiver=headers.receiver,
            owner=owner,
            url=target.url,
            deadline=deadline,
            directory=directory,
            exchange=self._numbers.next(),
            traceparent=headers.traceparent,
        )


def _sides(platform: Platform, method: str, parts: tuple[str, ...]) -> tuple[Interface, ...]:
    """The sides that a request may be for where its URL does not say: the likelier first.

    OCPI 2.1.1 has one endpoint for each module. A path that begins with a party of the platform is about an object
    of its own, at the receiver; else a GET fetches what others have, and what a custom module has below another party
    is asked of that one. What is pushed is pushed to the receiver.
    """
    own = len(parts) > 1 and Party(parts[0].upper(), parts[1].upper()) in platform.parties
    if not own and (method == "GET" or len(parts) > len(("country_code", "party_id"))):
        return Interface.SENDER, Interface.RECEIVER
    return Interface.RECEIVER, Interface.SENDER


def _no_such_method(allowed: tuple[str, ...], method: str, module: str) -> MethodNotAllowed | NotFound:
    if allowed:
        return MethodNotAllowed(f"{module} has no {method} here; it has {', '.join(allowed)}", allowed)
    return NotFound(f"{module} has no such path; compare it with the OCPI specification")
