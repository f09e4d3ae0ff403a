"""`ocpi-hub findings`, `losses` and `partner validation`: beside a hub at work, and after it has stopped."""

import asyncio
import json
import re
from typing import Any

import pytest
from click.testing import Result

from hub.core.party import Party
from tests.cli.conftest import Cli
from tests.partner import ocpi
from tests.versions import location, roaming, send

HUB = Party("NL", "HUB")
LOC1 = "receiver/locations/NL/CPO/LOC1"
UNNAMED = location("2.2.1") | {"city": "x" * 46}


class Beside:
    """The commands, beside a hub that runs on the loop of the test."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli

    async def run(self, *words: str) -> Result:
        return await asyncio.to_thread(self._cli.run, *words)

    async def json(self, *words: str) -> Any:
        return await asyncio.to_thread(self._cli.json, *words)


@pytest.fixture
def beside(cli, monkeypatch) -> Beside:
    monkeypatch.setenv("OCPI_HUB__HUB__PARTY", "NL-HUB")
    return Beside(cli)


async def test_what_is_enforced_is_refused_with_path_and_rule_and_counted(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        for _ in range(3):
            answer = await send(cpo, "PUT", LOC1, UNNAMED, emsp.party)
            assert (answer.code, answer.envelope["status_message"]) == (
                2001,
                "body: city: at most 45 characters (a string of 46 characters)",
            )
        assert not any("LOC1" in each for each in emsp.lines)
        (found,) = await beside.json("findings")
        told = (found["partner"], found["object"], found["path"], found["rule"], found["got"], found["count"])
        assert told == (
            "NL-CPO:CPO", "Location", "city", "at most 45 characters", "a string of 46 characters", 3,
        )  # fmt: skip
    assert await beside.json("findings", "NL-CPO") == [found]
    assert await beside.json("findings", "DE-MSP") == []


async def test_what_is_reported_is_passed_on_and_counted(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1", validation="report") as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        assert (await send(cpo, "PUT", LOC1, UNNAMED, emsp.party)).code == 1000
        (put,) = await emsp.expect(f"PUT /{LOC1}")
        assert json.loads(put.body) == UNNAMED
        done = await beside.run("findings", "NL-CPO")
        header, row = (re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines())
        assert header == ["partner", "object", "path", "rule", "what came", "times", "last seen"]
        assert row[:6] == ["NL-CPO:CPO", "Location", "city", "at most 45 characters", "a string of 46 characters", "1"]
        assert "ocpi-hub partner validation PARTNER" in done.stderr


async def test_indexes_are_one_place(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        broken = location("2.2.1")
        broken["evses"] = [broken["evses"][0] | {"status": "BROKEN"}] * 3
        assert (await send(cpo, "PUT", LOC1, broken, emsp.party)).code == 2001
        (found,) = await beside.json("findings")
        assert (found["path"], found["count"]) == ("evses[].status", 3)


async def test_what_a_partner_answers_is_only_counted(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        cpo.says["GET /sender/locations/LOC1"] = ocpi(UNNAMED)
        answer = await send(emsp, "GET", "sender/locations/LOC1", to=cpo.party)
        assert (answer.code, answer.envelope["data"]) == (1000, UNNAMED)
        await app.bus.settle()
        (found,) = await beside.json("findings", "NL-CPO")
        assert (found["object"], found["path"]) == ("Location", "city")


async def test_each_partner_may_have_its_own_setting(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1", validation="off") as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()

        async def code():
            return (await send(cpo, "PUT", LOC1, UNNAMED, emsp.party)).code

        shown = await beside.json("partner", "show", "NL-CPO")
        assert (shown["validation"], shown["validation_set"], shown["findings"]) == ("off", False, 0)
        assert await code() == 1000
        for mode, answer, findings in (("enforce", 2001, 1), ("REPORT", 1000, 1), ("off", 1000, 1)):
            shown = await beside.json("partner", "validation", "NL-CPO", mode)
            assert (shown["validation"], shown["validation_set"]) == (mode.lower(), True)
            assert await code() == answer
            assert (await beside.json("partner", "show", "NL-CPO"))["findings"] == findings
        await beside.run("partner", "validation", "NL-CPO", "enforce")
        done = await beside.run("partner", "validation", "1", "default")
        assert "Validation of NL-CPO:CPO (partner 1) is now off, as configured.\n" in done.stdout
        assert "ocpi-hub findings 1" in done.stdout
        assert await code() == 1000


async def test_the_setting_is_kept_and_shown_with_what_is_next(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        await beside.json("partner", "validation", "NL-CPO", "report")
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        assert (await send(cpo, "PUT", LOC1, UNNAMED, emsp.party)).code == 1000
        online = await beside.run("partner", "show", "NL-CPO")
    offline = await beside.run("partner", "show", "NL-CPO")
    for done in (online, offline):
        assert "  validation       report: what breaks a rule is passed on and reported\n" in done.stdout
        assert "  findings         1\n" in done.stdout
        assert "ocpi-hub findings 1\n" in done.stdout
    assert (await beside.json("partner", "validation", "1", "off"))["validation"] == "off"
    other = await beside.run("partner", "show", "DE-MSP")
    assert "  validation       enforce: what breaks a rule is refused (routing.validation)\n" in other.stdout
    assert "findings" not in other.stdout


async def test_findings_are_forgotten_and_come_again(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        await send(cpo, "PUT", LOC1, UNNAMED, emsp.party)
        cleared = await beside.run("findings", "NL-CPO", "--clear")
        assert cleared.stdout == "NL-CPO:CPO (partner 1): 1 finding is forgotten.\n"
        assert "No findings" in (await beside.run("findings")).stdout
        await send(cpo, "PUT", LOC1, UNNAMED, emsp.party)
        assert [each["count"] for each in await beside.json("findings")] == [1]
    assert (await beside.json("findings", "1", "--clear"))["cleared"] == 1
    assert await beside.json("findings") == []


async def test_what_is_lost_between_versions_is_counted_for_both(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.1.1") as (_, cpo, emsp):
        assert "Nothing was lost" in (await beside.run("losses")).stdout
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        value = location("2.2.1")
        value["evses"] = [value["evses"][0] | {"capabilities": ["CONTACTLESS_CARD_SUPPORT"]}] * 2
        for _ in range(2):
            answer = await send(cpo, "PUT", LOC1, value, emsp.party)
            assert answer.code == 1000, answer.envelope
        (lost,) = await beside.json("losses", "DE-MSP")
        told = {name: value for name, value in lost.items() if name not in ("why", "last_at")}
        assert told == {
            "sender_id": 1, "sender": "NL-CPO:CPO", "receiver_id": 2, "receiver": "DE-MSP:EMSP", "object": "Location",
            "version": "2.2.1", "path": "evses[].capabilities[]", "count": 4,
        }  # fmt: skip
        assert await beside.json("losses", "NL-CPO") == [lost]
        row = (await beside.run("losses")).stdout.splitlines()[1]
        assert re.split(r" {2,}", row)[:7] == [
            "NL-CPO:CPO", "DE-MSP:EMSP", "Location", "2.2.1", "evses[].capabilities[]", lost["why"], "4",
        ]  # fmt: skip
    assert await beside.json("losses") == [lost]


async def test_what_is_lost_of_an_answer_is_the_answering_partners(tmp_path, beside):
    async with roaming(tmp_path, "2.3.0", "2.2.1") as (app, cpo, emsp):
        cpo.says["GET /sender/locations/LOC1"] = ocpi(location("2.3.0") | {"help_phone": "+31"})
        assert (await send(emsp, "GET", "sender/locations/LOC1", to=cpo.party)).code == 1000
        await app.bus.settle()
        (lost,) = await beside.json("losses")
        assert (lost["sender"], lost["path"], lost["count"]) == ("NL-CPO:CPO", "help_phone", 1)


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("findings", "nobody"), 1, "no partner 'nobody'; see: ocpi-hub partner list"),
        (("losses", "nobody"), 1, "no partner 'nobody'; see: ocpi-hub partner list"),
        (("partner", "validation", "nobody", "off"), 1, "no partner 'nobody'"),
        (("findings", "--clear"), 2, "--clear needs a PARTNER"),
        (("partner", "validation", "1", "maybe"), 2, "'enforce', 'report', 'off', 'default'"),
    ],
)
def test_mistakes_are_told(offline, words, status, told):
    offline.json("partner", "invite", "X", "--party", "NL-XXX:CPO")
    assert told in offline.fails(*words, status=status)


def test_without_a_hub_and_without_findings(offline):
    offline.json("partner", "invite", "X", "--party", "NL-XXX:CPO")
    assert offline.done("findings").startswith("No findings")
    assert offline.done("losses").startswith("Nothing was lost")
    assert offline.json("findings", "X") == []
    assert "as configured" in offline.done("partner", "validation", "X", "default")


async def test_hubclientinfo_can_be_set_by_hand(tmp_path, beside):
    """The hub calls it, though it is no module that is routed. 2.1.1 does not have it."""
    async with roaming(tmp_path, "2.2.1", "2.1.1") as (app, cpo, _):
        words = ("partner", "endpoint", "set")
        url = f"{cpo.url}/receiver/hubclientinfo"
        shown = await beside.json(*words, "NL-CPO", "hubclientinfo", "RECEIVER", url)
        assert url in [each["url"] for each in shown["endpoints"] if each["manual"]]
        cpo.says["PUT /receiver/hubclientinfo/DE/MSP"] = ocpi()
        await app.partners.suspend("DE-MSP")
        (put,) = await cpo.expect("PUT /receiver/hubclientinfo/DE/MSP")
        assert json.loads(put.body)["status"] == "SUSPENDED"
        await app.partners.resume("DE-MSP")
        for partner, side in (("NL-CPO", "SENDER"), ("DE-MSP", "RECEIVER")):
            done = await beside.run(*words, partner, "hubclientinfo", side, url)
            assert (done.exit_code, f"has no hubclientinfo {side}" in done.stderr) == (1, True)
