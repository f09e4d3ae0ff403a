"""The mirror: what is meant for everybody, kept as it was received, for GET All and for routing by content.

OCPI 2.2.1, transport_and_format: GET All via Hubs, Timestamps and Objects send via Hubs.
"""

from collections.abc import Sequence
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Directory, Platform
from hub.core.message import Message, decode_as
from hub.core.modules import Interface
from hub.core.paging import PageQuery
from hub.core.party import Party, Role
from hub.core.patching import NotKnown, has, last_updated, part, patch, put
from hub.core.places import Area, Point
from hub.errors import InvalidParameters, NotFound, OcpiError, Unauthorized
from hub.flow.clock import now
from hub.flow.taking import Taking
from hub.partners.directory import now_ms
from hub.store import mirror as store
from hub.store import places
from hub.store.database import Database, Work
from hub.store.errors import PlatformUnknown
from hub.store.mirror import Amount, Entry, Held
from hub.store.places import Cluster, Extent, Found, Near
from hub.store.pushes import Changed, Push

T = TypeVar("T")

_PREFIX = 3
_TOKEN_TYPE = "RFID"  # noqa: S105 - the default of tokens' `type` parameter (2.2.1, tokens 12.2.2)


class _Named(msgspec.Struct):
    last_updated: str
    country_code: str | None = None
    party_id: str | None = None
    id: str | None = None
    uid: str | None = None
    type: str | None = None


class _Typed(msgspec.Struct):
    type: str | None = None


class _Contract(msgspec.Struct):
    contract_id: str | None = None
    auth_id: str | None = None


_CONTRACT = msgspec.json.Decoder(_Contract)
_TYPED = msgspec.json.Decoder(_Typed)
_NAMED = msgspec.json.Decoder(_Named)


class Viewer(Protocol):
    """Who wants to see objects of a module: a message, for example."""

    @property
    def directory(self) -> Directory:
        """Who is connected, and what was agreed on."""

    @property
    def sender(self) -> Party:
        """The party itself."""

    @property
    def module(self) -> str:
        """Of what."""


class Mirror:
    """Applies pushes to the store and reads lists and objects from it. What `apply` returned from is on disk."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._taking = Taking(database)

    async def stop(self) -> None:
        """Wait for what is being written."""
        await self._taking.stop()

    def reconfigure(self, limit: int) -> None:
        """Another size of pages."""
        self._limit = limit

    async def apply(self, message: Message) -> bool:
        """Take a push over; whether it made a new object or part.

        InvalidParameters where a PATCH is older than what is held, or is of something that is not held; Unauthorized
        where the platform was removed in the meantime.
        """
        owner = message.owner
        if owner is None:
            raise InvalidParameters("the path names no owner")
        key, path = object_key(message), message.segments[_PREFIX:]
        module, body = message.module, stamped(message)
        method, version, object_id = message.method, message.version, message.segments[2]

        def change(held: Held | None) -> Changed:
            if method == "DELETE":
                return Changed(None, created=False)
            added = held is None
            if method == "PUT" and not path:
                whole = body
            elif held is None or held.version != version:
                raise InvalidParameters(f"the hub does not hold this {module} object; PUT it whole first")
            elif method == "PUT":
                whole, added = put(held.body, path, body), not has(held.body, path)
            else:
                whole = patch(held.body, path, body)
            return Changed(store.Pulled(owner, key, object_id, whole, _contract(module, whole)), added)

        push = Push(subject=(module, owner, key), version=version, platform_id=message.platform.id, change=change)
        try:
            return await self._taking.take(push)
        except PlatformUnknown:
            raise Unauthorized("this platform was removed meanwhile") from None

    async def keep(
        self, module: str, platform: Platform, party: Party, rows: list[msgspec.Raw]
    ) -> tuple[int, str | None]:
        """Keep a page of what was pulled; how many were taken, and the newest last_updated among them.

        `party` is the one that was asked; where an object does not say whose it is (OCPI 2.1.1), it is that one's.
        An object of another platform's party, or without what names it, is passed by. PlatformUnknown where it is gone.
        """
        good = [pulled for row in rows if (pulled := _pulled(module, platform, party, bytes(row)))]
        await self._write(
            platform.id,
            lambda connection: store.absorb(
                connection,
                module,
                [pulled for pulled, _ in good],
                version=platform.version or "",
                platform_id=platform.id,
                now=now_ms(),
            ),
        )
        newest = max(good, key=lambda each: last_updated(each[0].body), default=None)
        return len(good), newest[1] if newest else None

    async def pulled_until(self, platform_id: int, module: str) -> str | None:
        """From when on the next pull has to ask; None where it is the first."""
        return await self._database.read(lambda connection: store.pulled_until(connection, platform_id, module))

    async def set_pulled_until(self, platform_id: int, module: str, date_from: str) -> None:
        """Remember that. PlatformUnknown where the platform is gone."""
        await self._write(
            platform_id, lambda connection: store.set_pulled_until(connection, platform_id, module, date_from)
        )

    async def _write(self, platform_id: int, work: Work[T]) -> T:
        """Write rows of a platform. The one thing that they refer to is the platform."""
        try:
            return await self._database.write(work)
        except IntegrityError as error:
            raise PlatformUnknown(platform_id) from error

    async def page(self, message: Message) -> tuple[list[Held], int, PageQuery]:
        """One page of GET All: what the requester may see, and how much that is on all pages."""
        query = PageQuery.read(message.query, self._limit)
        owners = await self._visible(message)
        found = await self._database.read(
            lambda connection: store.page(
                connection,
                message.module,
                owners=owners,
                date_from=query.date_from,
                date_to=query.date_to,
                offset=query.offset,
                limit=query.limit,
            )
        )
        return found.rows, found.total, query

    async def object(self, message: Message) -> Held:
        """One object, or a part of a location. NotFound where the requester may not see it, too."""
        module, key = message.module, object_key(message)
        if message.interface is Interface.RECEIVER and message.owner is not None:
            owners = [message.owner]
        else:
            found = await self._database.read(lambda connection: store.sources(connection, module, key))
            owners = [party for party, source in found if _sees(message, party, source)]
        for owner in owners:
            held = await self.get(module, owner, key)
            if held is None:
                continue
            try:
                return Held(held.owner, held.version, part(held.body, _path(message)))
            except NotKnown:
                continue
        raise NotFound(f"the hub holds no such {module} object that you may see")

    async def get(self, module: str, owner: Party, key: str) -> Held | None:
        """One object, by its key; None where the hub does not hold it."""
        return await self._database.read(partial(store.get, module=module, owner=owner, key=key))

    async def amounts(self) -> list[Amount]:
        """How much is held, by module and owner."""
        return await self._database.read(store.amounts)

    async def browse(
        self, module: str, owner: Party | None, after: int, limit: int, keys: Sequence[str] | None = None
    ) -> list[Entry]:
        """What is held of a module, a part at a time: `limit` entries with a position over `after`."""
        return await self._database.read(
            partial(store.browse, module=module, owner=owner, after=after, limit=limit, keys=keys)
        )

    async def extent(self, owner: Party | None) -> Extent:
        """Where the locations are that tell it."""
        return await self._database.read(partial(places.extent, owner=owner))

    async def inside(self, area: Area, limit: int, owner: Party | None) -> list[Found]:
        """At most `limit` locations in a rectangle."""
        return await self._database.read(partial(places.inside, area=area, limit=limit, owner=owner))

    async def clusters(self, area: Area, cell: tuple[int, int], owner: Party | None) -> list[Cluster]:
        """All locations in a rectangle, counted on a grid."""
        return await self._database.read(partial(places.clusters, area=area, cell=cell, owner=owner))

    async def tokens_of(self, contract: str) -> list[Held]:
        """The tokens of a contract, the one that was updated last first."""
        return await self._database.read(lambda connection: store.tokens_of(connection, contract))

    async def owners(self, module: str, key: str) -> list[Party]:
        """Who has an object of this id."""
        return await self._database.read(lambda connection: store.find(connection, module, key))

    async def seen(self, viewer: Viewer, owner: Party, key: str) -> Held | None:
        """One object, where the viewer may see it."""
        found = await self._database.read(lambda connection: store.sources(connection, viewer.module, key))
        if not any(party == owner and _sees(viewer, party, source) for party, source in found):
            return None
        return await self.get(viewer.module, owner, key)

    async def near(
        self, viewer: Viewer, point: Point, radius: int, limit: int, after: tuple[int, int] | None, *, free: bool
    ) -> list[tuple[Near, Held]]:
        """Locations around a point that the viewer may see, the nearest first. See `hub.store.places.near`."""
        owners = await self._visible(viewer)

        async def work(connection: AsyncConnection) -> list[tuple[Near, Held]]:
            found = await places.near(connection, point, radius, limit, after=after, owners=owners, free=free)
            held = [
                (each, await store.get(connection, "locations", Party.parse(each.owner), each.object_key))
                for each in found
            ]
            return [(each, body) for each, body in held if body is not None]

        return await self._database.read(work)

    async def _visible(self, message: Viewer) -> list[Party] | None:
        """The parties whose objects the viewer may see; None where that is everybody's."""
        directory = message.directory
        if directory.agreements.default and not directory.agreements.rules:
            return None
        visible = [party for party, platform in directory.parties.items() if _sees(message, party, platform.id)]
        for hub in (platform for platform in directory.platforms.values() if platform.is_hub):
            behind = await self._database.read(partial(store.owners_from, platform_id=hub.id))
            visible += [party for party in behind if party not in directory.parties and _sees(message, party, hub.id)]
        return visible


def token_key(uid: str, kind: str = _TOKEN_TYPE) -> str:
    """The key of a token: uid and type (2.2.1, tokens 12.3.1: together they are unique)."""
    return f"{uid.lower()} {kind.upper()}"


def stamped(message: Message) -> bytes:
    """The body; a PATCH of OCPI 2.1.1 need not say when: then it was when it came."""
    if message.method != "PATCH" or message.version not in WITHOUT_INTERFACES:
        return message.body
    change = message.json()
    if not isinstance(change, dict) or change.get("last_updated") is not None:
        return message.body
    return msgspec.json.encode({**change, "last_updated": now()})


def _sees(message: Viewer, owner: Party, source: int) -> bool:
    """Whether the requester may see an owner's objects that came from a platform.

    One that is not connected here is behind a hub: what holds for that hub holds for it, unless a rule denies.
    """
    directory, sender, module = message.directory, message.sender, message.module
    if owner in directory.parties or source not in directory.platforms:
        return owner == sender or directory.agreements.permits(sender, owner, module)
    hubs = [party for party, roles in directory.platforms[source].roles.items() if Role.HUB in roles]
    unless_denied = msgspec.structs.replace(directory.agreements, default=True)
    return unless_denied.permits(sender, owner, module) and any(
        party == sender or directory.agreements.permits(sender, party, module) for party in hubs
    )


def object_key(message: Message) -> str:
    """The key of the object that a message to locations, tariffs or tokens is about."""
    object_id = message.segments[2 if message.interface is Interface.RECEIVER else 0]
    if message.module == "tokens":
        return token_key(object_id, dict(parse_qsl(message.query)).get("type") or _token_type(message))
    return object_id.lower()


def _token_type(message: Message) -> str:
    """What a token's own body says where the query does not: platforms forget the parameter."""
    try:
        return (_TYPED.decode(message.body).type if message.method == "PUT" else None) or _TOKEN_TYPE
    except msgspec.MsgspecError:
        return _TOKEN_TYPE


def _pulled(module: str, platform: Platform, party: Party, body: bytes) -> tuple[store.Pulled, str] | None:
    """An object as it will be kept, and its last_updated as it is written; None where it can not be kept."""
    try:
        named = decode_as(body, _NAMED)
        said = named.country_code is not None or platform.version not in WITHOUT_INTERFACES
        owner = Party.of(named.country_code or "", named.party_id or "") if said else party
        last_updated(body)
    except (OcpiError, msgspec.ValidationError, ValueError):
        return None
    object_id = named.uid or named.id
    if owner not in platform.roles or not object_id:
        return None
    key = token_key(object_id, named.type or _TOKEN_TYPE) if module == "tokens" else object_id.lower()
    return store.Pulled(owner, key, object_id, body, _contract(module, body)), named.last_updated


def _contract(module: str, body: bytes) -> str | None:
    """The contract of a token: contract_id, which was auth_id in OCPI 2.1.1."""
    if module != "tokens":
        return None
    try:
        named = _CONTRACT.decode(body)
    except msgspec.MsgspecError:
        return None
    return named.contract_id or named.auth_id


def _path(message: Message) -> tuple[str, ...]:
    return message.segments[_PREFIX if message.interface is Interface.RECEIVER else 1 :]
