"""A CPO with an SQLite store: takes START_SESSION and STOP_SESSION, sends sessions and CDRs. See docs/parties.md."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiosqlite
import msgspec

from hub.ocpi import v2_2_1 as ocpi
from hub.plugin.party import Command, Cpo, Page, PartySettings, UnknownLocation


class ExampleSettings(PartySettings):
    """The `[plugins.example_cpo]` table. `database` is relative to config.toml, `price` EUR for a kWh."""

    database: str = "example_cpo.db"
    price: float = 0.35


class ExampleCpo(Cpo[ExampleSettings]):
    """Keeps all objects as JSON in one table, by kind and id. Each location has one EVSE with one connector."""

    party = "NL-EXA"
    enabled_by_default = False

    async def start(self) -> None:
        self.db = await aiosqlite.connect(self.folder / self.settings.database, isolation_level=None)
        await self.db.execute("CREATE TABLE IF NOT EXISTS object (kind, id, json, PRIMARY KEY (kind, id))")

    async def stop(self) -> None:
        await self.db.close()

    async def locations(self, page: Page) -> list[ocpi.Location]:
        return await self.read(ocpi.Location)

    async def location(self, location_id: str) -> ocpi.Location | None:
        return (await self.read(ocpi.Location, location_id) or [None])[0]

    async def start_session(self, command: Command[ocpi.StartSession]) -> ocpi.CommandResponse:
        location, now = await self.location(command.body.location_id), datetime.now(UTC)
        if location is None or not location.evses:
            raise UnknownLocation(f"there is no location {command.body.location_id!r}")
        evse, card = location.evses[0], msgspec.convert(msgspec.to_builtins(command.body.token), ocpi.CdrToken)
        session = ocpi.Session(
            country_code=self.own.country, party_id=self.own.party_id, id=str(uuid4()), start_date_time=now, kwh=0.0,
            cdr_token=card, auth_method=ocpi.AuthMethod.COMMAND, currency="EUR", location_id=location.id,
            evse_uid=evse.uid, connector_id=evse.connectors[0].id, status=ocpi.SessionStatus.ACTIVE, last_updated=now,
        )  # fmt: skip
        await self.keep(session)
        self.spawn(self.report(command, session), name=f"start {session.id}")
        return command.answer(message="Plug in your car")

    async def stop_session(self, command: Command[ocpi.StopSession]) -> ocpi.CommandResponse:
        session, now = (await self.read(ocpi.Session, command.body.session_id) or [None])[0], datetime.now(UTC)
        if session is None or session.end_date_time or not self.caller.owns(session.cdr_token):
            return command.answer("UNKNOWN_SESSION")
        session.kwh = (now - session.start_date_time).total_seconds() / 3600 * 11  # kW
        session.total_cost = ocpi.Price(excl_vat=round(session.kwh * self.settings.price, 4))
        session.status, session.end_date_time, session.last_updated = ocpi.SessionStatus.COMPLETED, now, now
        await self.keep(session)
        cdr = self.cdr_of(session, await self.location(session.location_id))
        self.spawn(self.report(command, session, cdr), name=f"stop {session.id}")
        return command.answer()

    async def report(self, command: Command[Any], session: ocpi.Session, cdr: ocpi.CDR | None = None) -> None:
        await command.result()
        await self.push_session(session)
        if cdr:
            await self.push_cdr(cdr)

    async def keep(self, made: ocpi.Session) -> None:
        row = type(made).__name__, made.id, msgspec.json.encode(made)
        await self.db.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", row)

    async def read(self, kind: type, key: str | None = None) -> list[Any]:
        query = "SELECT json FROM object WHERE kind = ? AND id = ifnull(?, id)"
        rows = await self.db.execute_fetchall(query, (kind.__name__, key))
        return [msgspec.json.decode(text, type=kind) for (text,) in rows]
