"""What a simulated platform tells whoever watches it: one line for people per thing that happened."""

from enum import StrEnum
from typing import Any

import msgspec

from hub.core.modules import Interface
from hub.sim.messages import HUB_CLIENT_INFO, Json, SimRequest


class Kind(StrEnum):
    """What happened."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    RECEIVED = "received"
    LOST = "lost"


class SimEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened at `platform`; `text` is a sentence without a full stop."""

    platform: str
    kind: Kind
    text: str
    module: str = ""


def describe(request: SimRequest) -> str:
    """A push in words: what came in, and from whom."""
    body = request.json() if request.body else None
    what = _WORDS.get(request.module, _custom)(request, body if isinstance(body, dict) else {})
    return f"{what} from {request.sender}" if request.sender else what


def _location(request: SimRequest, body: Json) -> str:
    names = zip(("location", "EVSE", "connector"), request.segments[2:], strict=False)
    where = ", ".join(f"{name} {value}" for name, value in names)
    return f"status {body['status']} of {where}" if request.method == "PATCH" and "status" in body else where


def _session(request: SimRequest, body: Json) -> str:
    if request.segments[-1] == "charging_preferences":
        return f"charging preferences {body['profile_type']} for session {request.segments[0]}"
    status = f": {body['status']}" if "status" in body else ""
    energy = f", {body['kwh']} kWh" if "kwh" in body else ""
    return f"session {request.segments[-1]}{status}{energy}"


def _cdr(request: SimRequest, body: Json) -> str:  # noqa: ARG001
    return f"a CDR: {body['total_energy']} kWh, {amount(body['total_cost'])} {body['currency']}"


def _tariff(request: SimRequest, body: Json) -> str:  # noqa: ARG001
    gone = "the end of " if request.method == "DELETE" else ""
    return f"{gone}tariff {request.segments[-1]}"


def _token(request: SimRequest, body: Json) -> str:  # noqa: ARG001
    if request.interface is Interface.SENDER:
        return f"a request to authorise token {request.segments[0]}"
    return f"token {request.segments[-1]}"


def _command(request: SimRequest, body: Json) -> str:
    if request.interface is Interface.RECEIVER:
        return f"command {request.segments[0]}"
    return f"the result of {request.segments[0]}: {body['result']}"


def _profile(request: SimRequest, body: Json) -> str:
    if "result" in body:
        return f"the result of a charging profile: {body['result']}"
    return f"a charging profile {request.method} for session {request.segments[0]}"


def _status(request: SimRequest, body: Json) -> str:
    return f"the news that {'-'.join(request.segments)} is {body['status']} as {body['role']}"


def _custom(request: SimRequest, body: Json) -> str:  # noqa: ARG001
    return f"{request.method} {'/'.join((request.module, *request.segments))}"


def amount(price: Any) -> str:
    """A Price in words: with VAT where that is given."""
    value = price.get("incl_vat", price.get("excl_vat")) if isinstance(price, dict) else price
    return f"{value:.2f}" if isinstance(value, int | float) else str(value)


_WORDS = {
    "locations": _location,
    "sessions": _session,
    "cdrs": _cdr,
    "tariffs": _tariff,
    "tokens": _token,
    "commands": _command,
    "chargingprofiles": _profile,
    HUB_CLIENT_INFO: _status,
}
