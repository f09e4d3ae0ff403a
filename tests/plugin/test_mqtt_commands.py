"""Commands from a real Mosquitto: sent once by a hosted party, answered on a topic, refused where not allowed."""

import json

import aiomqtt
import pytest

from hub.plugin import PluginError
from tests.plugin.broker import broker, listening, needs_mosquitto
from tests.plugin.shipped import plugin, shipped, until
from tests.versions import token

pytestmark = needs_mosquitto
NAME = "mqtt_commands"
TOPIC = "ocpi/commands/NL/CPO/START_SESSION"


def settings(port, **more):
    return {"port": port, "party": "NL-MQT", "allow_commands": ["NL-CPO"], "longest_pause": 1.0, **more}


async def ask(port, topic, payload, **options):
    async with aiomqtt.Client("127.0.0.1", port) as client:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        await client.publish(topic, body, qos=1, **options)


async def connected(app):
    await until(lambda: plugin(app, NAME).is_connected)


async def test_a_command_is_sent_and_its_result_published(tmp_path):
    async with (
        broker(tmp_path) as there,
        listening(there.port) as live,
        shipped(tmp_path, NAME, settings(there.port)) as (app, cpo, _),
    ):
        cpo.seed(1)
        await connected(app)
        start = {"token": token("2.2.1"), "location_id": "LOC1", "reference": "mine-1"}
        await ask(there.port, TOPIC, start)
        (told,) = await until(lambda: live.of("ocpi/results/NL/CPO/START_SESSION"))
        answered = {"outcome": "sent", "response": "ACCEPTED", "result": "ACCEPTED"}
        assert json.loads(told) == {"reference": "mine-1", **answered}


@pytest.mark.parametrize(
    ("topic", "payload", "told"),
    [
        ("ocpi/commands/DE/MSP/STOP_SESSION", {"session_id": "S1"}, "DE-MSP is not in allow_commands"),
        ("ocpi/commands/NL/CPO/EXPLODE", {}, "the command is none of START_SESSION"),
        ("ocpi/commands/NLD/CPO/STOP_SESSION", {}, "country code 'NLD' must be two letters"),
        ("ocpi/commands/NL/CPO/STOP_SESSION", {}, "missing required field `session_id`"),
        ("ocpi/commands/NL/CPO/STOP_SESSION", b"\xff", "the message is no JSON object"),
        ("ocpi/commands/NL/CPO/STOP_SESSION", b"[" * 5000, "the message is no JSON object"),
        ("ocpi/commands/NL/CPO/STOP_SESSION", b"[]", "the message is no JSON object"),
        ("ocpi/commands/NL/CPO/STOP_SESSION", b" " * 70_000, "more than 65536 bytes"),
    ],
)
async def test_what_is_refused(tmp_path, topic, payload, told):
    async with (
        broker(tmp_path) as there,
        listening(there.port) as live,
        shipped(tmp_path, NAME, settings(there.port)) as (app, _, _),
    ):
        await connected(app)
        await ask(there.port, topic, payload)
        (answer,) = await until(lambda: live.of(topic.replace("/commands/", "/results/")))
        answered = json.loads(answer)
        assert (answered["outcome"], told in answered["reason"]) == ("refused", True), answered
        assert app.plugins.status()[0].faults == 0


async def test_a_retained_command_is_never_sent_and_a_broker_may_return(tmp_path):
    async with broker(tmp_path) as there:
        await ask(there.port, "ocpi/commands/NL/CPO/STOP_SESSION", {"session_id": "S1"}, retain=True)
        async with shipped(tmp_path, NAME, settings(there.port)) as (app, _, _):
            await until(lambda: sum(plugin(app, NAME).counts.values()))
            assert plugin(app, NAME).counts == {"ignored: retained": 1}
            await there.stop()
            await until(lambda: not plugin(app, NAME).is_connected)
            await there.start()
            await until(lambda: plugin(app, NAME).is_connected)
            assert app.plugins.status()[0].faults == 0


async def test_a_party_has_to_be_named(tmp_path):
    with pytest.raises(PluginError, match="does not say which party it is"):
        async with shipped(tmp_path, NAME, {}):
            pass
