"""The routes of the public API, each with what it asks of those who call."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from hub.plugin import Nearby, Page, Paging, Party, PdfMissing, Problem, Query, after, cursor
from hub.plugin.web import Api, ApiCall

from . import charges, papers, people, tickets
from .gate import CHARGE, OPEN, READ, USERS, Who
from .model import (
    Around,
    Card,
    Cards,
    Command,
    Done,
    Entry,
    Live,
    LogQuery,
    NewAppCard,
    NewCard,
    NewUser,
    Period,
    Place,
    Price,
    Session,
    Sessions,
    Start,
    Ticket,
    User,
    UserWithToken,
)  # fmt: skip
from .places import location_of, place_of, price_of, tariffs_of

T = TypeVar("T")
Prices = dict[tuple[Party, str], Price | None]

_BATCH = 500
_PAPER = 2000
"""Most lines of a PDF."""
_APP = Path(__file__).with_name("app")
_FILES = {"": "index.html", "app.js": "app.js", "app.css": "app.css"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class TicketQuery(Query, frozen=True, kw_only=True):
    """What opens the socket."""

    ticket: str


class Routes:
    """The handlers. `api` is the plugin, as far as they need it."""

    def __init__(self, plugin: Any) -> None:
        self._plugin = plugin

    def add_to(self, api: Api[Who]) -> None:
        """All routes."""
        api.add("GET", "/v1/locations", self.list_locations, access=READ)
        api.add("GET", "/v1/locations/{party}/{location}", self.show_location, access=READ)
        api.add("GET", "/v1/users", self.list_users, access=USERS)
        api.add("POST", "/v1/users", self.add_user, access=USERS, status=201, failures=(409,))
        api.add("DELETE", "/v1/users/{user}", self.remove_user, access=USERS)
        api.add("POST", "/v1/users/{user}/token", self.renew_token, access=USERS, status=201)
        api.add("POST", "/v1/users/{user}/cards", self.add_card, access=USERS, status=201, failures=(409,))
        api.add("GET", "/v1/cards", self.list_cards, access=CHARGE)
        api.add("POST", "/v1/cards", self.add_app_card, access=CHARGE, status=201, failures=(409,))
        api.add("DELETE", "/v1/cards/{card}", self.remove_card, access=CHARGE)
        api.add("POST", "/v1/sessions", self.start, access=CHARGE, status=202, failures=(404, 409))
        api.add("GET", "/v1/sessions", self.list_sessions, access=CHARGE)
        api.add("GET", "/v1/sessions/{session}", self.show_session, access=CHARGE)
        api.add("POST", "/v1/sessions/{session}/stop", self.stop, access=CHARGE, status=202, failures=(409,))
        api.add("GET", "/v1/commands/{command}", self.show_command, access=CHARGE)
        api.add("GET", "/v1/log", self.show_log, access=CHARGE)
        api.add("GET", "/v1/log.csv", self.log_as_csv, access=CHARGE, media="text/csv")
        api.add("GET", "/v1/log.pdf", self.log_as_pdf, access=CHARGE, media="application/pdf", failures=(503,))
        api.add("POST", "/v1/tickets", self.make_ticket, access=CHARGE, status=201)
        api.add("GET", "/v1/live", self.live, access=OPEN, media="text/plain", status=101, failures=(401, 403))
        if self._plugin.settings.example:
            api.application.add_routes([web.get("/app/{name:[a-z.]*}", example), web.get("/app", to_example)])

    async def list_locations(self, call: ApiCall[Who, Around, None]) -> Page[Place]:
        """List locations around a point, the nearest first."""
        asked, own = call.query, self._plugin
        begin = _numbers(asked.cursor)
        radius = min(asked.radius, own.settings.radius)
        found = await own.hub.nearby(
            asked.lat, asked.lon, radius, seen_by=own.own, limit=asked.limit + 1, after=begin, free=asked.available
        )
        shown = found[: asked.limit]
        prices: Prices = {}
        places = [place for each in shown if (place := await self._place(each.location, each, prices)) is not None]
        return Page(tuple(places), cursor(shown[-1].key) if len(found) > len(shown) else None)

    async def show_location(self, call: ApiCall[Who, Query, None]) -> Place:
        """Show a location."""
        place = await self._place(await self._held(call.path["party"], call.path["location"]), None, {})
        if place is None:
            raise _no_location()
        return place

    async def list_users(self, call: ApiCall[Who, Paging, None]) -> Page[User]:
        """List the users of the app."""
        asked = call.query
        begin = str(after(asked.cursor)[0]) if asked.cursor else ""
        found = await self._read(people.list_users, call.who.app, begin, asked.limit + 1)
        shown = found[: asked.limit]
        return Page(tuple(shown), cursor((shown[-1].id,)) if len(found) > len(shown) else None)

    async def add_user(self, call: ApiCall[Who, Query, NewUser]) -> UserWithToken:
        """Make a user, with a token."""
        secret = people.new_secret("ut")

        async def work(own: Any) -> User:
            user = await people.add_user(own, call.who.app, call.body.reference, self._plugin.own)
            await people.renew_token(own, user.id, secret)
            return user

        return UserWithToken(user=await self._plugin.store.write(work), token=secret)

    async def renew_token(self, call: ApiCall[Who, Query, None]) -> UserWithToken:
        """Make a new token of a user: the one before opens nothing any more."""
        secret = people.new_secret("ut")

        async def work(own: Any) -> User:
            user = await people.user_of(own, call.who.app, call.path["user"])
            await people.renew_token(own, user.id, secret)
            return user

        user = await self._plugin.store.write(work, tell=True)
        self._plugin.sockets.drop_where(lambda who: who.user == user.id)
        return UserWithToken(user=user, token=secret)

    async def remove_user(self, call: ApiCall[Who, Query, None]) -> Done:
        """Remove a user. Cards become invalid; what was charged stays for the operator, as nobody's."""

        async def work(own: Any) -> list[dict[str, Any]]:
            user = await people.user_of(own, call.who.app, call.path["user"])
            return await people.remove_user(own, user.id)

        for card in await self._plugin.store.write(work, tell=True):
            self._plugin.tell_card(card)
        self._plugin.sockets.drop_where(lambda who: who.user == call.path["user"])
        return Done()

    async def add_card(self, call: ApiCall[Who, Query, NewCard]) -> Card:
        """Register a user's card of plastic. That it is this user's is for the app to know."""
        own, uid = self._plugin, call.body.uid
        if set(await own.hub.token_owners(uid, people.RFID)) - {own.own}:
            raise Problem(409, "this card can not be registered", "it may be registered already")

        async def work(store: Any) -> dict[str, Any]:
            user = await people.user_of(store, call.who.app, call.path["user"])
            most = own.settings.cards_per_user
            return await people.add_card(store, user.id, people.RFID, uid, call.body.label, most)

        return self._told(await own.store.write(work))

    async def list_cards(self, call: ApiCall[Who, Query, None]) -> Cards:
        """List the cards of the user."""
        return Cards(tuple(await self._read(people.list_cards, call.who.user)))

    async def add_app_card(self, call: ApiCall[Who, Query, NewAppCard]) -> Card:
        """Make a card for the app itself, with which the user starts sessions."""
        most, uid = self._plugin.settings.cards_per_user, people.new_secret("A")[:34]
        row = await self._write(people.add_card, call.who.user, people.APP, uid, call.body.label, most)
        return self._told(row)

    async def remove_card(self, call: ApiCall[Who, Query, None]) -> Done:
        """Remove a card: nobody can charge with it any more."""
        self._plugin.tell_card(await self._write(people.remove_card, call.who.user, call.path["card"]))
        return Done()

    async def start(self, call: ApiCall[Who, Query, Start]) -> Command:
        """Start charging. What comes of it is told by the command and on the WebSocket."""
        own, wanted = self._plugin, call.body
        location = location_of(await self._held(wanted.party, wanted.location))
        evses = location.evses or () if location else ()
        evse = next((each.uid for each in evses if each.uid.lower() == wanted.evse.lower()), None)
        if location is None or evse is None:
            raise _no_location()

        most, node = own.settings.commands_per_user, own.nodes.own

        async def work(store: Any) -> tuple[Any, Command]:
            token = await people.card_to_charge_with(store, call.who.user, wanted.card)
            return token, await charges.begin(store, call.who.user, "start", None, most, node)

        token, command = await own.store.write(work)
        own.carry_out(
            command,
            lambda: own.request_start(
                token, location.id, evse, wanted.connector, to=wanted.party.upper(), reference=command.id
            ),
        )
        return command

    async def list_sessions(self, call: ApiCall[Who, Sessions, None]) -> Page[Session]:
        """List the sessions of the user, the latest first."""
        asked = call.query
        begin = _place(asked.cursor)
        found = await self._read(
            charges.list_sessions, call.who.user, active=asked.active, after=begin, limit=asked.limit + 1
        )
        shown = found[: asked.limit]
        more = cursor((shown[-1][0], shown[-1][1].id)) if len(found) > len(shown) else None
        return Page(tuple(session for _, session in shown), more)

    async def show_session(self, call: ApiCall[Who, Query, None]) -> Session:
        """Show a session."""
        return charges.session_told(await self._read(charges.session_row, call.who.user, call.path["session"]))

    async def stop(self, call: ApiCall[Who, Query, None]) -> Command:
        """Stop a session."""
        own = self._plugin

        async def work(store: Any) -> tuple[Any, Command]:
            row = await charges.session_row(store, call.who.user, call.path["session"])
            if not row["active"]:
                raise Problem(409, "this session is over", "GET /v1/log shows what it cost")
            most = own.settings.commands_per_user
            return row, await charges.begin(store, call.who.user, "stop", row["id"], most, own.nodes.own)

        row, command = await own.store.write(work)
        session = charges.ocpi_id(row)
        own.carry_out(command, lambda: own.request_stop(session, to=row["owner"]))
        return command

    async def show_command(self, call: ApiCall[Who, Query, None]) -> Command:
        """Show what came of a start or a stop."""
        return await self._read(charges.command_of, call.who.user, call.path["command"])

    async def show_log(self, call: ApiCall[Who, LogQuery, None]) -> Page[Entry]:
        """Show the charging log of the user, the latest first."""
        asked = call.query
        found = await self._read(charges.log_page, call.who.user, asked, _numbers(asked.cursor), asked.limit + 1)
        shown = found[: asked.limit]
        more = cursor(shown[-1][0]) if len(found) > len(shown) else None
        return Page(tuple(entry for _, entry in shown), more)

    async def log_as_csv(self, call: ApiCall[Who, Period, None]) -> web.StreamResponse:
        """Show the charging log as CSV."""
        answer = web.StreamResponse(
            headers={
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": 'attachment; filename="charging-log.csv"',
            }
        )
        found = await self._read(charges.log_page, call.who.user, call.query, None, _BATCH)
        await answer.prepare(call.request)
        await answer.write(papers.lines((entry for _, entry in found), head=True).encode())
        while found:
            found = await self._read(charges.log_page, call.who.user, call.query, found[-1][0], _BATCH)
            await answer.write(papers.lines((entry for _, entry in found), head=False).encode())
        await answer.write_eof()
        return answer

    async def log_as_pdf(self, call: ApiCall[Who, Period, None]) -> web.StreamResponse:
        """Show the charging log as PDF, with totals."""
        found = await self._read(charges.log_page, call.who.user, call.query, None, _PAPER + 1)
        if len(found) > _PAPER:
            raise Problem(400, f"these are more than {_PAPER} lines", "choose a shorter period, or take the CSV")
        entries = [entry for _, entry in reversed(found)]
        user = await self._read(people.user_of, call.who.app, call.who.user)
        own = self._plugin
        font = own.folder / own.settings.font if own.settings.font else None
        who = user.reference or user.id
        if own.printing.locked():  # it computes for a while, and the hub has better things to do
            raise Problem(429, "another PDF is being made", "come back in a moment", {"Retry-After": "2"})
        try:
            async with own.printing:
                body = await asyncio.to_thread(papers.pdf, entries, call.query, who, font)
        except PdfMissing:
            raise Problem(503, "this server makes no PDFs", "take the CSV") from None
        headers = {"Content-Disposition": 'attachment; filename="charging-log.pdf"'}
        return web.Response(body=body, content_type="application/pdf", headers=headers)

    async def make_ticket(self, call: ApiCall[Who, Query, None]) -> Ticket:
        """Make a ticket for the WebSocket, which browsers can send no header to."""
        ticket = await self._write(tickets.make, call.who)
        url = self._plugin.public_url.replace("http", "ws", 1)
        return Ticket(ticket=ticket, seconds=tickets.SECONDS, url=f"{url}/v1/live?ticket={ticket}")

    async def live(self, call: ApiCall[Who, TicketQuery, None]) -> web.StreamResponse:
        """Open the WebSocket that tells each change of the user's sessions and commands."""
        own, request = self._plugin, call.request
        origin = request.headers.get("Origin")
        if origin is not None and not own.welcomes(origin, request):
            raise Problem(403, "pages of this origin may not come here", "the operator of the hub names origins")
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Problem(400, "this is a WebSocket", "open it as one, with a ticket of POST /v1/tickets")
        known = await self._read(tickets.known, call.query.ticket)
        who = await self._write(tickets.take, call.query.ticket) if known else None
        if who is None:
            raise tickets.opens_nothing()
        return await own.sockets.serve(request, who, partial(self._begun, who))

    async def _begun(self, who: Who) -> Live:
        await self._plugin.check_still(who)  # that was when the ticket was made; from now on the socket is known
        user = who.user
        found = await self._read(charges.list_sessions, user, active=True, after=None, limit=_BATCH)
        return Live(type="sessions", sessions=tuple(session for _, session in found))

    async def _held(self, party: str, location: str) -> Any:
        try:
            owner = Party.parse(party)
        except ValueError:
            raise _no_location() from None
        return await self._plugin.hub.held("locations", owner, location, seen_by=self._plugin.own)

    async def _place(self, body: Any, near: Nearby | None, known: Prices) -> Place | None:
        """How a location is told. `known` are prices that were looked up already; others are added."""
        location = location_of(body)
        if location is None:
            return None
        at = datetime.now(UTC)
        owner = Party.of(location.country_code, location.party_id)
        prices: dict[str, Price | None] = {}
        for each in tariffs_of(location):
            if (owner, each) not in known:
                tariff = await self._plugin.hub.held("tariffs", owner, each, seen_by=self._plugin.own)
                known[owner, each] = price_of(tariff, at)
            prices[each] = known[owner, each]
        return place_of(location, prices, near, at)

    def _told(self, row: dict[str, Any]) -> Card:
        self._plugin.tell_card(row)
        return people.card_told(row)

    async def _read(self, work: Callable[..., Awaitable[T]], *given: Any, **named: Any) -> T:
        return await self._plugin.store.read(lambda own: work(own, *given, **named))

    async def _write(self, work: Callable[..., Awaitable[T]], *given: Any) -> T:
        return await self._plugin.store.write(lambda own: work(own, *given))


async def to_example(_: web.Request) -> web.Response:
    """The page is below /app/."""
    raise web.HTTPFound("/app/")


async def example(request: web.Request) -> web.FileResponse:
    """A file of the example."""
    name = _FILES.get(request.match_info["name"])
    if name is None:
        raise web.HTTPNotFound
    return web.FileResponse(_APP / name, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


def same_origin(origin: str, request: web.Request) -> bool:
    """Whether a page is one of this server."""
    return urlsplit(origin).netloc == request.host


def _no_location() -> Problem:
    return Problem(404, "there is no such location or EVSE", "GET /v1/locations lists them")


def _numbers(text: str | None) -> tuple[int, int] | None:
    """A cursor of two numbers. Problem 400 where it is another."""
    match None if text is None else after(text):
        case None:
            return None
        case (int(first), int(second)) if max(abs(first), abs(second)) < 2**63:
            return first, second
    raise _other_list()


def _place(text: str | None) -> tuple[int, str] | None:
    match None if text is None else after(text):
        case None:
            return None
        case (int(first), str(second)) if abs(first) < 2**63:
            return first, second
    raise _other_list()


def _other_list() -> Problem:
    return Problem(400, "cursor: it is not of this list", "leave it out to begin anew")
