"""The mirror over real sockets: objects as they were received, and who may see them.

OCPI 2.2.1, transport_and_format: GET All via Hubs, Timestamps and Objects send via Hubs, PATCH.
"""

import msgspec
import pytest

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.sim import SimCpo
from hub.store.mirror import get
from tests.partner import Partner
from tests.support import EMSP, network, register

HUB = Party("NL", "HUB")
R, S = Interface.RECEIVER, Interface.SENDER
ODD = (
    b'{"country_code":"NL", "party_id":"CPO","id":"T1","currency":"EUR",'
    b'"elements":[{"price_components":[{"type":"ENERGY","price":0.5,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z",'
    b'"tariff_alt_url":null,"x_unknown":{"a":[1.10,null]}}'
)


async def test_an_object_is_kept_byte_for_byte(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        url = f"{cpo.peer.endpoint('tariffs', R)}NL/CPO/T1"
        assert (await cpo.call_url("PUT", url, to=HUB, body=ODD)).status == 201
        assert {"a": [1.10, None]} in [each.get("x_unknown") for each in await emsp.fetch_all("tariffs", to=HUB)]
        kept = await app.keeper._database.read(lambda connection: get(connection, "tariffs", cpo.party, "t1"))
        assert kept.body == ODD
        assert (await emsp.expect("tariffs", "PUT")).body == ODD


async def test_a_deleted_object_is_gone(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        url = f"{cpo.peer.endpoint('tariffs', R)}NL/CPO/T1"
        await cpo.call_url("PUT", url, to=HUB, body=ODD)
        assert (await cpo.call_url("DELETE", url.replace("T1", "t1"), to=HUB)).ok
        assert "T1" not in [each["id"] for each in await emsp.fetch_all("tariffs", to=HUB)]


async def test_directed_pushes_never_enter_it(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        url = f"{cpo.peer.endpoint('tariffs', R)}NL/CPO/T1"
        assert (await cpo.call_url("PUT", url, to=EMSP.party, body=ODD)).ok
        assert "T1" not in [each["id"] for each in await emsp.fetch_all("tariffs", to=HUB)]


@pytest.mark.parametrize("path", ["NL/CPO/NONE", "NL/CPO/NONE/E1"])
async def test_a_patch_of_what_is_not_held_is_refused(tmp_path, path):
    async with network(tmp_path) as (_, cpo, emsp):
        body = {"status": "CHARGING", "last_updated": "2030-01-01T00:00:00Z"}
        reply = await cpo.call("locations", R, "PATCH", path, to=HUB, body=body)
        assert reply.status_code == 2001
        assert "PUT it whole first" in reply.status_message
        assert not [each for each in emsp.received if each.method == "PATCH"]


async def test_a_part_of_a_location_can_be_asked_for_and_date_filters_hold(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        for each in cpo.locations:
            await cpo.push_location(HUB, each["id"])
        location = next(iter(cpo.locations))
        uid = location["evses"][0]["uid"]
        evse = await emsp.call("locations", S, "GET", f"loc1/{uid.lower()}", to=HUB)
        assert evse.data == location["evses"][0]
        dates = [each["last_updated"] for each in cpo.locations]
        one = await emsp.fetch_all("locations", to=HUB, query={"date_from": dates[1], "date_to": dates[2]})
        assert [each["last_updated"] for each in one] == [dates[1]]
        bad = await emsp.call("locations", S, "GET", to=HUB, query={"date_from": "x"})
        assert bad.status_code == 2001


async def test_what_may_not_be_seen_does_not_exist(tmp_path):
    """A denial on one module hides just that one, lists and single objects."""
    async with network(tmp_path) as (app, cpo, emsp):
        await cpo.push_location(HUB)
        await cpo.push_tariff(HUB)
        await app.operations.agreements.set("NL-CPO", "*", "locations", allow=False)
        assert not await emsp.fetch_all("locations", to=HUB)
        assert (await emsp.call("locations", S, "GET", "LOC1", to=HUB)).status == 404
        assert await emsp.fetch_all("tariffs", to=HUB)
        assert (await cpo.call("locations", S, "GET", "LOC1", to=HUB)).data["id"] == "LOC1"


async def test_the_type_of_a_token_is_part_of_its_name(tmp_path):
    """2.2.1, tokens: uid and type together are unique."""
    async with network(tmp_path) as (_, cpo, emsp):
        for number in (1, 3):
            assert (await emsp.push_token(HUB, number)).ok
        found = await cpo.fetch_all("tokens", to=HUB)
        assert {each["uid"] for each in found} >= {emsp.token(1)["uid"], emsp.token(3)["uid"]}


async def test_one_id_of_two_cpos_is_two_objects(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp), SimCpo("Two", [PartyRole.parse("BE-TWO:CPO")]) as two:
        await register(app, two)
        for each in (two, cpo):
            assert (await each.push_location(HUB)).ok
        assert {each["party_id"] for each in await emsp.fetch_all("locations", to=HUB)} == {"CPO", "TWO"}


async def test_an_evse_that_is_new_is_created_and_one_that_is_there_is_updated(tmp_path):
    """2.2.1, transport_and_format: 201 for created, 200 for updated."""
    async with network(tmp_path) as (_, cpo, _emsp):
        assert (await cpo.push_location(HUB)).status == 201
        evse = {**next(iter(cpo.locations))["evses"][0], "uid": "NEW"}
        for status in (201, 200):
            put = await cpo.call("locations", R, "PUT", "NL/CPO/LOC1/NEW", to=HUB, body=evse)
            assert (put.status, put.status_code) == (status, 1000)


async def test_a_token_without_type_in_the_query_has_the_type_of_its_body(tmp_path):
    """Pushed and pulled it is one object: what is pushed so must be found where the pull finds it."""
    async with network(tmp_path) as (_, cpo, emsp):
        token = {**emsp.token(1), "uid": "PHONE", "type": "APP_USER"}
        for query in ({}, {"type": "APP_USER"}):
            assert (await emsp.call("tokens", R, "PUT", "DE/MSP/PHONE", to=HUB, body=token, query=query)).ok
        assert [each["uid"] for each in await cpo.fetch_all("tokens", to=HUB)].count("PHONE") == 1


async def test_what_a_platform_shared_goes_with_its_registration(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        assert (await cpo.push_location(HUB)).ok
        await cpo.unregister()
        assert not await emsp.fetch_all("locations", to=HUB)


async def test_objects_from_behind_a_hub_go_by_the_rules_for_that_hub(tmp_path):
    """The parties behind a hub need no invitation here; a rule that names one of them still counts."""
    async with network(tmp_path) as (app, _, emsp), Partner("BE-HUB:HUB", endpoints=()).serve() as far:
        await far.invited(app)
        far.endpoints = {"sender/locations": "/sender/locations"}
        assert (await far.register()).code == 1000
        body = {"country_code": "BE", "party_id": "CPO", "id": "L1", "last_updated": "2026-01-01T00:00:00Z"}
        put = await far.ask(
            "PUT", "/ocpi/2.2.1/receiver/locations/BE/CPO/L1", "OCPI-from-country-code: BE", "OCPI-from-party-id: HUB",
            "OCPI-to-country-code: NL", "OCPI-to-party-id: HUB", body=msgspec.json.encode(body),
        )  # fmt: skip
        assert put.code == 1000
        agreements = app.operations.agreements

        async def seen():
            single = (await emsp.call("locations", S, "GET", "L1", to=HUB)).status == 200
            listed = await emsp.fetch_all("locations", to=HUB)
            assert single == bool(listed)
            return [each["party_id"] for each in listed]

        assert await seen() == ["CPO"]
        await agreements.set("NL-CPO", "DE-MSP", "tokens", allow=True)
        assert await seen() == ["CPO"]
        await agreements.set("BE-CPO", "DE-MSP", "*", allow=False)
        assert await seen() == []
        await agreements.remove("BE-CPO", "DE-MSP", "*")
        await agreements.set("BE-HUB", "DE-MSP", "*", allow=False)
        assert await seen() == []
