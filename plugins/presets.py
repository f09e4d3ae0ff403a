"""Sends what a driver wants to the CPO when a session begins: preferences, a limit, a departure time. Off by default.

    [plugins.presets]
    enabled = true

Everything about it stands in docs/presets.md.
"""

import asyncio
import re
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from sqlalchemy import and_, func, or_, select, tuple_

from hub.plugin import (
    Call,
    Connection,
    Figure,
    Figures,
    Interface,
    OcpiError,
    Page,
    Paging,
    Party,
    Plugin,
    Problem,
    Push,
    Query,
    Rows,
    Scope,
    Settings,
    admin_route,
    after,
    cursor,
    form,
    on_push,
    panel,
    verb,
)

from .outcomes import (
    ACCEPTED,
    CUT_OFF,
    FAILED,
    LONGEST,
    NO_MODULE,
    TIMEOUT,
    UNDER_WAY,
    Ended,
    Outcomes,
    OutcomesWanted,
    data_of,
    ended,
    now,
    outcome,
    row,
)
from .planning import NAME, Book, Charging, Gone, Named, Preset, Step, Written, checked, plan, words, zone_of
from .tables import outcomes, presets, tables, waiting

_DAY = 86_400_000
_SWEEP = 3600.0
_LOOK = 60.0
"""Seconds between two looks whether this node leads."""
_LATEST = 100
_REMEMBERED = 50_000
_BEGINS, _WAITS = "ACTIVE", ("PENDING", "RESERVATION")
_SIDES = {
    "preferences": ("PUT", "sessions", Interface.SENDER),
    "profile": ("PUT", "chargingprofiles", Interface.RECEIVER),
    "stop": ("POST", "commands", Interface.RECEIVER),
}
_O = outcomes.c


class PresetsSettings(Settings):
    """The `[plugins.presets]` table."""

    patience: Annotated[
        float, Meta(gt=0, le=600, description="Seconds that a CPO may take for the result of a charging profile.")
    ] = 60.0
    at_once: Annotated[int, Meta(ge=1, le=1000, description="Sessions that are seen to at once.")] = 50
    stop_outside_hours: Annotated[
        bool, Meta(description="Whether a session outside of the allowed hours is stopped.")
    ] = False
    time_zone: Annotated[str, Meta(description="Time zone where neither preset nor location has one.")] = "UTC"
    keep_days: Annotated[int, Meta(ge=1, le=10_000, description="Days that is kept what came of presets.")] = 90


class _Told(msgspec.Struct):
    """What is read of a session; of a PATCH, too."""

    status: str | None = None
    start_date_time: datetime | None = None
    location_id: str = ""
    cdr_token: dict[str, Any] | None = None


class Presets(Plugin[PresetsSettings]):
    """Each session is seen to once: a row is written before anything is sent, and stays."""

    enabled_by_default = False
    tables = tables

    async def start(self) -> None:
        zone = zone_of(self.settings.time_zone)
        if zone is None:
            raise ValueError(f"time_zone: there is no {self.settings.time_zone!r}; write it as Europe/Amsterdam")
        self.zone: ZoneInfo = zone
        self.done: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.under_way = 0
        self.began = now()
        self.book = Book(())
        await self.reload()
        self.spawn(self.forget_for_ever(), name="retention")

    async def take_over(self) -> None:
        await self.reload()
        await self.give_up()

    async def changed_elsewhere(self) -> None:
        await self.reload()

    async def give_up(self) -> None:
        """What a node had under way that is gone, or a version before this one, comes to no end any more."""
        there = await self.nodes.there()
        before = and_(_O.node == self.nodes.own, _O.at < self.began)
        left = outcomes.update().where(_O.outcome == UNDER_WAY, or_(before, _O.node.not_in(there)))
        await self.store.write(lambda own: own.execute(left.values(outcome=CUT_OFF)))

    @on_push("sessions.receiver.put", "sessions.receiver.patch")
    async def seen(self, push: Push) -> None:
        if not push.ok or not self.book.all:
            return
        message = push.message
        key = (message.owner or message.sender).id, (message.object_id or "").upper()
        if key in self.done:
            return
        try:
            told = msgspec.convert(await self.hub.told(message), _Told, strict=False)
        except (OcpiError, msgspec.ValidationError):
            return
        charging = (
            self.charging(push, told) if told.cdr_token or message.method == "PUT" else await self.remembered(key)
        )
        found = charging and self.book.find(charging.uid, charging.contract, charging.emsp)
        if charging is None or found is None:
            return
        if told.status in _WAITS:
            known = {"cpo": key[0], "key": key[1], "json": msgspec.json.encode(charging).decode(), "seen": now()}
            await self.store.write(lambda own: own.upsert(waiting, [known]))
        elif told.status == _BEGINS:
            await self.begin(key, charging, found)

    def charging(self, push: Push, told: _Told) -> Charging:
        message, card = push.message, told.cdr_token or {}
        raw = push.json()
        contract = card.get("contract_id") or (raw.get("auth_id") if isinstance(raw, dict) else None)
        receiver = message.receiver if push.route.way == "refuse" else push.route.to
        named = f"{card.get('country_code')}-{card.get('party_id')}".upper()
        speaker = named if named in {party.id for party in self.hub.parties()} else (receiver or message.sender).id
        started = told.start_date_time or datetime.now(UTC)
        return Charging(
            cpo=(message.owner or message.sender).id, id=message.object_id or "", speaker=speaker,
            emsp=named if card.get("party_id") else speaker, uid=str(card.get("uid") or ""),
            contract=str(contract or ""), location=told.location_id,
            started=started if started.tzinfo else started.replace(tzinfo=UTC),
        )  # fmt: skip

    async def remembered(self, key: tuple[str, str]) -> Charging | None:
        """A session that was told of before it began."""
        named = select(waiting.c.json).where(tuple_(waiting.c.cpo, waiting.c.key) == key)
        text = await self.store.read(lambda own: own.scalar(named))
        if text is None:
            return None
        return msgspec.structs.replace(msgspec.json.decode(text, type=Charging), started=datetime.now(UTC))

    async def begin(self, key: tuple[str, str], charging: Charging, found: Named) -> None:
        """Write down what is to be done, and do it beside; nothing where it was done before."""
        self.done[key] = None
        if len(self.done) > _REMEMBERED:
            self.done.popitem(last=False)
        zone = zone_of(found.preset.time_zone) or await self.zone_at(charging)
        stop = self.settings.stop_outside_hours
        steps = plan(found.preset, charging, zone, datetime.now(UTC), stop=stop)
        rows = [row(key, charging, found.name, step, self.nodes.own) for step in steps]

        async def note(own: Connection) -> bool:
            if await own.scalar(select(_O.at).where(tuple_(_O.cpo, _O.key) == key).limit(1)) is not None:
                return False
            await own.upsert(outcomes, rows)
            await own.execute(waiting.delete().where(tuple_(waiting.c.cpo, waiting.c.key) == key))
            return True

        if not rows or not await self.store.write(note):
            return
        steps = [each for each in steps if each.what != "hours"]
        if self.under_way >= self.settings.at_once:
            for step in steps:
                await self.end(key, step, Ended(FAILED, None, "too many sessions began at once"))
        elif steps:
            self.under_way += 1
            self.spawn(self.carry_out(key, charging, steps), name=f"session {charging.cpo} {charging.id[:36]}")

    async def zone_at(self, charging: Charging) -> ZoneInfo:
        held = await self.hub.held("locations", Party.parse(charging.cpo), charging.location)
        return zone_of(held.get("time_zone") if isinstance(held, dict) else None) or self.zone

    async def carry_out(self, key: tuple[str, str], charging: Charging, steps: list[Step]) -> None:
        try:
            for step in steps:
                await self.end(key, step, await self.send(charging, step))
        finally:
            self.under_way -= 1

    async def send(self, charging: Charging, step: Step) -> Ended:
        """Once, in the eMSP's name, as OCPI has it. What came of it."""
        method, module, side = _SIDES[step.what]
        to, speaker = Party.parse(charging.cpo), Party.parse(charging.speaker)
        if to not in self.hub.parties():
            return Ended(FAILED, 4001, f"{to} is behind another hub, or not connected any more")
        if not self.hub.offers(to, module, side):
            return Ended(NO_MODULE)
        try:
            if step.what == "preferences":
                path = charging.id, "charging_preferences"
                reply = await self.hub.send(
                    method, module, side, to=to, path=path, body=step.body, version="2.2.1", sender=speaker
                )
                return ended(reply, data_of(reply))
            path = ("STOP_SESSION",) if step.what == "stop" else (charging.id,)
            later = await self.hub.ask(
                method, module, side, to=to, path=path, body=step.body, wait=self.settings.patience, version="2.2.1",
                sender=speaker,
            )  # fmt: skip
        except OcpiError as error:
            return Ended(FAILED, error.code, error.message[:LONGEST])
        data = data_of(later.reply)
        answered = ended(later.reply, data.get("result") if isinstance(data, dict) else data)
        if answered.outcome != ACCEPTED:
            return answered
        if later.result is None:
            return Ended(TIMEOUT, answered.code, "the CPO took it, and did not say in time what came of it")
        return ended(later.reply, later.result.get("result") if isinstance(later.result, dict) else None)

    async def end(self, key: tuple[str, str], step: Step, came: Ended) -> None:
        reason = came.reason[:LONGEST]
        change = {"outcome": came.outcome, "code": came.code, "reason": reason, "at": now()}
        named = tuple_(_O.cpo, _O.key, _O.what) == (*key, step.what)
        await self.store.write(lambda own: own.execute(outcomes.update().where(named).values(**change)))
        if came.outcome != ACCEPTED:
            self.log.info("preset_not_accepted", cpo=key[0], what=step.what, outcome=came.outcome, code=came.code)

    async def reload(self) -> None:
        rows = (await self.store.read(lambda own: own.execute(select(presets.c.name, presets.c.json)))).all()
        self.book = Book(Named(name, msgspec.json.decode(text, type=Preset)) for name, text in rows)

    async def forget_for_ever(self) -> None:
        while True:
            if leads := self.nodes.leads:
                try:
                    await self.forget()
                except Exception as error:  # noqa: BLE001 - a full disk now is no reason never to try again
                    self.log.warning("presets_not_swept", reason=str(error))
            await asyncio.sleep(_SWEEP if leads else _LOOK)

    async def forget(self) -> None:
        await self.give_up()
        before = now() - self.settings.keep_days * _DAY
        for table, column in ((outcomes, _O.at), (waiting, waiting.c.seen)):
            gone = table.delete().where(column < before)
            await self.store.write(lambda own, gone=gone: own.execute(gone))

    @admin_route("GET", "/presets", scope=Scope.OPERATE)
    async def list_presets(self, call: Call[Paging, None]) -> Page[Named]:
        """List presets."""
        named = [Named(name, preset) for name, preset in self.book.all.items()]
        return Page.of(named, lambda each: (each.name,), call.query)

    @admin_route("GET", "/presets/{name}", scope=Scope.OPERATE)
    async def get_preset(self, call: Call[Query, None]) -> Named:
        """Show a preset."""
        return self.one(call.path["name"])

    @admin_route("PUT", "/presets/{name}", scope=Scope.OPERATE)
    async def put_preset(self, call: Call[Query, Preset]) -> Named:
        """Set a preset: what it was before is gone."""
        return await self.set(Named(call.path["name"], call.body))

    @admin_route("DELETE", "/presets/{name}", scope=Scope.OPERATE)
    async def delete_preset(self, call: Call[Query, None]) -> Named:
        """Remove a preset."""
        return await self.remove(call.path["name"])

    @admin_route("GET", "/outcomes", scope=Scope.OPERATE)
    async def list_outcomes(self, call: Call[OutcomesWanted, None]) -> Outcomes:
        """List what came of presets, the latest first."""
        return await self.came(call.query)

    @verb("list")
    async def tell_all(self, given: None) -> list[Named]:
        """All presets."""
        return [Named(name, preset) for name, preset in self.book.all.items()]

    @verb("show")
    async def tell_one(self, given: str) -> Named:
        """The preset of this name."""
        return self.one(given)

    @verb("set")
    async def set(self, given: Named) -> Named:
        """Set a preset: {"name": "...", "preset": {...}}."""
        if not re.fullmatch(NAME, given.name):
            raise Problem(400, "name: use letters, digits, dots and dashes; 64 at most", "as company-car-7")
        kept = checked(given.name, given.preset)
        written = {"name": given.name, "json": msgspec.json.encode(kept).decode(), "changed": now()}
        await self.store.write(lambda own: own.upsert(presets, [written]), tell=True)
        await self.reload()
        return Named(given.name, kept)

    @verb("remove")
    async def remove(self, given: str) -> Named:
        """Remove the preset of this name."""
        gone = self.one(given)
        await self.store.write(lambda own: own.execute(presets.delete().where(presets.c.name == given)), tell=True)
        await self.reload()
        return gone

    @form("Set a preset")
    async def fill_in(self, given: Written) -> str:
        """Make a preset, or put another in its place. It holds for sessions that begin from now on."""
        kept = await self.set(Named(given.name, given.preset()))
        return f"Preset {kept.name} is set."

    @form("Remove a preset")
    async def take_away(self, given: Gone) -> str:
        """What was sent already stays as it is."""
        return f"Preset {(await self.remove(given.name)).name} is removed."

    @verb("outcomes")
    async def came(self, given: OutcomesWanted) -> Outcomes:
        """What came of presets; what can be asked for stands at the route /outcomes."""
        order = [_O.at, _O.cpo, _O.key, _O.what]
        statement = select(outcomes).order_by(*(each.desc() for each in order)).limit(given.limit + 1)
        for name, value in (("preset", given.preset), ("key", given.session and given.session.upper())):
            if value is not None:
                statement = statement.where(_O[name] == value)
        if given.cursor is not None:
            statement = statement.where(tuple_(*order) < after(given.cursor))
        rows = (await self.store.read(lambda own: own.execute(statement))).mappings().all()
        shown = rows[: given.limit]
        following = cursor([shown[-1][each.name] for each in order]) if len(rows) > len(shown) else None
        return Outcomes([outcome(each) for each in shown], following)

    def one(self, name: str) -> Named:
        if name not in self.book.all:
            raise Problem(404, f"there is no preset {name[:64]!r}", "see the list of presets")
        return Named(name, self.book.all[name])

    @panel("Presets")
    async def show_presets(self) -> Rows:
        rows = [
            (name, _end_of(each.uid), _end_of(each.contract), each.emsp, words(each))
            for name, each in self.book.all.items()
        ]
        return Rows(("name", "card", "contract", "eMSP", "what it wants"), tuple(rows[:1000]))

    @panel("What came of them")
    async def show_counts(self) -> Figures:
        counted = select(_O.outcome, func.count()).group_by(_O.outcome).order_by(_O.outcome)
        rows = (await self.store.read(lambda own: own.execute(counted))).all()
        return Figures(tuple(Figure(outcome, times) for outcome, times in rows) or (Figure("sent so far", 0),))

    @panel("The latest")
    async def show_outcomes(self) -> Rows:
        found = (await self.came(OutcomesWanted(limit=_LATEST))).outcomes
        rows = [
            (each.at, each.preset, each.what, each.outcome, each.code, each.reason, each.cpo, each.session)
            for each in found
        ]
        return Rows(("at", "preset", "what", "outcome", "code", "reason", "CPO", "session"), tuple(rows))


def _end_of(card: str | None) -> str | None:
    """Enough to tell cards apart: with a whole one, somebody who may only look at panels could charge."""
    return card and f"…{card[-2:]}"
