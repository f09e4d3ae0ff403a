"""What one node saw a moment ago is a hint for another one, too (2.2.1, transport_and_format: Open Routing Request)."""

import asyncio

from tests.nodes.pair import pair
from tests.partner import ocpi
from tests.versions import send, session

PUT = "PUT /receiver/sessions/NL/CPO/S1"
STOPS = "POST /receiver/commands/STOP_SESSION"


async def stop(emsp, session_id):
    """The answer to a STOP_SESSION that names no receiver, and the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    body = {"session_id": session_id, "response_url": f"{emsp.url}/results/1"}
    return await send(emsp, "POST", "receiver/commands/STOP_SESSION", body), loop.time() - began


async def test_a_session_that_another_node_has_just_seen_is_found(tmp_path, url):
    async with pair(tmp_path, url) as nodes:
        emsp, cpo = await nodes.join("DE-MSP:EMSP"), await nodes.join("NL-CPO:CPO")
        emsp.says[PUT], cpo.says[STOPS] = ocpi(), ocpi({"result": "ACCEPTED", "timeout": 30})
        assert (await send(cpo, "PUT", "receiver/sessions/NL/CPO/S1", session("2.2.1"), emsp.party)).code == 1000
        nodes.to(nodes.other)  # the very next moment: what the first node knows is not in the store yet
        answer, _ = await stop(emsp, "S1")
        assert answer.code == 1000, answer.envelope
        assert cpo.lines.count(STOPS) == 1


async def test_what_nobody_saw_is_looked_for_once_more_and_then_refused(tmp_path, url):
    async with pair(tmp_path, url) as nodes:
        emsp = await nodes.join("DE-MSP:EMSP")
        answer, took = await stop(emsp, "NOBODY")
        assert answer.code == 2001
        assert 0.3 <= took < 5


async def test_what_goes_its_way_without_a_hint_does_not_wait_for_one(tmp_path, url):
    """A session names the eMSP in its cdr_token: that nobody has seen it before is the rule."""
    async with pair(tmp_path, url) as nodes:
        emsp, cpo = await nodes.join("DE-MSP:EMSP"), await nodes.join("NL-CPO:CPO")
        loop, least = asyncio.get_running_loop(), 9.0
        for number in range(5):
            emsp.says[f"PUT /receiver/sessions/NL/CPO/T{number}"] = ocpi()
            began = loop.time()
            told = session("2.2.1") | {"id": f"T{number}"}
            assert (await send(cpo, "PUT", f"receiver/sessions/NL/CPO/T{number}", told)).code == 1000
            least = min(least, loop.time() - began)
        assert least < 0.3
