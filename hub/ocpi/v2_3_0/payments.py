"""The payments module of OCPI 2.3.0 (branch payments, chapter 17).

The chapter's examples give prices as 2.2.1 had them (excl_vat): the tables say Price, and count.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.ocpi.types import CI, CountryCode, DateTime, Object, PartyId, Url, ci
from hub.ocpi.v2_3_0.locations import GeoLocation
from hub.ocpi.v2_3_0.types import Price

_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=255, extra={CI: True})]


class CaptureStatusCode(StrEnum):
    """How capturing a payment ended, 2.3.0 payments section 17.7.2."""

    SUCCESS = "SUCCESS"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    FAILED = "FAILED"


class InvoiceCreator(StrEnum):
    """Who writes the driver's invoice, 2.3.0 payments section 17.7.1."""

    CPO = "CPO"
    PTP = "PTP"


class TerminalActivation(Object, kw_only=True):
    """A terminal to be activated, which may have no id yet, 2.3.0 payments section 17.5.1.7."""

    terminal_id: Annotated[str, ci(36)] | None = None
    customer_reference: Annotated[str, ci(36)] | None = None
    party_id: PartyId | None = None
    country_code: CountryCode | None = None
    address: Annotated[str, ci(45)] | None = None
    city: Annotated[str, ci(45)] | None = None
    postal_code: Annotated[str, ci(10)] | None = None
    state: Annotated[str, ci(20)] | None = None
    country: Annotated[str, ci(3)] | None = None
    coordinates: GeoLocation | None = None
    invoice_base_url: Url | None = None
    invoice_creator: InvoiceCreator | None = None
    reference: Annotated[str, ci(36)] | None = None
    location_ids: list[Annotated[str, ci(36)]] | None = None
    evse_uids: list[Annotated[str, ci(36)]] | None = None
    # Required by the table; but the text and an example create a terminal from nothing but its id.
    last_updated: DateTime | None = None


class Terminal(TerminalActivation, kw_only=True):
    """A payment terminal and where it takes payments, 2.3.0 payments section 17.6.1."""

    terminal_id: Annotated[str, ci(36)]


class FinancialAdviceConfirmation(Object, kw_only=True):
    """What was captured for a session, and what has to be on the invoice, 2.3.0 payments section 17.6.2."""

    id: Annotated[str, ci(36)]
    authorization_reference: Annotated[str, ci(36)]
    total_costs: Price
    currency: Annotated[str, ci(3)]
    # At least one line by the table; but the example of a failed capture has none.
    eft_data: list[_Line] | None = None
    capture_status_code: CaptureStatusCode
    capture_status_message: _Line | None = None
    last_updated: DateTime
