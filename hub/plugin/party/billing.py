"""From a finished session to its CDR: what both share is copied (2.2.1, cdrs 10.3.1)."""

from typing import Any, TypeVar

import msgspec

from hub.errors import NotFound

T = TypeVar("T")


def cdr_of(kind: type[T], session: Any, location: Any, fields: dict[str, Any]) -> T:
    """The CDR of a session at a location. `fields` are those that a session has not, or has otherwise.

    NotFound where the location has no such EVSE or connector, ValueError where a field is missing or wrong.
    """
    place, done = msgspec.to_builtins(location), msgspec.to_builtins(session)
    connectors = [
        (evse, plug)
        for evse in place.get("evses", ())
        for plug in evse["connectors"]
        if (evse["uid"], plug["id"]) == (session.evse_uid, session.connector_id)
    ]
    if not connectors:
        raise NotFound(f"location {location.id} has no EVSE {session.evse_uid} with connector {session.connector_id}")
    evse, plug = connectors[0]
    place |= {"evse_uid": evse["uid"], "evse_id": evse.get("evse_id", "#NA"), "connector_id": plug["id"]}
    place |= {f"connector_{name}": plug[name] for name in ("standard", "format", "power_type")}
    hours = (session.end_date_time - session.start_date_time).total_seconds() / 3600
    energy = {"start_date_time": done["start_date_time"], "dimensions": [{"type": "ENERGY", "volume": session.kwh}]}
    made = {
        "session_id": session.id,
        "cdr_location": place,
        "charging_periods": [energy],
        "total_energy": session.kwh,
        "total_time": hours,
    }
    try:
        return msgspec.convert({**done, **made, **msgspec.to_builtins(fields)}, kind)
    except msgspec.ValidationError as reason:
        raise ValueError(f"the CDR is none: {reason}") from None
