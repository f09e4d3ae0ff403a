"""Registration: the credentials handshake of OCPI, with the hub as receiver and as sender.

OCPI 2.2.1, chapter 7. A registration is complete when it is on disk; until then nothing of it is in force.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from weakref import WeakValueDictionary

import msgspec
import structlog

from hub.core.directory import Encoding, Platform, Secret, State, TokenKind
from hub.core.message import decode_as
from hub.core.modules import Catalogue
from hub.core.party import PartyRole, Role
from hub.errors import CannotUseApi, InvalidParameters, MethodNotAllowed, OcpiError, Unauthorized
from hub.events import Bus, PartnerChanged, Registered, Unregistered
from hub.ocpi.handshake import CredentialsRole
from hub.partners.access import Caller
from hub.partners.credentials import (
    DECODERS,
    KINDS,
    NAMING_REACHABLE,
    AnyCredentials,
    Identity,
    credentials_role,
    presented,
    sided,
)
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.peer import Learned, Peer, PeerRefused, PeerSilent, check_url, read_one
from hub.partners.tokens import new_token
from hub.plugin.api import Registration
from hub.plugin.runner import Runner
from hub.store.credentials import add_pending, drop_pending, seal_token, token_digest
from hub.store.crypto import Keyring
from hub.store.errors import CredentialGone, PartyNotInvited, PartyTaken, PlatformUnknown
from hub.store.platforms import create_platform, remove
from hub.store.records import PlatformRecord, PresentedEndpoint, PresentedRole
from hub.store.registration import complete_registration, unregister
from hub.upstream import Client

log = structlog.get_logger()

_BOTH = (Encoding.BASE64, Encoding.RAW)


class Registrar:
    """Runs the handshake. One registration at a time for each platform."""

    def __init__(
        self,
        keeper: DirectoryKeeper,
        keyring: Keyring,
        client: Client,
        plugins: Runner,
        bus: Bus,
        catalogue: Catalogue,
        identity: Identity,
        timeout: float,
    ) -> None:
        self._keeper = keeper
        self._keyring = keyring
        self._client = client
        self._plugins = plugins
        self._bus = bus
        self._catalogue = catalogue
        self.identity = identity
        self._timeout = timeout
        self._busy: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def reconfigure(self, identity: Identity, timeout: float) -> None:
        """Present the hub otherwise, and give partners another time to answer."""
        self.identity, self._timeout = identity, timeout

    def get(self, platform: Platform, version: str, token: Secret) -> AnyCredentials:
        """GET: the hub's credentials, with the token of this very request; the hub itself keeps only its digest."""
        return self.identity.credentials(version, token, self._reachable(platform, version))

    def _reachable(self, viewer: Platform, version: str) -> Iterable[CredentialsRole]:
        """The roles that a platform may reach through the hub, which OCPI 2.3.0 lists in the hub's credentials."""
        if version not in NAMING_REACHABLE:
            return ()
        directory = self._keeper.current
        names = {each.party: each for record in self._keeper.records.values() for each in record.parties}
        return [
            credentials_role(party, role, names.get(party))
            for platform in directory.platforms.values()
            if platform.id != viewer.id and platform.state is State.REGISTERED
            for party, roles in sorted(platform.roles.items())
            if any(directory.agreements.visible(own, party) for own in viewer.parties)
            for role in sorted(roles - {Role.HUB})
        ]

    async def post(self, caller: Caller, version: str, body: bytes) -> AnyCredentials:
        """POST: register. MethodNotAllowed (405) where the platform is registered already."""
        self._expect(caller, (TokenKind.A,), "this platform is registered; use PUT to change its credentials")
        return await self._receive(caller, version, body)

    async def put(self, caller: Caller, version: str, body: bytes) -> AnyCredentials:
        """PUT: renew the token, fetch the endpoints again, switch version. 405 where it is not registered."""
        self._expect(caller, (TokenKind.C, TokenKind.PENDING), "this platform is not registered; use POST")
        return await self._receive(caller, version, body)

    async def delete(self, caller: Caller) -> None:
        """DELETE: unregister. 405 where it is not registered."""
        self._expect(caller, (TokenKind.C, TokenKind.PENDING), "this platform is not registered")
        async with self._turn(caller.platform.id):
            self._still_valid(caller)
            await self._keeper.write(
                caller.platform.id, lambda connection: unregister(connection, caller.platform.id, now_ms())
            )
        log.info("unregistered", platform=caller.platform.name)
        self._bus.publish(Unregistered(platform=caller.platform.name))

    async def connect(self, name: str, versions_url: str, token_a: Secret, parties: Sequence[PartyRole]) -> Platform:
        """Register at a partner, the hub being the one that begins. Leaves nothing behind where that fails."""
        platform_id = await self._keeper.create(
            lambda connection: create_platform(connection, name, parties, None, now_ms())
        )
        try:
            return await self._begin(platform_id, versions_url, token_a, allow_new_parties=not parties)
        except BaseException:
            with suppress(PlatformUnknown):  # an operator may have been quicker
                await self._keeper.write(platform_id, lambda connection: remove(connection, platform_id))
            raise

    async def _begin(
        self, platform_id: int, versions_url: str, token_a: Secret, *, allow_new_parties: bool
    ) -> Platform:
        """Versions, details and POST in one encoding, else in the other: with open versions only the POST tells."""
        refused: PeerRefused | None = None
        for encoding in _BOTH:
            try:
                learned = await self._peer(platform_id).learn(
                    versions_url,
                    token_a,
                    versions=self._catalogue.versions[::-1],
                    modules=self._catalogue.modules,
                    encodings=(encoding,),
                )
                return await self._present(
                    platform_id,
                    "POST",
                    versions_url,
                    token_a,
                    learned,
                    new_token(),
                    allow_new_parties=allow_new_parties,
                )
            except PeerRefused as refusal:
                if not refusal.denied:
                    raise
                refused = refused or refusal
        raise refused or CannotUseApi("no token encoding is left to try")

    async def rotate(self, platform: Platform) -> Platform:
        """Renew the tokens of a registered platform, the hub being the one that begins (PUT at the partner)."""
        record = self._keeper.records[platform.id]
        if record.token_out_encoding is None or platform.versions_url is None or platform.version is None:
            raise InvalidParameters(f"{platform.name} is not registered; there is no token to renew")
        async with self._turn(platform.id):
            token = self._keeper.token_out(platform.id)
            learned = await self._peer(platform.id).learn(
                platform.versions_url,
                token,
                versions=(platform.version,),
                modules=self._catalogue.modules,
                encodings=(record.token_out_encoding,),
            )
            return await self._present(
                platform.id, "PUT", platform.versions_url, token, learned, new_token(), allow_new_parties=False
            )

    async def _receive(self, caller: Caller, version: str, body: bytes) -> AnyCredentials:
        """What POST and PUT share: read the credentials, call back, and complete."""
        try:
            credentials: AnyCredentials = decode_as(body, DECODERS[version])
        except msgspec.ValidationError as reason:
            raise InvalidParameters(f"credentials: {reason}") from None
        platform_id = caller.platform.id
        roles = presented(credentials, self._keeper.current.platforms[platform_id].reserved)
        async with self._turn(platform_id):
            self._still_valid(caller)
            self._check_parties(platform_id, roles, allow_new_parties=False)
            token_out = Secret(credentials.token)
            learned = await self._call_back(caller, version, credentials.url, token_out)
            token = new_token()
            await self._complete(
                platform_id, credentials.url, token_out, roles, learned,
                used=caller.digest, new=token_digest(token.reveal()), allow_new_parties=False,
            )  # fmt: skip
        return self.get(self._keeper.current.platforms[platform_id], version, token)

    async def _call_back(self, caller: Caller, version: str, versions_url: str, token_out: Secret) -> Learned:
        """The partner's versions and details. How it writes tokens is most likely how it reads them."""
        guess = caller.encoding
        try:
            return await self._peer(caller.platform.id).learn(
                versions_url,
                token_out,
                versions=(version,),
                modules=self._catalogue.modules,
                encodings=(guess, *(each for each in _BOTH if each is not guess)),
            )
        except PeerSilent as silent:
            if silent.forbidden is None:
                raise
            raise CannotUseApi(
                f"{silent.forbidden}: the hub may not call this address, it is not a public one; ask its operator"
            ) from None

    async def _present(
        self,
        platform_id: int,
        method: str,
        versions_url: str,
        token: Secret,
        learned: Learned,
        pending: Secret,
        *,
        allow_new_parties: bool,
    ) -> Platform:
        """Send the hub's credentials to a partner. The pending token works at once: the partner calls back with it."""
        digest = token_digest(pending.reveal())
        self._record(platform_id)
        await self._keeper.write(platform_id, lambda connection: add_pending(connection, platform_id, digest, now_ms()))
        peer = self._peer(platform_id)
        viewer = self._keeper.current.platforms[platform_id]
        body = msgspec.json.encode(self.get(viewer, learned.version, pending))
        try:
            received = await peer.call(method, learned.credentials_url, token, learned.encoding, body)
        except PeerRefused:
            await self._drop_pending(platform_id, digest)
            raise
        except PeerSilent as silent:
            if not silent.unsure:
                await self._drop_pending(platform_id, digest)
            raise
        theirs: AnyCredentials = read_one(received.data, KINDS[learned.version], learned.credentials_url)
        token_out = Secret(theirs.token)
        try:
            roles = presented(theirs, viewer.reserved)
            await self._complete(
                platform_id, versions_url, token_out, roles, learned,
                used=digest, new=digest, allow_new_parties=allow_new_parties,
            )  # fmt: skip
        except OcpiError:
            if method == "POST":
                await self._take_back(peer, learned, token_out)
            raise
        return self._keeper.current.platforms[platform_id]

    async def _complete(
        self,
        platform_id: int,
        versions_url: str,
        token_out: Secret,
        roles: list[PresentedRole],
        learned: Learned,
        *,
        used: bytes,
        new: bytes,
        allow_new_parties: bool,
    ) -> None:
        name = self._record(platform_id).name
        party_roles = tuple(role.party_role for role in roles)
        endpoints = sided(learned.version, learned.endpoints, {each.role for each in party_roles}, self._catalogue)
        self._check_parties(platform_id, roles, allow_new_parties=allow_new_parties)
        refusal = await self._plugins.admit(
            Registration(
                platform=name,
                version=learned.version,
                versions_url=versions_url,
                roles=party_roles,
                endpoints=endpoints,
            )
        )
        if refusal is not None:
            raise InvalidParameters(f"the registration is refused: {refusal.reason}")
        try:
            await self._keeper.write(
                platform_id,
                partial(
                    complete_registration,
                    platform_id=platform_id,
                    used_digest=used,
                    new_digest=new,
                    token_out=seal_token(self._keyring, platform_id, token_out.reveal()),
                    token_out_encoding=learned.encoding,
                    version=learned.version,
                    versions_url=versions_url,
                    roles=roles,
                    endpoints=[PresentedEndpoint(*key, url) for key, url in endpoints.items()],
                    allow_new_parties=allow_new_parties,
                    now=now_ms(),
                ),
            )
        except CredentialGone:
            raise MethodNotAllowed("this token was used by another registration", ("GET",)) from None
        except (PartyTaken, PartyNotInvited) as reason:
            raise _party_refused(reason) from None
        log.info("registered", platform=name, version=learned.version, parties=[str(role) for role in party_roles])
        self._bus.publish(Registered(platform=name, version=learned.version, roles=party_roles))

    def _record(self, platform_id: int) -> PlatformRecord:
        """What is known of a platform. Unauthorized where it was removed while its partner was being called."""
        record = self._keeper.records.get(platform_id)
        if record is None:
            raise Unauthorized("this platform was removed meanwhile")
        return record

    def _check_parties(self, platform_id: int, roles: list[PresentedRole], *, allow_new_parties: bool) -> None:
        """Refuse early what the store would refuse at the end, before anybody is called."""
        named = self._keeper.current.platforms[platform_id].reserved
        for each in roles:
            party, role = each.party_role.party, each.party_role.role
            owner = self._keeper.current.parties.get(party)
            if owner is not None and owner.id != platform_id:
                raise _party_refused(PartyTaken(party, owner.name))
            if party == self.identity.party:
                raise InvalidParameters(f"roles: {party} is this hub itself")
            if not allow_new_parties and role not in named.get(party, ()):
                raise _party_refused(PartyNotInvited(each.party_role))

    def _expect(self, caller: Caller, kinds: tuple[TokenKind, ...], why: str) -> None:
        registered = caller.platform.state is not State.INVITED
        if caller.kind not in kinds or (caller.kind is TokenKind.PENDING and not registered):
            raise MethodNotAllowed(why, ("GET", "PUT", "DELETE") if registered else ("GET", "POST"))

    def _still_valid(self, caller: Caller) -> None:
        """While this request waited its turn, another may have used up its token."""
        if caller.digest not in self._keeper.current.credentials:
            raise MethodNotAllowed("this token was used by another registration", ("GET",))

    async def _take_back(self, peer: Peer, learned: Learned, token_out: Secret) -> None:
        """The partner believes that it is registered here, and is not: tell it."""
        try:
            await peer.call("DELETE", learned.credentials_url, token_out, learned.encoding)
        except OcpiError as error:
            log.warning("unregister_failed", reason=error.message)

    async def _drop_pending(self, platform_id: int, digest: bytes) -> None:
        await self._keeper.write(platform_id, lambda connection: drop_pending(connection, digest))

    def check(self, url: str, field: str) -> None:
        """Refuse a URL for partners that an operator gives, as far as can be said before its name is looked up."""
        check_url(self._client, url, field)

    def _turn(self, platform_id: int) -> asyncio.Lock:
        """For one at a time of a platform; it is forgotten when nobody holds it or waits for it."""
        return self._busy.setdefault(platform_id, asyncio.Lock())

    def _peer(self, platform_id: int) -> Peer:
        return Peer(self._client, platform_id, self._timeout)

    def changed(self, platform: str, change: str) -> None:
        """Tell everybody that an operator changed a partner."""
        log.info("partner_changed", platform=platform, change=change)
        self._bus.publish(PartnerChanged(platform=platform, change=change))


def _party_refused(reason: PartyTaken | PartyNotInvited) -> InvalidParameters:
    if isinstance(reason, PartyTaken):
        # Whose party it is stays the operator's knowledge.
        return InvalidParameters(f"roles: {reason.party} is registered by another platform of this hub")
    return InvalidParameters(f"roles: {reason.role} is not named in the invitation; ask the hub's operator to add it")
