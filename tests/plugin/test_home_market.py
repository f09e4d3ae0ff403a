"""The plugin that ships with the hub."""

from pathlib import Path

import pytest

from hub.core.party import Party
from hub.core.route import Refuse, Route
from hub.plugin import Push
from hub.plugin.loader import Loader
from hub.plugin.runner import Runner
from hub.plugin.testing import message, reply

SHIPPED = Path(__file__).parents[2] / "plugins"
UNDECIDED = Refuse("no receiver is named")
CALL = "POST sender/tokens/012345/authorize"


@pytest.fixture
async def start(plugins):
    async def start(toml: str = "") -> Runner:
        plugins.settings(toml)
        plugins.runner = Runner(Loader(plugins.config, (SHIPPED,)), plugins.bus)
        await plugins.runner.load()
        await plugins.runner.start(plugins.hub)
        return plugins.runner

    return start


async def test_it_does_nothing_without_settings(start):
    runner = await start()
    asked = message(CALL, {})
    assert await runner.hooks(asked.operation).route(asked, UNDECIDED) is UNDECIDED


async def test_it_sends_authorisations_home_and_blocks(start):
    runner = await start('[plugins.home_market]\nblocked = ["NL-BAD"]\nprefer = { NL = "HOM" }')
    asked, foreign = message(CALL, {}), message(CALL, {}, sender="DE-ABC")
    hooks = runner.hooks(asked.operation)
    home = await hooks.route(asked, UNDECIDED)
    assert home.to == Party("NL", "HOM")
    assert home.trail == ("plugin home_market: home market first",)
    assert await hooks.route(foreign, UNDECIDED) is UNDECIDED
    named = message(CALL, {}, receiver="NL-XYZ")
    direct = Route.direct(Party("NL", "XYZ"), why="direct")
    assert await hooks.route(named, direct) is direct
    assert (await hooks.route(message(CALL, {}, sender="NL-BAD"), UNDECIDED)).reason == "NL-BAD is blocked on this hub"


async def test_it_counts_the_cdrs_that_were_accepted(start, plugins):
    runner = await start()
    cdr = message("POST receiver/cdrs", {"country_code": "NL", "party_id": "TNM", "id": "C1"})
    route = Route.direct(Party("NL", "HOM"), why="direct")
    for code in (1000, 2001, 1000):
        runner.hooks(cdr.operation).pushed(Push(message=cdr, route=route, reply=reply(code=code)))
    await plugins.bus.settle()
    assert plugins.running("home_market").plugin.cdrs == 2
