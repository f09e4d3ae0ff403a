"""A port of a plugin's own: handed from one version to the next without a refused connection, closed at the end."""

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from hub.config import Admin, Config, Listen
from hub.plugin import PluginError, PluginFault
from hub.plugin.doors import Doors, Front
from tests.ports import free_port


def listening(word: str, port: int = 0, extra: str = "") -> str:
    return f"""
        async def start(self):
            application = web.Application()
            application.router.add_get("/", self.answer)
            application.router.add_get("/bad", self.bad)
            self.url = self.listen(application, host="127.0.0.1", port={port})
            {extra}

        async def answer(self, request):
            return web.Response(text="{word}")

        async def bad(self, request):
            raise SystemExit
    """


@pytest.fixture
def write(plugins):
    def write(word: str, port: int = 0, extra: str = "") -> None:
        path = plugins.plugin("mine", listening(word, port, extra))
        path.write_text(f"from aiohttp import web\n{path.read_text()}")

    return write


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_a_reload_refuses_nobody(plugins, write):
    write("one")
    runner = await plugins.start()
    url = plugins.running("mine").plugin.url
    answers = []

    async def keep_asking() -> None:
        while True:
            answers.append((await fetch(url))[1])

    asking = asyncio.create_task(keep_asking())
    while not answers:
        await asyncio.sleep(0)
    write("two")
    await runner.refresh()
    assert plugins.running("mine").plugin.url == url
    while answers[-1] != "two":
        assert not asking.done()
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert set(answers) == {"one", "two"}
    await runner.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await fetch(url)


async def opened(doors: Doors, word: str) -> tuple[Front, str]:
    """One version of a plugin, which answers with a word."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=word)

    front = Front("mine", doors, lambda handler, request: handler(request))
    application = web.Application()
    application.router.add_get("/", answer)
    url = front.listen(application, host="127.0.0.1", port=0)
    await front.open()
    return front, url


@pytest.mark.parametrize("turns", range(6))
async def test_who_comes_in_just_while_a_port_is_given_up_is_not_forgotten(turns):
    """So many turns of the loop before: who is not taken any more is told so, who is taken gets an answer."""
    front, url = await opened(Doors(Config()), "one")
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in range(turns):
            await asyncio.sleep(0)
        closing = asyncio.create_task(front.close())
        client.settimeout(3)
        try:
            answer = await asyncio.to_thread(client.recv, 1000)
        except ConnectionResetError:
            answer = b""
        await closing
    assert answer.startswith(b"HTTP/1.1 200") or turns == 0


async def test_a_new_version_that_fails_leaves_the_port_to_the_old_one(plugins, write):
    write("one")
    runner = await plugins.start()
    url = plugins.running("mine").plugin.url
    write("two", extra="raise ValueError('no')")
    await runner.refresh()
    await runner.settle()
    assert runner.status()[0].problem
    assert (await fetch(url))[1] == "one"


async def test_what_a_handler_raises_reaches_nobody(plugins, write):
    write("one")
    await plugins.start()
    url = plugins.running("mine").plugin.url
    assert (await fetch(f"{url}/bad"))[0] == 500
    assert (await fetch(f"{url}/none"))[0] == 404
    assert (await fetch(url)) == (200, "one")
    await plugins.bus.settle()
    assert [fault.error for fault in plugins.told(PluginFault)] == ["SystemExit"]


async def test_a_port_that_is_taken_is_told(plugins, write):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write("one", port)
        with pytest.raises(PluginError, match=f"can not listen on 127.0.0.1 port {port}: Address already in use"):
            await plugins.start()


@pytest.mark.parametrize(
    ("section", "host", "settings"),
    [
        ("listen", "127.0.0.1", {"listen": Listen(port=8090)}),
        ("listen", "127.0.0.1", {"listen": Listen(host="0.0.0.0", port=8090)}),
        ("admin", "::", {"admin": Admin(port=8090)}),
    ],
)
def test_a_port_of_the_hub_itself_is_told(section, host, settings):
    with pytest.raises(OSError, match=rf"can not listen on {host} port 8090: that is the hub's own, see \[{section}\]"):
        Doors(Config(**settings)).take(("mine", host, 8090))


def test_a_port_of_the_hub_at_another_address_or_of_none_is_free():
    port = free_port()
    doors = Doors(Config(listen=Listen(port=port), admin=Admin(enabled=False, port=port)))
    doors.take(key := ("mine", "127.0.0.2", port))
    doors.leave(key)
