"""A rolling upgrade: hubs of this release and of a next one, made by a test, side by side on one PostgreSQL."""

import asyncio
import shutil

import aiohttp
import pytest

from hub.store.database import Database
from hub.store.migrations import newest
from tests.fault.process import ROOT, HubProcess

EXPANDING = """
works_from = "{works_from}"

def upgrade():
    for table in ("platform", "exchange", "delivery", "mirror", "credential", "endpoint", "change", "node"):
        op.add_column(table, sa.Column("next_may_be_null", sa.Text()))
        op.add_column(table, sa.Column("next_has_default", sa.Integer(), nullable=False, server_default="7"))
    op.create_index("ix_next", "exchange", ["next_has_default"])
    op.create_table("next", sa.Column("id", sa.Integer(), primary_key=True))
"""
CONTRACTING = """
works_from = "9999"

def upgrade():
    pass  # so that this program, which is not really of the next release, can work with it
"""


@pytest.fixture
def url(postgresql):
    url = postgresql.migrated()
    yield url
    postgresql.drop(url)


@pytest.fixture
async def run(tmp_path, url):
    """Starts hubs: of this release, and of one that has another migration."""
    hubs = []

    async def start(name, release: str | None = None):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "data").mkdir(mode=0o700)
        if name != "first":
            shutil.copy2(tmp_path / "first/data/hub.key", folder / "data")
        environment = {"OCPI_HUB__STORE__URL": url, "OCPI_HUB__NODE__NAME": name}
        if release:
            environment["PYTHONPATH"] = str(next_release(folder / "release", release))
        hub = HubProcess(folder, environment=environment)
        hubs.append(hub)
        await hub.start()
        return hub

    yield start
    for each in hubs:
        await each.__aexit__()


def next_release(folder, migration):
    """A copy of the program, with one more migration."""
    shutil.copytree(ROOT / "hub", folder / "hub", ignore=shutil.ignore_patterns("__pycache__"))
    head = '"""Next."""\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = "9999"\n'
    head += f'down_revision = "{newest()}"\n'
    file = folder / "hub/store/migrations/versions/9999_next.py"
    file.write_text(head + migration.format(works_from=newest()))
    return folder


class Traffic:
    """A partner that asks each hub again and again, and is known to all."""

    def __init__(self, token):
        self._headers = {"Authorization": f"Token {token}"}
        self.hubs, self.answers, self.failures = [], 0, []

    async def __aenter__(self):
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self):
        async with aiohttp.ClientSession(headers=self._headers) as session:
            while True:
                for hub in list(self.hubs):
                    async with session.get(f"{hub.url}/ocpi/versions") as answer:
                        body = await answer.text()
                        self.answers += 1
                        if answer.status != 200 or '"status_code":1000' not in body.replace(" ", ""):
                            self.failures.append((hub.port, answer.status, body))
                await asyncio.sleep(0.005)

    async def more(self, count):
        """Wait for so many answers."""
        until = self.answers + count
        async with asyncio.timeout(30):
            while self.answers < until:
                assert not self._task.done(), self._task.exception()
                await asyncio.sleep(0.01)


async def changes(hubs, place):
    """Each hub makes a partner, and every other one gets to know it."""
    for hub in hubs:
        name = f"P{place}-{hub.port}"
        await hub.ask("invite", name=name, parties=(f"NL-{place}{hubs.index(hub)}X:CPO",))
        async with asyncio.timeout(15):
            for other in hubs:
                while name not in [each["name"] for each in await other.ask("list")]:
                    await asyncio.sleep(0.05)


async def test_both_releases_work_side_by_side(run, url):
    first = await run("first")
    token = (await first.ask("invite", name="Asks", parties=("NL-ASK:CPO",)))["token_a"]
    async with Traffic(token) as traffic:
        traffic.hubs.append(first)
        await traffic.more(20)
        newer = await run("newer", EXPANDING)
        traffic.hubs.append(newer)
        await traffic.more(50)
        await changes([first, newer], 1)
        # One of the old release may still be started, and goes on.
        another = await run("another")
        assert "schema_ahead" in another.log.read_text()
        traffic.hubs.append(another)
        await changes([first, newer, another], 2)
        await traffic.more(100)
        traffic.hubs.remove(first)
        await traffic.more(10)
        await first.stop()
        await traffic.more(50)
    assert traffic.failures == []
    for hub in (newer, another):
        assert "Traceback" not in hub.log.read_text()
    database = await Database.open(url)
    rows = await database.read(lambda c: c.exec_driver_sql("SELECT count(*), min(next_has_default) FROM platform"))
    assert rows.one() == (6, 7)
    await database.close()


async def test_a_release_that_breaks_the_last_one_waits_for_its_end_and_then_keeps_it_out(run):
    first = await run("first")
    with pytest.raises(AssertionError, match=f"older ones are connected.*ocpi-hub/{newest()}"):
        await run("too-early", CONTRACTING)
    assert await first.ask("list") == []
    await first.stop()
    newer = await run("newer", CONTRACTING)
    assert await newer.ask("list") == []
    with pytest.raises(AssertionError, match="its schema 9999 needs a hub for schema 9999 or newer"):
        await run("too-late")
