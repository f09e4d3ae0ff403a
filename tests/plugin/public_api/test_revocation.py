"""A user's token that was renewed, a user who was removed, an app key that was revoked: refused at once, everywhere."""

import asyncio
import time

import aiohttp
import pytest

pytestmark = pytest.mark.promise(10)

SECOND = 1.0


async def renewed(desk, user):
    await desk.back().post(f"/v1/users/{user.user}/token")


async def removed(desk, user):
    assert (await desk.back().call("DELETE", f"/v1/users/{user.user}"))[0] == 200


async def key_revoked(desk, _):
    await desk.verb("key-revoke", b'"shop-front"')


ENDS = {"renewed token": renewed, "removed user": removed, "revoked app key": key_revoked}


@pytest.mark.parametrize("what", ENDS)
async def test_sockets_tickets_and_requests_end_within_a_second(desk, what, proof):
    user, other = await desk.user("bob"), await desk.user("eve", app="other")
    sockets = [await user.listen() for _ in range(3)]
    theirs = await other.listen()
    for each in (*sockets, theirs):
        assert (await each.receive_json())["type"] == "sessions"
    ticket = await user.post("/v1/tickets")
    calling = asyncio.create_task(until_refused(user))
    await ENDS[what](desk, user)
    done = time.monotonic()
    for each in sockets:
        assert (await each.receive(5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    ended = time.monotonic()
    refused = await calling
    with pytest.raises(aiohttp.WSServerHandshakeError) as turned_away:
        await user.session.ws_connect(ticket["url"])
    assert turned_away.value.status == 401
    assert not theirs.closed
    assert (await other.call("GET", "/v1/sessions"))[0] == 200
    proof.at_most(f"seconds until sockets of the public API end, {what}", round(ended - done, 3), SECOND)
    proof.at_most(f"seconds until the public API refuses, {what}", round(max(refused - done, 0.0), 3), SECOND)


async def until_refused(user):
    """When a request of the user was refused first."""
    while True:
        status, _ = await user.call("GET", "/v1/sessions")
        if status != 200:
            assert status == 401
            return time.monotonic()
