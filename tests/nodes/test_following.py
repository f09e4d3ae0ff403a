"""What one node changes is in force on the others, and any node takes any message."""

from hub.core.directory import State
from hub.core.party import Party
from hub.sim import SimCpo, SimEmsp
from tests.nodes.conftest import nodes, until
from tests.support import CPO, EMSP, register

HUB = Party("NL", "HUB")
SECOND = 1.0


async def test_partners_agreements_and_keys_are_in_force_on_every_node_within_a_second(tmp_path, url):
    async with nodes(tmp_path, url) as (one, other), SimCpo("Cpo", [CPO]) as cpo:
        await register(one, cpo)

        def state(app=other):
            return next((each.state for each in app.keeper.current.platforms.values()), None)

        assert await until(lambda: state() is state(one) is State.REGISTERED) < SECOND
        digests = set(other.keeper.current.credentials)
        await one.partners.rotate("Cpo")
        assert await until(lambda: digests.isdisjoint(other.keeper.current.credentials)) < SECOND
        await one.operations.agreements.set("NL-CPO", "*", "tokens", allow=False)
        assert await until(lambda: other.keeper.current.agreements.rules) < SECOND
        key = (await one.operations.keys.create("mine", "read")).key
        assert await until(lambda: other.operations.keys.opens(key)) < SECOND
        await one.operations.keys.revoke("mine")
        assert await until(lambda: not other.operations.keys.opens(key)) < SECOND
        await one.partners.suspend("Cpo")
        assert await until(lambda: state() is State.SUSPENDED) < SECOND
        await one.partners.remove("Cpo")
        assert await until(lambda: state() is None) < SECOND


async def test_each_message_may_go_through_another_node(tmp_path, url):
    async with nodes(tmp_path, url) as apps, SimCpo("Cpo", [CPO]) as cpo, SimEmsp("Emsp", [EMSP]) as emsp:
        for platform in (cpo, emsp):
            await register(apps[0], platform)
        await until(lambda: all(len(each.keeper.current.parties) == 2 for each in apps))
        for number in range(1, 9):
            assert (await cpo.push_location(HUB, f"LOC{number % 3 + 1}")).ok
        await until(lambda: len([each for each in emsp.received if each.module == "locations"]) == 8)
        assert len(await emsp.fetch_all("locations")) == 3
        sent = await emsp.start_session("LOC1", None, emsp.token(1), cpo.party)
        assert sent.accepted
        assert (await emsp.result(of=sent)).result == "ACCEPTED"
