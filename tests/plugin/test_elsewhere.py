"""What other nodes tell a plugin: one call after the other, none lost that matters, and no more kept than that."""

import asyncio
from pathlib import Path

from hub.plugin.contain import Container
from hub.plugin.elsewhere import Elsewhere


class Called:
    """A plugin that takes its time, and fails as often as it is told to."""

    def __init__(self, fails=0):
        self.go = asyncio.Event()
        self.heard = []
        self.reads = self.at_once = 0
        self.fails = fails

    async def changed_elsewhere(self):
        self.at_once += 1
        assert self.at_once == 1
        await self.go.wait()
        self.at_once -= 1
        self.reads += 1
        if self.fails:
            self.fails -= 1
            raise ValueError("not now")

    async def heard_from_node(self, body):
        await self.go.wait()
        self.heard.append(body)


async def told(plugin, work):
    """What went wrong until the plugin has done all that it was told."""
    faults, container = [], Container(Path("mine.py"))
    elsewhere = Elsewhere(plugin, container, lambda name, fault: faults.append((name, str(fault))))
    await work(elsewhere)
    plugin.go.set()
    async with asyncio.timeout(10):
        while container.running:
            await asyncio.sleep(0.01)
    return elsewhere, faults


async def test_many_changes_at_once_are_two_calls_at_most():
    """One that was under way may have read too early."""
    plugin = Called()

    async def work(elsewhere):
        elsewhere.changed()
        await asyncio.sleep(0.01)
        for _ in range(100):
            elsewhere.changed()

    assert (await told(plugin, work))[1] == []
    assert plugin.reads == 2


async def test_what_fails_is_done_again():
    plugin = Called(fails=1)

    async def work(elsewhere):
        elsewhere.changed()

    faults = (await told(plugin, work))[1]
    assert faults == [("changed_elsewhere", "ValueError: not now")]
    assert plugin.reads == 2


async def test_of_too_much_that_is_heard_the_oldest_goes():
    plugin = Called()

    async def work(elsewhere):
        for number in range(1500):
            elsewhere.hear(str(number).encode())

    elsewhere, faults = await told(plugin, work)
    assert plugin.heard == [str(number).encode() for number in range(500, 1500)]
    assert (elsewhere.dropped, faults) == (500, [])


async def test_nothing_is_called_when_the_plugin_has_ended():
    plugin, container = Called(), Container(Path("mine.py"))
    elsewhere = Elsewhere(plugin, container, lambda *_: None)
    elsewhere.changed()
    elsewhere.hear(b"late")
    await container.end(seconds=1.0)
    plugin.go.set()
    await asyncio.sleep(0.05)
    assert (plugin.reads, plugin.heard) == (0, [])
