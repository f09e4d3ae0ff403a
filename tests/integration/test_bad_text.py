"""A partner whose every name and word is bad, from its registration to the terminal: it stays text all the way."""

import unicodedata
from urllib.parse import quote

import aiohttp
import msgspec
import pytest

from hub.config import Admin
from tests.cli.command import ocpi_hub
from tests.cli.evil import EVIL
from tests.partner import Partner, ocpi
from tests.raw import request, wire
from tests.support import running

TO = "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
TARIFF = {
    "country_code": "NL",
    "party_id": "CPO",
    "id": EVIL,
    "currency": EVIL,
    "elements": [],
    "tariff_alt_text": [{"language": EVIL, "text": EVIL}],
    "last_updated": EVIL,
}
LISTS = ("partners", "parties", "status", "overview", "journal", "findings", "losses", "plugins", "agreements")
COMMANDS = (
    ("partner", "list"), ("partner", "show", "1"), ("status",), ("journal",), ("journal", "--csv"),
    ("journal", "--json"), ("trace", "c-1"), ("findings",), ("findings", "--json"), ("losses",),
)  # fmt: skip


@pytest.fixture
async def hub(tmp_path):
    """A hub that two such partners have used."""
    cpo = Partner("NL-CPO:CPO", endpoints=["sender/tariffs"])
    emsp = Partner("DE-MSP:EMSP", endpoints=["receiver/tariffs"])
    async with running(tmp_path, validation="report", admin=Admin(port=0)) as app, cpo.serve(), emsp.serve():
        for partner in (cpo, emsp):
            await partner.invited(app)
            roles = partner.credentials()["roles"]
            roles[0]["business_details"] = {"name": EVIL[:100], "website": EVIL[:200]}
            assert (await partner.register(roles=roles)).code in (1000, 2001)
        await _send_all(app, cpo, emsp)
        await app.bus.settle()
        yield app


async def _send_all(app, cpo, emsp):
    path = f"/ocpi/2.2.1/receiver/tariffs/NL/CPO/{quote(EVIL[:150], safe='')}"
    emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = ocpi(code=2000, message=EVIL)
    emsp.says["PUT /receiver/tariffs/NL/CPO/T2"] = ocpi(status=500, message=EVIL)
    body = msgspec.json.encode(TARIFF | {"id": "T1"})
    first = await cpo.ask("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", *TO, "X-Correlation-ID: c-1", body=body)
    assert first.code == 2000
    assert (await cpo.ask("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T2", *TO, body=body)).code >= 2000
    await cpo.ask("PUT", path, *TO, body=msgspec.json.encode(TARIFF))
    for target in (path, f"/{quote(EVIL[:300])}", "/ocpi/<b>x</b>"):
        async with wire(app.url) as connection:
            await connection.send(request("GET", target, token="wrong"))
            assert (await connection.answer()).status >= 400


@pytest.mark.promise(13)
async def test_it_is_text_everywhere(hub, tmp_path):
    key = (await hub.operations.keys.create("test", "admin")).key
    async with aiohttp.ClientSession(headers={"x-api-key": key}) as session:
        for name in LISTS:
            async with session.get(f"{hub.admin_url}/api/v1/{name}") as answer:
                assert (answer.status, answer.content_type) == (200, "application/json")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert_seen(await answer.text())
    findings = await hub.operations.counts.findings(None)
    assert {"currency", "last_updated"} <= {each.path for each in findings}
    for words in COMMANDS:
        done = await ocpi_hub(tmp_path, *words)
        assert done.status == 0, done.err
        assert_seen(done.out.replace("\r\n", "\n") + done.err)
        assert not [line for line in done.out.splitlines() if line.startswith("FORGED")]
        assert len(done.out) < 200_000


def assert_seen(told: str) -> None:
    """Nothing steers a terminal, and nothing turns the direction of writing."""
    unseen = {char for char in told if not (char.isprintable() or char == "\n" or unicodedata.category(char) == "Zs")}
    assert unseen == set()
