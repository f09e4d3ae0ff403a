"""Who has the database, and not the key, can call nobody: neither by reading it, nor by changing it.

And who has a URL that the hub sealed for another partner gets nothing with it.
"""

import base64
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
import pytest_asyncio

from hub.store.backup import back_up
from tests.fault.canaries import Canaries
from tests.fault.process import HubProcess, Nursery
from tests.partner import Partner, ocpi
from tests.promises import Proof
from tests.versions import CPO, CPO_MODULES, EMSP, EMSP_MODULES, cdr, send

pytestmark = pytest.mark.promise(8)


class House:
    """A hub that has two partners and was stopped; `tokens` are those that it calls them with."""

    def __init__(self, hub: HubProcess, folder: Path) -> None:
        self.hub = hub
        self.folder = folder
        self.canaries = Canaries()
        self.cpo = Partner("NL-CPO:CPO", endpoints=(*CPO_MODULES, "receiver/commands"))
        self.emsp = Partner("DE-MSP:EMSP", endpoints=(*EMSP_MODULES, "sender/commands"))

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Read or change the database of a hub that does not run."""
        with closing(sqlite3.connect(self.hub.database)) as database, database:
            return database.execute(statement, values).fetchall()

    async def joins(self, partner: Partner) -> None:
        partner.token_out = self.canaries.new(f"first token of {partner.party}")
        role = str(partner.roles[0])
        invitation = await self.hub.ask("invite", name=role, parties=[role])
        partner.token, partner.hub = self.canaries.learnt("TOKEN_A", invitation["token_a"]), self.hub.url
        assert (await partner.register()).code == 1000
        self.canaries.learnt(f"token C of {partner.party}", partner.token)
        partner.token_out = self.canaries.new(f"second token of {partner.party}")
        assert (await partner.register("PUT")).code == 1000
        self.canaries.learnt(f"second token C of {partner.party}", partner.token)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest_asyncio.fixture
async def house(tmp_path: Path, nursery: Nursery) -> AsyncIterator[House]:
    hub = HubProcess(tmp_path, nursery=nursery, timeout=3.0)
    house = House(hub, tmp_path)
    async with AsyncExitStack() as stack:
        for partner in (house.cpo, house.emsp):
            await stack.enter_async_context(partner.serve())
        await stack.enter_async_context(hub)
        for partner in (house.cpo, house.emsp):
            await house.joins(partner)
        yield house


async def test_no_byte_of_the_database_opens_anything(house: House, proof: Proof) -> None:
    """While the hub runs, with what its log of writes holds, and in a backup."""
    (house.folder / "saved").mkdir()
    back_up(house.hub.database, house.folder / "saved" / "backup.db", lambda *_: None, running=True)
    files = [each for each in house.hub.files() if Path(each[0]).name != "hub.key"]
    assert {Path(each).name for each, _ in files} >= {"hub.db", "hub.db-wal", "backup.db"}
    key = (house.folder / "data" / "hub.key").read_text().strip()
    house.canaries.learnt("hub.key", key)
    leaks = house.canaries.search(files)
    print("\n".join(leaks[:20]))
    proof.exactly("tokens that a stolen database, its WAL or a backup show", len(leaks), 0)


async def failed(hub: HubProcess) -> str | None:
    """What a hub says that can not start; None where it starts."""
    before = hub.log.stat().st_size
    try:
        await hub.start()
    except AssertionError:
        return hub.log.read_bytes()[before:].decode()
    return None


async def test_another_key_opens_nothing(house: House, proof: Proof) -> None:
    """Neither another key nor none: the hub does not start, and says which file is wrong."""
    await house.hub.stop()
    key = house.folder / "data" / "hub.key"
    own, started = key.read_bytes(), 0
    for other in (base64.b64encode(secrets.token_bytes(32)), None):
        key.unlink(missing_ok=True)
        if other is not None:
            key.write_bytes(other)
            key.chmod(0o600)
        said = await failed(house.hub)
        started += said is None
        assert said is None or ("hub.key" in said and "Traceback" not in said), said
        assert key.exists() == (other is not None)
    proof.exactly("hubs that start with another key than the database's", started, 0)
    key.write_bytes(own)
    key.chmod(0o600)
    await house.hub.start()
    assert (await send(house.emsp, "GET", "sender/locations", to=CPO)).status == 404  # what the CPO says


async def test_tokens_that_were_swapped_are_sent_to_nobody(house: House, proof: Proof) -> None:
    """Who can write to the database puts one partner's token into another's row, to have the hub send it there."""
    await house.hub.stop()
    rows = house.sql("SELECT id, token_out FROM platform WHERE token_out IS NOT NULL ORDER BY id")
    (cpo, of_cpo), (emsp, of_emsp) = rows
    for given in ((of_emsp, of_cpo), (of_emsp, of_emsp)):
        for platform, value in zip((cpo, emsp), given, strict=True):
            house.sql("UPDATE platform SET token_out = ? WHERE id = ?", value, platform)
        await house.hub.start()
        for partner, to, whole in ((house.emsp, CPO, False), (house.cpo, EMSP, given[1] == of_emsp)):
            module = "locations" if to == CPO else "tokens"
            answer = await send(partner, "GET", f"sender/{module}", to=to)
            assert answer.told == ((404, 2000) if whole else (200, 4003)), answer
        assert "token_unreadable" in house.hub.log.read_text()
        await house.hub.stop()
    wrong = [
        found
        for partner, other in ((house.cpo, "DE-MSP"), (house.emsp, "NL-CPO"))
        for each in partner.asked
        for found in house.canaries.find(each.headers["authorization"].encode(), f"a request to {partner.party}")
        if f"token of {other}" in found
    ]
    proof.exactly("tokens sent to another partner after rows were swapped", len(wrong), 0)


async def test_a_sealed_url_is_of_use_to_one_partner_alone(house: House, proof: Proof) -> None:
    """Link, Location and response_url: nobody else opens them, and nobody sees what is inside."""
    secret = house.canaries.new("what is inside of a sealed URL")
    cpo, emsp = house.cpo, house.emsp
    cpo.says["GET /sender/locations"] = ocpi([], Link=f'<{cpo.url}/sender/locations?offset=1&key={secret}>; rel="next"')
    listed = await send(emsp, "GET", "sender/locations?limit=1", to=CPO)
    emsp.says["POST /receiver/cdrs"] = ocpi(status=201, Location=f"{emsp.url}/cdrs/1?key={secret}")
    posted = await send(cpo, "POST", "receiver/cdrs", cdr("2.2.1"), EMSP)
    cpo.says["POST /receiver/commands/STOP_SESSION"] = ocpi({"result": "ACCEPTED", "timeout": 5})
    body = {"session_id": "S1", "response_url": f"{emsp.url}/sender/commands/1?key={secret}"}
    assert (await send(emsp, "POST", "receiver/commands/STOP_SESSION", body, CPO)).code == 1000
    asked = cpo.asked[-1]
    urls = {
        listed.headers["link"].partition(">")[0][1:]: (emsp, "GET"),
        posted.headers["location"]: (cpo, "GET"),
        asked.body.decode().partition('"response_url":"')[2].partition('"')[0]: (cpo, "POST"),
    }
    assert house.canaries.find("\n".join(urls).encode(), "sealed URLs") == []
    opened = 0
    for url, (holder, method) in urls.items():
        other = cpo if holder is emsp else emsp
        for partner, asks in ((other, "GET"), (other, "POST"), (holder, "POST" if method == "GET" else "GET")):
            answer = await partner.ask(asks, url, body=b"{}" if asks == "POST" else None)
            opened += answer.told != (404, 2000)
        assert (await holder.ask(method, url, body=b"{}" if method == "POST" else None)).told != (
            404,
            2000,
        ) or holder is cpo
    proof.exactly("sealed URLs that opened for another partner or method", opened, 0)
