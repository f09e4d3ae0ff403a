"""Data types that several modules share, OCPI 2.2.1 (chapter 16)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import Language, Number, Object, text

_Text = Annotated[str, text(512)]  # a name of its own: inside DisplayText, text is a field


class Role(StrEnum):
    """What a party is in the market, 2.2.1 section 16.6."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"


# A type of the sessions module. It is here because tokens need it, CDRs need tokens, and sessions need CDRs.
class ProfileType(StrEnum):
    """What smart charging is to aim for, 2.2.1 section 9.4.2."""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"


class DisplayText(Object, kw_only=True):
    """Text for drivers in one language, 2.2.1 section 16.3."""

    language: Language
    text: _Text


class Price(Object, kw_only=True):
    """An amount of money without and with VAT, 2.2.1 section 16.5."""

    excl_vat: Number
    incl_vat: Number | None = None
