"""A JSON API of a plugin: what its handlers raise is counted, and nothing of it is told."""

import aiohttp
import pytest

API = '''
"""An API with one route that fails."""
from aiohttp import web

from hub.plugin import OcpiError, Plugin, Problem, Query
from hub.plugin.web import Access, Api, ApiCall
import msgspec

class Answer(msgspec.Struct):
    text: str

class Asked(Query, frozen=True, kw_only=True):
    word: str

class Mine(Plugin):
    async def start(self):
        api = Api("Mine", "About it.", version="1", admit=self.admit)
        api.add("GET", "/v1/say", self.say, access=Access("all"))
        api.add("GET", "/v1/say.csv", self.csv, access=Access("all"), media="text/csv")
        self.url = self.listen(api.application, host="127.0.0.1", port=0)

    async def admit(self, request, access):
        return "somebody"

    async def say(self, call: ApiCall[str, Asked, None]) -> Answer:
        """Say a word."""
        match call.query.word:
            case "fault":
                raise ValueError("secret")
            case "problem":
                raise Problem(409, "no such word", "say another", {"Retry-After": "1"})
            case "ocpi":
                raise OcpiError("the partner said no")
        return Answer(f"{call.who}: {call.query.word}")

    async def csv(self, call: ApiCall[str, Asked, None]) -> web.StreamResponse:
        """Say it in another way."""
        return web.Response(text=call.query.word, content_type="text/csv")
'''


@pytest.fixture
async def ask(plugins):
    plugins.write("mine", API)
    await plugins.start()
    async with aiohttp.ClientSession(plugins.running("mine").plugin.url) as session:

        async def ask(path, method="GET"):
            async with session.request(method, path) as answer:
                return answer.status, await answer.text(), answer.headers

        yield ask


async def test_answers_are_json(ask):
    status, text, headers = await ask("/v1/say?word=hello%E2%80%AE")
    assert (status, text) == (200, '{"text":"somebody: hello\\u202e"}')
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (await ask("/v1/say.csv?word=a"))[1] == "a"


async def test_a_fault_is_counted_and_nothing_of_it_is_told(ask, plugins):
    status, text, _ = await ask("/v1/say?word=fault")
    assert (status, text) == (500, '{"error":{"message":"the server failed","hint":""}}')
    (told,) = plugins.runner.status()
    assert (told.faults, told.state) == (1, "running")
    assert "secret" in told.last_fault


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/say?word=problem", 409, "no such word"),
        ("/v1/say?word=ocpi", 502, "the partner said no"),
        ("/v1/say", 400, "missing required field word"),
        ("/v1/say?word=a&word=b", 400, "word: it came twice"),
        ("/nothing", 404, "there is nothing at this path"),
    ],
)
async def test_errors_say_what_was_wrong(ask, plugins, path, status, words):
    got, text, _ = await ask(path)
    assert got == status
    assert words in text
    assert plugins.runner.status()[0].faults == 0


async def test_methods_are_told(ask):
    status, _, headers = await ask("/v1/say", "OPTIONS")
    assert (status, headers["Allow"]) == (204, "GET, OPTIONS")
    assert "Access-Control-Allow-Methods" not in headers
    assert (await ask("/v1/say", "POST"))[0] == 405
