"""`ocpi-hub explain`: what routing would do, without sending anything."""

import asyncio
import json

from hub.core.party import Party
from tests.cli.command import ocpi_hub
from tests.support import network
from tests.versions import location, roaming

PUT = ("explain", "PUT", "receiver/locations/NL/CPO/LOC1", "--from", "NL-CPO")


async def test_it_says_what_then_happens_and_sends_nothing(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        direct = await ocpi_hub(tmp_path, *PUT, "--to", "DE-MSP")
        assert (direct.status, direct.out.splitlines()[-1]) == (0, "direct to DE-MSP")
        broadcast = await ocpi_hub(tmp_path, *PUT, "--to", "NL-HUB")
        assert broadcast.out.splitlines()[-1] == "broadcast to DE-MSP"
        assert {each.method for each in emsp.received} <= {"GET"}
        unknown = json.loads((await ocpi_hub(tmp_path, *PUT, "--to", "FR-XXX", "--json")).out)
        reply = await cpo.push_location(Party("FR", "XXX"))
        assert (unknown["way"], unknown["status_code"], unknown["why"]) == ("refuse", 4001, reply.status_message)


async def test_operators_see_the_agreement_that_partners_are_not_told_of(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        await app.operations.agreements.set("NL-CPO", "DE-MSP", "locations", allow=False)
        told = await ocpi_hub(tmp_path, *PUT, "--to", "DE-MSP")
        assert "agreement: deny locations between DE-MSP and NL-CPO" in told.out
        assert "deny" not in (await cpo.push_location(emsp.party)).status_message


async def test_open_routing_is_explained_by_the_body(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        cpo.seed_history(1, emsp.token())
        body = json.dumps(next(iter(cpo.cdrs)))
        told = await ocpi_hub(
            tmp_path, "explain", "POST", "receiver/cdrs", "--from", "NL-CPO", "--body", "-", stdin=body
        )
        assert told.out.splitlines()[-1] == "direct to DE-MSP"
        assert "cdr_token names DE-MSP" in told.out


async def test_mistakes_are_told(tmp_path):
    async with network(tmp_path):
        no_module = ocpi_hub(tmp_path, "explain", "PUT", "receiver/nonsense", "--from", "NL-CPO")
        no_party = ocpi_hub(tmp_path, "explain", "GET", "sender/locations", "--from", "FR-XXX")
        told = await asyncio.gather(no_module, no_party)
    assert [(each.status, each.out) for each in told] == [(1, "")] * 2
    assert "write it as PUT receiver/locations" in told[0].err
    assert "FR-XXX is not a registered party" in told[1].err
    done = await ocpi_hub(tmp_path, *PUT)
    assert (done.status, "the hub has to run for this" in done.err) == (1, True)


async def test_plugins_are_asked_too(tmp_path):
    """The trail names the plugin that decided; `ocpi-hub explain` is about what would really happen."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "never.py").write_text(
        '"""Refuse all locations."""\n'
        "from hub.plugin import Message, Plugin, Refuse, Route, route\n\n\n"
        "class Never(Plugin):\n"
        '    @route("locations.put")\n'
        "    async def refuse(self, message: Message, proposed: Route | Refuse) -> Refuse:\n"
        '        return Refuse("not on a Saturday")\n'
    )
    async with network(tmp_path):
        told = await ocpi_hub(tmp_path, *PUT, "--to", "DE-MSP")
        assert "plugin never: not on a Saturday" in told.out
        assert "2001" in told.out


async def explained(app, *words, body=None):
    """The trail below the destination of a message from NL-CPO."""
    raw = b"" if body is None else json.dumps(body).encode()
    done = await app.operations.explainer.explain(*words, raw)
    return done.trail[done.trail.index(done.why) + 1 :], done


async def test_what_other_versions_lose_is_said_for_each_destination(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.1.1") as (app, _, emsp):
        put = ("PUT", "receiver/locations/NL/CPO/LOC1", "NL-CPO", "NL-HUB")
        value = location("2.2.1")
        trail, _ = await explained(app, *put, body=value)
        assert trail == ("OCPI 2.1.1 at DE-MSP: nothing is lost",)
        value["evses"][0]["capabilities"] = ["CONTACTLESS_CARD_SUPPORT"] * 22
        trail, _ = await explained(app, *put, body=value)
        words = "evses[0].capabilities[{}] (OCPI 2.1.1 has no word for it)"
        assert trail == (f"OCPI 2.1.1 at DE-MSP: loses {', '.join(words.format(n) for n in range(20))}, and 2 more",)
        trail, _ = await explained(app, *put)
        assert trail == ()
        trail, done = await explained(app, *put, body=location("2.2.1") | {"publish": False})
        assert done.destinations == ("DE-MSP",)
        assert trail[0].startswith("not sent: DE-MSP speaks OCPI 2.1.1: publish: this location may not be published")
        assert not [line for line in emsp.lines if line.startswith("PUT /receiver")]


async def test_a_body_that_is_not_valid_is_said_and_not_counted(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, *_):
        put = ("PUT", "receiver/locations/NL/CPO/LOC1", "NL-CPO", "DE-MSP")
        bad = location("2.2.1") | {"city": 7}
        done = await app.operations.explainer.explain(*put, json.dumps(bad).encode())
        assert (done.way, done.status_code) == ("refuse", 2001)
        assert done.trail[:2] == ("not a Location of OCPI 2.2.1", "body: city: a string (an integer)")
        await app.partners.set_validation("NL-CPO", "report")
        trail, done = await explained(app, *put, body=bad)
        assert done.way == "direct"
        assert trail[-1] == ("not a Location of OCPI 2.2.1, passed on all the same: city: a string (an integer)")
        await app.bus.settle()
        assert await app.operations.counts.findings(None) == []
