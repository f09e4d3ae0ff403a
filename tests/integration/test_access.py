"""Who may do what at which moment: token kinds, suspension, removal, new invitations, and platforms of many parties.

OCPI 2.2.1, credentials 7; transport_and_format: Authorization header, Platforms, Message Routing.
"""

import asyncio

import pytest

from hub.core.directory import State
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.errors import OcpiError
from hub.sim import Refused, SimCpo, SimCpoEmsp, SimEmsp
from tests.partner import Partner, Say, ocpi
from tests.raw import ask as raw_ask
from tests.raw import calm, request
from tests.support import CPO, EMSP, network, register, running

RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER
CONFIGURATION = ("/ocpi/versions", "/ocpi/2.2.1", "/ocpi/2.2.1/credentials")
ROUTING = "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO", "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP"


async def test_token_a_opens_versions_and_credentials_and_nothing_else(tmp_path):
    """OCPI 2.2.1, transport_and_format: Authorization header. HTTP 401 on every functional module."""
    async with running(tmp_path) as app:
        partner = Partner("NL-CPO:CPO")
        await partner.invited(app)
        for target in CONFIGURATION:
            assert (await partner.ask("GET", target)).told == (200, 1000)
        modules = [
            (f"/ocpi/2.2.1/{interface.lower()}/{module}", method)
            for module, interface in app.catalogue.offered("2.2.1")
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        ]
        for target, method in (*modules, ("/ocpi/2.2.1/sealed/abc", "POST"), ("/ocpi/2.2.1/sender/horses", "GET")):
            answer = await partner.ask(method, target, *ROUTING)
            assert answer.told == (401, 2000)
            assert "register first" in answer.message


async def test_version_details_list_what_can_be_called(tmp_path):
    """Every endpoint that is advertised exists: it answers, and not with 404."""
    async with network(tmp_path) as (app, cpo, _):
        details = (await cpo.call_url("GET", f"{app.url}/ocpi/2.2.1")).data
        assert details["version"] == "2.2.1"
        assert len(details["endpoints"]) == len(app.catalogue.offered("2.2.1")) + len(("credentials", "hubclientinfo"))
        for each in details["endpoints"]:
            assert each["url"].startswith(app.url)
            assert each["url"].endswith("/")
            paths = [
                "/".join("NL" if "country" in part else "CPO" if part.startswith("{") else part for part in row.path)
                for row in app.catalogue.operations()
                if (row.module, row.interface) == (each["identifier"], each["role"]) and row.path != ("{url}",)
            ]
            assert paths or each["identifier"] in ("credentials", "hubclientinfo")
            for path in paths:
                assert (await cpo.call_url("TRACE", each["url"] + path)).status == 405


async def test_a_suspended_partner_is_shut_out_at_once(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        assert (await cpo.push_tariff(EMSP.party)).ok
        received = len(emsp.received)
        assert (await app.partners.suspend("DE-MSP")).state is State.SUSPENDED
        for reply in (
            await emsp.push_token(CPO.party),
            await emsp.call_url("GET", app.versions_url),
            await emsp.call_url("DELETE", emsp.peer.endpoint("credentials", SENDER)),
        ):
            assert (reply.status, reply.status_code) == (401, 2000)
            assert "suspended" in reply.status_message
        reply = await cpo.push_tariff(EMSP.party)
        assert (reply.status, reply.status_code) == (200, 4003)
        assert len(emsp.received) == received
        with pytest.raises(Refused):
            await emsp.renew()

        assert (await app.partners.resume("DE-MSP")).state is State.REGISTERED
        assert (await cpo.push_tariff(EMSP.party)).ok
        assert (await emsp.push_token(CPO.party)).ok
        with pytest.raises(OcpiError, match="not suspended"):
            await app.partners.resume("DE-MSP")


async def test_a_suspended_invitation_registers_nobody_until_it_is_resumed(tmp_path):
    async with running(tmp_path) as app, Partner("NL-CPO:CPO").serve() as partner:
        await partner.invited(app)
        await app.partners.suspend("NL-CPO")
        assert (await partner.register()).told == (401, 2000)
        assert partner.asked == []
        assert (await app.partners.resume("NL-CPO")).state is State.INVITED
        assert (await partner.register()).told == (200, 1000)


async def test_what_has_reached_a_partner_that_is_suspended_then_comes_to_its_end(tmp_path):
    """A message pins the directory it began with."""
    async with network(tmp_path) as (app, cpo, emsp):
        emsp.delay = 0.1
        push = asyncio.create_task(cpo.push_tariff(EMSP.party))
        while not emsp.received:
            await asyncio.sleep(0.005)
        await app.partners.suspend("DE-MSP")
        assert (await push).ok


async def test_what_a_partner_has_under_way_ends_when_it_is_suspended(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        emsp.delay = 0.1
        push = asyncio.create_task(cpo.push_tariff(EMSP.party))
        while not emsp.received:
            await asyncio.sleep(0.005)
        await app.partners.suspend("NL-CPO")
        assert (await push).status == 401


async def test_a_removed_partner_is_unknown_at_once_and_its_party_free(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        await app.partners.remove("DE-MSP")
        assert (await emsp.push_token(CPO.party)).status == 401
        assert (await cpo.push_tariff(EMSP.party)).status_code == 4001
        async with SimEmsp("Another", [EMSP]) as another:
            await register(app, another)
            assert (await cpo.push_tariff(EMSP.party)).ok
            assert len(another.received) == 1


async def test_a_new_invitation_ends_the_registration(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        invitation = await app.partners.invite_again("DE-MSP")
        assert (await emsp.push_token(CPO.party)).status == 401
        assert (await cpo.push_tariff(EMSP.party)).status_code == 4003
        second = await app.partners.invite_again("DE-MSP")
        with pytest.raises(Refused):
            await emsp.register(invitation.versions_url, invitation.token_a)
        await emsp.register(second.versions_url, second.token_a)
        assert (await cpo.push_tariff(EMSP.party)).ok


async def test_after_unregistering_a_party_is_known_but_not_connected(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        token = emsp.peer.token.reveal()
        await emsp.unregister()
        answer = await raw_ask(app.url, request("GET", "/ocpi/versions", token=token))
        assert answer is not None
        assert answer.told == (401, 2000)
        assert (await cpo.push_tariff(EMSP.party)).status_code == 4003
        assert app.partners.show("DE-MSP").not_presented == ("DE-MSP:EMSP",)


async def test_a_platform_with_many_parties_and_roles(tmp_path):
    """OCPI 2.2.1, 7.3.1: each is sent to and from by its own name; without a name the owner in the path tells."""
    roles = [PartyRole.parse(each) for each in ("NL-ONE:CPO", "NL-TWO:CPO", "NL-ONE:EMSP", "BE-EMO:EMSP")]
    one, two, emo = (Party.parse(each) for each in ("NL-ONE", "NL-TWO", "BE-EMO"))
    async with running(tmp_path) as app, SimCpoEmsp("Many", roles) as many, SimCpo("Cpo", [CPO]) as cpo:
        await register(app, many)
        await register(app, cpo)
        assert set(app.partners.show("Many").parties) == {str(role) for role in roles}
        for party in (one, two, emo):
            assert (await cpo.call("tariffs", RECEIVER, "GET", "NL/CPO/X", to=party)).status == 404
            assert many.received[-1].receiver == party
        token = many.tokens.of(emo)[0]
        tokens = {"to": CPO.party, "body": token}
        path = f"BE/EMO/{token['uid']}"
        for sender, code in ((emo, 1000), (one, 2001), (Party.parse("FR-XXX"), 2001), (CPO.party, 2001)):
            assert (await many.call("tokens", RECEIVER, "PUT", path, sender=sender, **tokens)).status_code == code
        without = {"OCPI-from-country-code": "", "OCPI-from-party-id": ""}
        assert (await many.call("tokens", RECEIVER, "PUT", path, headers=without, **tokens)).ok
        assert cpo.received[-1].sender == emo
        reply = await many.call("locations", SENDER, "GET", to=CPO.party, headers=without)
        assert (reply.status_code, reply.ok) == (2001, False)
        assert "name the sender" in reply.status_message
        assert (await many.call("locations", SENDER, "GET", to=CPO.party, sender=two)).ok
        # Parties of one platform reach each other through the hub, too.
        assert (await many.call("locations", SENDER, "GET", to=two, sender=emo)).ok


async def test_a_party_that_is_not_presented_any_more_can_not_be_reached(tmp_path):
    async with running(tmp_path) as app, Partner("NL-ONE:CPO", "NL-TWO:CPO").serve() as partner:
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        both, partner.roles = partner.roles, partner.roles[:1]
        assert (await partner.register("PUT")).code == 1000
        assert app.partners.show("NL-ONE").not_presented == ("NL-TWO:CPO",)
        to_two = (
            "OCPI-from-country-code: NL", "OCPI-from-party-id: ONE",
            "OCPI-to-country-code: NL", "OCPI-to-party-id: TWO",
        )  # fmt: skip
        assert (await partner.ask("GET", "/ocpi/2.2.1/sender/locations", *to_two)).told == (200, 4003)
        partner.roles = both
        assert (await partner.register("PUT")).code == 1000
        partner.says["GET /sender/locations"] = ocpi([])
        assert (await partner.ask("GET", "/ocpi/2.2.1/sender/locations", *to_two)).told == (200, 1000)


@pytest.mark.parametrize("raw", [False, True])
async def test_a_renewed_token_counts_at_once_for_every_kept_connection(tmp_path, raw):
    """Also while many requests with the old one are coming in."""
    async with running(tmp_path) as app, Partner("NL-CPO:CPO").serve() as partner:
        partner.raw = raw
        await partner.invited(app)
        await partner.register()
        old = partner.token
        renewed = False

        async def knock() -> None:
            while not renewed:
                assert (await partner.ask("GET", "/ocpi/versions", token=old)).status in (200, 401)

        with calm():
            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(knock())
                assert (await partner.register("PUT")).code == 1000
                assert (await partner.ask("GET", "/ocpi/versions", token=old)).status == 401
                renewed = True
        assert (await partner.ask("GET", "/ocpi/versions")).code == 1000


async def test_endpoints_that_are_set_by_hand(tmp_path):
    """For partners that serve a module without advertising it. They outlive a renewal."""
    async with running(tmp_path) as app, Partner("NL-CPO:CPO").serve() as partner, SimEmsp("E", [EMSP]) as emsp:
        await partner.invited(app)
        await partner.register()
        await register(app, emsp)
        location = {"location_id": "L", "token": emsp.token()}
        assert (await emsp.command("START_SESSION", location, CPO.party)).reply.status_code == 4000
        await app.partners.set_endpoint("NL-CPO", "commands", "receiver", f"{partner.url}/hidden/commands/")
        partner.says["POST /hidden/commands/START_SESSION"] = ocpi({"result": "ACCEPTED", "timeout": 5})
        for _ in range(2):
            assert (await emsp.command("START_SESSION", location, CPO.party)).accepted
            assert (await partner.register("PUT")).code == 1000
        await app.partners.set_endpoint("NL-CPO", "commands", "receiver", "")
        assert (await emsp.command("START_SESSION", location, CPO.party)).reply.status_code == 4000


async def test_no_token_shows_in_what_the_hub_logs(tmp_path):
    with calm() as events:
        async with network(tmp_path) as (app, cpo, emsp):
            secrets = {cpo.peer.token.reveal(), emsp.peer.token.reveal()}
            await cpo.push_tariff(EMSP.party)
            await emsp.renew()
            secrets.add(emsp.peer.token.reveal())
            partner = Partner("FR-CPO:CPO")
            async with partner.serve():
                await partner.invited(app)
                secrets |= {partner.token, partner.token_out}
                partner.says["GET /versions"] = Say(401)
                await partner.register()
            await app.partners.rotate("Cpo")
            secrets.add(cpo.peer.token.reveal())
    assert events
    assert not [each for each in secrets if each in repr(events)]
