"""What it costs to check an object, and to tell it in another version: a 2 KB location and a 10 KB CDR.

Rounds are interleaved and the median counts. Each case is compared with reading the same JSON into plain values, in
the same run: microseconds mean nothing on another machine, that ratio does.
"""

import statistics
import time
from collections.abc import Callable

import msgspec

from hub.bridge import Facts, convert
from hub.core.party import Party
from hub.ocpi.check import Checker
from hub.ocpi.kinds import struct_of
from tests.versions import cdr, location, token

_LOOPS = 300
_KINDS = {"Location": location, "CDR": cdr}


class Figure(msgspec.Struct, frozen=True):
    """One case: microseconds of one object, and that by the time its JSON takes to be read."""

    case: str
    size: int
    microseconds: float
    ratio: float

    def as_dict(self) -> dict[str, object]:
        return msgspec.structs.asdict(self)


def big(kind: str, version: str) -> bytes:
    """A 2 KB location, or a 10 KB CDR, of a version."""
    whole = _KINDS[kind](version)
    if kind == "Location":
        (evse,) = whole["evses"]
        whole["evses"] = [{**evse, "uid": f"E{n}", "evse_id": f"NL*CPO*E{n}"} for n in range(6)]
    else:
        (period,) = whole["charging_periods"]
        whole["charging_periods"] = [period] * 103
    return msgspec.json.encode(whole)


def figures(rounds: int) -> list[Figure]:
    """Every case, measured in interleaved rounds."""
    cases = _cases()
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (_, work) in cases.items():
            began = time.perf_counter()
            for _ in range(_LOOPS):
                work()
            taken[name].append((time.perf_counter() - began) / _LOOPS * 1e6)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return [
        Figure(name, len(body), medians[name], medians[name] / medians[_reading(name)])
        for name, (body, _) in cases.items()
    ]


def _reading(name: str) -> str:
    kind, version, *_ = name.split()
    return f"{kind} {version} read"


def _cases() -> dict[str, tuple[bytes, Callable[[], object]]]:
    found: dict[str, tuple[bytes, Callable[[], object]]] = {}
    facts = Facts(owner=Party("NL", "CPO"), token=token("2.2.1"), location=location("2.2.1"))
    for kind in _KINDS:
        for version in ("2.1.1", "2.2.1", "2.3.0"):
            body = big(kind, version)
            found[f"{kind} {version} read"] = body, lambda body=body: msgspec.json.decode(body)
            checker = Checker(struct_of(version, kind))
            assert not checker.check(body), checker.check(body)
            found[f"{kind} {version} checked"] = body, lambda body=body, checker=checker: checker.check(body)
            for target in ("2.1.1", "2.2.1", "2.3.0"):
                if target != version:
                    found[f"{kind} {version} told in {target}"] = body, _told(kind, body, version, target, facts)
    return found


def _told(kind: str, body: bytes, source: str, target: str, facts: Facts) -> Callable[[], object]:
    def told() -> bytes:
        return msgspec.json.encode(convert(kind, msgspec.json.decode(body), source, target, facts).value)

    return told
