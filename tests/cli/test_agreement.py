"""`ocpi-hub agreement`: rules are in force when the command returns, with a hub or without one."""

import asyncio
import json

from tests.cli.command import ocpi_hub
from tests.support import EMSP, network, running


async def test_a_denial_is_in_force_when_the_command_returns_and_so_is_its_end(tmp_path):
    async with network(tmp_path) as (_, cpo, _emsp):
        assert (await ocpi_hub(tmp_path, "agreement", "deny", "NL-CPO", "DE-MSP", "--module", "locations")).status == 0
        assert (await cpo.push_location(EMSP.party)).status_code == 4001
        assert (await cpo.push_tariff(EMSP.party)).ok
        removed = await ocpi_hub(tmp_path, "agreement", "remove", "DE-MSP", "NL-CPO", "--module", "locations")
        assert removed.out == 'All others may reach each other (routing.agreements = "open").\n'
        assert (await cpo.push_location(EMSP.party)).ok


async def test_the_list_holds_every_rule_for_people_and_for_scripts(tmp_path):
    async with running(tmp_path):
        await ocpi_hub(tmp_path, "agreement", "deny", "*", "*")
        shown = await ocpi_hub(tmp_path, "agreement", "allow", "NL-CPO", "DE-MSP")
        assert [line.split() for line in shown.out.splitlines()[1:3]] == [
            ["deny", "*", "*", "*"],
            ["allow", "DE-MSP", "NL-CPO", "*"],
        ]
        listed = json.loads((await ocpi_hub(tmp_path, "agreement", "list", "--json")).out)
        assert listed["default"] == "open"
        assert listed["rules"][1] == {"one": "DE-MSP", "other": "NL-CPO", "module": "*", "allow": True}


async def test_without_a_hub_the_database_is_used(tmp_path):
    async with running(tmp_path):
        pass
    done = await ocpi_hub(tmp_path, "agreement", "deny", "NL-CPO", "*")
    assert (done.status, "No hub runs" in done.err) == (0, True)
    async with running(tmp_path) as app:
        assert [str(rule) for rule in app.operations.agreements.all().rules] == ["deny everything between * and NL-CPO"]


async def test_mistakes_are_told(tmp_path):
    async with running(tmp_path):
        unknown = ocpi_hub(tmp_path, "agreement", "remove", "NL-CPO", "DE-MSP")
        no_party = ocpi_hub(tmp_path, "agreement", "allow", "NL-CPO", "Germany")
        no_module = ocpi_hub(tmp_path, "agreement", "allow", "NL-CPO", "*", "--module", "lokations")
        done = await asyncio.gather(unknown, no_party, no_module)
    assert [(each.status, each.out) for each in done] == [(1, "")] * 3
    assert "there is no agreement on * between DE-MSP and NL-CPO" in done[0].err
    assert "Germany" in done[1].err
    assert "'lokations' is no module of this hub" in done[2].err
