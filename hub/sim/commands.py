"""The RECEIVER side of commands at a simulated CPO (OCPI 2.2.1, mod_commands)."""

from collections.abc import Mapping
from functools import partial

from hub.core.modules import Interface
from hub.core.party import Party
from hub.errors import NotFound, OcpiError
from hub.sim.charging import Charging, Reservation, driver_of, owner_path
from hub.sim.messages import Answer, Json, SimRequest, party_of, with_fields
from hub.sim.objects import REQUIRED, descend
from hub.sim.platform import SimPlatform
from hub.sim.results import Outcome, Results

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "START_SESSION": ("response_url", "token", "location_id"),
    "STOP_SESSION": ("response_url", "session_id"),
    "RESERVE_NOW": ("response_url", "token", "expiry_date", "reservation_id", "location_id"),
    "CANCEL_RESERVATION": ("response_url", "reservation_id"),
    "UNLOCK_CONNECTOR": ("response_url", "location_id", "evse_uid", "connector_id"),
}


class UnknownLocation(OcpiError):
    """A command names a location, EVSE or connector that this CPO does not have."""

    code = 2003


class Commands:
    """Takes commands, lets the charge points do them, and tells the eMSP what came of it."""

    def __init__(self, platform: SimPlatform, charging: Charging, results: Results) -> None:
        self._platform = platform
        self._charging = charging
        self._results = results
        self._commands = {
            "START_SESSION": self._start,
            "STOP_SESSION": self._stop,
            "RESERVE_NOW": self._reserve,
            "CANCEL_RESERVATION": self._cancel,
            "UNLOCK_CONNECTOR": self._unlock,
        }

    async def receive(self, request: SimRequest) -> Answer:
        """POST of one command. UnknownLocation (2003) and InvalidParameters (2001) are for what it names wrongly."""
        command = request.segments[0]
        if command not in self._commands:
            return Answer(data={"result": "NOT_SUPPORTED", "timeout": 0})
        body = request.object(_REQUIRED[command])
        if "token" in body:
            with_fields(body["token"], REQUIRED["tokens"], "body: token")
        return await self._results.answer(str(body["response_url"]), self._commands[command](request, body))

    async def revoke(self, reservation_id: str) -> None:
        """The CPO takes a reservation back: told to the response_url of the RESERVE_NOW, a second time."""
        reservation = self._charging.reservations.pop(reservation_id)
        change = self._charging.release(reservation.session)
        await self._results.post(reservation.response_url, "CANCELED_RESERVATION")
        await self._push_session("PATCH", reservation.session, change)

    def _start(self, request: SimRequest, body: Json) -> Outcome:
        place = self._place(request.receiver, body)
        reservation = self._reservation(place, body["token"])
        if reservation is not None:
            self._charging.activate(reservation.session)
            del self._charging.reservations[reservation.id]
            return Outcome(follow_up=partial(self._push_session, "PUT", reservation.session, reservation.session))
        if (refusal := _occupied(place)) is not None:
            return refusal
        session = self._charging.start(place, body["token"], body.get("authorization_reference"))
        return Outcome(follow_up=partial(self._push_session, "PUT", session, session))

    def _stop(self, request: SimRequest, body: Json) -> Outcome:
        session = self._charging.sessions.find(request.receiver, str(body["session_id"]))
        if session is None or session["status"] != "ACTIVE":
            return Outcome(response="UNKNOWN_SESSION")
        if request.sender not in (None, driver_of(session)):
            return Outcome(response="REJECTED")
        change, cdr = self._charging.stop(session)
        return Outcome(follow_up=partial(self._bill, session, change, cdr))

    def _reserve(self, request: SimRequest, body: Json) -> Outcome:
        place = self._place(request.receiver, body)
        if (refusal := _occupied(place)) is not None:
            return refusal
        session = self._charging.reserve(place, body["token"], body.get("authorization_reference"))
        reservation = Reservation(str(body["reservation_id"]), str(body["response_url"]), session, place[1]["uid"])
        self._charging.reservations[reservation.id] = reservation
        return Outcome(follow_up=partial(self._push_session, "PUT", session, session))

    def _cancel(self, request: SimRequest, body: Json) -> Outcome:
        reservation = self._charging.reservations.get(str(body["reservation_id"]))
        if reservation is None or request.sender not in (None, driver_of(reservation.session)):
            return Outcome(result="UNKNOWN_RESERVATION")
        del self._charging.reservations[reservation.id]
        change = self._charging.release(reservation.session)
        return Outcome(follow_up=partial(self._push_session, "PATCH", reservation.session, change))

    def _unlock(self, request: SimRequest, body: Json) -> Outcome:
        self._place(request.receiver, body)
        return Outcome()

    def _place(self, owner: Party | None, body: Json) -> list[Json]:
        """Location, EVSE and connector that a command is about; the first free EVSE where it names none."""
        location = self._charging.locations.find(owner, str(body["location_id"]))
        if location is None:
            raise UnknownLocation(f"location {str(body['location_id'])[:64]!r} is not known here")
        evses: list[Json] = location["evses"]
        free = next((each for each in evses if each["status"] == "AVAILABLE"), evses[0])
        evse_uid = str(body.get("evse_uid") or free["uid"])
        try:
            return descend(location, (evse_uid, str(body.get("connector_id") or "1")))
        except NotFound as reason:
            raise UnknownLocation(reason.message) from None

    def _reservation(self, place: list[Json], token: Json) -> Reservation | None:
        for each in self._charging.reservations.values():
            held = each.session
            same_place = (held["location_id"], held["evse_uid"]) == (place[0]["id"], place[1]["uid"])
            if same_place and held["cdr_token"]["uid"] == token["uid"]:
                return each
        return None

    async def _bill(self, session: Json, change: Json, cdr: Json) -> None:
        await self._push_session("PATCH", session, change)
        await self._platform.attempt(
            f"CDR {cdr['id']}",
            lambda: self._platform.call(
                "cdrs", Interface.RECEIVER, "POST", to=driver_of(session), sender=party_of(session), body=cdr
            ),
        )

    async def _push_session(self, method: str, session: Json, body: Json) -> None:
        await self._platform.attempt(
            f"session {session['id']}",
            lambda: self._platform.call(
                "sessions", Interface.RECEIVER, method, owner_path(session),
                to=driver_of(session), sender=party_of(session), body=body,
            ),
        )  # fmt: skip


def _occupied(place: list[Json]) -> Outcome | None:
    status = place[1]["status"]
    if status == "AVAILABLE":
        return None
    busy = status in ("CHARGING", "RESERVED", "BLOCKED")
    return Outcome(result="EVSE_OCCUPIED" if busy else "EVSE_INOPERATIVE")
