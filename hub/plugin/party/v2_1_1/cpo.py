"""A charge point operator that speaks OCPI 2.1.1.

What is not overridden is not offered. Methods that are made of others are there as soon as those are.
"""

from typing import Any, TypeAlias, TypeVar

from hub.core.party import Party, Role
from hub.ocpi import v2_1_1 as ocpi
from hub.plugin.party import command as later
from hub.plugin.party.base import PartyPlugin, S, To
from hub.plugin.party.changes import Changes, known, part
from hub.plugin.party.network import Answer
from hub.plugin.party.page import Page, Rows
from hub.plugin.party.serving import declared

T = TypeVar("T")

Command: TypeAlias = later.Command[T, ocpi.CommandResponse]


class Cpo(PartyPlugin[S]):
    """A charge point operator. With one command, it takes all of them, and says NOT_SUPPORTED to the others."""

    version = "2.1.1"
    role = Role.CPO

    @declared("GET sender/locations")
    async def locations(self, page: Page) -> Rows[ocpi.Location]:
        """Its locations."""
        raise NotImplementedError

    @declared("GET sender/locations/{location_id}")
    async def location(self, location_id: str) -> ocpi.Location | None:
        """One location; None (HTTP 404) where there is none."""
        raise NotImplementedError

    @declared("GET sender/locations/{location_id}/{evse_uid}", needs=("location",))
    async def evse(self, location_id: str, evse_uid: str) -> ocpi.EVSE | None:
        """One EVSE."""
        found: ocpi.EVSE = part(known(await self.location(location_id)).evses, "uid", evse_uid)
        return found

    @declared("GET sender/locations/{location_id}/{evse_uid}/{connector_id}", needs=("evse",))
    async def connector(self, location_id: str, evse_uid: str, connector_id: str) -> ocpi.Connector | None:
        """One connector."""
        found: ocpi.Connector = part(known(await self.evse(location_id, evse_uid)).connectors, "id", connector_id)
        return found

    @declared("GET sender/sessions")
    async def sessions(self, page: Page) -> Rows[ocpi.Session]:
        """Its sessions. `self.caller.party` is who asks: it sees its own drivers' only."""
        raise NotImplementedError

    @declared("GET sender/cdrs")
    async def cdrs(self, page: Page) -> Rows[ocpi.CDR]:
        """Its CDRs. `self.caller.party` is who asks: it sees its own drivers' only."""
        raise NotImplementedError

    @declared("GET sender/tariffs")
    async def tariffs(self, page: Page) -> Rows[ocpi.Tariff]:
        """Its tariffs."""
        raise NotImplementedError

    @declared("GET receiver/tokens/{country_code}/{party_id}/{token_uid}")
    async def get_token(self, owner: Party, token_uid: str, token_type: ocpi.TokenType) -> ocpi.Token | None:
        """A token as this party has it."""
        raise NotImplementedError

    @declared("PUT receiver/tokens/{country_code}/{party_id}/{token_uid}")
    async def put_token(self, owner: Party, token: ocpi.Token) -> bool | None:
        """A new or changed token. True (HTTP 201) where it is new."""
        raise NotImplementedError

    @declared("PATCH receiver/tokens/{country_code}/{party_id}/{token_uid}", needs=("get_token", "put_token"))
    async def patch_token(
        self, owner: Party, token_uid: str, token_type: ocpi.TokenType, changes: Changes
    ) -> bool | None:
        """What changes in a token."""
        return await self.put_token(owner, changes.onto(known(await self.get_token(owner, token_uid, token_type))))

    @declared("POST receiver/commands/START_SESSION")
    async def start_session(self, command: Command[ocpi.StartSession]) -> ocpi.CommandResponse:
        """Start a session: return `command.answer()`, and `await command.result()` later."""
        return command.answer("NOT_SUPPORTED", timeout=0)

    @declared("POST receiver/commands/STOP_SESSION")
    async def stop_session(self, command: Command[ocpi.StopSession]) -> ocpi.CommandResponse:
        """Stop a session."""
        return command.answer("NOT_SUPPORTED", timeout=0)

    @declared("POST receiver/commands/RESERVE_NOW")
    async def reserve_now(self, command: Command[ocpi.ReserveNow]) -> ocpi.CommandResponse:
        """Keep an EVSE free."""
        return command.answer("NOT_SUPPORTED", timeout=0)

    @declared("POST receiver/commands/UNLOCK_CONNECTOR")
    async def unlock_connector(self, command: Command[ocpi.UnlockConnector]) -> ocpi.CommandResponse:
        """Let go of a cable."""
        return command.answer("NOT_SUPPORTED", timeout=0)

    async def push_location(self, location: ocpi.Location, to: To = None) -> Answer:
        """PUT a location; without `to`, to everybody."""
        return await self._push("PUT", "locations", location.id, to=to, body=location)

    async def push_evse(self, location_id: str, evse: ocpi.EVSE, to: To = None) -> Answer:
        """PUT an EVSE."""
        return await self._push("PUT", "locations", location_id, evse.uid, to=to, body=evse)

    async def push_connector(self, location_id: str, evse_uid: str, connector: ocpi.Connector, to: To = None) -> Answer:
        """PUT a connector."""
        return await self._push("PUT", "locations", location_id, evse_uid, connector.id, to=to, body=connector)

    async def push_location_patch(self, *path: str, to: To = None, **fields: Any) -> Answer:
        """PATCH a location, EVSE or connector, by its ids: `push_location_patch("L1", "E1", status="CHARGING")`."""
        return await self._push("PATCH", "locations", *path, to=to, body=fields)

    async def push_tariff(self, tariff: ocpi.Tariff, to: To = None) -> Answer:
        """PUT a tariff; without `to`, to everybody."""
        return await self._push("PUT", "tariffs", tariff.id, to=to, body=tariff)

    async def withdraw_tariff(self, tariff_id: str, to: To = None) -> Answer:
        """DELETE a tariff."""
        return await self._push("DELETE", "tariffs", tariff_id, to=to)

    async def push_session(self, session: ocpi.Session, to: To = None) -> Answer:
        """PUT a session; without `to`, to the party that is known to have its token."""
        return await self._push("PUT", "sessions", session.id, to=to, body=session)

    async def push_session_patch(self, session_id: str, to: To = None, **fields: Any) -> Answer:
        """PATCH a session."""
        return await self._push("PATCH", "sessions", session_id, to=to, body=fields)

    async def push_cdr(self, cdr: ocpi.CDR, to: To = None) -> Answer:
        """POST a CDR; without `to`, to the party that its token belongs to."""
        return await self.call("POST", "cdrs", "RECEIVER", to=to, body=cdr)

    async def ask_authorization(
        self,
        token_uid: str,
        token_type: str = ocpi.TokenType.RFID,
        location: ocpi.LocationReferences | None = None,
        to: To = None,
    ) -> ocpi.AuthorizationInfo:
        """May this token charge (there)? Without `to`, the hub asks who it belongs to. Raises Declined."""
        answer = await self.call(
            "POST", "tokens", "SENDER", token_uid, "authorize", to=to, body=location, query={"type": token_type}
        )
        return answer.read(ocpi.AuthorizationInfo)
