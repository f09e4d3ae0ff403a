"""The part of a plugin that is on several nodes: it learns of changes, hears what it says itself, and one leads."""

import asyncio
import textwrap
import time

import pytest

from hub.plugin import OcpiError
from tests.hosted import plugin
from tests.nodes.conftest import until
from tests.nodes.pair import pair

CODE = '''
"""A plugin of a test."""
from sqlalchemy import Column, Integer, Table, Text, select
from hub.plugin import Plugin, Tables

tables = Tables()
words = Table("plugin_mine_word", tables, Column("word", Text, primary_key=True), Column("n", Integer))


class Mine(Plugin):
    tables = tables

    async def start(self):
        self.heard, self.known, self.reads, self.fails = [], set(), 0, 0

    async def changed_elsewhere(self):
        self.reads += 1
        if self.fails:
            self.fails -= 1
            raise ValueError("not now")
        self.known = set((await self.store.read(lambda own: own.execute(select(words.c.word)))).scalars())

    async def heard_from_node(self, body):
        self.heard.append(body)

    async def add(self, word, **options):
        await self.store.write(lambda own: own.upsert(words, [{"word": word, "n": 1}]), **options)
'''


def mine(folder):
    (folder / "plugins").mkdir()
    (folder / "plugins" / "mine.py").write_text(textwrap.dedent(CODE))


def both(nodes):
    return plugin(nodes.one), plugin(nodes.other)


async def quiet(one):
    """Until the calls of a start are over."""
    while True:
        before = one.reads
        await asyncio.sleep(0.2)
        if one.reads == before:
            return


async def test_what_one_changes_others_read_again_within_a_second(tmp_path, url):
    async with pair(tmp_path, url, files=[mine]) as nodes:
        one, other = both(nodes)
        await quiet(one)
        await quiet(other)
        own = one.reads
        await one.add("silent")
        await one.add("told", tell=True)
        assert await until(lambda: "told" in other.known) < 1.0
        await other.add("back", tell=True)
        assert await until(lambda: "back" in one.known) < 1.0
        assert one.reads == own + 1, "nobody is told of what it did itself"
        before = other.reads
        await one.add("quietly")
        await nodes.other.node.news()
        await asyncio.sleep(0.1)
        assert other.reads == before


async def test_a_plugin_that_fails_to_read_is_asked_again_and_holds_up_nobody(tmp_path, url):
    async with pair(tmp_path, url, files=[mine]) as nodes:
        one, other = both(nodes)
        await quiet(other)
        other.fails = 1
        await one.add("told", tell=True)
        await until(lambda: not other.fails)
        await nodes.one.partners.invite("Late", ["NL-LAT:CPO"])
        await until(lambda: nodes.other.keeper.current.platforms)
        await until(lambda: "told" in other.known)
        (status,) = nodes.other.plugins.status()
        assert (status.state, status.faults) == ("running", 1)


async def test_what_a_plugin_says_is_heard_in_order_by_itself_elsewhere(tmp_path, url):
    async with pair(tmp_path, url, files=[mine]) as nodes:
        one, other = both(nodes)
        said = [str(number).encode() * number * 300 for number in range(20)]
        for each in said:
            await one.nodes.tell(each)
        await until(lambda: len(other.heard) == len(said))
        assert other.heard == said
        assert one.heard == []
        with pytest.raises(OcpiError, match="too large"):
            await one.nodes.tell(bytes(300_000))


async def test_it_knows_the_nodes_and_one_of_them_leads(tmp_path, url):
    async with pair(tmp_path, url, files=[mine]) as nodes:
        one, other = both(nodes)
        assert (one.nodes.name, other.nodes.name) == ("n0", "n1")
        assert one.nodes.several
        assert await one.nodes.there() == await other.nodes.there() == {one.nodes.own, other.nodes.own}
        assert (one.nodes.leads, other.nodes.leads) == (True, False)
        at = await one.store.read(lambda own: own.now())
        assert abs(at - time.time() * 1000) < 5_000


async def test_a_new_version_misses_no_change(tmp_path, url):
    async with pair(tmp_path, url, files=[mine]) as nodes:
        await quiet(plugin(nodes.other))
        file = tmp_path / "n1" / "plugins" / "mine.py"
        file.write_text(file.read_text() + "\n# changed\n")
        refreshing = asyncio.create_task(nodes.other.plugins.refresh())
        await plugin(nodes.one).add("meanwhile", tell=True)
        await refreshing
        await until(lambda: "meanwhile" in plugin(nodes.other).known)
