"""Numbers for reservation ids: OCPI 2.1.1 knows no other (2.1.1, mod_commands: ReserveNow)."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.party import Party
from hub.store.schema import reservation_number
from hub.store.statements import insert_missing

_FIRST = 1_000_000_000


async def number_of(connection: AsyncConnection, sender: Party, reservation_id: str) -> int:
    """The number of a sender's reservation; the same each time. Ids are compared without regard to case.

    They begin at a billion, where they are not those that the sender itself gives to others of its reservations.
    """
    row = {"sender": sender.id, "reservation_id": reservation_id.lower()}
    await insert_missing(connection, reservation_number, [row])
    number: int | None = await connection.scalar(
        select(reservation_number.c.number).where(*(reservation_number.c[name] == value for name, value in row.items()))
    )
    if number is None:
        raise LookupError(reservation_id)
    return _FIRST + number
