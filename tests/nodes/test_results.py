"""Results that come in on another node than the one that waits for them."""

import asyncio
from contextlib import AsyncExitStack

import msgspec

from hub.nodes.relay import short
from hub.plugin import Interface, Party
from tests.hosted import VLT, cpo, plugin, write
from tests.nodes.conftest import node, until
from tests.nodes.pair import pair
from tests.partner import ocpi
from tests.versions import send, token

STARTS = "POST /receiver/commands/START_SESSION"
PROFILES = "PUT /receiver/chargingprofiles/S1"
ACCEPTED = {"result": "ACCEPTED", "timeout": 30}
SPEAKING = """
class MyEmsp(Emsp):
    party = "DE-MSQ"

    async def tokens(self, page):
        return []
"""
PLAIN = """
from hub.plugin import Plugin

class Plain(Plugin):
    pass
"""


def plain(folder):
    (folder / "plugins").mkdir()
    (folder / "plugins" / "mine.py").write_text(PLAIN)


async def test_a_result_between_partners_finds_its_way_through_any_node(tmp_path, url):
    async with pair(tmp_path, url) as nodes:
        emsp, cpo = await nodes.join("DE-MSP:EMSP"), await nodes.join("NL-CPO:CPO")
        cpo.says[STARTS], emsp.says["POST /results/1"] = ocpi(ACCEPTED), ocpi()
        body = {"token": token("2.2.1"), "location_id": "L1", "response_url": f"{emsp.url}/results/1"}
        assert (await send(emsp, "POST", "receiver/commands/START_SESSION", body, to=cpo.party)).code == 1000
        (asked,) = await cpo.expect(STARTS)
        nodes.to(nodes.other)
        result = await cpo.ask("POST", msgspec.json.decode(asked.body)["response_url"], body=b'{"result": "ACCEPTED"}')
        assert result.code == 1000
        (told,) = await emsp.expect("POST /results/1")
        assert msgspec.json.decode(told.body) == {"result": "ACCEPTED"}


async def test_a_plugin_that_asks_is_told_on_the_node_where_it_waits(tmp_path, url):
    async with pair(tmp_path, url, files=[plain]) as nodes:
        cpo = await nodes.join("NL-CPO:CPO")
        cpo.says["PUT /receiver/chargingprofiles/S1"] = ocpi(ACCEPTED)
        cpo.endpoints["receiver/chargingprofiles"] = "/receiver/chargingprofiles"
        assert (await cpo.register("PUT")).code == 1000
        hub = plugin(nodes.one).hub
        await until(lambda: hub.offers(cpo.party, "chargingprofiles", Interface.RECEIVER))
        asking = asyncio.create_task(
            hub.ask("PUT", "chargingprofiles", Interface.RECEIVER, to=cpo.party, path=("S1",), body={}, wait=20)
        )
        (asked,) = await cpo.expect(PROFILES)
        there = msgspec.json.decode(asked.body)["response_url"]
        assert len(there) < 255
        nodes.to(nodes.other)
        await until(lambda: cpo.party in nodes.other.keeper.current.parties)
        wrong = await cpo.ask("POST", there, body=b"{")
        assert wrong.status == 400
        assert (await cpo.ask("POST", there, body=b'{"result": "ACCEPTED"}')).code == 1000
        assert (await asking).result == {"result": "ACCEPTED"}
        late = await cpo.ask("POST", there, body=b'{"result": "REJECTED"}')
        assert (late.status, late.envelope["status_message"]) == (404, "nobody waits for this result any more")


async def test_a_party_in_the_hub_is_told_on_the_node_where_it_waits(tmp_path, url):
    async with pair(tmp_path, url, files=[lambda folder: write(folder, "mine", SPEAKING)]) as nodes:
        cpo = await nodes.join("NL-CPO:CPO")
        cpo.says[STARTS] = ocpi(ACCEPTED)
        mine = plugin(nodes.one)
        starting = asyncio.create_task(
            mine.request_start(msgspec.convert(token("2.2.1"), _token_of(mine)), "L1", to="NL-CPO", wait=20)
        )
        (asked,) = await cpo.expect(STARTS)
        nodes.to(nodes.other)
        result = await cpo.ask("POST", msgspec.json.decode(asked.body)["response_url"], body=b'{"result": "ACCEPTED"}')
        assert result.code == 1000, result.envelope
        assert (await starting).result.result == "ACCEPTED"


def _token_of(mine):
    return type(mine).request_start.__annotations__["token"]


async def test_a_party_in_the_hub_is_the_same_on_all_nodes(tmp_path, url):
    """Each node hosts it; none takes it from the others, and it is announced once."""
    async with pair(tmp_path, url, files=[lambda folder: write(folder, "mine", cpo("2.2.1"))]) as nodes:
        emsp = await nodes.join("DE-MSP:EMSP")
        records = [next(each for each in app.keeper.records.values() if each.name == "mine")
                   for app in (nodes.one, nodes.other)]  # fmt: skip
        assert records[0].id == records[1].id
        assert records[0].updated_at == records[1].updated_at
        for app in (nodes.one, nodes.other, nodes.one):
            nodes.to(app)
            body = {"token": token("2.2.1"), "location_id": "L1", "response_url": f"{emsp.url}/results/1"}
            answer = await send(emsp, "POST", "receiver/commands/START_SESSION", body, to=VLT)
            assert answer.envelope["data"] == ACCEPTED, answer.envelope
        await emsp.expect("POST /results/1", 3)


async def test_nodes_that_start_at_the_same_moment_are_one_party(tmp_path, url):
    async with node(tmp_path, url, "before"):
        pass
    for name in ("n0", "n1", "n2"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "mine", cpo("2.2.1"))
    async with AsyncExitStack() as stack:
        starting = (stack.enter_async_context(node(tmp_path, url, name)) for name in ("n0", "n1", "n2"))
        apps = await asyncio.gather(*starting)
        await until(lambda: len({app.node.seen for app in apps}) == 1)
        found = [app.keeper.current.parties[VLT] for app in apps]
        assert len({each.id for each in found}) == 1
        assert len({app.keeper.token_out(each.id).reveal() for app, each in zip(apps, found, strict=True)}) == 1


async def test_a_node_without_a_plugin_does_not_take_the_party_of_others_away(tmp_path, url):
    """The last node that is there does: then it is nobody's."""
    (tmp_path / "n0").mkdir()
    file = write(tmp_path / "n0", "mine", cpo("2.2.1"))
    async with node(tmp_path, url, "n0") as one:
        async with node(tmp_path, url, "n1") as without:
            assert VLT in without.keeper.current.parties
        assert VLT in one.keeper.current.parties
    file.unlink()
    async with node(tmp_path, url, "n0") as alone:
        assert VLT not in alone.keeper.current.parties


async def test_a_party_goes_when_the_last_node_has_lost_its_plugin(tmp_path, url):
    """As after a change that reaches one node after the other: none of them is ever alone."""
    (tmp_path / "n1").mkdir()
    write(tmp_path / "n1", "mine", cpo("2.2.1"))
    async with node(tmp_path, url, "n0") as leader, node(tmp_path, url, "n2") as third:
        await leader.plugins._host.stop()  # it looks when this test says so, and not in between
        async with node(tmp_path, url, "n1"):
            await until(lambda: VLT in leader.keeper.current.parties)
            for _ in range(3):
                await leader.plugins._host.tidy()
            assert VLT in leader.keeper.current.parties
        await third.plugins._host.tidy()
        await leader.plugins._host.tidy()  # the first look at which nobody has it
        assert VLT in leader.keeper.current.parties
        assert VLT in third.keeper.current.parties
        await leader.plugins._host.tidy()
        assert await until(lambda: VLT not in third.keeper.current.parties) < 1.0


async def test_certification_gets_results_through_any_node(tmp_path, url):
    async with pair(tmp_path, url) as nodes:
        cpo = await nodes.join("NL-CPO:CPO")
        place = nodes.one._inbox.expect("2.2.1")
        nodes.to(nodes.other)
        for _ in range(2):
            assert (await cpo.ask("POST", place.url, body=b'{"result": "ACCEPTED"}')).code == 1000
        assert await place.result(5) == b'{"result": "ACCEPTED"}'
        gone = place.url.replace(short(nodes.one.keeper._database.node), "A" * 22)
        for url_of_nobody in (gone, f"{place.url}x", f"{nodes.front.url}/ocpi/2.2.1/certify/{'x.' * 50}"):
            assert (await cpo.ask("POST", url_of_nobody, body=b"{}")).status == 404
        assert (await cpo.ask("GET", place.url)).status in (404, 405)


async def test_a_node_that_can_tell_nobody_says_so(tmp_path, url):
    async with pair(tmp_path, url) as nodes:
        cpo = await nodes.join("NL-CPO:CPO")
        place = nodes.one._inbox.expect("2.2.1")
        nodes.to(nodes.other)
        large = await cpo.ask("POST", place.url, body=b'"' + b"x" * 300_000 + b'"')
        assert (large.status, large.code) == (503, 3000)
        assert (await cpo.ask("POST", place.url, body=b'{"result": "ACCEPTED"}')).code == 1000


async def test_a_party_may_be_on_a_hub_that_is_alone(tmp_path):
    """With SQLite as ever: the token is the same after each start."""
    from tests.hosted import hosted

    async with hosted(tmp_path, cpo("2.2.1")) as (app,):
        first = app.keeper.token_out(app.keeper.current.parties[Party("NL", "VLT")].id).reveal()
    async with hosted(tmp_path, cpo("2.2.1")) as (app,):
        assert app.keeper.token_out(app.keeper.current.parties[Party("NL", "VLT")].id).reveal() == first
