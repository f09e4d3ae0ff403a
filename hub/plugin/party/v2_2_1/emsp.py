"""An e-mobility service provider that speaks OCPI 2.2.1.

What is not overridden is not offered. Methods that are made of others are there as soon as those are.
"""

from typing import Any, TypeAlias

import msgspec

from hub.core.party import Party, Role
from hub.ocpi import v2_2_1 as ocpi
from hub.plugin.party.base import S, To
from hub.plugin.party.changes import Changes, known, lacks, part, with_part
from hub.plugin.party.command import Outcome
from hub.plugin.party.network import Answer
from hub.plugin.party.page import Page, Rows
from hub.plugin.party.serving import declared
from hub.plugin.party.v2_2_1.connected import Connected

CommandOutcome: TypeAlias = Outcome[ocpi.CommandResponse, ocpi.CommandResult]


class Emsp(Connected[S]):
    """An e-mobility service provider; with another `role`, whoever else is on the drivers' side."""

    role = Role.EMSP

    @declared("GET sender/tokens")
    async def tokens(self, page: Page) -> Rows[ocpi.Token]:
        """Its tokens."""
        raise NotImplementedError

    @declared("POST sender/tokens/{token_uid}/authorize")
    async def authorize(
        self, token_uid: str, token_type: ocpi.TokenType, location: ocpi.LocationReferences | None
    ) -> ocpi.AuthorizationInfo | None:
        """May this token charge (there)? None (HTTP 404, OCPI 2004) where it is not known."""
        raise NotImplementedError

    @declared("GET receiver/locations/{country_code}/{party_id}/{location_id}")
    async def get_location(self, owner: Party, location_id: str) -> ocpi.Location | None:
        """A location as this party has it."""
        raise NotImplementedError

    @declared("PUT receiver/locations/{country_code}/{party_id}/{location_id}")
    async def put_location(self, location: ocpi.Location) -> bool | None:
        """A new or changed location. True (HTTP 201) where it is new."""
        raise NotImplementedError

    @declared(
        "PATCH receiver/locations/{country_code}/{party_id}/{location_id}", needs=("get_location", "put_location")
    )
    async def patch_location(self, owner: Party, location_id: str, changes: Changes) -> bool | None:
        """What changes in a location."""
        return await self.put_location(changes.onto(known(await self.get_location(owner, location_id))))

    @declared("GET receiver/locations/{country_code}/{party_id}/{location_id}/{evse_uid}", needs=("get_location",))
    async def get_evse(self, owner: Party, location_id: str, evse_uid: str) -> ocpi.EVSE | None:
        """An EVSE as this party has it."""
        found: ocpi.EVSE = part((known(await self.get_location(owner, location_id))).evses, "uid", evse_uid)
        return found

    @declared(
        "PUT receiver/locations/{country_code}/{party_id}/{location_id}/{evse_uid}",
        needs=("get_location", "put_location"),
    )
    async def put_evse(self, owner: Party, location_id: str, evse: ocpi.EVSE) -> bool | None:
        """A new or changed EVSE."""
        location = known(await self.get_location(owner, location_id))
        await self.put_location(with_part(location, "evses", "uid", evse))
        return lacks(location.evses, "uid", evse)

    @declared(
        "PATCH receiver/locations/{country_code}/{party_id}/{location_id}/{evse_uid}", needs=("get_evse", "put_evse")
    )
    async def patch_evse(self, owner: Party, location_id: str, evse_uid: str, changes: Changes) -> bool | None:
        """What changes in an EVSE."""
        return await self.put_evse(
            owner, location_id, changes.onto(known(await self.get_evse(owner, location_id, evse_uid)))
        )

    @declared(
        "GET receiver/locations/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}", needs=("get_evse",)
    )
    async def get_connector(
        self, owner: Party, location_id: str, evse_uid: str, connector_id: str
    ) -> ocpi.Connector | None:
        """A connector as this party has it."""
        evse = known(await self.get_evse(owner, location_id, evse_uid))
        found: ocpi.Connector = part(evse.connectors, "id", connector_id)
        return found

    @declared(
        "PUT receiver/locations/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}",
        needs=("get_evse", "put_evse"),
    )
    async def put_connector(
        self, owner: Party, location_id: str, evse_uid: str, connector: ocpi.Connector
    ) -> bool | None:
        """A new or changed connector."""
        evse = known(await self.get_evse(owner, location_id, evse_uid))
        await self.put_evse(owner, location_id, with_part(evse, "connectors", "id", connector))
        return lacks(evse.connectors, "id", connector)

    @declared(
        "PATCH receiver/locations/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}",
        needs=("get_connector", "put_connector"),
    )
    async def patch_connector(
        self, owner: Party, location_id: str, evse_uid: str, connector_id: str, changes: Changes
    ) -> bool | None:
        """What changes in a connector."""
        evse = known(await self.get_evse(owner, location_id, evse_uid))
        connector: ocpi.Connector = part(evse.connectors, "id", connector_id)
        return await self.put_connector(owner, location_id, evse_uid, changes.onto(connector))

    @declared("GET receiver/sessions/{country_code}/{party_id}/{session_id}")
    async def get_session(self, owner: Party, session_id: str) -> ocpi.Session | None:
        """A session as this party has it."""
        raise NotImplementedError

    @declared("PUT receiver/sessions/{country_code}/{party_id}/{session_id}")
    async def put_session(self, session: ocpi.Session) -> bool | None:
        """A new or changed session. True (HTTP 201) where it is new."""
        raise NotImplementedError

    @declared("PATCH receiver/sessions/{country_code}/{party_id}/{session_id}", needs=("get_session", "put_session"))
    async def patch_session(self, owner: Party, session_id: str, changes: Changes) -> bool | None:
        """What changes in a session; its charging periods are added to those before."""
        return await self.put_session(changes.onto(known(await self.get_session(owner, session_id))))

    @declared("POST receiver/cdrs")
    async def post_cdr(self, cdr: ocpi.CDR) -> bool | None:
        """A CDR. With `get_cdr`, the answer says where it can be read again."""
        raise NotImplementedError

    @declared("GET receiver/cdrs/{cdr_id}")
    async def get_cdr(self, cdr_id: str) -> ocpi.CDR | None:
        """A CDR as this party has it."""
        raise NotImplementedError

    @declared("GET receiver/tariffs/{country_code}/{party_id}/{tariff_id}")
    async def get_tariff(self, owner: Party, tariff_id: str) -> ocpi.Tariff | None:
        """A tariff as this party has it."""
        raise NotImplementedError

    @declared("PUT receiver/tariffs/{country_code}/{party_id}/{tariff_id}")
    async def put_tariff(self, tariff: ocpi.Tariff) -> bool | None:
        """A new or changed tariff. True (HTTP 201) where it is new."""
        raise NotImplementedError

    @declared("DELETE receiver/tariffs/{country_code}/{party_id}/{tariff_id}")
    async def delete_tariff(self, owner: Party, tariff_id: str) -> None:
        """A tariff that is no more."""
        raise NotImplementedError

    @declared("PUT sender/chargingprofiles/{session_id}")
    async def put_active_charging_profile(self, session_id: str, profile: ocpi.ActiveChargingProfile) -> bool | None:
        """The profile that a session follows by now."""
        raise NotImplementedError

    @declared("POST sender/commands/{command}/{uid}", needs=())
    async def command_result(self, command: str, uid: str, result: ocpi.CommandResult) -> None:  # noqa: ARG002
        """What came of a command. `request_*` waits for it; override it to see those that come unasked, too."""
        await self._arrived(uid, result)

    @declared("POST sender/chargingprofiles/{uid}", needs=())
    async def profile_result(self, uid: str, result: dict[str, Any]) -> None:
        """What came of a request about charging profiles."""
        await self._arrived(uid, result)

    async def push_token(self, token: ocpi.Token, to: To = None) -> Answer:
        """PUT a token; without `to`, to everybody."""
        return await self._push_token("PUT", token.uid, token.type, to, token)

    async def push_token_patch(
        self, token_uid: str, token_type: str = ocpi.TokenType.RFID, to: To = None, **fields: Any
    ) -> Answer:
        """PATCH a token."""
        return await self._push_token("PATCH", token_uid, token_type, to, fields)

    async def request_start(
        self,
        token: ocpi.Token,
        location_id: str,
        evse_uid: str | None = None,
        connector_id: str | None = None,
        *,
        to: To,
        reference: str | None = None,
        wait: float | None = None,
    ) -> CommandOutcome:
        """START_SESSION, and what came of it, within `wait` seconds (None: as long as the CPO says)."""
        body = {"token": token, "location_id": location_id, "evse_uid": evse_uid, "connector_id": connector_id}
        return await self._command("START_SESSION", {**body, "authorization_reference": reference}, to, wait)

    async def request_stop(self, session_id: str, *, to: To, wait: float | None = None) -> CommandOutcome:
        """STOP_SESSION, and what came of it."""
        return await self._command("STOP_SESSION", {"session_id": session_id}, to, wait)

    async def request_reservation(
        self, reservation: ocpi.ReserveNow, *, to: To, wait: float | None = None
    ) -> CommandOutcome:
        """RESERVE_NOW, and what came of it. Its `response_url` may be anything: another is put in its place."""
        return await self._command("RESERVE_NOW", msgspec.to_builtins(reservation), to, wait)

    async def request_cancellation(self, reservation_id: str, *, to: To, wait: float | None = None) -> CommandOutcome:
        """CANCEL_RESERVATION, and what came of it."""
        return await self._command("CANCEL_RESERVATION", {"reservation_id": reservation_id}, to, wait)

    async def request_unlock(
        self, location_id: str, evse_uid: str, connector_id: str, *, to: To, wait: float | None = None
    ) -> CommandOutcome:
        """UNLOCK_CONNECTOR, and what came of it."""
        body = {"location_id": location_id, "evse_uid": evse_uid, "connector_id": connector_id}
        return await self._command("UNLOCK_CONNECTOR", body, to, wait)

    async def request_charging_profile(
        self, session_id: str, profile: ocpi.ChargingProfile, *, to: To, wait: float | None = None
    ) -> Outcome[ocpi.ChargingProfileResponse, ocpi.ChargingProfileResult]:
        """Have a session follow a profile, and what came of it."""
        kinds = ("ChargingProfileResponse", "ChargingProfileResult")
        body = {"charging_profile": profile}
        return await self._twice_answered("PUT", "chargingprofiles", (session_id,), kinds, to=to, body=body, wait=wait)

    async def request_active_profile(
        self, session_id: str, duration: int, *, to: To, wait: float | None = None
    ) -> Outcome[ocpi.ChargingProfileResponse, ocpi.ActiveChargingProfileResult]:
        """Which profile a session follows for the next `duration` seconds."""
        kinds = ("ChargingProfileResponse", "ActiveChargingProfileResult")
        query = {"duration": str(duration)}
        return await self._twice_answered(
            "GET", "chargingprofiles", (session_id,), kinds, to=to, query=query, wait=wait
        )

    async def request_clear_profile(
        self, session_id: str, *, to: To, wait: float | None = None
    ) -> Outcome[ocpi.ChargingProfileResponse, ocpi.ClearProfileResult]:
        """Have a session follow no profile any more."""
        kinds = ("ChargingProfileResponse", "ClearProfileResult")
        return await self._twice_answered("DELETE", "chargingprofiles", (session_id,), kinds, to=to, wait=wait)
