"""Findings and losses on disk: summed up, in order, and gone with their platforms."""

import pytest

from hub.core.party import PartyRole
from hub.store.counts import (
    MOST,
    FindingCount,
    FindingKey,
    LossCount,
    LossKey,
    add_findings,
    add_losses,
    clear_findings,
    count_findings,
    findings_of,
    losses_of,
)
from hub.store.platforms import create_platform, load_one, remove, set_validation


@pytest.fixture
async def three(database):
    """The ids of three platforms."""
    parties = "NL-ONE:CPO", "DE-TWO:EMSP", "FR-TRE:EMSP"
    return [await database.write(lambda c, p=p: create_platform(c, p, [PartyRole.parse(p)], None, 1)) for p in parties]


async def found(database, counts, now):
    await database.write(lambda c: add_findings(c, counts, now))


async def lost(database, counts, now):
    await database.write(lambda c: add_losses(c, counts, now))


async def test_findings_add_up_and_keep_their_first_and_last_time(database, three):
    key, other = FindingKey(three[0], "Location", "evses[].uid", "r"), FindingKey(three[0], "Token", "uid", "r")
    await found(database, {key: ("null", 2), other: ("null", 9)}, 100)
    await found(database, {key: ("a list of 3", 3)}, 200)
    await found(database, {}, 300)
    assert await database.read(lambda c: findings_of(c, three[0], 10)) == [
        FindingCount(three[0], "Token", "uid", "r", "null", 9, 100, 100),
        FindingCount(three[0], "Location", "evses[].uid", "r", "a list of 3", 5, 100, 200),
    ]
    assert await database.read(lambda c: count_findings(c, three[0])) == 2
    assert len(await database.read(lambda c: findings_of(c, None, 1))) == 1


async def test_findings_of_one_are_cleared_and_those_of_others_stay(database, three):
    await found(database, {FindingKey(each, "CDR", "id", "r"): ("null", 1) for each in three}, 100)
    assert await database.write(lambda c: clear_findings(c, three[0])) == 1
    assert [each.platform_id for each in await database.read(lambda c: findings_of(c, None, 10))] == three[1:]
    assert await database.read(lambda c: findings_of(c, three[0], 10)) == []


async def test_losses_are_those_of_sender_and_receiver(database, three):
    one, two, tre = three
    there = LossKey(one, two, "CDR", "2.2.1", "signed_data")
    back = LossKey(two, one, "Token", "2.3.0", "group_id")
    between = LossKey(two, tre, "CDR", "2.2.1", "signed_data")
    await lost(database, {there: ("no such field", 1), back: ("no such field", 5), between: ("x", 3)}, 100)
    await lost(database, {there: ("for another reason", 1)}, 200)
    rows = {
        there: LossCount(one, two, "CDR", "2.2.1", "signed_data", "for another reason", 2, 200),
        back: LossCount(two, one, "Token", "2.3.0", "group_id", "no such field", 5, 100),
        between: LossCount(two, tre, "CDR", "2.2.1", "signed_data", "x", 3, 100),
    }
    assert await database.read(lambda c: losses_of(c, None, 10)) == [rows[back], rows[between], rows[there]]
    assert await database.read(lambda c: losses_of(c, one, 10)) == [rows[back], rows[there]]
    assert await database.read(lambda c: losses_of(c, tre, 10)) == [rows[between]]


async def test_counts_are_gone_with_their_platform(database, three):
    one, two, _ = three
    await found(database, {FindingKey(one, "CDR", "id", "r"): ("null", 1)}, 100)
    await lost(
        database,
        {LossKey(one, two, "CDR", "2.2.1", "a"): ("x", 1), LossKey(two, one, "CDR", "2.2.1", "a"): ("x", 1)},
        1,
    )
    await database.write(lambda c: remove(c, one))
    assert await database.read(lambda c: findings_of(c, None, 10)) == []
    assert await database.read(lambda c: losses_of(c, None, 10)) == []


async def test_the_setting_of_a_platform_is_kept_changed_and_taken_back(database, three):
    async def setting():
        return (await database.read(lambda c: load_one(c, three[0]))).validation

    for mode in (None, "report", "off", None):
        await database.write(lambda c, mode=mode: set_validation(c, three[0], mode, 5))
        assert await setting() == mode


async def test_a_partner_that_makes_up_names_does_not_fill_the_disk(database, three):
    """The most frequent rows stay; those of others are not touched."""
    often, elsewhere = (FindingKey(each, "CDR", "often", "r") for each in three[:2])
    await found(database, {often: ("null", 5), elsewhere: ("null", 1)}, 100)
    for batch in range(3):
        made_up = {FindingKey(three[0], "CDR", f"x{batch}.{n}", "r"): ("null", 1) for n in range(600)}
        await found(database, made_up, 200 + batch)
    kept = await database.read(lambda c: findings_of(c, three[0], 5000))
    assert (len(kept), kept[0].path) == (MOST, "often")
    assert len(await database.read(lambda c: findings_of(c, three[1], 10))) == 1
