"""The RECEIVER side of charging profiles at a simulated CPO (OCPI 2.2.1, mod_charging_profiles)."""

from hub.core.party import Party
from hub.errors import InvalidParameters
from hub.ocpi.envelope import date_time
from hub.sim.charging import Charging
from hub.sim.messages import Answer, Json, SimRequest, now, with_fields
from hub.sim.results import Outcome, Results


class Profiles:
    """Takes charging profiles of running sessions, and tells what the charge point made of them."""

    def __init__(self, charging: Charging, results: Results) -> None:
        self._charging = charging
        self._results = results
        self._set: dict[str, Json] = {}

    async def get(self, request: SimRequest) -> Answer:
        url = _query(request, "response_url")
        duration = _query(request, "duration")
        if not duration.isdigit():
            raise InvalidParameters("query duration: a whole number of seconds is needed")
        session = self._running(request.receiver, request.segments[0])
        if session is None:
            return await self._results.answer(url, Outcome(response="UNKNOWN_SESSION"))
        return await self._results.answer(url, Outcome(profile=self.active(session, int(duration))))

    async def put(self, request: SimRequest) -> Answer:
        body = request.object(("charging_profile", "response_url"))
        profile = with_fields(body["charging_profile"], ("charging_rate_unit",), "body: charging_profile")
        session = self._running(request.receiver, request.segments[0])
        if session is None:
            return await self._results.answer(str(body["response_url"]), Outcome(response="UNKNOWN_SESSION"))
        self._set[session["id"]] = profile
        return await self._results.answer(str(body["response_url"]), Outcome())

    async def delete(self, request: SimRequest) -> Answer:
        url = _query(request, "response_url")
        session = self._running(request.receiver, request.segments[0])
        if session is None:
            return await self._results.answer(url, Outcome(response="UNKNOWN_SESSION"))
        known = self._set.pop(session["id"], None) is not None
        return await self._results.answer(url, Outcome(result="ACCEPTED" if known else "UNKNOWN"))

    def active(self, session: Json, duration: int = 900) -> Json:
        """The ActiveChargingProfile of a session for so many seconds: what was set, else all that the EVSE has."""
        most = self._charging.place_of(session)[2]["max_electric_power"]
        full = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": float(most)}]}
        profile = self._set.get(session["id"], full)
        return {"start_date_time": date_time(now()), "charging_profile": {**profile, "duration": duration}}

    def _running(self, owner: Party | None, session_id: str) -> Json | None:
        session = self._charging.sessions.find(owner, session_id)
        return session if session is not None and session["status"] == "ACTIVE" else None


def _query(request: SimRequest, name: str) -> str:
    value = request.query.get(name)
    if not value:
        raise InvalidParameters(f"query {name} is missing")
    return value
