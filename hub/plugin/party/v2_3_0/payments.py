"""Payments and invoices of OCPI 2.3.0: a payment terminal provider, and what a CPO is told by one."""

from hub.core.party import Party, Role
from hub.ocpi import v2_3_0 as ocpi
from hub.plugin.party.base import S, To
from hub.plugin.party.changes import Changes, known
from hub.plugin.party.network import Answer
from hub.plugin.party.page import Page, Rows
from hub.plugin.party.serving import declared
from hub.plugin.party.v2_3_0.connected import Connected


class Ptp(Connected[S]):
    """A payment terminal provider."""

    role = Role.PTP

    @declared("GET sender/payments/terminals")
    async def terminals(self, page: Page) -> Rows[ocpi.Terminal]:
        """Its terminals."""
        raise NotImplementedError

    @declared("GET sender/payments/terminals/{terminal_id}")
    async def terminal(self, terminal_id: str) -> ocpi.Terminal | None:
        """One terminal."""
        raise NotImplementedError

    @declared("POST sender/payments/terminals/activate")
    async def activate_terminal(self, activation: ocpi.TerminalActivation) -> bool | None:
        """A CPO puts a terminal into use."""
        raise NotImplementedError

    @declared("POST sender/payments/terminals/{terminal_id}/deactivate")
    async def deactivate_terminal(self, terminal_id: str) -> None:
        """A CPO takes a terminal out of use."""
        raise NotImplementedError

    @declared("PUT sender/payments/terminals/{terminal_id}")
    async def put_terminal(self, terminal: ocpi.Terminal) -> bool | None:
        """A CPO says where a terminal takes payments."""
        raise NotImplementedError

    @declared("PATCH sender/payments/terminals/{terminal_id}", needs=("terminal", "put_terminal"))
    async def patch_terminal(self, terminal_id: str, changes: Changes) -> bool | None:
        """What changes in a terminal."""
        return await self.put_terminal(changes.onto(known(await self.terminal(terminal_id))))

    @declared("GET sender/payments/financial-advice-confirmations")
    async def confirmations(self, page: Page) -> Rows[ocpi.FinancialAdviceConfirmation]:
        """What was captured."""
        raise NotImplementedError

    @declared("GET sender/payments/financial-advice-confirmations/{confirmation_id}")
    async def confirmation(self, confirmation_id: str) -> ocpi.FinancialAdviceConfirmation | None:
        """What was captured for one session."""
        raise NotImplementedError

    async def push_terminal(self, terminal: ocpi.Terminal, to: To) -> Answer:
        """POST a terminal to its CPO."""
        return await self.call("POST", "payments", "RECEIVER", "terminals", to=to, body=terminal)

    async def push_confirmation(self, confirmation: ocpi.FinancialAdviceConfirmation, to: To) -> Answer:
        """POST what was captured for a session."""
        path = "financial-advice-confirmations"
        return await self.call("POST", "payments", "RECEIVER", path, to=to, body=confirmation)


class PaymentsCpo(Connected[S]):
    """A CPO with payment terminals: `class Mine(Cpo, PaymentsCpo)`."""

    @declared("POST receiver/payments/terminals")
    async def post_terminal(self, terminal: ocpi.Terminal) -> bool | None:
        """A new terminal."""
        raise NotImplementedError

    @declared("GET receiver/payments/terminals/{terminal_id}")
    async def get_terminal(self, terminal_id: str) -> ocpi.Terminal | None:
        """A terminal as this party has it."""
        raise NotImplementedError

    @declared("POST receiver/payments/financial-advice-confirmations")
    async def post_confirmation(self, confirmation: ocpi.FinancialAdviceConfirmation) -> bool | None:
        """What was captured for a session."""
        raise NotImplementedError

    @declared("GET receiver/payments/financial-advice-confirmations/{confirmation_id}")
    async def get_confirmation(self, confirmation_id: str) -> ocpi.FinancialAdviceConfirmation | None:
        """What was captured, as this party has it."""
        raise NotImplementedError


class Invoices(Connected[S]):
    """Invoices matched with CDRs, on either side: `class Mine(Cpo, Invoices)`."""

    @declared("GET sender/invoicereconciliation")
    async def invoices(self, page: Page) -> Rows[ocpi.InvoiceReconciliationRecord]:
        """Which CDRs its invoices are about."""
        raise NotImplementedError

    @declared("GET receiver/invoicereconciliation/{country_code}/{party_id}/{record_id}")
    async def get_invoice(self, owner: Party, record_id: str) -> ocpi.InvoiceReconciliationRecord | None:
        """A record as this party has it."""
        raise NotImplementedError

    @declared("PUT receiver/invoicereconciliation/{country_code}/{party_id}/{id}")
    async def put_invoice(self, record: ocpi.InvoiceReconciliationRecord) -> bool | None:
        """A new or changed record."""
        raise NotImplementedError

    @declared("POST receiver/invoicereconciliation")
    async def post_invoice(self, record: ocpi.InvoiceReconciliationRecord) -> bool | None:
        """A new record."""
        raise NotImplementedError

    @declared("DELETE receiver/invoicereconciliation/{country_code}/{party_id}/{record_id}")
    async def delete_invoice(self, owner: Party, record_id: str) -> None:
        """A record that is no more."""
        raise NotImplementedError

    async def push_invoice(self, record: ocpi.InvoiceReconciliationRecord, to: To) -> Answer:
        """PUT a record."""
        return await self._push("PUT", "invoicereconciliation", record.id, to=to, body=record)
