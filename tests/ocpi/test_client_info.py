"""ClientInfo objects in the words of each version (2.2.1 section 15.4.1, 2.3.0 section 16.4.1)."""

import msgspec
import pytest

from hub.core.party import Party, PartyRole, Role
from hub.core.status import ConnectionStatus
from hub.ocpi import v2_2_1, v2_3_0
from hub.ocpi.client_info import ClientInfo


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("version", [v2_2_1, v2_3_0])
def test_every_role_can_be_told(role, version):
    """2.3.0 has no HUB, 2.2.1 no PTP: either is OTHER there."""
    info = ClientInfo.of(PartyRole(Party("NL", "ANY"), role), ConnectionStatus.CONNECTED, 0)
    number = "2.3.0" if version is v2_3_0 else "2.2.1"
    told = info.in_version(number)
    msgspec.convert(msgspec.to_builtins(told), version.ClientInfo)
    known = role in [each.value for each in version.Role]
    assert told.role == (role if known else Role.OTHER)
