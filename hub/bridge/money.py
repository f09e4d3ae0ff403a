"""Sums of money as JSON has them, reckoned in decimals: 7.2 - 6 is 1.2."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

PLACES = Decimal("0.0001")
"""OCPI writes numbers with four decimals (2.2.1, types 16.4)."""

# More than any price, and few enough digits for Decimal to be exact.
_MOST = 10**12


def amount(value: Any) -> Decimal | None:
    """The sum that a JSON value is. None where it is no number, or none that money comes in."""
    if type(value) in (int, float) and -_MOST < value < _MOST:
        return Decimal(str(value))
    return None


def without_tax(price: Decimal, percentage: Decimal) -> Decimal:
    """What is left of a price when the tax that is in it is taken out; with more than four decimals, rounded."""
    return (price / (1 + percentage / 100)).quantize(PLACES, ROUND_HALF_UP)


def with_tax(price: Decimal, percentage: Decimal) -> Decimal:
    """A price with the tax on it."""
    return price * (1 + percentage / 100)
