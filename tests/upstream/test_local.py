"""Platforms inside the hub: called by the client as others are, with its bounds, and without a socket."""

import asyncio

import pytest

from hub.upstream import Client, Fault, Guard, Headers, Limits, Request, Response, SendError

URL = "http://nl-vlt.hosted.invalid/mine/ocpi/versions"


@pytest.fixture
async def client():
    client = Client(Limits(connections=1, max_body=5), Guard(()))
    yield client
    await client.close()


def request(**changes):
    deadline = asyncio.get_running_loop().time() + 5.0
    return Request(**{"method": "GET", "url": URL, "pool": 1, "deadline": deadline, **changes})


async def fault(client, **changes):
    with pytest.raises(SendError) as error:
        await client.send(request(**changes))
    return error.value.fault


async def test_it_answers_while_it_is_there(client):
    async def answer(asked):
        return Response(200, Headers([(b"x-url", asked.url.encode())]), b"hello")

    client.locals.mount("nl-vlt.hosted.invalid", answer)
    response = await client.send(request())
    assert (response.status, response.headers.get("X-URL"), response.body) == (200, URL, b"hello")
    client.locals.unmount("nl-vlt.hosted.invalid")
    assert await fault(client) is Fault.CONNECT


async def test_nobody_else_is_looked_up(client):
    assert await fault(client, url="http://de-abc.hosted.invalid/") is Fault.CONNECT


async def test_the_bounds_of_the_client_hold(client):
    held = asyncio.Event()

    async def slow(_):
        await held.wait()
        return Response(200, Headers([]), b"longer than 5")

    client.locals.mount("nl-vlt.hosted.invalid", slow)
    first = asyncio.create_task(client.send(request()))
    await asyncio.sleep(0)
    assert await fault(client) is Fault.BUSY
    held.set()
    with pytest.raises(SendError) as error:
        await first
    assert (error.value.fault, error.value.sent) == (Fault.TOO_LARGE, True)
    assert await fault(client, deadline=0.0) is Fault.TIMEOUT
