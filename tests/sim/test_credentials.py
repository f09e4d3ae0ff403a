"""The handshake of two simulated platforms, in both directions."""

import base64

import pytest

from hub.core.directory import Encoding
from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.errors import UnsupportedVersion
from hub.sim import CallFailed, Kind, Refused, SimCpo, SimEmsp, SimPlatform

CPO, EMSP = [PartyRole.parse("NL-VOL:CPO")], [PartyRole.parse("DE-EMO:EMSP")]


async def credentials(platform, method, body=None):
    return await platform.call("credentials", Interface.SENDER, method, body=body)


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("sender", ["cpo", "emsp"])
async def test_either_side_can_start(encoding, sender):
    async with SimCpo("V", CPO, token_encoding=encoding) as cpo, SimEmsp("E", EMSP, token_encoding=encoding) as emsp:
        first, second = (cpo, emsp) if sender == "cpo" else (emsp, cpo)
        await first.register(second.versions_url, second.invite())
        assert first.registered
        assert second.registered
        assert (await cpo.push_location(emsp.party)).ok
        assert (await emsp.push_token(cpo.party)).ok


async def test_a_platform_that_sends_tokens_raw_does_not_read_base64(cpo):
    async with SimEmsp("E", EMSP, token_encoding=Encoding.RAW) as emsp:
        with pytest.raises(Refused) as refused:
            await emsp.register(cpo.versions_url, cpo.invite())
    assert refused.value.reply.status == 401


async def test_details_name_what_is_really_there(connected):
    cpo, emsp = connected
    offered = {(module, interface.value) for module, interface in emsp.peer.endpoints}
    assert offered == {
        ("credentials", "SENDER"), ("locations", "SENDER"), ("tariffs", "SENDER"), ("sessions", "SENDER"),
        ("cdrs", "SENDER"), ("tokens", "RECEIVER"), ("commands", "RECEIVER"), ("chargingprofiles", "RECEIVER"),
        ("hubclientinfo", "RECEIVER"),
    }  # fmt: skip
    assert emsp.peer.parties == (cpo.party,)
    assert cpo.peer.versions_url == emsp.versions_url


async def test_credentials_can_be_read(connected):
    _, emsp = connected
    reply = await credentials(emsp, "GET")
    assert reply.data["roles"] == [
        {"role": "CPO", "country_code": "NL", "party_id": "VOL", "business_details": {"name": "Voltvallei"}}
    ]
    assert reply.data["token"] == emsp.peer.token.reveal()


async def test_token_a_works_once_and_only_for_the_handshake(cpo, emsp):
    token_a = cpo.invite()
    await emsp.register(cpo.versions_url, token_a)
    with pytest.raises(Refused) as refused:
        await emsp.register(cpo.versions_url, token_a)
    assert refused.value.reply.status == 401
    assert emsp.registered


async def test_post_is_405_once_registered(connected):
    _, emsp = connected
    reply = await credentials(emsp, "POST", {})
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, PUT, DELETE"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_put_and_delete_are_405_before_registration(cpo, emsp, method):
    token_a = cpo.invite()
    await emsp.register(cpo.versions_url, token_a)
    url = emsp.peer.endpoint("credentials", Interface.SENDER)
    authorization = {"Authorization": f"Token {_base64(cpo.invite())}"}
    reply = await emsp.call_url(method, url, headers=authorization, body={})
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, POST"


async def test_renewing_makes_new_tokens_and_closes_the_old(connected):
    cpo, emsp = connected
    old = {"Authorization": f"Token {_base64(emsp.peer.token.reveal())}"}
    theirs = cpo.peer.token.reveal()
    await emsp.renew()
    assert cpo.peer.token.reveal() != theirs
    assert (await emsp.push_token(cpo.party)).ok
    assert (await cpo.push_location(emsp.party)).ok
    assert (await emsp.call("tariffs", Interface.SENDER, "GET", headers=old)).status == 401


async def test_after_unregistering_nothing_is_open(connected, told):
    cpo, emsp = connected
    token = emsp.peer.token.reveal()
    await emsp.unregister()
    assert not emsp.registered
    assert not cpo.registered
    with pytest.raises(CallFailed, match="not registered"):
        await cpo.push_location(emsp.party)
    with pytest.raises(Refused) as refused:
        await emsp.register(cpo.versions_url, token)
    assert refused.value.reply.status == 401
    assert [each.kind for each in told] == [Kind.REGISTERED] * 2 + [Kind.UNREGISTERED] * 2


async def test_a_new_invitation_replaces_the_connection(connected):
    cpo, emsp = connected
    await emsp.register(cpo.versions_url, cpo.invite())
    assert (await emsp.push_token(cpo.party)).ok
    assert (await cpo.push_location(emsp.party)).ok


async def test_no_version_in_common(cpo):
    async with SimEmsp("E", EMSP, versions=("2.1.1",)) as emsp:
        with pytest.raises(UnsupportedVersion, match=r"2\.1\.1"):
            await emsp.register(cpo.versions_url, cpo.invite())
    assert not cpo.registered


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "http://127.0.0.1:1/versions"}, 3001),
        ({"token": "wrong"}, 3001),
        ({"roles": []}, 2001),
        ({"token": None}, 2001),
    ],
)
async def test_a_receiver_refuses_credentials_it_can_not_use(connected, change, code):
    cpo, emsp = connected
    good = {
        "token": cpo.peer.token.reveal(),
        "url": emsp.versions_url,
        "roles": [{"role": "EMSP", "country_code": "DE", "party_id": "EMO", "business_details": {"name": "E"}}],
    }
    reply = await credentials(emsp, "PUT", good | change)
    assert (reply.status, reply.status_code) == (200, code)
    assert (await emsp.push_token(cpo.party)).ok, "a failed PUT leaves the connection as it was"


async def test_a_sender_without_the_receivers_version_gets_3002(connected):
    _, emsp = connected
    async with SimEmsp("Old", EMSP, versions=("2.1.1",)) as old:
        body = {"token": old.invite(), "url": old.versions_url, "roles": [_role("EMSP", "DE", "EMO")]}
        reply = await credentials(emsp, "PUT", body)
    assert reply.status_code == 3002


async def test_a_sender_without_functional_modules_gets_3003(connected):
    _, emsp = connected
    async with SimPlatform("Bare", EMSP) as bare:
        body = {"token": bare.invite(), "url": bare.versions_url, "roles": [_role("EMSP", "DE", "EMO")]}
        reply = await credentials(emsp, "PUT", body)
    assert reply.status_code == 3003


async def test_tokens_do_not_show(connected):
    cpo, emsp = connected
    await emsp.push_token(cpo.party)
    token = emsp.peer.token.reveal()
    assert token not in repr(emsp.peer)
    assert "Authorization" not in cpo.received[0].headers


def _role(role, country, party):
    return {"role": role, "country_code": country, "party_id": party, "business_details": {"name": "X"}}


def _base64(token):
    return base64.b64encode(token.encode()).decode()
