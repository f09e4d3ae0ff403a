"""The promises of docs/reliability.md, and how a test proves one: with a figure, and the bound that it must keep.

A test says which promise it is about with `@pytest.mark.promise(3)`, and takes the fixture `proof`:

    proof.exactly("acknowledged writes lost", lost, 0)
    proof.at_most("seconds until refused", took, 1.0)

Each call writes the figure down and fails the test where the bound is broken. `python -m tests.fault` prints them all.
Sizes are `size(short, long)`: the long ones are for a release (`python -m tests.fault --long`).
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

PROMISES = {
    1: "No message is delivered to anybody who may not have it",
    2: "A push that failed is gone: no second attempt, nothing kept",
    3: "What was acknowledged survives kill -9 and power cuts",
    4: "Malformed requests meet a clear refusal, never a crash",
    5: "A dead, hanging or flooding partner does not slow the others down",
    6: "Bombs and slow sockets cost little memory and time",
    7: "No URL of a partner leads into the operator's network",
    8: "Tokens are nowhere but where they must be",
    9: "Partners learn soon, and not too often, who is away",
    10: "A suspended partner or a renewed token is refused at once",
    11: "The hub runs on for long without growing",
    12: "A bad plugin is named and set aside, and traffic goes on",
    13: "Dashboard and admin API withstand attackers",
    14: "The tests notice changes in the code that matters most",
    15: "Several nodes are as good as one",
}
PROPERTY = "figure"
LONG = os.environ.get("OCPI_HUB_LONG") == "1"


def size(short: Any, long: Any) -> Any:
    """How much of something a test does: the short version in CI, the long one for a release."""
    return long if LONG else short


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `held`: it is within its bound, which is a text like `<= 3`; `test` is who measured."""

    promise: int
    what: str
    figure: float | int
    bound: str
    held: bool
    test: str = ""


class Proof:
    """Writes figures of one promise down, and fails where one is out of bounds."""

    def __init__(self, promise: int, record: Callable[[str, Any], None]) -> None:
        self._promise = promise
        self._record = record

    def exactly(self, what: str, figure: float, bound: float) -> None:
        """It has to be just this."""
        self._keep(what, figure, f"= {bound:,}", held=figure == bound)

    def at_most(self, what: str, figure: float, bound: float) -> None:
        """It may be less."""
        self._keep(what, figure, f"<= {bound:,}", held=figure <= bound)

    def at_least(self, what: str, figure: float, bound: float) -> None:
        """It may be more. The size of a test is such a figure, too: how many requests, kills, forms."""
        self._keep(what, figure, f">= {bound:,}", held=figure >= bound)

    def _keep(self, what: str, figure: float, bound: str, *, held: bool) -> None:
        kept = Figure(promise=self._promise, what=what, figure=figure, bound=bound, held=held)
        self._record(PROPERTY, msgspec.to_builtins(kept))
        assert held, f"promise {self._promise}: {what}: {figure:,} is not {bound}"


def figures_of(reports: Iterable[pytest.TestReport]) -> list[Figure]:
    """What tests have measured, by their reports."""
    return [
        msgspec.structs.replace(msgspec.convert(value, Figure), test=report.nodeid)
        for report in reports
        for name, value in report.user_properties
        if name == PROPERTY
    ]
