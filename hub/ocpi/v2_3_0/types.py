"""Data types that all modules of OCPI 2.3.0 share (chapter 17)."""

from enum import StrEnum

from hub.ocpi import v2_2_1
from hub.ocpi.types import Number, Object


class DisplayText(v2_2_1.DisplayText):
    """Text for people in one language, 2.3.0 section 17.6."""


class TaxAmount(Object, kw_only=True):
    """One tax on a price, 2.3.0 section 17.9."""

    name: str
    account_number: str | None = None
    percentage: Number | None = None
    amount: Number


class Price(Object, kw_only=True):
    """A price and the taxes on it, 2.3.0 section 17.8."""

    before_taxes: Number
    taxes: list[TaxAmount] | None = None


class Role(StrEnum):
    """What a party does in the market, 2.3.0 section 17.10."""

    CPO = "CPO"
    EMSP = "EMSP"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    # Not in the table, but the payments branch names it as a role (chapter 2).
    PTP = "PTP"
    SCSP = "SCSP"
