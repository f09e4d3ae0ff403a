"""All that a plugin needs to be a party: `from hub.plugin.party import Cpo, Page`. See docs/parties.md.

These speak OCPI 2.2.1; `hub.plugin.party.v2_1_1` and `hub.plugin.party.v2_3_0` have those of the other versions.
"""

from hub.plugin.party.base import Call, Caller, PartyPlugin, PartySettings, To
from hub.plugin.party.changes import Changes
from hub.plugin.party.command import Outcome
from hub.plugin.party.errors import (
    InvalidParameters,
    NotEnoughInformation,
    NotFound,
    OcpiError,
    UnknownLocation,
    UnknownToken,
)
from hub.plugin.party.network import Answer, Declined, Network
from hub.plugin.party.page import Page, Paged, Rows
from hub.plugin.party.serving import serve
from hub.plugin.party.v2_2_1 import Command, CommandOutcome, Cpo, Emsp, ProfileCommand

__all__ = [
    "Answer", "Call", "Caller", "Changes", "Command", "CommandOutcome", "Cpo", "Declined", "Emsp", "InvalidParameters",
    "Network", "NotEnoughInformation", "NotFound", "OcpiError", "Outcome", "Page", "Paged", "PartyPlugin",
    "PartySettings", "ProfileCommand", "Rows", "To", "UnknownLocation", "UnknownToken", "serve",
]  # fmt: skip
