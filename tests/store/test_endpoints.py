"""Endpoints set by hand come before, and outlive, what a platform advertises."""

import pytest

from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.store.endpoints import add_advertised, drop_advertised, remove_endpoint, set_endpoint
from hub.store.platforms import create_platform, load_one
from hub.store.records import EndpointRecord, PresentedEndpoint

SENDER, RECEIVER = Interface.SENDER, Interface.RECEIVER


@pytest.fixture
async def platform_id(database):
    return await database.write(lambda c: create_platform(c, "Tiny", [PartyRole.parse("NL-TNM:CPO")], None, 1))


async def endpoints(database, platform_id):
    return (await database.read(lambda c: load_one(c, platform_id))).endpoints


async def advertise(database, platform_id, *advertised):
    async def work(connection):
        await drop_advertised(connection, platform_id)
        await add_advertised(connection, platform_id, "2.2.1", advertised)

    await database.write(work)


async def test_advertised_endpoints_are_replaced_whole(database, platform_id):
    await advertise(
        database, platform_id, PresentedEndpoint("cdrs", SENDER, "u1"), PresentedEndpoint("cdrs", RECEIVER, "u2")
    )
    await advertise(database, platform_id, PresentedEndpoint("tokens", SENDER, "u3"))
    assert await endpoints(database, platform_id) == (EndpointRecord("2.2.1", "tokens", SENDER, "u3", False),)
    await advertise(database, platform_id)
    assert await endpoints(database, platform_id) == ()


async def test_an_endpoint_advertised_twice_counts_once(database, platform_id):
    twice = PresentedEndpoint("cdrs", SENDER, "first"), PresentedEndpoint("cdrs", SENDER, "second")
    await advertise(database, platform_id, *twice)
    assert await endpoints(database, platform_id) == (EndpointRecord("2.2.1", "cdrs", SENDER, "first", False),)


async def test_by_hand_comes_first_and_stays(database, platform_id):
    by_hand = EndpointRecord("2.2.1", "commands", RECEIVER, "by hand", True)
    await database.write(lambda c: set_endpoint(c, platform_id, "2.2.1", "commands", RECEIVER, url="by hand"))
    await advertise(database, platform_id, PresentedEndpoint("commands", RECEIVER, "advertised"))
    assert await endpoints(database, platform_id) == (by_hand,)
    await advertise(database, platform_id)
    assert await endpoints(database, platform_id) == (by_hand,)


async def test_by_hand_replaces_what_is_advertised(database, platform_id):
    await advertise(database, platform_id, PresentedEndpoint("commands", RECEIVER, "advertised"))
    for url in ("first", "second"):
        await database.write(lambda c, url=url: set_endpoint(c, platform_id, "2.2.1", "commands", RECEIVER, url=url))
    assert await endpoints(database, platform_id) == (EndpointRecord("2.2.1", "commands", RECEIVER, "second", True),)


async def test_removing_tells_whether_there_was_one(database, platform_id):
    await database.write(lambda c: set_endpoint(c, platform_id, "2.2.1", "commands", RECEIVER, url="u"))
    work = [("commands", SENDER), ("commands", RECEIVER), ("commands", RECEIVER)]
    removed = [
        await database.write(lambda c, module=module, side=side: remove_endpoint(c, platform_id, "2.2.1", module, side))
        for module, side in work
    ]
    assert removed == [False, True, False]
    assert await endpoints(database, platform_id) == ()
