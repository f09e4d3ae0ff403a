"""Durations in few numbers: in steps of nine percent, so that many of them are only a few counts."""

from math import log2

_FINE = 8
"""Steps in which a duration doubles."""


def step_of(microseconds: float) -> int:
    """The step of a duration. All below a microsecond are the first one, 0."""
    return round(log2(microseconds) * _FINE) if microseconds > 1 else 0


def of_step(step: int) -> float:
    """The duration in the middle of a step, in microseconds."""
    return float(2.0 ** (step / _FINE))
