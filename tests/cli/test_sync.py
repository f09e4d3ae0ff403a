"""`ocpi-hub sync`: the mirror is filled by hand."""

import json

from hub.core.party import Party
from tests.cli.command import ocpi_hub
from tests.support import network

HUB = Party("NL", "HUB")


async def test_it_brings_what_is_new_into_the_mirror(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        assert (await ocpi_hub(tmp_path, "sync", "NL-CPO")).status == 0
        cpo.seed(7)
        cpo.page_cap = 2
        done = await ocpi_hub(tmp_path, "sync", "Cpo", "--json")
        state = json.loads(done.out)
        assert (done.status, state["platform"], state["done"], state["problem"]) == (0, "Cpo", True, "")
        assert state["objects"] == state["total"]
        assert [each["id"] for each in await emsp.fetch_all("locations", to=HUB)] == [
            each["id"] for each in cpo.locations
        ]


async def test_it_says_how_much_it_kept(tmp_path):
    async with network(tmp_path):
        done = await ocpi_hub(tmp_path, "sync", "NL-CPO")
        assert done.status == 0
        assert done.out.splitlines()[-1].startswith("Cpo: kept ")


async def test_it_says_why_it_stopped(tmp_path):
    async with network(tmp_path) as (_, cpo, _emsp):
        await cpo.stop()
        done = await ocpi_hub(tmp_path, "sync", "NL-CPO")
        assert (done.status, done.out) == (1, "")
        # The hub may have noticed by itself before the command came.
        assert "kept 0, then stopped: " in done.err
        assert "connection refused" in done.err or "it is offline" in done.err


async def test_mistakes_are_told(tmp_path):
    async with network(tmp_path):
        done = await ocpi_hub(tmp_path, "sync", "Nobody")
        assert (done.status, "no partner 'Nobody'" in done.err) == (1, True)
    done = await ocpi_hub(tmp_path, "sync", "NL-CPO")
    assert (done.status, "the hub has to run for this" in done.err) == (1, True)
