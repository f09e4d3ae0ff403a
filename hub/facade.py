"""The hub as a plugin sees it: a party of its own that can speak OCPI."""

import asyncio
from collections.abc import Callable, Mapping
from uuid import uuid4

import msgspec

from hub.core.directory import Directory, Platform, State
from hub.core.message import Message, Reply
from hub.core.modules import Catalogue, Interface
from hub.core.party import Party, Role
from hub.errors import InvalidParameters
from hub.flow.numbers import Numbers
from hub.flow.pipeline import Pipeline

_VERSION = "2.2.1"


class HubFacade:
    """`self.hub` of every plugin; see `hub.plugin.Hub`."""

    def __init__(
        self,
        catalogue: Catalogue,
        current: Callable[[], Directory],
        pipeline: Pipeline,
        timeout: float,
        numbers: Numbers,
    ) -> None:
        self._catalogue = catalogue
        self._current = current
        self._pipeline = pipeline
        self._timeout = timeout
        self._numbers = numbers

    def reconfigure(self, timeout: float) -> None:
        """Other seconds for a message of a plugin."""
        self._timeout = timeout

    @property
    def party(self) -> Party:
        """The hub's own party."""
        return self._current().hub

    def parties(self) -> Mapping[Party, frozenset[Role]]:
        """Every party that the hub knows at this moment, with its roles."""
        return {party: platform.roles.get(party, frozenset()) for party, platform in self._current().parties.items()}

    async def send(
        self,
        method: str,
        module: str,
        interface: Interface,
        *,
        to: Party,
        path: tuple[str, ...] = (),
        query: str = "",
        body: object = None,
        version: str | None = None,
    ) -> Reply:
        """Send a message in the hub's name, the same way that every other message goes."""
        directory = self._current()
        platform = directory.parties.get(to)
        version = version or (platform.version if platform else None) or _VERSION
        rows = self._catalogue.module(version, interface, module)
        operation = rows.find(method, path) if rows else None
        if operation is None:
            raise InvalidParameters(f"OCPI {version} has no {method} {interface.lower()}/{'/'.join((module, *path))}")
        sender = Platform(id=0, name="this hub", state=State.REGISTERED, roles={directory.hub: frozenset({Role.HUB})})
        return await self._pipeline.handle(
            Message(
                operation=operation,
                segments=path,
                query=query,
                body=b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body),
                request_id=str(uuid4()),
                correlation_id=str(uuid4()),
                platform=sender,
                sender=directory.hub,
                receiver=to,
                deadline=asyncio.get_running_loop().time() + self._timeout,
                directory=directory,
                exchange=self._numbers.next(),
            )
        )
