"""A simulated e-mobility service provider, as a party: its tokens, and a copy of what it is told.

It runs in a SimEmsp, and as any party in a hub or alone: `ocpi-hub platform run`.
"""

from typing import Any
from uuid import uuid4

import msgspec

from hub.core.party import Party
from hub.ocpi import v2_2_1 as ocpi
from hub.ocpi.writing import plain
from hub.plugin.party import Emsp, InvalidParameters, NotFound, Page, Rows
from hub.sim import data
from hub.sim.inbox import Inbox
from hub.sim.messages import Json
from hub.sim.objects import Objects
from hub.sim.told import Told


class Result(msgspec.Struct, frozen=True, eq=False):
    """What came back at a response_url."""

    uid: str
    body: Json

    @property
    def result(self) -> str:
        """ACCEPTED, REJECTED, ..."""
        return str(self.body["result"])


class Book:
    """What an eMSP has and was told. `sent` are the ids of the results that are expected."""

    def __init__(self) -> None:
        self.tokens = Objects("uid", "type")
        self.their_locations = Objects("id")
        self.their_sessions = Objects("id")
        self.their_cdrs = Objects("id")
        self.their_tariffs = Objects("id")
        self.active_profiles: dict[str, Json] = {}
        self.sent: set[str] = set()
        self.results: Inbox[Result] = Inbox()


class Provider(Told, Emsp):
    """An eMSP with its book, which it may share with others of its platform."""

    party = "NL-SIM"
    name = "Simulated eMSP"

    def __init__(self, book: Book | None = None) -> None:
        super().__init__()
        self.book = book or Book()

    def seed(self, count: int) -> None:
        for number in range(len(self.book.tokens.of(self.own)) + 1, count + 1):
            self.book.tokens.put(data.token(self.own, number))

    async def tokens(self, page: Page) -> Rows[ocpi.Token]:
        return page.of(self.book.tokens.of(self.own))

    async def authorize(
        self, token_uid: str, token_type: ocpi.TokenType, location: ocpi.LocationReferences | None
    ) -> ocpi.AuthorizationInfo | None:
        token = self.book.tokens.read(ocpi.Token, self.own, token_uid, token_type)
        if token is None:
            return None
        if not token.valid:
            return ocpi.AuthorizationInfo(allowed=ocpi.AllowedType.BLOCKED, token=token)
        reference = str(uuid4())
        return ocpi.AuthorizationInfo(
            allowed=ocpi.AllowedType.ALLOWED, token=token, location=location, authorization_reference=reference
        )

    async def get_location(self, owner: Party, location_id: str) -> ocpi.Location | None:
        return self.book.their_locations.read(ocpi.Location, owner, location_id)

    async def put_location(self, location: ocpi.Location) -> bool:
        return self.book.their_locations.keep(location)

    async def get_session(self, owner: Party, session_id: str) -> ocpi.Session | None:
        return self.book.their_sessions.read(ocpi.Session, owner, session_id)

    async def put_session(self, session: ocpi.Session) -> bool:
        return self.book.their_sessions.keep(session)

    async def get_tariff(self, owner: Party, tariff_id: str) -> ocpi.Tariff | None:
        return self.book.their_tariffs.read(ocpi.Tariff, owner, tariff_id)

    async def put_tariff(self, tariff: ocpi.Tariff) -> bool:
        return self.book.their_tariffs.keep(tariff)

    async def delete_tariff(self, owner: Party, tariff_id: str) -> None:
        if not self.book.their_tariffs.remove(owner, tariff_id):
            raise NotFound(f"tariff {tariff_id[:64]} is not known here")

    async def post_cdr(self, cdr: ocpi.CDR) -> bool:
        if self.book.their_cdrs.get(Party.of(cdr.country_code, cdr.party_id), cdr.id) is not None:
            raise InvalidParameters(f"CDR {cdr.id} is here already; CDRs can not be replaced")
        return self.book.their_cdrs.keep(cdr)

    async def get_cdr(self, cdr_id: str) -> ocpi.CDR | None:
        found = self.book.their_cdrs.find(cdr_id)
        return None if found is None else msgspec.convert(found, ocpi.CDR)

    async def put_active_charging_profile(self, session_id: str, profile: ocpi.ActiveChargingProfile) -> None:
        self.book.active_profiles[session_id] = plain(profile)

    async def command_result(self, command: str, uid: str, result: ocpi.CommandResult) -> None:
        await super().command_result(command, uid, result)
        self._came(uid, plain(result))

    async def profile_result(self, uid: str, result: dict[str, Any]) -> None:
        await super().profile_result(uid, result)
        self._came(uid, result)

    def _came(self, uid: str, body: Json) -> None:
        if uid in self.book.sent:
            self.book.results.add(Result(uid, body))
        elif uid not in self._waiting:
            raise NotFound(f"no result is expected with the id {uid[:64]}")
