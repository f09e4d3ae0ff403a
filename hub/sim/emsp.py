"""A simulated e-mobility service provider: tokens, a copy of what CPOs push, and commands with their results."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Unpack
from uuid import uuid4

import msgspec

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.ocpi.envelope import date_time
from hub.sim import data
from hub.sim.charging import owner_path
from hub.sim.messages import Json, SimReply, now, party_of
from hub.sim.platform import Options, SimPlatform
from hub.sim.provider import Book, Provider, Result
from hub.sim.told import Told

_S, _R = Interface.SENDER, Interface.RECEIVER


class Sent(msgspec.Struct, frozen=True, eq=False):
    """A command or charging profile that went out: its direct answer, and the id at the end of its response_url."""

    uid: str
    reply: SimReply

    @property
    def accepted(self) -> bool:
        """Whether the CPO answered ACCEPTED, so that a result will follow."""
        return self.reply.ok and isinstance(self.reply.data, dict) and self.reply.data.get("result") == "ACCEPTED"


class SimEmsp(SimPlatform):
    """An eMSP, or several on one platform (and whatever else is no CPO: NSP, SCSP, OTHER).

    `their_locations`, `their_sessions`, `their_cdrs` and `their_tariffs` are what CPOs pushed; `active_profiles` the
    last ActiveChargingProfile of each session.
    """

    def __init__(self, name: str, roles: Sequence[PartyRole], **options: Unpack[Options]) -> None:
        self._book = book = Book()
        self._providers: dict[Party, Provider] = {}
        self.tokens = book.tokens
        self.their_locations, self.their_sessions = book.their_locations, book.their_sessions
        self.their_cdrs, self.their_tariffs = book.their_cdrs, book.their_tariffs
        self.active_profiles = book.active_profiles
        super().__init__(name, roles, **options)

    @property
    def emsp_parties(self) -> list[Party]:
        return [*self._providers]

    def make(self, role: PartyRole) -> Told:
        if role.role is Role.CPO:
            return super().make(role)
        made = self._providers[role.party] = Provider(self._book)
        return made

    def token(self, number: int = 1) -> Json:
        """The n-th Token of the first eMSP: 1 may charge, 2 is blocked, 3 is an app's."""
        owner = self.emsp_parties[0]
        return next(each for each in self.tokens.of(owner) if each["uid"] == data.token(owner, number)["uid"])

    async def push_token(self, to: Party | None, number: int = 1) -> SimReply:
        """PUT a Token; with `to` None it is openly routed."""
        token = self.token(number)
        query = {"type": token["type"]}
        return await self.call(
            "tokens", _R, "PUT", owner_path(token), to=to, sender=party_of(token), query=query, body=token
        )

    async def start_session(
        self, location_id: str, evse_uid: str | None, token: Json, to: Party | None, *, reference: str | None = None
    ) -> Sent:
        """START_SESSION for a Token."""
        body: Json = {"token": token, "location_id": location_id}
        if evse_uid is not None:
            body |= {"evse_uid": evse_uid, "connector_id": "1"}
        if reference is not None:
            body["authorization_reference"] = reference
        return await self.command("START_SESSION", body, to)

    async def stop_session(self, session_id: str, to: Party | None) -> Sent:
        """STOP_SESSION."""
        return await self.command("STOP_SESSION", {"session_id": session_id}, to)

    async def reserve(
        self, reservation_id: str, location_id: str, evse_uid: str, token: Json, to: Party | None
    ) -> Sent:
        """RESERVE_NOW, for an hour."""
        expiry = date_time(now() + datetime.timedelta(hours=1))
        body = {
            "token": token, "expiry_date": expiry, "reservation_id": reservation_id, "location_id": location_id,
            "evse_uid": evse_uid,
        }  # fmt: skip
        return await self.command("RESERVE_NOW", body, to)

    async def cancel_reservation(self, reservation_id: str, to: Party | None) -> Sent:
        """CANCEL_RESERVATION."""
        return await self.command("CANCEL_RESERVATION", {"reservation_id": reservation_id}, to)

    async def unlock(self, location_id: str, evse_uid: str, to: Party | None) -> Sent:
        """UNLOCK_CONNECTOR."""
        body = {"location_id": location_id, "evse_uid": evse_uid, "connector_id": "1"}
        return await self.command("UNLOCK_CONNECTOR", body, to)

    async def command(self, command: str, body: Json, to: Party | None) -> Sent:
        """Any command; its response_url is added."""
        uid = self._expect_result()
        body = {"response_url": f"{self.endpoint('commands', _S)}/{command}/{uid}", **body}
        return Sent(
            uid, await self.call("commands", _R, "POST", command, to=to, sender=self.emsp_parties[0], body=body)
        )

    async def set_profile(self, session_id: str, profile: Json, to: Party | None) -> Sent:
        """PUT a ChargingProfile for a session."""
        uid = self._expect_result()
        body = {"charging_profile": profile, "response_url": self._profile_url(uid)}
        return Sent(uid, await self._profile("PUT", session_id, to, body=body))

    async def get_profile(self, session_id: str, duration: int, to: Party | None) -> Sent:
        """GET the ActiveChargingProfile of a session for so many seconds; it comes with the result."""
        uid = self._expect_result()
        query = {"duration": str(duration), "response_url": self._profile_url(uid)}
        return Sent(uid, await self._profile("GET", session_id, to, query=query))

    async def clear_profile(self, session_id: str, to: Party | None) -> Sent:
        """DELETE the ChargingProfile of a session."""
        uid = self._expect_result()
        return Sent(uid, await self._profile("DELETE", session_id, to, query={"response_url": self._profile_url(uid)}))

    async def set_preferences(self, session_id: str, preferences: Json, to: Party | None) -> SimReply:
        """PUT the ChargingPreferences of a session."""
        path = f"{session_id}/charging_preferences"
        return await self.call("sessions", _S, "PUT", path, to=to, sender=self.emsp_parties[0], body=preferences)

    async def result(self, within: float = 5.0, *, of: Sent | None = None) -> Result:
        """The next result (of one command), each once. TimeoutError where none came within the seconds."""
        return await self._book.results.take(lambda each: of is None or each.uid == of.uid, within, "a result")

    def _expect_result(self) -> str:
        uid = str(uuid4())
        self._book.sent.add(uid)
        return uid

    def _profile_url(self, uid: str) -> str:
        return f"{self.endpoint('chargingprofiles', _S)}/{uid}"

    async def _profile(
        self, method: str, session_id: str, to: Party | None,
        *, query: Mapping[str, str] | None = None, body: Any = None,
    ) -> SimReply:  # fmt: skip
        return await self.call(
            "chargingprofiles", _R, method, session_id, to=to, sender=self.emsp_parties[0], query=query, body=body
        )
