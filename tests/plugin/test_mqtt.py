"""MQTT with a real Mosquitto: what is published and retained, a broker that goes, comes back, or is slow; odd names."""

import json
import shutil
import signal
import subprocess
from runpy import run_path

import pytest

from hub.core.party import Party
from hub.plugin import PluginError, Push, Route
from hub.plugin.testing import message, reply
from tests.certificates import Authority
from tests.cli.conftest import process
from tests.plugin.broker import Broker, broker, listening, needs_mosquitto
from tests.plugin.shipped import SHIPPED, plugin, shipped, until

pytestmark = needs_mosquitto
NAME = "mqtt"
LOCATION = "ocpi/locations/NL/CPO/LOC1"


def mqtt(app):
    return plugin(app, NAME)


async def connected(app):
    await until(lambda: mqtt(app).connected and mqtt(app).waiting.empty())


def pushed(app, call, body, **options):
    """A push as if it had been answered."""
    sent = message(call, body, **options)
    route = Route.direct(Party("DE", "MSP"), why="test")
    app.plugins.hooks(sent.operation).pushed(Push(message=sent, route=route, reply=reply()))


async def test_state_is_retained_and_the_rest_is_not(tmp_path):
    async with broker(tmp_path) as there, listening(there.port) as live:
        async with shipped(tmp_path, NAME, {"port": there.port}) as (app, cpo, emsp):
            await connected(app)
            cpo.seed(2)
            await cpo.push_location(emsp.party)
            await cpo.push_tariff(emsp.party)
            evse = cpo.locations.of(cpo.party)[0]["evses"][0]["uid"]
            await cpo.patch_evse_status("LOC1", evse, "CHARGING", emsp.party)
            pushed(app, "POST receiver/cdrs", {"country_code": "NL", "party_id": "TNM", "id": "C1"})
            pushed(app, "POST receiver/commands/STOP_SESSION", {"session_id": "S1", "response_url": "http://x"})
            await until(lambda: live.of("ocpi/commands/DE/MSP/STOP_SESSION/test-correlation"))
            assert json.loads(live.of(LOCATION)[0])["id"] == "LOC1"
            change = json.loads(live.of(f"ocpi/changes/locations/NL/CPO/LOC1/{evse}")[0])
            assert change["status"] == "CHARGING"
            whole = json.loads(live.of(f"{LOCATION}/{evse}")[0])
            assert (whole["status"], whole["uid"], "connectors" in whole) == ("CHARGING", evse, True)
            assert json.loads(live.of("ocpi/cdrs/NL/TNM/C1")[0])["id"] == "C1"
            await cpo.push_location(emsp.party)
            await until(lambda: len(live.of(f"{LOCATION}/{evse}")) == 2)
        async with listening(there.port) as later:
            await until(lambda: len(later.got) >= 6)
            kept = {topic: payload for topic, payload, _ in later.got}
            assert all(retained for _, _, retained in later.got)
            assert json.loads(kept["ocpi/status/NL/CPO"])["status"] == "CONNECTED"
            assert json.loads(kept["ocpi/hub"]) == {"status": "offline"}
            assert {LOCATION, f"{LOCATION}/{evse}", "ocpi/tariffs/NL/CPO/AC", "ocpi/status/DE/MSP"} <= kept.keys()
            assert not [topic for topic in kept if topic.startswith(("ocpi/cdrs", "ocpi/commands", "ocpi/changes"))]


async def test_a_deleted_tariff_is_no_longer_retained(tmp_path):
    async with (
        broker(tmp_path) as there,
        listening(there.port) as live,
        shipped(tmp_path, NAME, {"port": there.port}) as (app, _, _),
    ):
        await connected(app)
        tariff = "receiver/tariffs/NL/TNM/T1"
        pushed(app, f"PUT {tariff}", {"country_code": "NL", "party_id": "TNM", "id": "T1"})
        pushed(app, f"DELETE {tariff}", None)
        pushed(app, "PUT receiver/tariffs/NL/TNM/T2", {"country_code": "NL", "party_id": "TNM", "id": "T2"})
        await until(lambda: live.of("ocpi/tariffs/NL/TNM/T2"))
        async with listening(there.port) as later:
            await until(lambda: later.of("ocpi/tariffs/NL/TNM/T2"))
            assert later.of("ocpi/tariffs/NL/TNM/T1") == []


async def test_periods_of_a_session_are_added(tmp_path):
    async with (
        broker(tmp_path) as there,
        listening(there.port) as live,
        shipped(tmp_path, NAME, {"port": there.port}) as (app, _, _),
    ):
        await connected(app)
        path = "receiver/sessions/NL/TNM/S1"
        pushed(app, f"PATCH {path}", {"kwh": 1})
        whole = {"country_code": "NL", "party_id": "TNM", "id": "S1", "kwh": 1, "charging_periods": [1]}
        pushed(app, f"PUT {path}", whole)
        pushed(app, f"PATCH {path}", {"kwh": 2, "charging_periods": [2]})
        await until(lambda: len(live.of("ocpi/sessions/NL/TNM/S1")) == 2)
        told = json.loads(live.of("ocpi/sessions/NL/TNM/S1")[1])
        assert (told["kwh"], told["charging_periods"]) == (2, [1, 2])


async def test_what_is_not_accepted_or_not_selected_is_not_published(tmp_path):
    given = {"selectors": ["tariffs.put"], "prefix": "site/a"}
    async with (
        broker(tmp_path) as there,
        listening(there.port) as live,
        shipped(tmp_path, NAME, {"port": there.port, **given}) as (app, cpo, emsp),
    ):
        await connected(app)
        cpo.seed(1)
        await cpo.push_location(emsp.party)
        await cpo.push_tariff(Party("ZZ", "ZZZ"))
        await cpo.push_tariff(emsp.party)
        await until(lambda: live.of("site/a/tariffs/NL/CPO/AC"))
        topics = {topic for topic, _, _ in live.got if "/status/" not in topic}
        assert topics == {"site/a/hub", "site/a/tariffs/NL/CPO/AC"}
        assert len(live.of("site/a/tariffs/NL/CPO/AC")) == 1


async def test_a_broker_that_goes_and_returns(tmp_path, capsys):
    there = Broker(tmp_path / "broker")
    async with shipped(tmp_path, NAME, {"port": there.port, "longest_pause": 1.0}) as (app, cpo, emsp):
        cpo.seed(1)
        await until(lambda: mqtt(app).problem)
        assert (await cpo.push_location(emsp.party)).status_code == 1000
        await app.bus.settle()
        dropped = mqtt(app).dropped
        assert dropped
        await there.start()
        await connected(app)
        async with listening(there.port) as live:
            await until(lambda: live.of("ocpi/status/NL/CPO"))
            assert live.of(LOCATION) == []
            await cpo.push_location(emsp.party)
            await until(lambda: live.of(LOCATION))
        await there.stop()
        await until(lambda: not mqtt(app).connected)
        for _ in range(3):
            assert (await cpo.push_location(emsp.party)).status_code == 1000
        await app.bus.settle()
        assert mqtt(app).dropped >= dropped + 3
        await there.start()
        await connected(app)
        async with listening(there.port) as live:
            await until(lambda: live.of("ocpi/hub"))
            assert live.of(LOCATION) == []
        assert app.plugins.status()[0].faults == 0
    await there.stop()
    told = capsys.readouterr().out
    assert (told.count("mqtt_disconnected"), told.count("mqtt_connected")) == (2, 2)


async def test_a_broker_that_does_not_answer_counts_as_gone(tmp_path):
    given = {"patience": 0.5, "waiting": 5, "at_once": 2, "longest_pause": 1.0}
    async with broker(tmp_path) as there, shipped(tmp_path, NAME, {"port": there.port, **given}) as (app, cpo, emsp):
        cpo.seed(1)
        await connected(app)
        there.freeze()
        for _ in range(10):
            assert (await cpo.push_location(emsp.party)).status_code == 1000
        await until(lambda: not mqtt(app).connected)
        await app.bus.settle()
        assert mqtt(app).dropped >= 5
        assert mqtt(app).waiting.empty()


async def test_the_end_of_the_hub_is_told_by_itself_or_else_by_the_broker(tmp_path):
    (tmp_path / "plugins").mkdir()
    shutil.copy(SHIPPED / "mqtt.py", tmp_path / "plugins")
    async with broker(tmp_path) as there, listening(there.port) as live:
        (tmp_path / "config.toml").write_text(
            f"[listen]\nport = 0\n[admin]\nport = 0\n[plugins.mqtt]\nenabled = true\nport = {there.port}\n"
        )

        def last() -> str | None:
            told = live.of("ocpi/hub")
            return json.loads(told[-1])["status"] if told else None

        for kill in (signal.SIGTERM, signal.SIGKILL):
            with process(tmp_path, "serve") as hub:
                await until(lambda: last() == "online")
                hub.signal(kill)
                await until(lambda: last() == "offline")


async def test_a_reload_ends_with_a_hub_that_is_online(tmp_path):
    async with broker(tmp_path) as there, shipped(tmp_path, NAME, {"port": there.port}) as (app, _, _):
        await connected(app)
        first, file = mqtt(app), tmp_path / "plugins" / "mqtt.py"
        file.write_text(file.read_text() + "\n# changed\n")
        await app.plugins.refresh()
        await app.plugins.settle()
        assert mqtt(app) is not first
        await connected(app)

        async def kept():
            async with listening(there.port) as later:
                await until(lambda: later.of("ocpi/hub"))
                return json.loads(later.of("ocpi/hub")[0])["status"]

        while await kept() != "online":
            pass


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a/b+c#d%", "a%2Fb%2Bc%23d%25"),
        ("", "%00"),
        ("\x00\n\u202e", "%00%0A%E2%80%AE"),
        ("\ud800", "%3F"),
        ("x" * 10_000, "x" * 200 + "…"),
        ("Straße 1", "Straße 1"),
    ],
)
def test_what_partners_write_is_one_level_of_a_topic(text, told):
    assert run_path(str(SHIPPED / "mqtt.py"))["segment"](text) == told


async def test_odd_ids_reach_the_broker_as_one_level(tmp_path):
    async with (
        broker(tmp_path) as there,
        listening(there.port) as live,
        shipped(tmp_path, NAME, {"port": there.port}) as (app, _, _),
    ):
        await connected(app)
        pushed(app, "POST receiver/cdrs", {"country_code": "NL", "party_id": "TNM", "id": "+/#\n\x00" + "y" * 10_000})
        pushed(app, "POST receiver/cdrs", {"country_code": "NL", "party_id": "TNM", "id": ["no", "text"]})
        pushed(app, "POST receiver/cdrs", {"country_code": "NL", "party_id": "TNM", "id": "last"})
        await until(lambda: live.of("ocpi/cdrs/NL/TNM/last"))
        topics = [topic for topic, _, _ in live.got if topic.startswith("ocpi/cdrs")]
        assert all(len(topic.split("/")) == 5 and len(topic) < 300 for topic in topics)
        assert topics[0].startswith("ocpi/cdrs/NL/TNM/%2B%2F%23%0A%00yyy")
        assert app.plugins.status()[0].faults == 0


async def test_tls_and_a_password_from_a_file(tmp_path):
    authority = Authority(tmp_path / "ca.pem")
    authority.issue(tmp_path / "cert.pem", tmp_path / "key.pem")
    passwords = tmp_path / "passwords"
    subprocess.run([shutil.which("mosquitto_passwd"), "-b", "-c", passwords, "hub", "s3cret word"], check=True)
    (tmp_path / "password").write_text("s3cret word\n")
    lines = [f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem", f"password_file {passwords}"]
    given = {"host": "127.0.0.1", "tls": True, "ca_file": "ca.pem", "user": "hub", "password_file": "password"}
    async with broker(tmp_path, *lines, "allow_anonymous false") as there:
        async with shipped(tmp_path, NAME, {"port": there.port, **given}) as (app, _, _):
            await connected(app)
            assert "s3cret" not in repr(mqtt(app).settings)
        (tmp_path / "password").write_text("wrong\n")
        other = tmp_path / "other"
        other.mkdir()
        for name in ("password", "ca.pem"):
            shutil.copy(tmp_path / name, other)
        async with shipped(other, NAME, {"port": there.port, **given}) as (app, _, _):
            reason = await until(lambda: mqtt(app).problem)
            assert "uthori" in reason
            assert "wrong" not in reason


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"selectors": ["tokens.pst"]}, "'pst' is no method or interface"),
        ({"password_file": "none"}, "No such file"),
        ({"tls": True, "ca_file": "none"}, "No such file"),
        ({"prefix": "a/#"}, "prefix"),
    ],
)
async def test_what_is_wrong_is_told_at_the_start(tmp_path, given, told):
    with pytest.raises(PluginError, match=told):
        async with shipped(tmp_path, NAME, given):
            pass
