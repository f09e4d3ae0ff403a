"""Parties that speak OCPI 2.2.1."""

from hub.plugin.party.v2_2_1.connected import Connected
from hub.plugin.party.v2_2_1.cpo import Command, Cpo, ProfileCommand
from hub.plugin.party.v2_2_1.emsp import CommandOutcome, Emsp

__all__ = ["Command", "CommandOutcome", "Connected", "Cpo", "Emsp", "ProfileCommand"]
