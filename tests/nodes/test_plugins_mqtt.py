"""MQTT on two nodes, with a real Mosquitto: each command is sent once, and no state is published that is older."""

import json

from hub.core.party import Party
from tests.nodes.conftest import until
from tests.nodes.pair import pair
from tests.partner import ocpi
from tests.plugin.broker import broker, listening, needs_mosquitto
from tests.plugin.shipped import plugin
from tests.plugin.test_mqtt_commands import TOPIC, ask
from tests.versions import location, send, token

pytestmark = needs_mosquitto
HUB = Party("NL", "HUB")
LOC1 = "receiver/locations/NL/CPO/LOC1"


async def test_a_command_is_sent_once_by_the_node_that_leads_and_by_the_next_one_after_it(tmp_path, url):
    async with broker(tmp_path) as there, listening(there.port) as live:
        given = {"port": there.port, "party": "NL-MQT", "allow_commands": ["NL-CPO"], "longest_pause": 1.0}
        async with pair(tmp_path, url, plugins={"mqtt_commands": given}) as nodes:
            cpo = await nodes.join("NL-CPO:CPO")
            cpo.says["POST /receiver/commands/START_SESSION"] = ocpi({"result": "REJECTED", "timeout": 0})
            one, other = (plugin(app, "mqtt_commands") for app in (nodes.one, nodes.other))
            await until(lambda: one.is_connected)
            for number in range(3):
                await ask(there.port, TOPIC, {"token": token("2.2.1"), "location_id": "L1", "reference": str(number)})
            await until(lambda: len(live.of("ocpi/results/NL/CPO/START_SESSION")) == 3)
            assert cpo.lines.count("POST /receiver/commands/START_SESSION") == 3
            assert not other.is_connected
            await nodes.one.node.stop()
            await until(lambda: other.is_connected and not one.is_connected)
            await ask(there.port, TOPIC, {"token": token("2.2.1"), "location_id": "L1", "reference": "after"})
            await until(lambda: len(live.of("ocpi/results/NL/CPO/START_SESSION")) == 4)
            assert cpo.lines.count("POST /receiver/commands/START_SESSION") == 4


async def test_the_hub_is_there_as_long_as_a_node_is_and_its_state_is_never_older(tmp_path, url):
    async with broker(tmp_path) as there, listening(there.port) as live:
        async with pair(tmp_path, url, plugins={"mqtt": {"port": there.port}}) as nodes:
            cpo = await nodes.join("NL-CPO:CPO")
            one, other = (plugin(app, "mqtt") for app in (nodes.one, nodes.other))
            await until(lambda: one.connected and other.connected)
            for app, at in ((nodes.one, 1), (nodes.other, 2), (nodes.one, 3)):
                nodes.to(app)
                whole = location("2.2.1") | {"name": f"N{at}", "last_updated": f"2030-01-01T00:00:0{at}Z"}
                change = {"city": f"C{at}", "last_updated": f"2030-01-01T00:00:0{at}Z"}
                body = whole if at == 1 else change
                assert (await send(cpo, "PUT" if at == 1 else "PATCH", LOC1, body, HUB)).code == 1000
                await app.bus.settle()
                await until(lambda app=app: plugin(app, "mqtt").waiting.empty())
                if at == 1:
                    await until(lambda: live.of("ocpi/locations/NL/CPO/LOC1"))
            await until(lambda: len(live.of("ocpi/changes/locations/NL/CPO/LOC1")) == 2)
            assert len(live.of("ocpi/locations/NL/CPO/LOC1")) == 1, "no node makes a whole of a part that it has missed"
            assert one.known == other.known == {}, "what the other node changed is not remembered here"
            await nodes.other.plugins.stop()
            await until(lambda: {"status": "offline"} in map(json.loads, live.of("ocpi/hub")))
            await until(lambda: json.loads(live.of("ocpi/hub")[-1]) == {"status": "online"})
        await until(lambda: json.loads(live.of("ocpi/hub")[-1]) == {"status": "offline"})
