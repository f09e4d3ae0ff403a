"""A simulated charge point operator, as a party: what it answers, and what its charge points do with commands.

It runs in a SimCpo, and as any party in a hub or alone: `ocpi-hub platform run`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from hub.core.party import Party
from hub.ocpi import v2_2_1 as ocpi
from hub.ocpi.writing import plain
from hub.plugin.party import (
    Command,
    Cpo,
    InvalidParameters,
    NotFound,
    Page,
    ProfileCommand,
    Rows,
    UnknownLocation,
)  # fmt: skip
from hub.plugin.party.command import Command as Deferred
from hub.sim import data
from hub.sim.charging import Charging, Reservation, driver_of
from hub.sim.messages import Json
from hub.sim.objects import Objects, descend
from hub.sim.told import Told

R = TypeVar("R")

_SOON = (ocpi.ProfileType.CHEAP, ocpi.ProfileType.GREEN)


class Operator(Told, Cpo):
    """A CPO with its charge points, which it may share with others of its platform.

    With `answer_before_result` off, the result of a command is POSTed before the command itself is answered.
    """

    party = "NL-SIM"
    name = "Simulated CPO"

    def __init__(self, charging: Charging | None = None, their_tokens: Objects | None = None) -> None:
        super().__init__()
        self.answer_before_result = True
        self.charging = charging or Charging()
        self.their_tokens = Objects("uid", "type") if their_tokens is None else their_tokens

    def seed(self, count: int) -> None:
        if not self.charging.tariffs.of(self.own):
            for tariff in data.tariffs(self.own):
                self.charging.tariffs.put(tariff)
        for number in range(len(self.charging.locations.of(self.own)) + 1, count + 1):
            self.charging.locations.put(data.location(self.own, number))

    async def locations(self, page: Page) -> Rows[ocpi.Location]:
        return page.of(self.charging.locations.of(self.own))

    async def location(self, location_id: str) -> ocpi.Location | None:
        return self.charging.locations.read(ocpi.Location, self.own, location_id)

    async def tariffs(self, page: Page) -> Rows[ocpi.Tariff]:
        return page.of(self.charging.tariffs.of(self.own))

    async def sessions(self, page: Page) -> Rows[ocpi.Session]:
        if page.date_from is None:
            raise InvalidParameters("query date_from is missing; sessions are listed from a date on")
        return page.of(self._seen(self.charging.sessions))

    async def cdrs(self, page: Page) -> Rows[ocpi.CDR]:
        return page.of(self._seen(self.charging.cdrs))

    async def set_charging_preferences(
        self, session_id: str, preferences: ocpi.ChargingPreferences
    ) -> ocpi.ChargingPreferencesResponse:
        if self.charging.sessions.get(self.own, session_id) is None:
            raise NotFound(f"session {session_id[:64]} is not known here")
        soon = preferences.profile_type in _SOON and preferences.departure_time is None
        answers = ocpi.ChargingPreferencesResponse
        return answers.DEPARTURE_REQUIRED if soon else answers.ACCEPTED

    async def get_token(self, owner: Party, token_uid: str, token_type: ocpi.TokenType) -> ocpi.Token | None:
        return self.their_tokens.read(ocpi.Token, owner, token_uid, token_type)

    async def put_token(self, token: ocpi.Token) -> bool:
        return self.their_tokens.keep(token)

    async def start_session(self, command: Command[ocpi.StartSession]) -> ocpi.CommandResponse:
        body = command.body
        place, token = self._place(body.location_id, body.evse_uid, body.connector_id), plain(body.token)
        reservation = self._reservation(place, token)
        if reservation is not None:
            self.charging.activate(reservation.session)
            del self.charging.reservations[reservation.id]
            return await self._answered(command, then=lambda: self._tell_session(reservation.session))
        if (refusal := _occupied(place)) is not None:
            return await self._answered(command, refusal)
        session = self.charging.start(place, token, body.authorization_reference)
        return await self._answered(command, then=lambda: self._tell_session(session))

    async def stop_session(self, command: Command[ocpi.StopSession]) -> ocpi.CommandResponse:
        session = self._running(command.body.session_id)
        if session is None:
            return command.answer("UNKNOWN_SESSION")
        if self.caller.party not in (None, driver_of(session)):
            return command.answer("REJECTED")
        change, cdr = self.charging.stop(session)

        async def bill() -> None:
            await self._tell_change(session, change)
            answer = await self.push_cdr(msgspec.convert(cdr, ocpi.CDR), to=driver_of(session))
            self.delivered(f"CDR {cdr['id']}", answer)

        return await self._answered(command, then=bill)

    async def reserve_now(self, command: Command[ocpi.ReserveNow]) -> ocpi.CommandResponse:
        body = command.body
        place = self._place(body.location_id, body.evse_uid, None)
        if (refusal := _occupied(place)) is not None:
            return await self._answered(command, refusal)
        session = self.charging.reserve(place, plain(body.token), body.authorization_reference)
        self.charging.reservations[body.reservation_id] = Reservation(body.reservation_id, command, session)
        return await self._answered(command, then=lambda: self._tell_session(session))

    async def cancel_reservation(self, command: Command[ocpi.CancelReservation]) -> ocpi.CommandResponse:
        reservation = self.charging.reservations.get(command.body.reservation_id)
        if reservation is None or self.caller.party not in (None, driver_of(reservation.session)):
            return await self._answered(command, "UNKNOWN_RESERVATION")
        del self.charging.reservations[reservation.id]
        change = self.charging.release(reservation.session)
        return await self._answered(command, then=lambda: self._tell_change(reservation.session, change))

    async def unlock_connector(self, command: Command[ocpi.UnlockConnector]) -> ocpi.CommandResponse:
        self._place(command.body.location_id, command.body.evse_uid, command.body.connector_id)
        return await self._answered(command)

    async def revoke(self, reservation_id: str) -> None:
        """The CPO takes a reservation back: told to the response_url of the RESERVE_NOW, a second time."""
        reservation = self.charging.reservations.pop(reservation_id)
        change = self.charging.release(reservation.session)
        self.delivered("result CANCELED_RESERVATION", await reservation.command.result("CANCELED_RESERVATION"))
        await self._tell_change(reservation.session, change)

    async def active_charging_profile(
        self, session_id: str, duration: int, command: ProfileCommand[None]
    ) -> ocpi.ChargingProfileResponse:
        session = self._running(session_id)
        if session is None:
            return command.answer("UNKNOWN_SESSION")
        return await self._answered(command, profile=self.charging.active_profile(session, duration))

    async def set_charging_profile(
        self, session_id: str, command: ProfileCommand[ocpi.SetChargingProfile]
    ) -> ocpi.ChargingProfileResponse:
        session = self._running(session_id)
        if session is None:
            return command.answer("UNKNOWN_SESSION")
        self.charging.profiles[session["id"]] = plain(command.body.charging_profile)
        return await self._answered(command)

    async def clear_charging_profile(
        self, session_id: str, command: ProfileCommand[None]
    ) -> ocpi.ChargingProfileResponse:
        session = self._running(session_id)
        if session is None:
            return command.answer("UNKNOWN_SESSION")
        known = self.charging.profiles.pop(session["id"], None) is not None
        return await self._answered(command, "ACCEPTED" if known else "UNKNOWN")

    async def _answered(
        self,
        command: Deferred[Any, R],
        result: str = "ACCEPTED",
        then: Callable[[], Awaitable[None]] | None = None,
        **fields: Any,
    ) -> R:
        """Take a command. Its result is told, and then what follows of it."""

        async def tell() -> None:
            self.delivered(f"result {result}", await command.result(result, **fields))

        async def later() -> None:
            if self.answer_before_result:
                await tell()
            if then is not None:
                await then()

        if not self.answer_before_result:
            await tell()
        self.spawn(later(), name=f"result {result}")
        return command.answer()

    async def _tell_session(self, session: Json) -> None:
        answer = await self.push_session(msgspec.convert(session, ocpi.Session), to=driver_of(session))
        self.delivered(f"session {session['id']}", answer)

    async def _tell_change(self, session: Json, change: Json) -> None:
        answer = await self.push_session_patch(session["id"], to=driver_of(session), **change)
        self.delivered(f"session {session['id']}", answer)

    def _seen(self, objects: Objects) -> list[Any]:
        """Sessions and CDRs are for the eMSP alone whose driver it was."""
        asking = self.caller.party
        return [each for each in objects.of(self.own) if asking in (None, driver_of(each))]

    def _running(self, session_id: str) -> Json | None:
        session = self.charging.sessions.get(self.own, session_id)
        return session if session is not None and session["status"] == "ACTIVE" else None

    def _place(self, location_id: str, evse_uid: str | None, connector_id: str | None) -> list[Json]:
        """Location, EVSE and connector that a command is about; the first free EVSE where it names none."""
        location = self.charging.locations.get(self.own, location_id)
        if location is None:
            raise UnknownLocation(f"location {location_id[:64]!r} is not known here")
        evses: list[Json] = location["evses"]
        free = next((each for each in evses if each["status"] == "AVAILABLE"), evses[0])
        try:
            return descend(location, evse_uid or free["uid"], connector_id or "1")
        except NotFound as reason:
            raise UnknownLocation(reason.message) from None

    def _reservation(self, place: list[Json], token: Json) -> Reservation | None:
        for each in self.charging.reservations.values():
            held = each.session
            same_place = (held["location_id"], held["evse_uid"]) == (place[0]["id"], place[1]["uid"])
            if same_place and held["cdr_token"]["uid"] == token["uid"]:
                return each
        return None


def _occupied(place: list[Json]) -> str | None:
    """The result of a command for an EVSE that is not free."""
    status = place[1]["status"]
    if status == "AVAILABLE":
        return None
    return "EVSE_OCCUPIED" if status in ("CHARGING", "RESERVED", "BLOCKED") else "EVSE_INOPERATIVE"
