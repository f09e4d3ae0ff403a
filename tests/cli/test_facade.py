"""`self.hub` of a plugin: the hub as a party of its own that speaks OCPI."""

import asyncio
import json
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from hub.core.modules import Interface
from tests.support import EMSP, network

# A plugin that does what the CPO's question asks for: the answer to an authorisation is what `self.hub` gave.
PLUGIN = """
import json

from hub.plugin import Interface, Message, OcpiError, Party, Plugin, Refuse, receive


class Speaks(Plugin):
    @receive("tokens.post")
    async def ask(self, message: Message) -> Refuse:
        order = message.json()
        try:
            reply = await self.hub.send(
                order["method"], order["module"], Interface(order["interface"]), to=Party.parse(order["to"]),
                path=tuple(order.get("path", ())), query=order.get("query", ""), body=order.get("body"),
            )
        except OcpiError as error:
            return Refuse(json.dumps({"raised": str(error)}))
        parties = {str(party): sorted(roles) for party, roles in self.hub.parties().items()}
        heard = {"status": reply.status, "code": reply.ocpi_status, "body": json.loads(reply.body)}
        return Refuse(json.dumps({**heard, "party": str(self.hub.party), "parties": parties}))
"""


@asynccontextmanager
async def speaking(folder):
    """A network whose hub has the plugin; gives both platforms, and how to have an order carried out."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "speaks.py").write_text(PLUGIN)
    async with network(folder) as (app, cpo, emsp):

        async def order(method, module, interface, to, **more):
            body = {"method": method, "module": module, "interface": interface, "to": to, **more}
            reply = await cpo.call("tokens", Interface.SENDER, "POST", "T/authorize", to=EMSP.party, body=body)
            assert reply.status_code == 2001
            return json.loads(reply.status_message)

        yield app, cpo, emsp, order


async def test_a_plugin_gets_and_pushes_in_the_hubs_name(tmp_path):
    """OCPI 2.2.1, transport_and_format: Message Routing. The sender is the hub's own party."""
    async with speaking(tmp_path) as (_, cpo, emsp, order):
        heard = await order("GET", "locations", "SENDER", "NL-CPO", query="limit=1")
        assert (heard["status"], heard["code"], len(heard["body"]["data"])) == (200, 1000, 1)
        got = await cpo.expect("locations", "GET")
        assert (str(got.sender), str(got.receiver), got.query["limit"]) == ("NL-HUB", "NL-CPO", "1")
        token = emsp.token()
        heard = await order("PUT", "tokens", "RECEIVER", "NL-CPO", path=["DE", "MSP", token["uid"]], body=token)
        assert heard["code"] == 1000
        put = await cpo.expect("tokens", "PUT")
        assert put.json() == token
        ids = {got.headers["X-Correlation-ID"], put.headers["X-Request-ID"], put.headers["X-Correlation-ID"]}
        assert len({UUID(each) for each in ids}) == 3
        assert heard["party"] == "NL-HUB"
        assert heard["parties"] == {"NL-CPO": ["CPO"], "DE-MSP": ["EMSP"]}


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (("GET", "locations", "SENDER", "FR-XXX"), 4001),
        (("GET", "locations", "SENDER", "BE-INV"), 4003),
        (("GET", "locations", "SENDER", "DE-MSP"), 4000),
        (("GET", "locations", "SENDER", "NL-HUB"), 1000),
    ],
)
async def test_who_can_not_be_reached_is_told_by_the_hub(tmp_path, order, code):
    async with speaking(tmp_path) as (app, _, _, carry_out):
        await app.partners.invite("Invited", ["BE-INV:CPO"])
        heard = await carry_out(*order)
        assert (heard["status"], heard["code"]) == (200, code)


async def test_a_receiver_that_is_away_is_told_and_reached_when_it_is_back(tmp_path):
    async with speaking(tmp_path) as (_, _, emsp, order):
        await emsp.stop()
        heard = await order("GET", "tokens", "SENDER", "DE-MSP")
        assert (heard["code"], heard["status"]) == (4003, 200)
        await emsp.start()
        async with asyncio.timeout(10.0):  # where it was away for long enough, the hub has to find that it is back
            while (await order("GET", "tokens", "SENDER", "DE-MSP"))["code"] != 1000:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "order",
    [
        ("DELETE", "locations", "SENDER", "NL-CPO"),
        ("GET", "locatoins", "SENDER", "NL-CPO"),
        ("GET", "locatoins", "SENDER", "FR-XXX"),
    ],
)
async def test_what_ocpi_does_not_have_raises(tmp_path, order):
    async with speaking(tmp_path) as (_, _, _, carry_out):
        method, module, *_ = order
        raised = (await carry_out(*order))["raised"]
        assert raised == f"OCPI 2.2.1 has no {method} sender/{module}"
