"""Durations in few numbers: in steps of nine percent, so that many of them are only a few counts."""

import math

_FINE = 8
"""Steps in which a duration doubles."""


def step_of(microseconds: float) -> int:
    """The step of a duration. All below a microsecond are the first one, 0."""
    return round(math.log2(max(microseconds, 1.0)) * _FINE)


def of_step(step: int) -> float:
    """The duration in the middle of a step, in microseconds."""
    return float(2.0 ** (step / _FINE))
