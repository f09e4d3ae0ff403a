"""A CPO whose places can be reserved: tells the price, accepts, cancels, lets expire. See docs/reservations.md."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiosqlite
import msgspec
from msgspec.structs import replace

from hub.ocpi.reservations import Reservation, ReservationStatus
from hub.ocpi.types import as_utc
from hub.ocpi.v2_2_1 import Price, PriceComponent, TariffDimensionType
from hub.plugin import Party
from hub.plugin.party import Changes, InvalidParameters, NotFound, Page, PartySettings, UnknownLocation
from hub.plugin.party.reservations import ReservationCpo, between


class ExampleSettings(PartySettings):
    """`places`: locations, and how many places each has. Prices in EUR for a kWh and for an hour; the rest in seconds.

    A place is kept for `hold` seconds after its time has begun; that is looked after every `look` seconds.
    """

    database: str = "example_reservations.db"
    places: dict[str, int] = {}
    price: float = 0.35
    hour: float = 1.20
    hold: float = 900.0
    look: float = 5.0


class ExampleReservations(ReservationCpo[ExampleSettings]):
    """Keeps reservations as JSON, by id, with the party that each is for."""

    party = "NL-EXR"
    enabled_by_default = False

    async def start(self) -> None:
        self.one_by_one = asyncio.Lock()
        self.db = await aiosqlite.connect(self.folder / self.settings.database, isolation_level=None)
        await self.db.execute("CREATE TABLE IF NOT EXISTS reservation (id PRIMARY KEY, party, json)")

    async def stop(self) -> None:
        await self.db.close()

    async def connected(self) -> None:
        self.spawn(self.expire(), name="expire")

    async def reservations(self, page: Page) -> list[Reservation]:
        return between(page, [each for each, party in await self.read() if party == str(self.caller.party)])

    async def reservation(self, reservation_id: str) -> Reservation | None:
        return next((each for each in await self.reservations(Page()) if each.id == reservation_id), None)

    async def reserve(self, wanted: Reservation) -> Reservation:
        if wanted.location_id not in self.settings.places:
            raise UnknownLocation(f"there is no location {wanted.location_id!r}")
        if Party.of(wanted.country_code, wanted.party_id) != self.own:
            raise InvalidParameters(f"country_code, party_id: {self.own} reserves its own places only")
        priced = self.priced(wanted)
        if wanted.status is ReservationStatus.REQUEST:
            return priced
        async with self.one_by_one:  # two must not see the last free place
            kept = [each for each, _ in await self.read()]
            if any(each.id == wanted.id for each in kept):
                raise InvalidParameters(f"id: there is a reservation {wanted.id} already")
            taken = sum(each.status is ReservationStatus.RESERVATION and overlap(each, wanted) for each in kept)
            if taken < self.settings.places[wanted.location_id] and end(wanted) > datetime.now(UTC):
                return await self.keep(priced, ReservationStatus.RESERVATION)
        return replace(priced, status=ReservationStatus.INVALID)

    async def change_reservation(self, reservation_id: str, changes: Changes) -> None:
        known = await self.reservation(reservation_id)
        if known is None:
            raise NotFound(f"there is no reservation {reservation_id!r}")
        if changes.fields.get("status") is not ReservationStatus.INVALID:
            raise InvalidParameters("status: INVALID cancels; for anything else, cancel and reserve again")
        await self.keep(known, ReservationStatus.INVALID)

    def priced(self, wanted: Reservation) -> Reservation:
        energy = wanted.charging_preferences.energy_need or wanted.kwh
        hours = (end(wanted) - as_utc(wanted.start_date_time)).total_seconds() / 3600
        prices = {TariffDimensionType.ENERGY: self.settings.price, TariffDimensionType.PARKING_TIME: self.settings.hour}
        components = [PriceComponent(type=kind, price=price, step_size=1) for kind, price in prices.items()]
        cost = Price(excl_vat=round(energy * self.settings.price + max(hours, 0) * self.settings.hour, 2))
        return replace(wanted, total_cost=cost, price_components=components, currency="EUR")

    async def expire(self) -> None:
        while True:
            before = datetime.now(UTC) - timedelta(seconds=self.settings.hold)
            for each, party in await self.read():
                if each.status is ReservationStatus.RESERVATION and as_utc(each.start_date_time) < before:
                    expired = await self.keep(each, ReservationStatus.INVALID, party)
                    await self.push_reservation(expired, to=party)
            await asyncio.sleep(self.settings.look)

    async def keep(self, one: Reservation, status: ReservationStatus, party: str = "") -> Reservation:
        kept = replace(one, status=status, last_updated=datetime.now(UTC))
        row = kept.id, party or str(self.caller.party), msgspec.json.encode(kept)
        await self.db.execute("INSERT OR REPLACE INTO reservation VALUES (?, ?, ?)", row)
        return kept

    async def read(self) -> list[tuple[Reservation, str]]:
        rows = await self.db.execute_fetchall("SELECT json, party FROM reservation")
        return [(msgspec.json.decode(text, type=Reservation), party) for text, party in rows]


def end(one: Reservation) -> datetime:
    """Until when a place is wanted."""
    return as_utc(one.end_date_time or one.charging_preferences.departure_time)


def overlap(one: Reservation, other: Reservation) -> bool:
    """Whether both want a place at one location at the same time."""
    same = one.location_id == other.location_id
    return same and as_utc(one.start_date_time) < end(other) and as_utc(other.start_date_time) < end(one)
