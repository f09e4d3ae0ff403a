"""A simulated e-mobility service provider: tokens, a copy of what CPOs push, and commands with their results."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Unpack
from uuid import uuid4

import msgspec

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.errors import InvalidParameters, NotFound
from hub.ocpi.envelope import date_time
from hub.sim import data
from hub.sim.charging import owner_path
from hub.sim.inbox import Inbox
from hub.sim.messages import Answer, Json, SimReply, SimRequest, now, party_of
from hub.sim.objects import REQUIRED, Objects, Pushed, PushedLocations
from hub.sim.paging import page
from hub.sim.platform import Options, Routes, SimPlatform

_S, _R = Interface.SENDER, Interface.RECEIVER


class Sent(msgspec.Struct, frozen=True, eq=False):
    """A command or charging profile that went out: its direct answer, and the id at the end of its response_url."""

    uid: str
    reply: SimReply

    @property
    def accepted(self) -> bool:
        """Whether the CPO answered ACCEPTED, so that a result will follow."""
        return self.reply.ok and isinstance(self.reply.data, dict) and self.reply.data.get("result") == "ACCEPTED"


class Result(msgspec.Struct, frozen=True, eq=False):
    """What came back at a response_url."""

    uid: str
    body: Json

    @property
    def result(self) -> str:
        """ACCEPTED, REJECTED, ..."""
        return str(self.body["result"])


class SimEmsp(SimPlatform):
    """An eMSP, or several on one platform (and whatever else is no CPO: NSP, SCSP, OTHER).

    `their_locations`, `their_sessions`, `their_cdrs` and `their_tariffs` are what CPOs pushed; `active_profiles` the
    last ActiveChargingProfile of each session.
    """

    def __init__(self, name: str, roles: Sequence[PartyRole], **options: Unpack[Options]) -> None:
        super().__init__(name, roles, **options)
        self.tokens = Objects("uid", "type")
        self.their_cdrs = Objects("id")
        self.active_profiles: dict[str, Json] = {}
        self._pushed_locations = PushedLocations()
        self._pushed_sessions = Pushed("sessions", "id")
        self._pushed_tariffs = Pushed("tariffs", "id")
        self._sent: set[str] = set()
        self._results: Inbox[Result] = Inbox()
        self.routes |= self._emsp_routes()
        self._seed_tokens(3)

    @property
    def emsp_parties(self) -> list[Party]:
        return [each.party for each in self.roles if each.role is not Role.CPO]

    @property
    def their_locations(self) -> Objects:
        return self._pushed_locations.objects

    @property
    def their_sessions(self) -> Objects:
        return self._pushed_sessions.objects

    @property
    def their_tariffs(self) -> Objects:
        return self._pushed_tariffs.objects

    def seed(self, count: int) -> None:
        super().seed(count)
        self._seed_tokens(count)

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
        return await self._results.take(lambda each: of is None or each.uid == of.uid, within, "a result")

    def _seed_tokens(self, count: int) -> None:
        for owner in self.emsp_parties:
            for number in range(len(self.tokens.of(owner)) + 1, count + 1):
                self.tokens.put(data.token(owner, number))

    def _expect_result(self) -> str:
        uid = str(uuid4())
        self._sent.add(uid)
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

    def _emsp_routes(self) -> Routes:
        locations, sessions, tariffs = self._pushed_locations, self._pushed_sessions, self._pushed_tariffs
        return {
            (_S, "tokens", "GET", 0): self._list_tokens,
            (_S, "tokens", "POST", 2): self._authorize,
            (_R, "locations", "GET", 3): locations.get,
            (_R, "locations", "PUT", 3): locations.put,
            (_R, "locations", "PATCH", 3): locations.patch,
            (_R, "locations", "GET", 4): locations.get_child,
            (_R, "locations", "PUT", 4): locations.put_child,
            (_R, "locations", "PATCH", 4): locations.patch_child,
            (_R, "locations", "GET", 5): locations.get_child,
            (_R, "locations", "PUT", 5): locations.put_child,
            (_R, "locations", "PATCH", 5): locations.patch_child,
            (_R, "sessions", "GET", 3): sessions.get,
            (_R, "sessions", "PUT", 3): sessions.put,
            (_R, "sessions", "PATCH", 3): sessions.patch,
            (_R, "tariffs", "GET", 3): tariffs.get,
            (_R, "tariffs", "PUT", 3): tariffs.put,
            (_R, "tariffs", "DELETE", 3): tariffs.delete,
            (_R, "cdrs", "POST", 0): self._post_cdr,
            (_R, "cdrs", "GET", 3): self._get_cdr,
            (_S, "commands", "POST", 2): self._receive_result,
            (_S, "chargingprofiles", "POST", 1): self._receive_result,
            (_S, "chargingprofiles", "PUT", 1): self._put_active_profile,
        }

    async def _list_tokens(self, request: SimRequest) -> Answer:
        tokens = self.tokens.of(request.receiver)
        return page(tokens, request.query, cap=self.page_cap, url=self.endpoint("tokens", _S))

    async def _authorize(self, request: SimRequest) -> Answer:
        token_uid, suffix = request.segments
        if suffix != "authorize":
            raise NotFound(f"{request.path} does not exist here")
        token = self.tokens.find(request.receiver, token_uid, request.query.get("type", "RFID"))
        if token is None:
            return Answer(http=404, code=2004, message=f"token {token_uid[:64]} is not known here")
        if not token["valid"]:
            return Answer(data={"allowed": "BLOCKED", "token": token})
        info: Json = {"allowed": "ALLOWED", "token": token, "authorization_reference": str(uuid4())}
        if request.body:
            info["location"] = request.object(("location_id",))
        return Answer(data=info)

    async def _post_cdr(self, request: SimRequest) -> Answer:
        cdr = request.object(REQUIRED["cdrs"])
        if self.their_cdrs.get(party_of(cdr), str(cdr["id"])) is not None:
            raise InvalidParameters(f"CDR {cdr['id']} is here already; CDRs can not be replaced")
        self.their_cdrs.put(cdr)
        return Answer(http=201, headers={"Location": f"{self.endpoint('cdrs', _R)}/{owner_path(cdr)}"})

    async def _get_cdr(self, request: SimRequest) -> Answer:
        country, party_id, cdr_id = request.segments
        cdr = self.their_cdrs.get(party_of({"country_code": country, "party_id": party_id}, "path"), cdr_id)
        if cdr is None:
            raise NotFound(f"CDR {cdr_id} is not known here")
        return Answer(data=cdr)

    async def _receive_result(self, request: SimRequest) -> Answer:
        uid = request.segments[-1]
        if uid not in self._sent:
            raise NotFound(f"no result is expected at {request.path}")
        self._results.add(Result(uid, request.object(("result",))))
        return Answer()

    async def _put_active_profile(self, request: SimRequest) -> Answer:
        self.active_profiles[request.segments[0]] = request.object(("start_date_time", "charging_profile"))
        return Answer()
