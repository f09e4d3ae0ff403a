"""Lists in pages through the hub, from partners whose paging is broken in the ways that are seen in the field.

Whatever the partner's Link looks like, the other side pages through sealed URLs and gets every object once.
OCPI 2.2.1, transport_and_format: Pagination.
"""

from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.core.modules import Interface
from hub.sim import SimCpo, SimEmsp, SimReply
from tests.partner import Asked, Partner, Say, ocpi
from tests.raw import calm
from tests.support import CPO, EMSP, register, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOTAL, CAP = 23, 10
FILTERS = {"date_from": "2026-01-01T00:00:00Z", "date_to": "2026-02-01T00:00:00Z"}


class Page(msgspec.Struct, frozen=True):
    """A page that the partner was asked for, and what there is to say of it in the headers."""

    url: str
    query: dict[str, str]
    offset: int
    limit: int

    @property
    def following(self) -> int | None:
        return self.offset + self.limit if self.offset + self.limit < TOTAL else None

    def link(self, base: str | None = None, **changes: str | None) -> str:
        """The right Link, but for what is changed; empty on the last page."""
        if self.following is None:
            return ""
        query = {**self.query, "offset": str(self.following), "limit": str(self.limit)} | changes
        text = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        return f'<{self.url if base is None else base}?{text}>; rel="next"'


class House(msgspec.Struct):
    """A hub, an eMSP that asks, a CPO that has nothing to do with it, and one whose answers are odd."""

    app: App
    emsp: SimEmsp
    other: SimCpo
    odd: Partner

    async def first(self, **query: str) -> SimReply:
        return await self.emsp.call("locations", Interface.SENDER, "GET", to=self.odd.party, query=query)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    odd = Partner("FR-ODD:CPO", endpoints=("sender/locations",))
    async with (
        running(tmp_path_factory.mktemp("hub")) as app,
        SimEmsp("Emsp", [EMSP]) as emsp,
        SimCpo("Other", [CPO]) as other,
        odd.serve(),
    ):
        await register(app, emsp)
        await register(app, other)
        await odd.invited(app)
        assert (await odd.register()).code == 1000
        odd.asked.clear()
        yield House(app, emsp, other, odd)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _calm(house: House) -> AsyncIterator[None]:
    with calm():
        yield
        house.odd.says.clear()
        house.odd.asked.clear()


def pages(odd: Partner, headers: Callable[[Page], dict[str, str] | list[tuple[str, str]]]) -> Callable[[Asked], Say]:
    """A list of TOTAL objects in pages of CAP, with the headers that a test makes."""

    def say(asked: Asked) -> Say:
        query = dict(parse_qsl(urlsplit(asked.target).query))
        offset, limit = int(query.get("offset", "0")), min(CAP, int(query.get("limit", CAP)))
        made = headers(Page(odd.url + odd.endpoints["sender/locations"], query, offset, limit))
        body = ocpi([{"id": f"L{number}"} for number in range(offset, min(offset + limit, TOTAL))]).body
        return Say(200, body, made)

    return say


def counts(page: Page) -> dict[str, str]:
    return {"X-Total-Count": str(TOTAL), "X-Limit": str(CAP)}


Quirk = Callable[[Page], dict[str, str] | list[tuple[str, str]]]
LINKS: dict[str, Quirk] = {
    "right": lambda page: {"Link": page.link()} if page.following else {},
    "right, and counts": lambda page: counts(page) | ({"Link": page.link()} if page.following else {}),
    "empty on the last page": lambda page: counts(page) | {"Link": page.link()},
    "empty on every page": lambda page: counts(page) | {"Link": ""},
    "other scheme": lambda page: {"Link": page.link(page.url.replace("http:", "https:"))},
    "host behind the proxy": lambda page: {"Link": page.link("http://10.0.0.7:8080/sender/locations")},
    "host of somebody else": lambda page: {"Link": page.link("https://evil.example/sender/locations")},
    "path that does not exist": lambda page: {"Link": page.link(page.url.replace("/sender/", "/cpo/2.2.1/"))},
    "with a slash": lambda page: {"Link": page.link(page.url + "/")},
    "path alone": lambda page: {"Link": page.link("/sender/locations")},
    "query alone": lambda page: {"Link": page.link("")},
    "filters lost": lambda page: {"Link": page.link(date_from=None, date_to=None)},
    "filters of Python": lambda page: {"Link": page.link(date_from="None", date_to="None")},
    "filters cut": lambda page: {"Link": page.link(date_from="2026")},
    "offset without limit": lambda page: {"Link": page.link(limit=None)},
    "limit without offset": lambda page: counts(page) | {"Link": page.link(offset=None)},
    "no rel in quotes": lambda page: {"Link": page.link().replace('"', "")},
    "rel in capitals": lambda page: {"Link": page.link().replace("rel", "REL").replace("next", "Next")},
    "more parameters": lambda page: {"Link": page.link().replace("; ", '; title="a, b"; ')},
    "other links before": lambda page: {"Link": f'<{page.url}?offset=0>; rel="first", {page.link()}'},
    "other links after": lambda page: {"Link": f'{page.link()}, <{page.url}?offset=20>; rel="last"'},
    "two headers": lambda page: [("Link", f'<{page.url}?offset=0>; rel="first"'), ("Link", page.link())],
    "comma in a filter": lambda page: {"Link": page.link(x="1,2;3")},
    "always the same page": lambda page: counts(page) | {"Link": f'<{page.url}?offset=0&limit=5>; rel="next"'},
    "nonsense": lambda page: counts(page) | {"Link": "next page please"},
    "template": lambda page: counts(page) | {"Link": '<http://[host]/{path}>; rel="next"'},
    "counts that are none": lambda page: {"X-Total-Count": "many", "X-Limit": "-1", "Link": page.link()},
}


@pytest.mark.parametrize("limit", [None, "4", "50"])
@pytest.mark.parametrize("quirk", LINKS.values(), ids=LINKS)
async def test_every_object_once(house: House, quirk: Quirk, limit: str | None) -> None:
    house.odd.says["GET /sender/locations"] = pages(house.odd, quirk)
    query = FILTERS | ({"limit": limit} if limit else {})
    found = await house.emsp.fetch_all("locations", to=house.odd.party, query=query)
    assert [each["id"] for each in found] == [f"L{number}" for number in range(TOTAL)]
    for asked in house.odd.asked:
        assert asked.line == "GET /sender/locations"
        assert asked.headers["authorization"].startswith("Token ")
        assert FILTERS.items() <= dict(parse_qsl(urlsplit(asked.target).query)).items()
        assert asked.headers["ocpi-from-party-id"] == "MSP"


async def test_a_link_hides_where_it_leads(house: House) -> None:
    house.odd.says["GET /sender/locations"] = pages(house.odd, lambda page: counts(page) | {"Link": page.link()})
    reply = await house.first()
    link = reply.headers["Link"]
    assert link.startswith(f"<{house.app.url}/ocpi/2.2.1/sealed/")
    assert link.endswith('>; rel="next"')
    assert house.odd.url not in link
    assert (reply.headers["X-Total-Count"], reply.headers["X-Limit"]) == (str(TOTAL), str(CAP))


async def test_a_page_is_for_who_asked_for_it(house: House) -> None:
    """Another platform, another method, another path: HTTP 404; a token that opens nothing: HTTP 401."""
    house.odd.says["GET /sender/locations"] = pages(house.odd, lambda page: {"Link": page.link()})
    url = (await house.first()).headers["Link"].partition(">")[0].strip("<")
    house.odd.asked.clear()
    for reply in (
        await house.other.call_url("GET", url),
        await house.emsp.call_url("POST", url, body={}),
        await house.emsp.call_url("PUT", url, body={}),
        await house.emsp.call_url("DELETE", url),
        await house.emsp.call_url("GET", url[:-1]),
        await house.emsp.call_url("GET", url + "A"),
        await house.emsp.call_url("GET", url + "/A"),
        await house.emsp.call_url("GET", url.swapcase().replace(house.app.url.upper(), house.app.url)),
    ):
        assert (reply.status, reply.status_code) == (404, 2000)
    assert (await house.odd.ask("GET", url)).told == (404, 2000)
    assert (await house.odd.ask("GET", url, token="unknown")).told == (401, 2000)
    assert house.odd.asked == []
    assert (await house.emsp.call_url("GET", url)).data[0]["id"] == "L10"
    assert (await house.emsp.call_url("GET", f"{url}/")).ok


async def test_a_page_of_a_partner_that_is_away_or_gone(house: House) -> None:
    house.odd.says["GET /sender/locations"] = pages(house.odd, lambda page: {"Link": page.link()})
    url = (await house.first()).headers["Link"].partition(">")[0].strip("<")
    await house.app.partners.suspend("FR-ODD")
    assert (await house.emsp.call_url("GET", url)).status_code == 4003
    await house.app.partners.resume("FR-ODD")
    assert (await house.emsp.call_url("GET", url)).ok
    house.odd.endpoints["sender/locations"] = "/moved"
    assert (await house.odd.register("PUT")).code == 1000
    house.odd.says["GET /moved"] = pages(house.odd, counts)
    assert (await house.emsp.call_url("GET", url)).ok
    assert house.odd.asked[-1].line == "GET /moved"
    house.odd.endpoints["sender/locations"] = "/sender/locations"
    assert (await house.odd.register("PUT")).code == 1000
