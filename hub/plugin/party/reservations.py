"""The custom modules for reservations and parking: `class Mine(Cpo, ReservationCpo)`. See docs/reservations.md.

They go with the parties of every version of OCPI, and add their modules to the hub that hosts them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

from hub.core.moments import milliseconds
from hub.core.party import Party, Role
from hub.errors import InvalidParameters
from hub.ocpi.reservations import PARKING, RESERVATIONS, ParkingSession, Reservation
from hub.ocpi.types import as_utc
from hub.plugin.party.base import PartyPlugin, S, To
from hub.plugin.party.changes import Changes, known
from hub.plugin.party.network import Answer
from hub.plugin.party.page import Page, Rows
from hub.plugin.party.serving import declared

T = TypeVar("T", Reservation, ParkingSession)

_RESERVATION = "{country_code}/{party_id}/{reservation_id}"
_PARKING = "{country_code}/{party_id}/{session_id}"


class ReservationCpo(PartyPlugin[S]):
    """A CPO that takes reservations, and says what they would cost."""

    role = Role.CPO
    modules: ClassVar = {"reservations": RESERVATIONS}

    @declared("GET sender/reservations")
    async def reservations(self, page: Page) -> Rows[Reservation]:
        """Its reservations. `between(page, all)` has those that begin from `from` on and before `to`."""
        raise NotImplementedError

    @declared(f"GET sender/reservations/{_RESERVATION}")
    async def reservation(self, reservation_id: str) -> Reservation | None:
        """One reservation."""
        raise NotImplementedError

    @declared(f"POST sender/reservations/{_RESERVATION}")
    async def reserve(self, wanted: Reservation) -> Reservation:
        """Somebody wants to reserve, or (status REQUEST) to know what it would cost. Answer with how it stands."""
        raise NotImplementedError

    @declared(f"PATCH sender/reservations/{_RESERVATION}")
    async def change_reservation(self, reservation_id: str, changes: Changes) -> None:
        """Who reserved changes something; with the status INVALID, it is cancelled."""
        raise NotImplementedError

    async def push_reservation(self, reservation: Reservation, to: To = None) -> Answer:
        """PUT a reservation. Without `to` it goes to whom it came from, or to whom the token belongs."""
        return await self._push("PUT", "reservations", reservation.id, to=to, body=reservation)


class ReservationEmsp(PartyPlugin[S]):
    """An eMSP whose drivers reserve."""

    role = Role.EMSP
    modules: ClassVar = {"reservations": RESERVATIONS}

    @declared(f"GET receiver/reservations/{_RESERVATION}")
    async def get_reservation(self, owner: Party, reservation_id: str) -> Reservation | None:
        """A reservation as this party has it."""
        raise NotImplementedError

    @declared(f"PUT receiver/reservations/{_RESERVATION}")
    async def put_reservation(self, reservation: Reservation) -> bool | None:
        """How a reservation stands now. True (HTTP 201) where it is new."""
        raise NotImplementedError

    @declared(f"PATCH receiver/reservations/{_RESERVATION}", needs=("get_reservation", "put_reservation"))
    async def patch_reservation(self, owner: Party, reservation_id: str, changes: Changes) -> bool | None:
        """What changes in a reservation."""
        return await self.put_reservation(changes.onto(known(await self.get_reservation(owner, reservation_id))))

    async def request_place(self, wanted: Reservation) -> Reservation:
        """Reserve at the CPO that `wanted` names, or ask what it would cost. Raises Declined."""
        answer = await self._of_owner("POST", "reservations", wanted, wanted)
        return answer.read(Reservation)

    async def cancel_place(self, reserved: Reservation) -> Answer:
        """Tell the CPO that a reservation is not wanted any more."""
        return await self._of_owner("PATCH", "reservations", reserved, {"status": "INVALID"})

    async def _of_owner(self, method: str, module: str, about: Reservation, body: object) -> Answer:
        owner = Party.of(about.country_code, about.party_id)
        return await self.call(method, module, "SENDER", owner.country, owner.party_id, about.id, to=owner, body=body)


class ParkingCpo(PartyPlugin[S]):
    """A CPO that tells who parks."""

    role = Role.CPO
    modules: ClassVar = {"parking": PARKING}

    @declared("GET sender/parking")
    async def parking_sessions(self, page: Page) -> Rows[ParkingSession]:
        """Its parking sessions."""
        raise NotImplementedError

    @declared(f"GET sender/parking/{_PARKING}")
    async def parking_session(self, session_id: str) -> ParkingSession | None:
        """One parking session."""
        raise NotImplementedError

    @declared(f"PATCH sender/parking/{_PARKING}")
    async def change_parking_session(self, session_id: str, changes: Changes) -> None:
        """The eMSP changes something, such as the license plate."""
        raise NotImplementedError

    async def push_parking_session(self, session: ParkingSession, to: To) -> Answer:
        """PUT a parking session, which does not say whose driver it is."""
        return await self._push("PUT", "parking", session.id, to=to, body=session)


class ParkingEmsp(PartyPlugin[S]):
    """An eMSP that is told where its drivers park."""

    role = Role.EMSP
    modules: ClassVar = {"parking": PARKING}

    @declared(f"GET receiver/parking/{_PARKING}")
    async def get_parking_session(self, owner: Party, session_id: str) -> ParkingSession | None:
        """A parking session as this party has it."""
        raise NotImplementedError

    @declared(f"PUT receiver/parking/{_PARKING}")
    async def put_parking_session(self, session: ParkingSession) -> bool | None:
        """How a parking session stands now. True (HTTP 201) where it is new."""
        raise NotImplementedError

    @declared(f"PATCH receiver/parking/{_PARKING}", needs=("get_parking_session", "put_parking_session"))
    async def patch_parking_session(self, owner: Party, session_id: str, changes: Changes) -> bool | None:
        """What changes in a parking session."""
        return await self.put_parking_session(changes.onto(known(await self.get_parking_session(owner, session_id))))


def between(page: Page, all_of_them: Iterable[T]) -> list[T]:
    """Those that begin from the moment `from` of a list's query on, and before `to`. InvalidParameters (2001)."""
    first, end = _moment(page, "from"), _moment(page, "to")
    begun = ((each, as_utc(each.start_date_time)) for each in all_of_them)
    return [each for each, at in begun if (first is None or at >= first) and (end is None or at < end)]


def _moment(page: Page, name: str) -> datetime | None:
    given = page.filters.get(name)
    if not given:
        return None
    try:
        return datetime.fromtimestamp(milliseconds(given.replace(" ", "+")) / 1000, UTC)
    except ValueError:
        raise InvalidParameters(f"query: {name} must be a DateTime, as 2026-01-31T12:00:00Z") from None
