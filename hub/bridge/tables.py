"""Every table of the bridge, by kind, source and target."""

from collections.abc import Mapping

from hub.bridge.rules import Table
from hub.bridge.v2_1_1_up import TABLES as FROM_2_1_1_UP
from hub.bridge.v2_2_1_down import TABLES as FROM_2_2_1_DOWN
from hub.bridge.v2_2_1_up import TABLES as FROM_2_2_1_UP
from hub.bridge.v2_3_0_down import TABLES as FROM_2_3_0_DOWN

_SAME = (
    "Booking",
    "BookingLocation",
    "BookingRequest",
    "Calendar",
    "FinancialAdviceConfirmation",
    "InvoiceReconciliationRecord",
    "Terminal",
    "TerminalActivation",
)
"""Objects of modules that came with 2.3.0: a 2.2.1 platform that has the module has it as 2.3.0 says."""

TABLES: Mapping[tuple[str, str, str], Table] = {
    (table.kind, table.source, table.target): table
    for table in (
        *FROM_2_1_1_UP,
        *FROM_2_2_1_DOWN,
        *FROM_2_2_1_UP,
        *FROM_2_3_0_DOWN,
        *(Table(kind, "2.2.1", "2.3.0") for kind in _SAME),
        *(Table(kind, "2.3.0", "2.2.1") for kind in _SAME),
    )
}
