"""What an operator does with partners: invite, connect, look, suspend, rotate, remove.

The command line, the control socket and later the admin API all end here.
"""

from collections.abc import Mapping, Sequence

import msgspec

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Encoding, Platform, Secret, State, TokenKind
from hub.core.limits import OwnLimits
from hub.core.modules import Catalogue, Interface
from hub.core.party import Party, PartyRole, Role
from hub.core.paths import origin
from hub.core.status import ConnectionStatus
from hub.core.urls import hosted_by
from hub.errors import InvalidParameters, NotFound
from hub.ocpi.types import Hiding
from hub.partners.credentials import Identity
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.registration import Registrar
from hub.partners.tokens import new_token
from hub.store.credentials import token_digest
from hub.store.endpoints import remove_endpoint, set_endpoint
from hub.store.platforms import add_parties, create_platform, remove, resume, set_limits, set_validation, suspend
from hub.store.records import PlatformRecord
from hub.store.registration import invite_again


class Invitation(Hiding, msgspec.Struct, frozen=True):
    """What a partner needs to register. `token_a` is shown this once: the hub keeps only its digest."""

    id: int
    name: str
    versions_url: str
    token_a: str
    parties: tuple[str, ...]


class EndpointView(msgspec.Struct, frozen=True):
    """An endpoint of a partner. `manual`: set by hand."""

    version: str
    module: str
    interface: Interface
    url: str
    manual: bool


class PartnerView(msgspec.Struct, frozen=True, kw_only=True):
    """One platform as an operator sees it. Times are milliseconds since 1970. `limits` are its own ones.

    `hosted_by` is the plugin that it is, where it lives in the hub.
    """

    id: int
    name: str
    state: State
    version: str | None
    parties: tuple[str, ...]
    not_presented: tuple[str, ...]
    versions_url: str | None
    sends_token_as: Encoding | None
    gets_token_as: Encoding | None
    endpoints: tuple[EndpointView, ...]
    limits: OwnLimits
    hosted_by: str | None
    created_at: int
    updated_at: int


class StatusChange(msgspec.Struct, frozen=True):
    """What other partners are told of a partner from a time on (milliseconds since 1970)."""

    at: int
    status: ConnectionStatus


class PartyView(msgspec.Struct, frozen=True, kw_only=True):
    """One party in one role. `presented`: its partner has registered with it, and not only been invited to."""

    party: str
    role: Role
    partner_id: int
    partner: str
    presented: bool
    name: str | None
    website: str | None


_CLIENT_INFO = ("hubclientinfo", Interface.RECEIVER)
"""No module that is routed, and one that the hub calls all the same."""
_VALIDATION = ("enforce", "report", "off")
_MOST = 1_000_000


class Partners:
    """The operations. `registrar` is None where no hub runs: then only the store can be changed."""

    def __init__(
        self, keeper: DirectoryKeeper, identity: Identity, catalogue: Catalogue, registrar: Registrar | None
    ) -> None:
        self._keeper = keeper
        self._identity = identity
        self._catalogue = catalogue
        self._registrar = registrar

    def reconfigure(self, identity: Identity) -> None:
        """Present the hub otherwise."""
        self._identity = identity

    async def invite(self, name: str, parties: Sequence[str]) -> Invitation:
        """Make a platform with the parties it may present, and its TOKEN_A."""
        named = _party_roles(parties)
        if not named:
            raise InvalidParameters("name at least one party that the partner may present, as NL-TNM:CPO")
        self._check_names(name, named)
        token = new_token()
        digest = token_digest(token.reveal())
        platform_id = await self._keeper.create(
            lambda connection: create_platform(connection, name, named, digest, now_ms())
        )
        self._changed(platform_id, "invited")
        return self._invitation(platform_id, token)

    async def add_parties(self, ref: str, parties: Sequence[str]) -> PartnerView:
        """Let a partner present more parties or roles than its invitation named; it does so with its next PUT."""
        platform = self._elsewhere(ref)
        named = _party_roles(parties)
        if any(each.party == self._identity.party for each in named):
            raise InvalidParameters(f"{self._identity.party} is this hub itself")
        await self._keeper.write(platform.id, lambda connection: add_parties(connection, platform.id, named, now_ms()))
        self._changed(platform.id, "may present more parties")
        return self._view(platform.id)

    async def invite_again(self, ref: str) -> Invitation:
        """End a registration and make a new TOKEN_A: for a partner that has lost its token."""
        platform = self._elsewhere(ref)
        token = new_token()
        digest = token_digest(token.reveal())
        await self._keeper.write(
            platform.id, lambda connection: invite_again(connection, platform.id, digest, now_ms())
        )
        self._changed(platform.id, "invited again")
        return self._invitation(platform.id, token)

    async def connect(self, name: str, versions_url: str, token: Secret, parties: Sequence[str]) -> PartnerView:
        """Register at a partner with the token it gave, the hub being the one that begins."""
        origin(versions_url)
        named = _party_roles(parties)
        self._check_names(name, named)
        platform = await self._running().connect(name, versions_url, token, named)
        return self._view(platform.id)

    async def rotate(self, ref: str) -> PartnerView:
        """Renew both tokens by a PUT to the partner's credentials endpoint."""
        platform = await self._running().rotate(self._elsewhere(ref))
        self._changed(platform.id, "rotated")
        return self._view(platform.id)

    def all(self) -> list[PartnerView]:
        """Every partner, by id."""
        return [self._view(platform_id) for platform_id in sorted(self._keeper.records)]

    def parties(self) -> list[PartyView]:
        """Every party of every partner, a row for each role, by party and role."""
        rows = (
            PartyView(
                party=str(party.party),
                role=held.role,
                partner_id=record.id,
                partner=record.name,
                presented=held.confirmed,
                name=party.business_name,
                website=party.website,
            )
            for record in self._keeper.records.values()
            for party in record.parties
            for held in party.roles
        )
        return sorted(rows, key=lambda each: (each.party, each.role))

    def show(self, ref: str) -> PartnerView:
        """One partner."""
        return self._view(self.find(ref).id)

    async def history(self, ref: str, limit: int) -> tuple[StatusChange, ...]:
        """How the published status of a partner changed, the latest first."""
        found = await self._keeper.history(self.find(ref).id, limit)
        return tuple(StatusChange(each.changed_at, each.status) for each in found)

    async def suspend(self, ref: str) -> PartnerView:
        """Shut a partner out; nothing of it is forgotten. In force when this returns."""
        platform = self.find(ref)
        await self._keeper.write(platform.id, lambda connection: suspend(connection, platform.id, now_ms()))
        self._changed(platform.id, "suspended")
        return self._view(platform.id)

    async def resume(self, ref: str) -> PartnerView:
        """Let a suspended partner in again."""
        platform = self.find(ref)
        if platform.state is not State.SUSPENDED:
            raise InvalidParameters(f"{platform.name} is not suspended")
        await self._keeper.write(platform.id, lambda connection: resume(connection, platform.id, now_ms()))
        self._changed(platform.id, "resumed")
        return self._view(platform.id)

    async def remove(self, ref: str) -> PartnerView:
        """Forget a partner; its parties are free again. Returns what was known of it."""
        platform = self._elsewhere(ref)
        view = self._view(platform.id)
        await self._keeper.write(platform.id, lambda connection: remove(connection, platform.id))
        if self._registrar:
            self._registrar.changed(view.name, "removed")
        return view

    async def set_endpoint(self, ref: str, module: str, interface: str, url: str) -> PartnerView:
        """Set an endpoint by hand, for a partner that serves a module and does not advertise it.

        An empty URL takes it back.
        """
        platform = self._elsewhere(ref)
        if platform.version is None:
            raise InvalidParameters(f"{platform.name} has not registered yet; set endpoints when it has")
        side = Interface.__members__.get(interface.upper())
        if side is None:
            raise InvalidParameters(f"{interface!r} is not an interface; it is SENDER or RECEIVER")
        called = self._called(platform.version)
        if (module, side) not in called:
            known = ", ".join(sorted({name for name, _ in called}))
            raise InvalidParameters(f"OCPI {platform.version} has no {module} {side}; the modules are {known}")
        version = platform.version
        if url:
            origin(url)
            if self._registrar:
                self._registrar.check(url, f"endpoint {module}")
            await self._keeper.write(
                platform.id,
                lambda connection: set_endpoint(connection, platform.id, version, module, side, url=url),
            )
        elif not await self._keeper.write(
            platform.id, lambda connection: remove_endpoint(connection, platform.id, version, module, side)
        ):
            raise InvalidParameters(f"{platform.name} has no {module} {side} endpoint")
        self._changed(platform.id, f"endpoint {module} {side} {'set' if url else 'removed'}")
        return self._view(platform.id)

    async def set_validation(self, ref: str, mode: str) -> PartnerView:
        """Set what happens to a partner's objects that break a rule; `default` is what the configuration says."""
        platform = self.find(ref)
        if mode not in (*_VALIDATION, "default"):
            raise InvalidParameters(f"{mode!r} is no way of validation; it is {', '.join(_VALIDATION)} or default")
        own = None if mode == "default" else mode
        await self._keeper.write(platform.id, lambda connection: set_validation(connection, platform.id, own, now_ms()))
        self._changed(platform.id, f"validation {mode}")
        return self._view(platform.id)

    async def set_limits(self, ref: str, changes: Mapping[str, float | None]) -> PartnerView:
        """Change what a partner may ask of the hub: `requests`, `broadcasts` per second, `parallel`.

        0 is no limit, None what the configuration says. What is not named stays as it is.
        """
        platform = self.find(ref)
        try:
            limits = msgspec.convert({**msgspec.structs.asdict(platform.limits), **changes}, OwnLimits, strict=False)
        except msgspec.ValidationError as reason:
            raise InvalidParameters(f"limits: {reason}") from None
        for name, value in msgspec.structs.asdict(limits).items():
            if value is not None and not 0 <= value <= _MOST:
                raise InvalidParameters(f"{name} is {value:g}; it must be 0 (no limit) to {_MOST}")
        await self._keeper.write(platform.id, lambda connection: set_limits(connection, platform.id, limits, now_ms()))
        self._changed(platform.id, "limits")
        return self._view(platform.id)

    def find(self, ref: str) -> Platform:
        """A platform by id, name, or one of its parties. NotFound where there is none."""
        directory = self._keeper.current
        if ref.isdecimal() and int(ref) in directory.platforms:
            return directory.platforms[int(ref)]
        named = [each for each in directory.platforms.values() if each.name.casefold() == ref.casefold()]
        if not named:
            try:
                named = [directory.parties[Party.parse(ref)]]
            except (ValueError, KeyError):
                raise NotFound(f"no partner {ref!r}; see: ocpi-hub partner list") from None
        return named[0]

    def _elsewhere(self, ref: str) -> Platform:
        """A platform that is not hosted: what a handshake does, or a hand, is not for plugins. InvalidParameters."""
        platform = self.find(ref)
        if stem := hosted_by(platform.versions_url):
            raise InvalidParameters(f"{platform.name} is hosted in this hub, by the plugin {stem}; change that instead")
        return platform

    def _called(self, version: str) -> set[tuple[str, Interface]]:
        """The endpoints that the hub may call at a platform."""
        routed = set(self._catalogue.offered(version))
        return routed if version in WITHOUT_INTERFACES else routed | {_CLIENT_INFO}

    def _view(self, platform_id: int) -> PartnerView:
        return _view(self._keeper.records[platform_id])

    def _invitation(self, platform_id: int, token: Secret) -> Invitation:
        record = self._keeper.records[platform_id]
        return Invitation(
            platform_id,
            record.name,
            self._identity.versions_url,
            token.reveal(),
            tuple(f"{each.party}:{role.role}" for each in record.parties for role in each.roles),
        )

    def _check_names(self, name: str, named: Sequence[PartyRole]) -> None:
        if not name.strip() or len(name) > 100 or not name.isprintable():
            raise InvalidParameters("the name of a partner is 1 to 100 printable characters")
        if name.isdecimal():
            raise InvalidParameters("the name of a partner can not be a number; it would read as an id")
        if any(each.party == self._identity.party for each in named):
            raise InvalidParameters(f"{self._identity.party} is this hub itself")

    def _changed(self, platform_id: int, change: str) -> None:
        if self._registrar:
            self._registrar.changed(self._keeper.records[platform_id].name, change)

    def _running(self) -> Registrar:
        if self._registrar is None:
            raise InvalidParameters("the partner calls the hub back, so it has to run: ocpi-hub serve")
        return self._registrar


def _party_roles(parties: Sequence[str]) -> list[PartyRole]:
    try:
        return [PartyRole.parse(each) for each in parties]
    except ValueError as reason:
        raise InvalidParameters(str(reason)) from None


def _view(record: PlatformRecord) -> PartnerView:
    roles = [(f"{each.party}:{role.role}", role.confirmed) for each in record.parties for role in each.roles]
    sends = [each.encoding for each in record.credentials if each.kind is not TokenKind.PENDING]
    return PartnerView(
        id=record.id,
        name=record.name,
        state=record.state,
        version=record.version,
        parties=tuple(role for role, confirmed in roles if confirmed),
        not_presented=tuple(role for role, confirmed in roles if not confirmed),
        versions_url=record.versions_url,
        sends_token_as=sends[0] if sends else None,
        gets_token_as=record.token_out_encoding,
        endpoints=tuple(
            EndpointView(each.version, each.module, each.interface, each.url, each.manual) for each in record.endpoints
        ),
        limits=record.limits,
        hosted_by=hosted_by(record.versions_url),
        created_at=record.created_at,
        updated_at=record.updated_at,
    )
