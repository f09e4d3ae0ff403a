"""Two nodes take pushes of one object at the same moment: none is lost, and one of them made it."""

import asyncio

import msgspec

from hub.core.party import Party
from tests.nodes.pair import pair
from tests.versions import location, send

HUB = Party("NL", "HUB")
WHERE = "receiver/locations/NL/CPO/LOC1"
AT = "2030-01-01T00:00:0{}Z"


async def test_changes_of_one_object_that_come_in_on_two_nodes_are_all_applied(tmp_path, url):
    async with pair(tmp_path, url) as nodes:
        cpo = await nodes.join("NL-CPO:CPO")
        assert (await send(cpo, "PUT", WHERE, location("2.2.1"), HUB)).code == 1000
        nodes.front.targets = [nodes.one.port, nodes.other.port]
        before = dict(nodes.front.taken)
        for number in range(5):
            at = {"last_updated": AT.format(number)}
            changes = [{"name": f"N{number}"}, {"city": f"C{number}"}, {"address": f"A{number}"}, {"postal_code": "1"}]
            answers = await asyncio.gather(*(send(cpo, "PATCH", WHERE, at | each, HUB) for each in changes))
            assert [each.code for each in answers] == [1000] * 4
            for app in (nodes.one, nodes.other):
                whole = await app.operations.mirror.get("locations", cpo.party, "loc1")
                body = msgspec.json.decode(whole.body)
                assert (body["name"], body["city"], body["address"]) == (f"N{number}", f"C{number}", f"A{number}")
        assert all(nodes.front.taken[port] > before.get(port, 0) for port in nodes.front.targets)


async def test_one_of_two_makes_a_new_object(tmp_path, url):
    async with pair(tmp_path, url) as nodes:
        cpo = await nodes.join("NL-CPO:CPO")
        nodes.front.targets = [nodes.one.port, nodes.other.port]
        for number in range(5):
            where, body = f"receiver/locations/NL/CPO/NEW{number}", location("2.2.1") | {"id": f"NEW{number}"}
            answers = await asyncio.gather(*(send(cpo, "PUT", where, body, HUB) for _ in range(4)))
            assert sorted(each.status for each in answers) == [200, 200, 200, 201]
