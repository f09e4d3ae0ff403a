"""The RECEIVER interface of hubclientinfo (2.2.1, 15.3.1): what a hub tells is kept, and is no functional request."""

from hub.core.modules import Interface
from hub.core.party import Party

R = Interface.RECEIVER
OTHER = Party("FR", "ABC")
INFO = {
    "country_code": "FR", "party_id": "ABC", "role": "EMSP", "status": "CONNECTED",
    "last_updated": "2026-01-01T00:00:00Z",
}  # fmt: skip


async def test_the_latest_of_each_role_is_kept(connected):
    cpo, emsp = connected
    assert (await emsp.call("hubclientinfo", R, "PUT", "FR/ABC", body=INFO)).status == 201
    assert (await emsp.call("hubclientinfo", R, "PUT", "FR/ABC", body=INFO | {"status": "OFFLINE"})).status == 200
    assert (await emsp.call("hubclientinfo", R, "PUT", "fr/abc", body=INFO | {"role": "NSP"})).status == 201
    assert [(each["role"], each["status"]) for each in cpo.their_statuses.of(OTHER)] == [
        ("EMSP", "OFFLINE"),
        ("NSP", "CONNECTED"),
    ]
    assert (await emsp.call("hubclientinfo", R, "GET", "FR/ABC")).data["status"] == "OFFLINE"
    assert (await emsp.call("hubclientinfo", R, "GET", "FR/XYZ")).status == 404
    assert (await cpo.expect("hubclientinfo", "PUT")).json() == INFO
    assert cpo.received == []


async def test_the_party_in_the_path_is_that_of_the_body(connected):
    cpo, emsp = connected
    assert (await emsp.call("hubclientinfo", R, "PUT", "FR/XYZ", body=INFO)).status_code == 2001
    assert (await emsp.call("hubclientinfo", R, "PUT", "FR/ABC", body={"country_code": "FR"})).status_code == 2001
    assert not cpo.their_statuses


async def test_it_needs_the_token_of_the_registration(connected):
    cpo, emsp = connected
    wrong = {"Authorization": "Token d3Jvbmc="}
    assert (await emsp.call("hubclientinfo", R, "PUT", "FR/ABC", body=INFO, headers=wrong)).status == 401
    assert not cpo.their_statuses
