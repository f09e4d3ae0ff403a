"""Numbers for reservation ids: one for each, always the same, and none that is an id itself."""

from hub.core.party import Party
from hub.store.reservations import number_of

ONE, OTHER = Party("DE", "MSP"), Party("FR", "MSP")


async def test_each_has_a_number_of_its_own(database):
    async def number(sender, reservation_id):
        return await database.write(lambda connection: number_of(connection, sender, reservation_id))

    given = [await number(ONE, "R1"), await number(ONE, "R2"), await number(OTHER, "R1")]
    assert len({*given}) == 3
    assert [await number(ONE, "r1"), await number(ONE, "R2"), await number(OTHER, "R1")] == given
    assert all(1_000_000_000 < each < 2**31 for each in given)
