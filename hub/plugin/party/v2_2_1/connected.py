"""What every party of OCPI 2.2.1 has, whatever its role."""

from hub.core.party import Party
from hub.ocpi import v2_2_1 as ocpi
from hub.plugin.party.base import PartyPlugin, S
from hub.plugin.party.serving import declared


class Connected(PartyPlugin[S]):
    """What every party may be told."""

    version = "2.2.1"

    @declared("GET receiver/hubclientinfo/{country_code}/{party_id}")
    async def get_client_info(self, owner: Party) -> ocpi.ClientInfo | None:
        """What the hub last told of a party."""
        raise NotImplementedError

    @declared("PUT receiver/hubclientinfo/{country_code}/{party_id}")
    async def put_client_info(self, info: ocpi.ClientInfo) -> bool | None:
        """The hub tells that a party is there, or is not."""
        raise NotImplementedError
