"""The invoicereconciliation module of OCPI 2.3.0, edition 2 (chapter 11)."""

from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, CountryCode, DateTime, Object, PartyId, ci


class InvoiceReconciliationRecord(Object, kw_only=True):
    """Which CDRs an invoice is about, 2.3.0 section 11.3.1."""

    country_code: CountryCode
    party_id: PartyId
    id: Annotated[str, ci(36)]
    invoice_id: Annotated[str, ci(255)]
    # The table allows 36 characters, but the ids of CDRs have up to 39 (10.3.1): those of credit CDRs do.
    cdrs: Annotated[list[Annotated[str, ci(39)]], AT_LEAST_ONE]
    last_updated: DateTime
