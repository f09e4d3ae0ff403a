"""What certification is made of: who is checked, what is sent and heard, and what came of each check."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from hub.core.directory import Encoding, Secret
from hub.core.modules import Interface
from hub.core.party import Party, Role

_PROOFS = ("objects", "put", "post-cdr")
"""Checks without which nobody knows whether a module works, where they are among those for it."""


class Outcome(StrEnum):
    """What came of a check. ADVISED: allowed, and yet better done otherwise."""

    PASSED = "passed"
    FAILED = "failed"
    ADVISED = "advised"
    NOT_APPLICABLE = "not applicable"
    UNCHECKED = "could not be checked"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The platform that is checked, in the version that was agreed on, and in whose name it is asked.

    `endpoints` are those that are used, `by_hand` those of them that it does not advertise. `inside`: it lives in the
    hub itself, which does the transport for it. `write`: test objects may be written to it. `patience` is
    the seconds in which the result of a command has to come.
    """

    name: str
    version: str
    versions_url: str
    token: Secret
    encoding: Encoding
    roles: Mapping[Party, frozenset[Role]]
    endpoints: Mapping[tuple[str, Interface], str]
    by_hand: frozenset[tuple[str, Interface]] = frozenset()
    sender: Party
    inside: bool = False
    write: bool = False
    patience: float = 10.0
    now: int
    """Milliseconds since 1970."""


class Ask(msgspec.Struct, frozen=True):
    """A request, whole."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


class Heard(msgspec.Struct, frozen=True):
    """An answer, whole. Names of headers are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class NoAnswer(Exception):
    """A request brought no answer; the text says why."""


class Awaited(Protocol):
    """A URL at which a result is awaited."""

    @property
    def url(self) -> str:
        """For the platform: where it is to POST to."""

    async def result(self, seconds: float) -> bytes | None:
        """The body of the first POST; None where none came within the seconds."""


class Wire(Protocol):
    """The way to the platform."""

    async def send(self, ask: Ask) -> Heard:
        """Send a request once. Raises NoAnswer."""

    def expect(self, version: str) -> Awaited:
        """A place for a result."""


class Evidence(msgspec.Struct, frozen=True):
    """A request and its answer as a report shows them: no token, no card, nothing of a person.

    `status` is 0 and `answer` says why where there was no answer.
    """

    request: str
    headers: tuple[str, ...]
    body: str
    status: int
    answer_headers: tuple[str, ...]
    answer: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one check; `module` and `interface` are empty where it is about the whole platform.

    `found` is what was seen, `advice` what to change, `section` the place in the specification of this version.
    """

    check: str
    title: str
    section: str
    module: str = ""
    interface: str = ""
    outcome: Outcome
    found: str = ""
    advice: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether it passed, or is only advised against."""
        return self.outcome in (Outcome.PASSED, Outcome.ADVISED)


class Capability(msgspec.Struct, frozen=True):
    """A module on one interface that was checked without a failure."""

    version: str
    module: str
    interface: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All results for one platform.

    `certified`: nothing failed, something was seen to work, and all that is about the whole
    platform could be checked. `at` is an OCPI DateTime.
    """

    platform: str
    hub: str
    parties: tuple[str, ...]
    version: str
    at: str
    wrote: bool
    results: tuple[Result, ...]
    certified: bool
    counts: Mapping[str, int]
    capabilities: tuple[Capability, ...]

    @classmethod
    def of(cls, subject: Subject, results: tuple[Result, ...], at: str) -> "Report":
        """The report of a whole run."""
        capabilities = _capabilities(subject.version, results)
        missed = any(each.outcome is Outcome.UNCHECKED for each in results if not each.module)
        counts = {outcome.value: sum(each.outcome is outcome for each in results) for outcome in Outcome}
        return cls(
            platform=subject.name,
            hub=str(subject.sender),
            parties=tuple(f"{party}:{role}" for party, roles in subject.roles.items() for role in sorted(roles)),
            version=subject.version,
            at=at,
            wrote=subject.write,
            results=results,
            certified=bool(capabilities) and not counts[Outcome.FAILED] and not missed,
            counts=counts,
            capabilities=capabilities,
        )

    def failures(self) -> list[Result]:
        """What has to be changed."""
        return [each for each in self.results if each.outcome is Outcome.FAILED]


def _capabilities(version: str, results: tuple[Result, ...]) -> tuple[Capability, ...]:
    """What was seen to work: of a list without an object, and of pushes that nobody tried, nobody knows."""
    by_place: dict[tuple[str, str], list[Outcome]] = {}
    unseen = {(each.module, each.interface) for each in results if each.check in _PROOFS and not each.fine}
    for each in results:
        if each.module and (each.module, each.interface) not in unseen:
            by_place.setdefault((each.module, each.interface), []).append(each.outcome)
    return tuple(
        Capability(version, *place)
        for place, outcomes in by_place.items()
        if Outcome.PASSED in outcomes and Outcome.FAILED not in outcomes
    )
