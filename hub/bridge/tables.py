"""Every table of the bridge, by kind, source and target."""

from collections.abc import Mapping

from hub.bridge.rules import Table
from hub.bridge.v2_1_1_up import TABLES as FROM_2_1_1_UP
from hub.bridge.v2_2_1_down import TABLES as FROM_2_2_1_DOWN
from hub.bridge.v2_2_1_up import TABLES as FROM_2_2_1_UP
from hub.bridge.v2_3_0_down import TABLES as FROM_2_3_0_DOWN

TABLES: Mapping[tuple[str, str, str], Table] = {
    (table.kind, table.source, table.target): table
    for table in (*FROM_2_1_1_UP, *FROM_2_2_1_DOWN, *FROM_2_2_1_UP, *FROM_2_3_0_DOWN)
}
