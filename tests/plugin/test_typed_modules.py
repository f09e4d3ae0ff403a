"""Modules of a plugin whose objects are structs: checked, read into them, described, and told when they are wrong."""

import aiohttp
import pytest

from hub.config import Admin
from tests.hosted import VLT, hosted, plugin
from tests.partner import ocpi
from tests.versions import send

CODE = '''
from typing import Annotated

from hub.ocpi.types import Broken, DateTime, Object, ci
from hub.plugin import Exchange, TypedModule

class Cable(Object, kw_only=True):
    """A cable that is lent."""
    id: Annotated[str, ci(36)]
    metres: Annotated[float, msgspec.Meta(gt=0)]
    spare: float = msgspec.field(name="x_spare", default=0.0)
    last_updated: DateTime

    def __post_init__(self):
        if self.spare > self.metres:
            raise Broken("x_spare", "not more than metres")
        if self.id == "loop":
            raise ValueError("a loop is no cable")

class Wish(Object, kw_only=True):
    card: Annotated[str, ci(36)]

class Lent(Object, kw_only=True):
    days: int

CABLE = TypedModule(
    sender=("GET", "GET {id}", "POST {id}/lend"),
    receiver=("PUT {country_code}/{party_id}/{id}", "PATCH {country_code}/{party_id}/{id}"),
    identity="id",
    kind=Cable,
    others={"POST sender/vlt-cables/{id}/lend": Exchange(body=Wish, data=Lent)},
)

class Mine(Cpo):
    party = "NL-VLT"
    modules = {"vlt-cables": CABLE}
    got = None
    days = 3

    @serve("GET sender/vlt-cables")
    async def all_of_them(self, page):
        return [own(Cable, {"id": "C1", "metres": 5, "last_updated": NOW}), {"id": "C2"}]

    @serve("PUT receiver/vlt-cables/{country_code}/{party_id}/{cable}")
    async def put(self, owner: "Party", cable: str, body: Cable) -> bool:
        self.got = body
        return True

    @serve("PATCH receiver/vlt-cables/{country_code}/{party_id}/{cable}")
    async def patch(self, owner, cable: str, changes: Changes) -> None:
        self.got = changes.onto(self.got)

    @serve("POST sender/vlt-cables/{cable}/lend")
    async def lend(self, cable: str, wish: Wish) -> Lent:
        return Lent(days=self.days)

    async def offer(self, **body):
        return await self.call("PUT", "vlt-cables", "RECEIVER", "NL", "VLT", body["id"], to="DE-MSP", body=body)
'''
PARTY = "from hub.plugin import Party\n"
CABLE = {"id": "C1", "metres": 5, "last_updated": "2026-01-01T12:00:00Z"}
C1 = "receiver/vlt-cables/DE/MSP/C1"
EMSP = ("DE-MSP:EMSP", "2.2.1")


async def test_handlers_get_the_structs_and_others_their_answers(tmp_path):
    async with hosted(tmp_path, PARTY + CODE, EMSP) as (app, emsp):
        mine = plugin(app)
        put = await send(emsp, "PUT", C1, CABLE | {"x_spare": 1, "unknown": None}, to=VLT)
        assert (put.status, put.code) == (201, 1000)
        assert (type(mine.got).__name__, mine.got.metres, mine.got.spare) == ("Cable", 5.0, 1.0)
        change = {"x_spare": 2, "last_updated": "2026-01-02T12:00:00Z"}
        assert (await send(emsp, "PATCH", C1, change, to=VLT)).code == 1000
        assert (mine.got.spare, mine.got.last_updated.day) == (2.0, 2)
        lent = await send(emsp, "POST", "sender/vlt-cables/C1/lend", {"card": "1"}, to=VLT)
        assert lent.envelope["data"] == {"days": 3}
        mine.days = "many"
        assert (await send(emsp, "POST", "sender/vlt-cables/C1/lend", {"card": "1"}, to=VLT)).code == 3000
        listed = await send(emsp, "GET", "sender/vlt-cables", to=VLT)
        assert [each["id"] for each in listed.envelope["data"]] == ["C1"]


@pytest.mark.parametrize("validation", ["enforce", "off"])
@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("PUT", C1, CABLE | {"metres": 0}, "body: metres: more than 0 (an integer)"),
        ("PUT", C1, CABLE | {"x_spare": 9}, "body: x_spare: not more than metres (an integer)"),
        ("PUT", C1.replace("C1", "loop"), CABLE | {"id": "loop"}, "body: (body): a loop is no cable (an object)"),
        ("PATCH", C1, {"metres": 1}, "body: last_updated: is required (missing)"),
        ("POST", "sender/vlt-cables/C1/lend", {}, "body: card: is required (missing)"),
    ],
)
async def test_what_breaks_a_rule_is_told_by_the_hub_and_by_the_party(tmp_path, validation, method, path, body, told):
    async with hosted(tmp_path, PARTY + CODE, EMSP, validation=validation) as (app, emsp):
        answer = await send(emsp, method, path, body, to=VLT)
        assert (answer.code, answer.envelope["status_message"]) == (2001, told)
        assert plugin(app).got is None


async def test_a_party_says_nothing_wrong_of_its_own_modules(tmp_path):
    async with hosted(tmp_path, PARTY + CODE, EMSP) as (app, emsp):
        emsp.endpoints["receiver/vlt-cables"] = "/receiver/vlt-cables"
        emsp.says["PUT /receiver/vlt-cables/NL/VLT/C1"] = ocpi()
        await emsp.register("PUT")
        mine = plugin(app)
        assert (await mine.offer(**CABLE)).ok
        with pytest.raises(Exception, match="metres: a number"):
            await mine.offer(**CABLE | {"metres": "long"})


async def test_its_page_has_them(tmp_path):
    async with hosted(tmp_path, PARTY + CODE, admin=Admin(port=0)) as (app,), aiohttp.ClientSession() as session:
        for version in ("2.1.1", "2.2.1", "2.3.0"):
            async with session.get(f"{app.admin_url}/openapi/ocpi-{version}.json") as answer:
                document = await answer.json()
            assert {"Cable", "CablePatch", "Wish", "Lent"} <= document["components"]["schemas"].keys()


WRONG = [
    ("others={'POST sender/a': Exchange(body=Cable)}, kind=Cable", "others: 'POST sender/a' is none of its operations"),
    ("others={'GET sender/a': Cable}", "modules: a: others holds what is no Exchange"),
    ("kind=dict", "modules: a: <class 'dict'> is no struct"),
    ("kind=Set", "modules: no object of OCPI holds SetType"),
    ("others={'GET sender/a': Exchange(data=Twin)}, kind=Cable", "others: two structs are named Cable"),
]
ADDS = """
from hub.plugin import *
import msgspec
class Cable(msgspec.Struct):
    id: {kind}
class Set(msgspec.Struct):
    id: set[int]
Twin = msgspec.defstruct("Cable", [])
class Mine(Plugin):
    modules = {{"a": TypedModule(sender=("GET",), {words})}}
"""


@pytest.mark.parametrize(("words", "says"), WRONG)
async def test_what_is_wrong_with_them_is_told_with_its_line(plugins, words, says):
    path = plugins.write("mine", ADDS.format(kind="str", words=words))
    (problem,) = plugins.loader.check()
    assert problem.startswith(f"{path}:10: ")
    assert says in problem


async def test_a_reload_keeps_the_structs_and_takes_no_others(plugins):
    plugins.write("mine", ADDS.format(kind="str", words="kind=Cable"))
    runner = await plugins.start()
    old = plugins.running("mine")
    plugins.write("mine", ADDS.format(kind="str", words="kind=Cable") + "\n")
    await runner.refresh()
    assert plugins.running("mine") is not old
    plugins.write("mine", ADDS.format(kind="int", words="kind=Cable"))
    await runner.refresh()
    assert runner.status()[0].problem.endswith(
        "the modules that the plugin adds have changed; restart the hub for that"
    )


async def test_two_plugins_may_add_what_means_the_same(plugins):
    """What comes with the hub; not what only looks alike."""
    same = "from hub.plugin import *\nfrom hub.ocpi.reservations import RESERVATIONS\n"
    same += "class Mine(Plugin):\n    modules = {'reservations': RESERVATIONS}\n"
    plugins.write("one", same)
    plugins.write("two", same)
    assert plugins.loader.check() == ()
    for stem in ("three", "four"):
        plugins.write(stem, ADDS.format(kind="str", words="kind=Cable"))
    (problem,) = plugins.loader.check()
    assert "module a is there already, from config.toml or another plugin" in problem
