"""A simulated charge point operator: locations, tariffs, sessions and CDRs, and charge points that take commands."""

import datetime
from collections.abc import Sequence
from typing import Unpack

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.errors import InvalidParameters, NotFound
from hub.sim import data
from hub.sim.charging import Charging, owner_path, set_status
from hub.sim.commands import Commands
from hub.sim.messages import Answer, Json, SimReply, SimRequest, party_of
from hub.sim.objects import Objects, Pushed, descend
from hub.sim.paging import page
from hub.sim.platform import Options, Routes, SimPlatform
from hub.sim.profiles import Profiles
from hub.sim.results import Results

_S, _R = Interface.SENDER, Interface.RECEIVER


class SimCpo(SimPlatform):
    """A CPO, or several on one platform: each of its CPO parties gets locations and tariffs of its own.

    `their_tokens` is what eMSPs pushed.
    """

    def __init__(self, name: str, roles: Sequence[PartyRole], **options: Unpack[Options]) -> None:
        super().__init__(name, roles, **options)
        self._charging = Charging()
        self._their_tokens = Pushed("tokens", "uid", "type")
        self._deferred = Results(self)
        self._commands = Commands(self, self._charging, self._deferred)
        self._profiles = Profiles(self._charging, self._deferred)
        self.routes |= self._cpo_routes()
        for owner in self.cpo_parties:
            for tariff in data.tariffs(owner):
                self.tariffs.put(tariff)
        self._seed_locations(3)

    @property
    def cpo_parties(self) -> list[Party]:
        return [each.party for each in self.roles if each.role is Role.CPO]

    @property
    def locations(self) -> Objects:
        return self._charging.locations

    @property
    def tariffs(self) -> Objects:
        return self._charging.tariffs

    @property
    def sessions(self) -> Objects:
        return self._charging.sessions

    @property
    def cdrs(self) -> Objects:
        return self._charging.cdrs

    @property
    def their_tokens(self) -> Objects:
        return self._their_tokens.objects

    @property
    def answer_before_result(self) -> bool:
        """Off: the result of a command is POSTed before the command itself is answered."""
        return self._deferred.answer_before_result

    @answer_before_result.setter
    def answer_before_result(self, value: bool) -> None:
        self._deferred.answer_before_result = value

    def seed(self, count: int) -> None:
        super().seed(count)
        self._seed_locations(count)

    def seed_history(self, count: int, token: Json) -> None:
        """`count` completed sessions of a driver's Token at the first CPO, with their CDRs, one an hour."""
        places = [descend(each, (each["evses"][0]["uid"], "1")) for each in self.locations.of(self.cpo_parties[0])]
        for number in range(count):
            start = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(hours=number)
            self._charging.past(places[number % len(places)], token, start)

    async def push_location(self, to: Party | None, location_id: str = "LOC1") -> SimReply:
        """PUT a Location; with `to` None it is openly routed."""
        location = self._own(self.locations, location_id)
        return await self._push("locations", "PUT", owner_path(location), to, location)

    async def patch_evse_status(self, location_id: str, evse_uid: str, status: str, to: Party | None) -> SimReply:
        """Set the status of an EVSE, and PATCH it."""
        location = self._own(self.locations, location_id)
        change = set_status(descend(location, (evse_uid,)), status)
        return await self._push("locations", "PATCH", f"{owner_path(location)}/{evse_uid}", to, change)

    async def push_tariff(self, to: Party | None, tariff_id: str = "AC") -> SimReply:
        """PUT a Tariff."""
        tariff = self._own(self.tariffs, tariff_id)
        return await self._push("tariffs", "PUT", owner_path(tariff), to, tariff)

    async def authorize(
        self, token_uid: str, to: Party | None, *, location_id: str | None = None, token_type: str | None = None
    ) -> SimReply:
        """Ask an eMSP in real time whether a token may charge (at a location)."""
        query = {"type": token_type} if token_type else None
        body = {"location_id": location_id, "evse_uids": []} if location_id else None
        return await self.call(
            "tokens", _S, "POST", f"{token_uid}/authorize", to=to, sender=self.cpo_parties[0], query=query, body=body
        )

    async def push_active_profile(self, session_id: str, to: Party | None) -> SimReply:
        """PUT the ActiveChargingProfile of a session, as when something else changed it."""
        session = self._own(self.sessions, session_id)
        profile = self._profiles.active(session)
        return await self.call(
            "chargingprofiles", _S, "PUT", session_id, to=to, sender=party_of(session), body=profile
        )  # fmt: skip

    async def revoke_reservation(self, reservation_id: str) -> None:
        """Take a reservation back, and tell the eMSP. KeyError where there is none."""
        await self._commands.revoke(reservation_id)

    def _seed_locations(self, count: int) -> None:
        for owner in self.cpo_parties:
            for number in range(len(self.locations.of(owner)) + 1, count + 1):
                self.locations.put(data.location(owner, number))

    async def _push(self, module: str, method: str, path: str, to: Party | None, body: Json) -> SimReply:
        country, party_id, _ = path.split("/", 2)
        return await self.call(module, _R, method, path, to=to, sender=Party(country, party_id), body=body)

    def _own(self, objects: Objects, object_id: str) -> Json:
        found = objects.find(None, object_id)
        if found is None:
            raise KeyError(f"{self.name} has no {object_id}")
        return found

    def _cpo_routes(self) -> Routes:
        tokens = self._their_tokens
        return {
            (_S, "locations", "GET", 0): self._list_locations,
            (_S, "locations", "GET", 1): self._get_location,
            (_S, "locations", "GET", 2): self._get_location,
            (_S, "locations", "GET", 3): self._get_location,
            (_S, "tariffs", "GET", 0): self._list_tariffs,
            (_S, "sessions", "GET", 0): self._list_sessions,
            (_S, "sessions", "PUT", 2): self._put_preferences,
            (_S, "cdrs", "GET", 0): self._list_cdrs,
            (_R, "tokens", "GET", 3): tokens.get,
            (_R, "tokens", "PUT", 3): tokens.put,
            (_R, "tokens", "PATCH", 3): tokens.patch,
            (_R, "commands", "POST", 1): self._commands.receive,
            (_R, "chargingprofiles", "GET", 1): self._profiles.get,
            (_R, "chargingprofiles", "PUT", 1): self._profiles.put,
            (_R, "chargingprofiles", "DELETE", 1): self._profiles.delete,
        }

    async def _list_locations(self, request: SimRequest) -> Answer:
        return self._page(request, self.locations.of(request.receiver))

    async def _get_location(self, request: SimRequest) -> Answer:
        location = self.locations.find(request.receiver, request.segments[0])
        if location is None:
            raise NotFound(f"location {request.segments[0]} is not known here")
        return Answer(data=descend(location, request.segments[1:])[-1])

    async def _list_tariffs(self, request: SimRequest) -> Answer:
        return self._page(request, self.tariffs.of(request.receiver))

    async def _list_sessions(self, request: SimRequest) -> Answer:
        if "date_from" not in request.query:
            raise InvalidParameters("query date_from is missing; sessions are listed from a date on")
        return self._page(request, self._seen_by(request, self.sessions))

    async def _list_cdrs(self, request: SimRequest) -> Answer:
        return self._page(request, self._seen_by(request, self.cdrs))

    async def _put_preferences(self, request: SimRequest) -> Answer:
        session_id, suffix = request.segments
        if suffix != "charging_preferences" or self.sessions.find(request.receiver, session_id) is None:
            raise NotFound(f"session {session_id} is not known here")
        wanted = request.object(("profile_type",))
        soon = wanted["profile_type"] in ("CHEAP", "GREEN") and "departure_time" not in wanted
        return Answer(data="DEPARTURE_REQUIRED" if soon else "ACCEPTED")

    def _seen_by(self, request: SimRequest, objects: Objects) -> list[Json]:
        """Sessions and CDRs are for the eMSP alone whose driver it was."""
        asking = request.sender
        return [
            each for each in objects.of(request.receiver) if asking is None or party_of(each["cdr_token"]) == asking
        ]

    def _page(self, request: SimRequest, objects: list[Json]) -> Answer:
        return page(objects, request.query, cap=self.page_cap, url=self.endpoint(request.module, _S))
