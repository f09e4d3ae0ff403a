"""Parties that speak OCPI 2.3.0, with bookings, payments and invoices."""

from hub.plugin.party.v2_3_0.bookings import BookingCpo, BookingEmsp
from hub.plugin.party.v2_3_0.connected import Connected
from hub.plugin.party.v2_3_0.cpo import Command, Cpo, ProfileCommand
from hub.plugin.party.v2_3_0.emsp import CommandOutcome, Emsp
from hub.plugin.party.v2_3_0.payments import Invoices, PaymentsCpo, Ptp

__all__ = [
    "BookingCpo", "BookingEmsp", "Command", "CommandOutcome", "Connected", "Cpo", "Emsp", "Invoices", "PaymentsCpo",
    "ProfileCommand", "Ptp",
]  # fmt: skip
