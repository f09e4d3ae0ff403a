"""What a simulated platform is told by HubClientInfo: its RECEIVER interface of that module (2.2.1, 15.3.1)."""

from hub.core.party import Party
from hub.errors import InvalidParameters, NotFound
from hub.sim.messages import Answer, SimRequest, party_of
from hub.sim.objects import Objects

_REQUIRED = ("country_code", "party_id", "role", "status", "last_updated")


class Statuses:
    """`objects` holds the latest ClientInfo of each party and role."""

    def __init__(self) -> None:
        self.objects = Objects("role")

    async def get(self, request: SimRequest) -> Answer:
        """The path names no role: of a party with several, the first that was told."""
        found = self.objects.of(_party(request))
        if not found:
            raise NotFound(f"nothing was told of {_party(request)} here")
        return Answer(data=found[0])

    async def put(self, request: SimRequest) -> Answer:
        info = request.object(_REQUIRED)
        if party_of(info) != _party(request):
            raise InvalidParameters(f"body: the party is {party_of(info)}, in the path it is {_party(request)}")
        return Answer(http=201 if self.objects.put(info) else 200)


def _party(request: SimRequest) -> Party:
    country, party_id = request.segments
    return party_of({"country_code": country, "party_id": party_id}, "path")
