"""The registry: certificates are issued, found and ended, and read over its own port with keys."""

import json
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from hub.app import App
from tests.cli.command import ocpi_hub
from tests.plugin.shipped import plugin, shipped
from tests.support import running

COVERS = [{"version": "2.2.1", "module": "locations", "interface": "SENDER"}]
ISSUE = {
    "name": "Cpo <b>&\u202e",
    "parties": ["NL-CPO:CPO"],
    "capabilities": COVERS,
    "checked_at": "2026-01-01T12:00:00.000Z",
}


class Desk:
    """The registry of a hub, from both sides."""

    def __init__(self, app: App, http: aiohttp.ClientSession) -> None:
        self.app, self.http, self.key = app, http, ""
        self.url = plugin(app, "registry").url

    async def call(self, verb: str, given: Any = None) -> Any:
        reception = self.app.plugins.reception
        answer = await reception.call("registry", verb, b"" if given is None else msgspec.json.encode(given))
        return msgspec.to_builtins(answer)

    async def get(self, path: str, key: str | None = None) -> tuple[int, Any]:
        headers = {"x-api-key": self.key if key is None else key}
        async with self.http.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def parties(self, query: str = "") -> list[str]:
        status, found = await self.get(f"/v1/parties?limit=200&{query}")
        assert status == 200, found
        return [each["party"] for each in found["items"]]


@asynccontextmanager
async def desk(folder, **settings):
    async with (
        shipped(folder, "registry", {"port": 0, "rate": 1000.0, **settings}) as (app, _, _),
        aiohttp.ClientSession() as http,
    ):
        made = Desk(app, http)
        made.key = (await made.call("key-create", "tests"))["key"]
        yield made


async def test_a_certificate_is_issued_read_and_revoked(tmp_path):
    async with desk(tmp_path) as registry:
        (issued,) = (await registry.call("issue", ISSUE))["certificates"]
        assert await registry.get(f"/v1/certificates/{issued['id']}") == (200, issued)
        assert (issued["state"], issued["capabilities"], issued["kind"]) == ("active", COVERS, "CPO")
        status, listing = await registry.get("/v1/parties/nl-cpo")
        assert (status, listing["name"], listing["active_certificates"]) == (200, ISSUE["name"], [issued])
        assert listing["classes"] == [{"kind": "CPO", "model": "", "maker": ""}]
        ended = await registry.call("revoke", {"id": issued["id"], "reason": "moved away"})
        assert (ended["state"], ended["ended_why"]) == ("past", "revoked: moved away")
        status, found = await registry.get("/v1/certificates?state=active")
        assert found["items"] == []
        assert (await registry.get("/v1/certificates?state=past"))[1]["items"] == [ended]


async def test_a_new_certificate_replaces_the_one_before_and_leaves_other_classes(tmp_path):
    async with desk(tmp_path) as registry:
        (first,) = (await registry.call("issue", ISSUE))["certificates"]
        (device,) = (await registry.call("issue", ISSUE | {"model": "Wallbox 11"}))["certificates"]
        (second,) = (await registry.call("issue", ISSUE | {"days": 10}))["certificates"]
        listing = (await registry.get("/v1/parties/NL-CPO"))[1]
        assert {each["id"] for each in listing["active_certificates"]} == {device["id"], second["id"]}
        assert listing["past_certificates"] == 1
        past = (await registry.get(f"/v1/certificates/{first['id']}"))[1]
        assert past["ended_why"] == f"replaced by {second['id']}"
        assert {each["kind"] for each in listing["classes"]} == {"CPO", "DEVICE"}


async def test_listings_are_written_and_removed(tmp_path):
    async with desk(tmp_path) as registry:
        entry = {"party": "de-abc", "name": "ABC", "website": "https://abc.example"}
        classes = [{"kind": "EMSP"}, {"kind": "DEVICE", "model": "M1", "maker": "ABC"}]
        await registry.call("put-party", entry | {"classes": classes})
        assert await registry.parties("country=de&kind=DEVICE") == ["DE-ABC"]
        assert await registry.parties("certified=true") == []
        assert await registry.parties("search=%25") == []
        assert await registry.parties("search=ab") == ["DE-ABC"]
        assert await registry.call("remove-party", "DE-ABC") is True
        assert await registry.parties() == []


async def test_what_is_made_up_is_marked_filtered_and_paged(tmp_path):
    async with desk(tmp_path, development=True) as registry:
        everybody = await registry.parties()
        assert len(everybody) == 40
        seen, path = [], "/v1/parties?limit=7"
        while path:
            found = (await registry.get(path))[1]
            assert all(each["synthetic"] and "made up" in each["name"] for each in found["items"])
            seen += [each["party"] for each in found["items"]]
            path = f"/v1/parties?limit=7&after={found['next']}" if found["next"] else ""
        assert seen == everybody == sorted(everybody)
        certified, others = await registry.parties("certified=true"), await registry.parties("certified=false")
        assert sorted(certified + others) == everybody
        assert 0 < len(await registry.parties("version=2.3.0&module=tokens&interface=SENDER")) < len(certified)
        past = (await registry.get("/v1/certificates?state=past&limit=1"))[1]
        assert past["items"][0]["ended_why"] == "expired"
        assert past["next"]
    async with desk_again(tmp_path) as registry:
        assert await registry.parties() == []


@asynccontextmanager
async def desk_again(folder):
    """The same data folder, without development."""
    async with (
        running(folder, plugins={"registry": {"enabled": True, "port": 0}}) as app,
        aiohttp.ClientSession() as http,
    ):
        made = Desk(app, http)
        made.key = (await made.call("key-create", "again"))["key"]
        yield made


async def test_only_a_read_key_opens_it(tmp_path):
    async with desk(tmp_path) as registry:
        for key in ("", "reg_wrong", "\u00e9"):
            status, answer = await registry.get("/v1/parties", key=key)
            assert (status, answer["error"]["message"]) == (401, "the header x-api-key holds no read key")
        assert (await registry.get("/v1/parties"))[0] == 200
        database = b"".join(each.read_bytes() for each in (tmp_path / "data").glob("hub.db*"))
        assert registry.key.encode() not in database
        assert [each["name"] for each in await registry.call("key-list")] == ["tests"]
        assert await registry.call("key-revoke", "tests") is True
        assert (await registry.get("/v1/parties"))[0] == 401


async def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path):
    async with desk(tmp_path, rate=0.1) as registry:
        found = [(await registry.get("/v1/parties"))[0] for _ in range(3)]
        assert (found[0], found[-1]) == (200, 429)


@pytest.mark.parametrize(
    "path", ["/v1/parties?limit=0", "/v1/parties?colour=red", "/v1/certificates?state=old", "/v1/parties?country=NLD"]
)
async def test_mistakes_in_a_query_are_named(tmp_path, path):
    async with desk(tmp_path) as registry:
        status, answer = await registry.get(path)
        assert status == 400, answer
        assert path.partition("?")[2].partition("=")[0] in answer["error"]["message"]


async def test_what_is_not_there_is_404(tmp_path):
    async with desk(tmp_path) as registry:
        assert (await registry.get("/v1/parties/XX-XXX"))[0] == 404
        assert (await registry.get("/v1/certificates/none"))[0] == 404


async def test_it_documents_itself_without_internet(tmp_path):
    async with desk(tmp_path) as registry:
        status, document = await registry.get("/openapi.json", key="")
        assert status == 200
        OpenAPIV31SpecValidator(document).validate()
        assert set(document["paths"]) == {
            "/v1/parties", "/v1/parties/{party}", "/v1/certificates", "/v1/certificates/{id}",
        }  # fmt: skip
        async with registry.http.get(f"{registry.url}/docs") as page:
            text = await page.text()
        assert page.status == 200
        assert "://" not in text


async def test_its_panels_show_what_there_is(tmp_path):
    async with desk(tmp_path, development=True) as registry:
        await registry.call("issue", ISSUE)
        panels = {each.title: each.drawing for each in await registry.app.plugins.reception.panels("registry")}
        assert panels["Registry"].figures[0].value == 41
        assert any(row[0] == "NL-CPO" for row in panels["Certificates"].rows)


async def test_the_command_issues_a_certificate_to_who_is_in_order(tmp_path):
    async with desk(tmp_path) as registry:
        done = await ocpi_hub(tmp_path, "partner", "certify", "NL-CPO", "--write", "--issue", "--json")
        assert done.status == 0, done.err
        (issued,) = json.loads(done.out)["certificate"]["certificates"]
        listing = (await registry.get("/v1/parties/NL-CPO"))[1]
        assert [each["id"] for each in listing["active_certificates"]] == [issued["id"]]
        modules = {each["module"] for each in issued["capabilities"]}
        assert {"locations", "tariffs", "tokens", "commands"} <= modules
