"""What came of a sending: how it is told apart, kept and shown."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hub.plugin import OcpiError, Paging, Reply, decode_json

from .planning import Charging, Step

UNDER_WAY, ACCEPTED, REFUSED, TIMEOUT = "under way", "accepted", "refused by the CPO", "timeout"
NO_MODULE, FAILED, OUTSIDE = "the CPO does not have this module", "not delivered", "outside of the allowed hours"
CUT_OFF = "not known: the hub stopped"
LONGEST = 300


class OutcomesWanted(Paging, frozen=True, kw_only=True):
    """Which outcomes."""

    preset: Annotated[Annotated[str, Meta(max_length=64)] | None, Meta(description="Name of a preset.")] = None
    session: Annotated[Annotated[str, Meta(max_length=255)] | None, Meta(description="Id of a session.")] = None


class Outcome(msgspec.Struct, frozen=True):
    """What came of one sending. `code` is the status_code of OCPI, `sent` the JSON; `at` is a time in UTC."""

    at: str
    preset: str
    what: str
    outcome: str
    code: int | None
    reason: str
    cpo: str
    emsp: str
    session: str
    sent: str


class Outcomes(msgspec.Struct, frozen=True):
    """A part of the outcomes, the latest first. `next` is the cursor of the part that follows, null at the end."""

    outcomes: list[Outcome]
    next: str | None


class Ended(msgspec.Struct, frozen=True):
    """How a sending ended."""

    outcome: str
    code: int | None = None
    reason: str = ""


def row(key: tuple[str, str], charging: Charging, preset: str, step: Step, node: str) -> dict[str, Any]:
    """The row that stands before anything is sent. `node` is the one that sends it."""
    return {
        "cpo": key[0], "key": key[1], "what": step.what, "session": charging.id[:255], "emsp": charging.speaker,
        "preset": preset, "at": now(), "outcome": OUTSIDE if step.what == "hours" else UNDER_WAY, "code": None,
        "reason": "", "sent": msgspec.json.encode(step.body).decode() if step.body else "", "node": node,
    }  # fmt: skip


def ended(reply: Reply, said: object) -> Ended:
    """Of an answer, and the word that it or its result says."""
    if reply.ok:
        word = said if isinstance(said, str) else "an answer without a result"
        return Ended(ACCEPTED if word == "ACCEPTED" else REFUSED, reply.ocpi_status, word[:LONGEST])
    reason = _envelope(reply).get("status_message")
    reason = reason[:LONGEST] if isinstance(reason, str) else ""
    if reply.by is not None:
        return Ended(REFUSED, reply.ocpi_status, reason)
    outcome = {2000: NO_MODULE, 4002: TIMEOUT}.get(reply.ocpi_status, FAILED)
    return Ended(outcome, reply.ocpi_status, reason)


def _envelope(reply: Reply) -> dict[str, Any]:
    try:
        found = decode_json(reply.body)
    except OcpiError:
        return {}
    return found if isinstance(found, dict) else {}


def data_of(reply: Reply) -> Any:
    """What an answer says; single objects come as a list of one from some platforms."""
    data = _envelope(reply).get("data")
    return data[0] if isinstance(data, list) and len(data) == 1 else data


def outcome(row: Any) -> Outcome:
    """A row as it is told."""
    return Outcome(
        _moment(row["at"]), row["preset"], row["what"], row["outcome"], row["code"], row["reason"], row["cpo"],
        row["emsp"], row["session"], row["sent"],
    )  # fmt: skip


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
