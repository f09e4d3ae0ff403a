"""A JSON API for charging apps that can stand on the open internet, on an eMSP of its own. Off by default.

    [plugins.public_api]
    enabled = true
    party = "NL-APP"
    port = 8070

For PDFs it needs the package fpdf2: `pip install ocpi-hub[pdf]`. Everything about it stands in docs/public-api.md.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.ocpi import v2_2_1 as ocpi
from hub.plugin import Body, Figure, Figures, OcpiError, Party, Problem, panel, verb
from hub.plugin.party import CommandOutcome, Emsp, InvalidParameters, Page, Paged, PartySettings, UnknownToken
from hub.plugin.web import Access, Api, HttpLimits

from . import charges, people, tickets
from .gate import Gate, Who
from .live import Sockets
from .model import Command, Live
from .people import Holder, Key
from .routes import Routes, same_origin
from .tables import now, tables

_DAY = 86_400_000
_SWEEP, _LOOK = 3600.0, 10.0
_LINE, _HEADER, _HEADERS = 4096, 4096, 64
_UNDER_WAY = 200
"""Commands of all users that wait for an answer, at most."""

Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,49}$")]


class PublicApiSettings(PartySettings):
    """The `[plugins.public_api]` table."""

    party: Annotated[str, Meta(description="Party that the users are drivers of.")] = ""
    name: Annotated[str, Meta(description="Its name, as partners see it.")] = "Charging apps"
    website: Annotated[str | None, Meta(description="Its website, as partners see it.")] = None
    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on.")] = 8070
    public_url: Annotated[str, Meta(description="How apps reach it, as https://api.example, where proxies are.")] = ""
    origins: Annotated[list[str], Meta(description="Origins of web pages that may call it; * for all.")] = []
    trusted_proxies: Annotated[list[str], Meta(description="Networks whose X-Forwarded-For is believed.")] = []
    example: Annotated[bool, Meta(description="Whether the example app is served at /app.")] = False
    key_requests: Annotated[float, Meta(gt=0, le=100_000, description="Requests per second with one key.")] = 50.0
    address_requests: Annotated[float, Meta(gt=0, le=100_000, description="Requests per second of one address.")] = 10.0
    burst: Annotated[float, Meta(gt=0, le=3600, description="Seconds whose requests may come at once.")] = 5.0
    wrong_keys: Annotated[int, Meta(ge=1, le=10_000, description="Wrong keys and tokens of an address per minute.")] = (
        20
    )
    connections: Annotated[int, Meta(ge=1, le=100_000, description="Connections at a time.")] = 1000
    connections_per_address: Annotated[
        int, Meta(ge=0, le=100_000, description="Connections of one address; 0 for any, as behind a proxy.")
    ] = 50
    body: Annotated[int, Meta(ge=1024, le=1_048_576, description="Bytes of a request's body.")] = 16_384
    patience: Annotated[
        float, Meta(gt=0, le=300, description="Seconds until a request has come or an answer is taken.")
    ] = 10.0
    sockets: Annotated[int, Meta(ge=1, le=100_000, description="WebSockets at a time.")] = 500
    sockets_per_user: Annotated[int, Meta(ge=1, le=100, description="WebSockets of one user.")] = 3
    socket_queue: Annotated[
        int, Meta(ge=1, le=10_000, description="Messages that wait for a slow client, before it is dropped.")
    ] = 32
    ping: Annotated[float, Meta(ge=1, le=600, description="Seconds between two pings.")] = 25.0
    cards_per_user: Annotated[int, Meta(ge=1, le=100, description="Cards of one user.")] = 5
    commands_per_user: Annotated[
        int, Meta(ge=1, le=100, description="Commands of one user that wait for an answer.")
    ] = 2
    radius: Annotated[float, Meta(gt=0, le=1_000_000, description="Most metres around a point.")] = 50_000.0
    days: Annotated[int, Meta(ge=0, le=36_500, description="Days that sessions and CDRs are kept; 0 for ever.")] = 730
    font: Annotated[str, Meta(description="TrueType file for PDFs, where names are not all in Latin letters.")] = ""


class NewKey(Body, frozen=True, kw_only=True):
    """An app key to be made. `days`: how long it opens something; 0 for ever."""

    name: Name
    app: Name
    scopes: Annotated[list[Literal["read", "charge", "users"]], Meta(min_length=1)]
    days: Annotated[int, Meta(ge=0, le=36_500)] = 0


class MadeKey(msgspec.Struct, frozen=True):
    """An app key. It is told this once."""

    name: str
    app: str
    scopes: tuple[str, ...]
    key: str

    def __repr__(self) -> str:
        return f"MadeKey({self.name!r})"


class PublicApi(Emsp[PublicApiSettings]):
    """The eMSP of all users of all apps."""

    enabled_by_default = False
    tables = tables

    async def start(self) -> None:
        settings = self.settings
        self.counts: Counter[str] = Counter()
        self.under_way: set[str] = set()
        self.printing = asyncio.Lock()
        self.gate = Gate(settings.key_requests, settings.address_requests, settings.wrong_keys, settings.burst)
        self.gate.keys = await self.store.read(people.load_keys)
        self.sockets = Sockets(
            settings.sockets, settings.sockets_per_user, settings.socket_queue, settings.patience, settings.ping
        )
        self.api = self.make_api()
        self.url = self.listen(
            self.api.application,
            host=settings.host,
            port=settings.port,
            limits=HttpLimits(
                connections=settings.connections, per_address=settings.connections_per_address,
                patience=settings.patience, keepalive=settings.patience, write_patience=settings.patience,
                line=_LINE, header=_HEADER, headers=_HEADERS,
            ),
        )  # fmt: skip
        self.public_url = settings.public_url.rstrip("/") or self.url
        self.log.info("public_api", url=self.url)
        self.spawn(self.tidy(), name="tidy")

    async def take_over(self) -> None:
        """The version before this one waits for no answer any more, and may have made keys."""
        self.gate.keys = await self.store.read(people.load_keys)
        await self.give_up()

    async def changed_elsewhere(self) -> None:
        """Keys may be revoked, users gone, and tokens renewed: their sockets end here, too."""
        self.gate.keys = await self.store.read(people.load_keys)
        callers = self.sockets.all_who()
        gone = await self.store.read(lambda own: tickets.not_opened_by(own, callers))
        self.sockets.drop_where(lambda who: who in gone or not self.gate.holds(who.key))

    async def heard_from_node(self, body: bytes) -> None:
        """Another node tells a user something, whose socket may be here."""
        self.sockets.tell(*msgspec.msgpack.decode(body, type=tuple[str, bytes]))

    async def tell(self, user: str | None, told: Live) -> None:
        """Tell all sockets of a user, on whichever node they are."""
        if user is None:
            return
        text = msgspec.json.encode(told)
        self.sockets.tell(user, text)
        try:
            await self.nodes.tell(msgspec.msgpack.encode((user, text)))
        except OcpiError:
            self.counts["not_told"] += 1

    async def give_up(self) -> None:
        there = await self.nodes.there()
        await self.store.write(lambda own: charges.give_up(own, self.under_way, self.nodes.own, there))

    def make_api(self) -> Api[Who]:
        settings = self.settings
        api = Api[Who](
            "Charging API",
            "Locations nearby, cards, charging and the charging log, for apps. An app key says which app calls "
            "(`x-api-key`), a token which of its users (`Authorization: Bearer`). Everything is a user's own.",
            version="1",
            admit=self.admit,
            schemes={
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "user": {"type": "http", "scheme": "bearer"},
            },
            words={"party": ("A party.", "NL-TNM"), "location": ("The id of a location.", "LOC1")},
            origins=settings.origins,
            proxies=settings.trusted_proxies,
            body_limit=settings.body,
            headers=(
                {"Strict-Transport-Security": "max-age=31536000"} if settings.public_url.startswith("https:") else {}
            ),
        )
        api.application.middlewares.append(self.greet)
        Routes(self).add_to(api)
        api.application.on_shutdown.append(self.close_sockets)
        return api

    async def close_sockets(self, _: web.Application) -> None:
        await self.sockets.close()

    @web.middleware
    async def greet(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.gate.greet(request)
        return await handler(request)

    async def admit(self, request: web.Request, access: Access) -> Who:
        return await self.gate.admit(request, access, self.find_user)

    async def find_user(self, token: bytes, app: str) -> str | None:
        return await self.store.read(lambda own: people.opened_by(own, token, app))

    async def check_still(self, who: Who) -> None:
        """Problem 401 where a user who was let in would not be any more."""
        if not self.gate.holds(who.key) or await self.find_user(who.token, who.app) != who.user:
            raise Problem(401, "the key or the token of this ticket opens nothing any more", "log in again")

    def welcomes(self, origin: str, request: web.Request) -> bool:
        """Whether pages of an origin may open a WebSocket: browsers ask nobody about that."""
        return self.api.allows(origin) or same_origin(origin, request)

    def tell_card(self, row: dict[str, Any]) -> None:
        """All CPOs learn of a card that is new, or not valid any more."""
        self.spawn(self.push_card(row), name="card")

    async def push_card(self, row: dict[str, Any]) -> None:
        answer = await self.push_token(people.token_of(row))
        if not answer.ok:
            self.counts["cards_not_told"] += 1
            self.log.warning("card_not_told", reason=answer.message)

    def carry_out(self, command: Command, send: Callable[[], Awaitable[CommandOutcome]]) -> None:
        """Send a command in the background, and tell what comes of it."""
        self.spawn(self.send_command(command, send), name="command")

    async def send_command(self, command: Command, send: Callable[[], Awaitable[CommandOutcome]]) -> None:
        state, message = "failed", "too many commands are under way; try again"
        if len(self.under_way) < _UNDER_WAY:
            self.under_way.add(command.id)
            try:
                state, message = outcome(await send())
            except OcpiError as error:
                state, message = "failed", "the operator can not be reached, or did not understand"
                self.log.info("command_failed", command=command.kind, reason=error.message)
            finally:
                self.under_way.discard(command.id)
        self.counts[state] += 1
        user, ended = await self.store.write(lambda own: charges.end(own, command.id, state, message))
        await self.tell(user, Live(type="command", command=ended))

    # What partners ask and tell.

    async def tokens(self, page: Page) -> Paged[ocpi.Token]:
        return await self.store.read(lambda own: people.page_of_tokens(own, page))

    async def authorize(
        self, token_uid: str, token_type: ocpi.TokenType, location: ocpi.LocationReferences | None
    ) -> ocpi.AuthorizationInfo | None:
        token = await self.store.read(lambda own: people.find_token(own, token_uid, token_type))
        if token is None:
            return None
        allowed = ocpi.AllowedType.ALLOWED if token.valid else ocpi.AllowedType.BLOCKED
        return ocpi.AuthorizationInfo(allowed=allowed, token=token, location=location)

    async def get_session(self, owner: Party, session_id: str) -> ocpi.Session | None:
        return await self.store.read(lambda own: charges.find_session(own, owner, session_id))

    async def put_session(self, session: ocpi.Session) -> bool:
        holder = await self.holder_of(session.cdr_token)
        new, user, told = await self.store.write(lambda own: charges.keep_session(own, session, holder))
        if told is not None:
            await self.tell(user, Live(type="session", session=told))
        return new

    async def post_cdr(self, cdr: ocpi.CDR) -> bool:
        holder = await self.holder_of(cdr.cdr_token)
        new, user, entry = await self.store.write(lambda own: charges.keep_cdr(own, cdr, holder))
        if new:
            await self.tell(user, Live(type="entry", entry=entry))
        return new

    async def get_cdr(self, cdr_id: str) -> ocpi.CDR | None:
        party = self.caller.party
        return await self.store.read(lambda own: charges.find_cdr(own, party, cdr_id)) if party else None

    async def holder_of(self, token: ocpi.CdrToken) -> Holder:
        """Whose card a session or CDR is of. What is of none here is counted, and refused."""
        if Party.of(token.country_code, token.party_id) != self.own:
            raise InvalidParameters("cdr_token: it is a card of another party")
        holder = await self.store.read(lambda own: people.holder(own, token.uid, token.type))
        if holder is None:
            self.counts["unknown_cards"] += 1
            raise UnknownToken("cdr_token: this card is not known here")
        return holder

    # What the operator does.

    @verb("key-create")
    async def create_key(self, given: NewKey) -> MadeKey:
        """Make an app key: {"name": "shop", "app": "shop", "scopes": ["users"], "days": 365}."""
        secret = people.new_secret("pk")
        key = Key(
            name=given.name, app=given.app, scopes=people.known_scopes(given.scopes), created=now(),
            expires=now() + given.days * _DAY if given.days else None,
        )  # fmt: skip
        await self.store.write(lambda own: people.add_key(own, key, secret), tell=True)
        self.gate.keys = await self.store.read(people.load_keys)
        return MadeKey(key.name, key.app, key.scopes, secret)

    @verb("key-list")
    async def list_keys(self, given: None) -> list[Key]:
        """List the app keys; the keys themselves are not kept."""
        return list((await self.store.read(people.load_keys)).values())

    @verb("key-revoke")
    async def revoke_key(self, given: str) -> list[Key]:
        """Revoke an app key, as "shop": it opens nothing any more. What is left is told."""
        await self.store.write(lambda own: people.remove_key(own, given), tell=True)
        self.gate.keys = await self.store.read(people.load_keys)
        self.sockets.drop_where(lambda who: not self.gate.holds(who.key))
        return list(self.gate.keys.values())

    @panel("Public API")
    async def show(self) -> Figures:
        counts = self.counts
        return Figures(
            (
                Figure("app keys", len(self.gate.keys), ""),
                Figure("sockets", len(self.sockets), "open"),
                Figure("sockets dropped", self.sockets.dropped, "too slow"),
                Figure("requests refused", self.gate.refused, "by keys and limits"),
                Figure("commands under way", len(self.under_way), ""),
                Figure("commands accepted", counts["accepted"], ""),
                Figure("commands refused", counts["refused"], ""),
                Figure("commands failed", counts["failed"], ""),
                Figure("cards not told", counts["cards_not_told"], "to partners"),
                Figure("live values not told", counts["not_told"], "to other nodes"),
                Figure("sessions and CDRs of unknown cards", counts["unknown_cards"], "refused"),
            )
        )

    async def tidy(self) -> None:
        """One node gives up what nodes had sent that are gone, and forgets what is old."""
        due = 0.0
        while True:
            try:
                if self.nodes.leads and self.nodes.several:
                    await self.give_up()
                if self.nodes.leads and self.settings.days and time.monotonic() >= due:
                    await self.store.write(partial(charges.forget, before=now() - self.settings.days * _DAY))
                    due = time.monotonic() + _SWEEP
            except Exception as error:  # noqa: BLE001 - a database that is away is no reason never to try again
                self.log.warning("public_api_not_tidied", reason=str(error))
            await asyncio.sleep(_LOOK)


def outcome(told: CommandOutcome) -> tuple[str, str]:
    """What came of a command, in a word and in words."""
    result = told.result.result if told.result else told.response.result
    said = (told.result.message if told.result else told.response.message) or ()
    words = next((each.text for each in said if each.language == "en"), None) or next((each.text for each in said), "")
    if told.result is None and result == "ACCEPTED":
        return "failed", words or "the operator took it, and told no result in time"
    if result == "ACCEPTED":
        return "accepted", words
    return "refused", words or result.replace("_", " ").lower()
