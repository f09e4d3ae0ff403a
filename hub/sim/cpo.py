"""A simulated charge point operator: locations, tariffs, sessions and CDRs, and charge points that take commands."""

import datetime
from collections.abc import Sequence
from typing import Unpack

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.sim.charging import Charging, owner_path, set_status
from hub.sim.messages import Json, SimReply, party_of
from hub.sim.objects import Objects, descend
from hub.sim.operator import Operator
from hub.sim.platform import Options, SimPlatform
from hub.sim.told import Told

_S, _R = Interface.SENDER, Interface.RECEIVER


class SimCpo(SimPlatform):
    """A CPO, or several on one platform: each of its CPO parties gets locations and tariffs of its own.

    `their_tokens` is what eMSPs pushed.
    """

    def __init__(self, name: str, roles: Sequence[PartyRole], **options: Unpack[Options]) -> None:
        self._charging = charging = Charging()
        self._operators: dict[Party, Operator] = {}
        self.locations, self.tariffs, self.sessions, self.cdrs = (
            charging.locations, charging.tariffs, charging.sessions, charging.cdrs,
        )  # fmt: skip
        self.their_tokens = Objects("uid", "type")
        super().__init__(name, roles, **options)

    @property
    def cpo_parties(self) -> list[Party]:
        return [*self._operators]

    @property
    def answer_before_result(self) -> bool:
        """Off: the result of a command is POSTed before the command itself is answered."""
        return all(each.answer_before_result for each in self._operators.values())

    @answer_before_result.setter
    def answer_before_result(self, value: bool) -> None:
        for each in self._operators.values():
            each.answer_before_result = value

    def make(self, role: PartyRole) -> Told:
        if role.role is not Role.CPO:
            return super().make(role)
        made = self._operators[role.party] = Operator(self._charging, self.their_tokens)
        return made

    def seed_history(self, count: int, token: Json) -> None:
        """`count` completed sessions of a driver's Token at the first CPO, with their CDRs, one an hour."""
        places = [descend(each, each["evses"][0]["uid"], "1") for each in self.locations.of(self.cpo_parties[0])]
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
        change = set_status(descend(location, evse_uid), status)
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
        profile = self._charging.active_profile(session)
        return await self.call(
            "chargingprofiles", _S, "PUT", session_id, to=to, sender=party_of(session), body=profile
        )  # fmt: skip

    async def revoke_reservation(self, reservation_id: str) -> None:
        """Take a reservation back, and tell the eMSP. KeyError where there is none."""
        owner = party_of(self._charging.reservations[reservation_id].session)
        await self._operators[owner].revoke(reservation_id)

    async def _push(self, module: str, method: str, path: str, to: Party | None, body: Json) -> SimReply:
        country, party_id, _ = path.split("/", 2)
        return await self.call(module, _R, method, path, to=to, sender=Party(country, party_id), body=body)

    def _own(self, objects: Objects, object_id: str) -> Json:
        found = objects.find(object_id)
        if found is None:
            raise KeyError(f"{self.name} has no {object_id}")
        return found
