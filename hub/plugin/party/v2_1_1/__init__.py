"""Parties that speak OCPI 2.1.1."""

from hub.plugin.party.v2_1_1.cpo import Command, Cpo
from hub.plugin.party.v2_1_1.emsp import CommandOutcome, Emsp

__all__ = ["Command", "CommandOutcome", "Cpo", "Emsp"]
