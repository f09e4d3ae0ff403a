"""A platform that tests steer by hand: what it says in its credentials, and the tokens of both directions."""

import secrets
from collections.abc import Iterable
from typing import Any

from hub.core.party import PartyRole
from tests.fault.wire import Answer, call


class Refused(Exception):
    """The hub answered, and it was not a success."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what}: HTTP {answer.status} {answer.body!r}")
        self.answer = answer


class Platform:
    """`key` is its path at the partner's server, `token` opens the hub, `token_out` is what the hub shows it."""

    def __init__(self, key: str, role: PartyRole, server: str, hub: str) -> None:
        self.key = key
        self.role = role
        self.hub = hub
        self.token = ""
        self.token_out = ""
        self._server = server

    @property
    def versions_url(self) -> str:
        return f"{self._server}/{self.key}/versions"

    def credentials(self, token: str) -> dict[str, Any]:
        """The credentials object in which the hub gets `token`."""
        return credentials(token, self.versions_url, [str(self.role)])

    async def send_credentials(self, method: str) -> Answer:
        """POST or PUT; keeps the tokens of an acknowledged one. Refused or NoAnswer where it was not."""
        fresh = secrets.token_hex(16)
        answer = await call(method, f"{self.hub}/ocpi/2.2.1/credentials", self.token, self.credentials(fresh))
        if answer.status != 200 or answer.code != 1000:
            raise Refused(f"{method} credentials of {self.key}", answer)
        self.token, self.token_out = answer.data["token"], fresh
        return answer

    async def versions(self) -> Answer:
        """GET the hub's versions."""
        return await call("GET", f"{self.hub}/ocpi/versions", self.token)

    async def get_locations(self, other: "Platform") -> Answer:
        """A functional request that changes nothing: the locations of another platform."""
        url = f"{self.hub}/ocpi/2.2.1/sender/locations/"
        return await call("GET", url, self.token, sender=self.role.party, to=other.role.party)

    async def put_session(self, other: "Platform", session: dict[str, Any]) -> Answer:
        """A push."""
        party = self.role.party
        url = f"{self.hub}/ocpi/2.2.1/receiver/sessions/{party.country}/{party.party_id}/{session['id']}"
        return await call("PUT", url, self.token, session, sender=party, to=other.role.party)


def credentials(token: str, versions_url: str, roles: Iterable[str]) -> dict[str, Any]:
    """A credentials object. Roles are written as NL-TNM:CPO."""
    return {"token": token, "url": versions_url, "roles": [_role(PartyRole.parse(role)) for role in roles]}


def _role(role: PartyRole) -> dict[str, Any]:
    return {
        "role": role.role.value,
        "country_code": role.party.country,
        "party_id": role.party.party_id,
        "business_details": {"name": f"Company {role.party}"},
    }
