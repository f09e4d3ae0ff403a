"""Parties and their roles: who is who on the network (OCPI 2.2.1, types 16.5 Role, credentials 7.4.1)."""

import re
from enum import StrEnum
from functools import cached_property, lru_cache

import msgspec

# Checked before upper(), which turns some letters outside of ASCII into ASCII ones (ß into SS).
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PARTY = re.compile(r"[A-Za-z0-9]{3}")
_WRITTEN = re.compile(r"(.{2})[-*]?(.{3})")


class Role(StrEnum):
    """What a party is in the market. HUB is 2.2.1's, PTP 2.3.0's; the rest they share."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    PTP = "PTP"
    SCSP = "SCSP"


class Party(msgspec.Struct, frozen=True, order=True, cache_hash=True, dict=True):
    """One party: ISO 3166 country code and three characters of its own. Upper case; OCPI compares without case."""

    country: str
    party_id: str

    @cached_property
    def id(self) -> str:
        """The way people write it: `NL-TNM`."""
        return f"{self.country}-{self.party_id}"

    def __str__(self) -> str:
        return self.id

    @classmethod
    @lru_cache(maxsize=1024)  # each request names three or four, and on most networks they are always the same
    def of(cls, country: str, party_id: str) -> "Party":
        """A party from the two values that OCPI sends; ValueError says which of them can not be."""
        if not _COUNTRY.fullmatch(country):
            raise ValueError(f"country code {country[:16]!r} must be two letters, as NL")
        if not _PARTY.fullmatch(party_id):
            raise ValueError(f"party id {party_id[:16]!r} must be three letters or digits, as TNM")
        return cls(country.upper(), party_id.upper())

    @classmethod
    def parse(cls, text: str) -> "Party":
        """A party from `NL-TNM` (or `NL*TNM`, or `NLTNM`)."""
        written = _WRITTEN.fullmatch(text.strip())
        if written is None:
            raise ValueError(f"{text!r} is not a party: write country and party id, as NL-TNM")
        return cls.of(written[1], written[2])


class PartyRole(msgspec.Struct, frozen=True, order=True):
    """A party in one role, written `NL-TNM:CPO`."""

    party: Party
    role: Role

    def __str__(self) -> str:
        return f"{self.party}:{self.role}"

    @classmethod
    def parse(cls, text: str) -> "PartyRole":
        """A party and role from `NL-TNM:CPO`; ValueError says what is wrong."""
        party, colon, role = text.partition(":")
        if not colon:
            raise ValueError(f"{text!r} lacks a role: write it as {party or 'NL-TNM'}:CPO")
        return cls(Party.parse(party), parse_role(role))


def parse_role(text: str) -> Role:
    """A role in any case; ValueError lists those that exist."""
    try:
        return Role(text.strip().upper())
    except ValueError:
        raise ValueError(f"{text!r} is not a role; the roles are {', '.join(Role)}") from None
