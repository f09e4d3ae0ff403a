"""The bookings of OCPI 2.3.0: `class Mine(Cpo, BookingCpo)`, `class Mine(Emsp, BookingEmsp)`."""

from hub.core.party import Party
from hub.ocpi import v2_3_0 as ocpi
from hub.plugin.party.base import S, To
from hub.plugin.party.changes import Changes, known, lacks, part, with_part
from hub.plugin.party.network import Answer
from hub.plugin.party.page import Page, Rows
from hub.plugin.party.serving import declared
from hub.plugin.party.v2_3_0.connected import Connected


class BookingCpo(Connected[S]):
    """A CPO whose charging places can be booked."""

    @declared("GET sender/bookings")
    async def bookings(self, page: Page) -> Rows[ocpi.Booking]:
        """Its bookings."""
        raise NotImplementedError

    @declared("POST sender/bookings")
    async def book(self, request: ocpi.BookingRequest) -> ocpi.Booking:
        """Somebody wants to book, to change a booking, or to cancel it."""
        raise NotImplementedError

    @declared("GET sender/bookings/booking_locations")
    async def booking_locations(self, page: Page) -> Rows[ocpi.BookingLocation]:
        """What can be booked."""
        raise NotImplementedError

    @declared("GET sender/bookings/booking_locations/{booking_location_id}")
    async def booking_location(self, booking_location_id: str) -> ocpi.BookingLocation | None:
        """One place that can be booked."""
        raise NotImplementedError

    @declared("GET sender/bookings/booking_locations/{booking_location_id}/{calendar_id}", needs=("booking_location",))
    async def calendar(self, booking_location_id: str, calendar_id: str) -> ocpi.Calendar | None:
        """When a place can be booked."""
        place = known(await self.booking_location(booking_location_id))
        found: ocpi.Calendar = part(place.calendars, "id", calendar_id)
        return found

    async def push_booking(self, booking: ocpi.Booking, to: To) -> Answer:
        """PUT a booking."""
        return await self._push("PUT", "bookings", booking.id, to=to, body=booking)

    async def push_booking_location(self, place: ocpi.BookingLocation, to: To) -> Answer:
        """PUT what can be booked."""
        return await self._push("PUT", "bookings", "booking_locations", place.id, to=to, body=place)


class BookingEmsp(Connected[S]):
    """An eMSP whose drivers book."""

    @declared("GET receiver/bookings/{country_code}/{party_id}/{booking_id}")
    async def get_booking(self, owner: Party, booking_id: str) -> ocpi.Booking | None:
        """A booking as this party has it."""
        raise NotImplementedError

    @declared("PUT receiver/bookings/{country_code}/{party_id}/{booking_id}")
    async def put_booking(self, booking: ocpi.Booking) -> bool | None:
        """A new or changed booking. True (HTTP 201) where it is new."""
        raise NotImplementedError

    @declared("PATCH receiver/bookings/{country_code}/{party_id}/{booking_id}", needs=("get_booking", "put_booking"))
    async def patch_booking(self, owner: Party, booking_id: str, changes: Changes) -> bool | None:
        """What changes in a booking."""
        return await self.put_booking(changes.onto(known(await self.get_booking(owner, booking_id))))

    @declared("GET receiver/bookings/{country_code}/{party_id}/booking_locations/{booking_location_id}")
    async def get_booking_location(self, owner: Party, booking_location_id: str) -> ocpi.BookingLocation | None:
        """What can be booked, as this party has it."""
        raise NotImplementedError

    @declared("PUT receiver/bookings/{country_code}/{party_id}/booking_locations/{booking_location_id}")
    async def put_booking_location(self, place: ocpi.BookingLocation) -> bool | None:
        """What can be booked."""
        raise NotImplementedError

    @declared(
        "PATCH receiver/bookings/{country_code}/{party_id}/booking_locations/{booking_location_id}",
        needs=("get_booking_location", "put_booking_location"),
    )
    async def patch_booking_location(self, owner: Party, booking_location_id: str, changes: Changes) -> bool | None:
        """What changes in what can be booked."""
        place = known(await self.get_booking_location(owner, booking_location_id))
        return await self.put_booking_location(changes.onto(place))

    @declared(
        "GET receiver/bookings/{country_code}/{party_id}/booking_locations/{booking_location_id}/{calendar_id}",
        needs=("get_booking_location",),
    )
    async def get_calendar(self, owner: Party, booking_location_id: str, calendar_id: str) -> ocpi.Calendar | None:
        """When a place can be booked, as this party has it."""
        place = known(await self.get_booking_location(owner, booking_location_id))
        found: ocpi.Calendar = part(place.calendars, "id", calendar_id)
        return found

    @declared(
        "PUT receiver/bookings/{country_code}/{party_id}/booking_locations/{booking_location_id}/{calendar_id}",
        needs=("get_booking_location", "put_booking_location"),
    )
    async def put_calendar(self, owner: Party, booking_location_id: str, calendar: ocpi.Calendar) -> bool | None:
        """When a place can be booked."""
        place = known(await self.get_booking_location(owner, booking_location_id))
        await self.put_booking_location(with_part(place, "calendars", "id", calendar))
        return lacks(place.calendars, "id", calendar)

    @declared(
        "PATCH receiver/bookings/{country_code}/{party_id}/booking_locations/{booking_location_id}/{calendar_id}",
        needs=("get_calendar", "put_calendar"),
    )
    async def patch_calendar(
        self, owner: Party, booking_location_id: str, calendar_id: str, changes: Changes
    ) -> bool | None:
        """What changes in a calendar."""
        calendar = known(await self.get_calendar(owner, booking_location_id, calendar_id))
        return await self.put_calendar(owner, booking_location_id, changes.onto(calendar))

    async def ask_booking(self, request: ocpi.BookingRequest, to: To) -> ocpi.Booking:
        """Ask to book, to change a booking, or to cancel it. Raises Declined."""
        return (await self.call("POST", "bookings", "SENDER", to=to, body=request)).read(ocpi.Booking)
