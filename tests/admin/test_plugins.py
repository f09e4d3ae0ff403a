"""What plugins add to the admin listener: routes with scopes, pages, the document, and a reload of all that."""

import json

import aiohttp
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from hub.config import Admin
from tests.support import running

CODE = '''
import msgspec
from aiohttp import web
from sqlalchemy import Column, Integer, Table, Text, select

from hub.plugin import Body, Call, Figure, Figures, Plugin, Problem, Query, Scope, Tables, admin_route, panel, web_route

tables = Tables()
notes = Table("plugin_notes_note", tables, Column("id", Integer, primary_key=True), Column("words", Text))


class Paging(Query, frozen=True, kw_only=True):
    most: int = 10


class Note(Body, frozen=True, kw_only=True):
    words: str


class Notes(msgspec.Struct):
    notes: list[str]


class NotesPlugin(Plugin):
    tables = tables

    @admin_route("GET", "/notes", scope=Scope.READ)
    async def all(self, call: Call[Paging, None]) -> Notes:
        """List notes."""
        found = await self.store.read(lambda own: own.execute(select(notes.c.words).limit(call.query.most)))
        return Notes(list(found.scalars()))

    @admin_route("POST", "/notes/{party}", scope=Scope.OPERATE, status=201)
    async def add(self, call: Call[Query, Note]) -> Notes:
        """Add a note."""
        if call.path["party"] == "XX":
            raise Problem(409, "not this one", "try another")
        words = f"{call.path['party']}: {call.body.words}"
        await self.store.write(lambda own: own.upsert(notes, [{"words": words}], ))
        return Notes([words])

    @web_route("GET", "/export.txt", scope=Scope.READ)
    async def export(self, request: web.Request) -> web.StreamResponse:
        """All notes, as text."""
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(1000):
            await response.write(b"%d\\n" % number)
        return response

    @web_route("GET", "/odd", scope=Scope.READ)
    async def odd(self, request: web.Request) -> web.StreamResponse:
        """Wrong."""
        return "text"

    @panel("Notes")
    async def show(self):
        return Figures((Figure("notes", 1),))
'''


@pytest.fixture
async def hub(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "notes.py").write_text(CODE)
    async with running(tmp_path, admin=Admin(port=0)) as app, aiohttp.ClientSession() as session:
        keys = {scope: (await app.operations.keys.create(scope, scope)).key for scope in ("read", "operate")}

        async def call(method, path, body=None, scope="read"):
            headers = {"x-api-key": keys[scope]} if scope else {}
            options = {"json": body} if body is not None else {}
            async with session.request(method, app.admin_url + path, headers=headers, **options) as answer:
                return answer.status, await answer.text(), answer.headers

        yield app, call, tmp_path / "plugins" / "notes.py"


async def test_routes_take_and_give_json_by_scope(hub):
    _, call, _ = hub
    base = "/api/v1/plugins/notes/notes"
    status, text, _ = await call("POST", f"{base}/a%2Fb", {"words": "hi \u202e"}, "operate")
    assert (status, json.loads(text)) == (201, {"notes": ["a/b: hi \u202e"]})
    assert "\u202e" not in text
    assert json.loads((await call("GET", f"{base}?most=5"))[1]) == {"notes": ["a/b: hi \u202e"]}
    assert (await call("HEAD", base))[0] == 200
    for method, path, body, scope, wanted, told in [
        ("GET", base, None, None, 401, "this needs a key"),
        ("GET", f"{base}x", None, None, 401, "this needs a key"),
        ("POST", f"{base}/NL", {"words": "x"}, "read", 403, "this needs a key of scope operate"),
        ("POST", f"{base}/NL", {"word": "x"}, "operate", 400, "word"),
        ("GET", f"{base}?most=x", None, "read", 400, "most: expected int"),
        ("POST", f"{base}/XX", {"words": "x"}, "operate", 409, "not this one"),
        ("DELETE", base, None, "read", 405, "no such method"),
        ("GET", f"{base}/a/b/c", None, "read", 404, "plugin notes has nothing at this path"),
        ("GET", "/api/v1/plugins/note/notes", None, "read", 404, "did you mean 'notes'"),
        ("DELETE", "/api/v1/plugins/notes/panels", None, "read", 405, "no such method"),
        ("GET", "/plugins/notes/odd", None, "read", 500, "returned no web.StreamResponse"),
    ]:
        status, text, _ = await call(method, path, body, scope)
        assert (status, told in json.loads(text)["error"]["message"]) == (wanted, True), text


async def test_pages_are_streamed_with_careful_headers(hub):
    _, call, _ = hub
    status, text, headers = await call("GET", "/plugins/notes/export.txt")
    assert (status, text.count("\n")) == (200, 1000)
    assert (headers["X-Content-Type-Options"], headers["Server"]) == ("nosniff", "ocpi-hub")
    assert (await call("GET", "/plugins/notes/export.txt", scope=None))[0] == 401


async def test_the_document_follows_a_reload(hub):
    app, call, path = hub
    before = json.loads((await call("GET", "/openapi.json", scope=None))[1])
    OpenAPIV31SpecValidator(before).validate()
    told = before["paths"]["/api/v1/plugins/notes/notes/{party}"]["post"]
    assert (told["x-scope"], told["summary"], next(iter(told["responses"]))) == ("operate", "Add a note.", "201")
    (most,) = before["paths"]["/api/v1/plugins/notes/notes"]["get"]["parameters"]
    assert (most["name"], most["schema"]["type"]) == ("most", "integer")
    path.write_text(CODE.replace('"/notes"', '"/words"').replace("List notes.", "List words."))
    await app.plugins.refresh()
    after = json.loads((await call("GET", "/openapi.json", scope=None))[1])
    assert "/api/v1/plugins/notes/words" in after["paths"]
    assert "/api/v1/plugins/notes/notes" not in after["paths"]
    assert (await call("GET", "/api/v1/plugins/notes/words"))[0] == 200
    assert (await call("GET", "/api/v1/plugins/notes/notes"))[0] == 404


async def test_panels_as_json(hub):
    _, call, _ = hub
    (panel,) = msgspec.json.decode((await call("GET", "/api/v1/plugins/notes/panels"))[1])["panels"]
    drawing = {"type": "figures", "figures": [{"label": "notes", "value": 1, "unit": ""}]}
    assert panel == {"name": "show", "title": "Notes", "drawing": drawing, "problem": ""}


async def test_a_table_with_another_name_is_refused(hub):
    app, _, path = hub
    path.write_text(CODE.replace("plugin_notes_note", "platform"))
    await app.plugins.refresh()
    problem = next(each.problem for each in app.plugins.status())
    assert problem.endswith("table 'platform': its name has to begin with plugin_notes_")
