"""The pages of the mirror without a browser: twins, pages of the list, what a read key is told, bad input."""

from urllib.parse import quote

import pytest

from hub.core.party import Party
from hub.dashboard.mirror import MOST_ENTRIES, MOST_SINGLE
from hub.store import mirror

HOSTILE = '"><script>alert(1)</script>\u202e/..%2F\n'


@pytest.fixture
def hold(net):
    """Has the hub hold locations of the CPO, as if they were pulled."""

    async def hold(*named, module="locations", at=(52.0, 5.0), step=0.0):
        platform = net.app.partners.find("Cpo")
        pulled = [
            mirror.Pulled(Party("NL", "CPO"), each.lower(), each, location(at[0] + step * n, at[1] + step * n))
            for n, each in enumerate(named)
        ]
        # Nothing is pushed here: ids like these would not come through a path.
        await net.app.keeper._database.write(
            lambda c: mirror.absorb(c, module, pulled, version="2.2.1", platform_id=platform.id, now=1)
        )

    return hold


def location(latitude, longitude):
    text = (
        f'{{"id": "x", "name": "<script>alert(2)\u202e", "coordinates": '
        f'{{"latitude": "{latitude}", "longitude": "{longitude}"}}, '
        f'"evses": [{{"uid": "1", "status": "AVAILABLE"}}], "last_updated": "2026-01-01T00:00:00Z"}}'
    )
    return text.encode()


async def test_an_empty_mirror_says_how_it_fills(visitor):
    page = (await visitor.get("/dashboard/mirror")).text
    assert "The hub holds nothing yet" in page
    told = (await visitor.get("/dashboard/mirror.json")).json()
    assert (told["amounts"], told["entries"], told["plot"]) == ([], [], None)


async def test_the_list_comes_in_pages(visitor, hold):
    await hold(*(f"L{n:03}" for n in range(MOST_ENTRIES + 5)))
    told = (await visitor.get("/dashboard/mirror.json")).json()
    assert len(told["entries"]) == MOST_ENTRIES
    assert told["amounts"][0] | {"last_updated": 0} == {
        "module": "locations", "owner": "NL-CPO", "objects": MOST_ENTRIES + 5, "last_updated": 0,
    }  # fmt: skip
    rest = (await visitor.get(f"/dashboard/mirror.json?after={told['next']}")).json()
    assert [each["id"] for each in rest["entries"]] == [f"L{n:03}" for n in range(MOST_ENTRIES, MOST_ENTRIES + 5)]
    assert rest["next"] is None
    one = (await visitor.get("/dashboard/mirror.json?id=l001&owner=NL-CPO")).json()
    assert [each["id"] for each in one["entries"]] == ["L001"]
    assert (await visitor.get("/dashboard/mirror.json?owner=DE-MSP")).json()["entries"] == []


async def test_few_locations_are_shown_one_by_one_and_many_on_a_grid(visitor, hold):
    await hold("A", "B", step=0.5)
    plot = (await visitor.get("/dashboard/mirror.json")).json()["plot"]
    assert (plot["located"], plot["clusters"], plot["whole"]) == (2, [], True)
    assert [(each["object_id"], each["latitude"]) for each in plot["found"]] == [("A", 52_000_000), ("B", 52_500_000)]
    await hold(*(f"L{n}" for n in range(MOST_SINGLE)), step=0.001)
    plot = (await visitor.get("/dashboard/mirror.json")).json()["plot"]
    assert plot["found"] == []
    assert sum(each["locations"] for each in plot["clusters"]) == plot["located"] == MOST_SINGLE + 2
    closer = (await visitor.get("/dashboard/mirror.json?area=5.4,52.4,5.6,52.6")).json()["plot"]
    assert "B" in {each["object_id"] for each in closer["found"]}
    assert not closer["whole"]
    page = (await visitor.get("/dashboard/mirror")).text
    assert "look closer" in page
    assert "pathLength" in page


@pytest.mark.parametrize("area", ["1,2,3", "a,b,c,d", "1,2,3,4,5", "5,2,1,4", "0,0,1,91", "nan,0,1,1", "1e400,0,1,1"])
async def test_an_area_that_is_none_is_said_beside_the_form(visitor, area):
    answer = await visitor.get(f"/dashboard/mirror?area={area}")
    assert answer.status == 400
    assert "west, south, east and north in degrees" in answer.text


async def test_an_owner_that_is_none_is_said_beside_the_form(visitor):
    answer = await visitor.get("/dashboard/mirror?owner=%3Cb%3E")
    assert answer.status == 400
    assert "&lt;b&gt;" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert (await visitor.get("/dashboard/mirror?after=-1")).status == 400


async def test_one_object_is_shown_as_text(visitor, hold):
    await hold(HOSTILE)
    page = (await visitor.get("/dashboard/mirror")).text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    url = f"/dashboard/mirror/locations/NL-CPO/{quote(HOSTILE, safe='')}"
    assert url in page
    shown = await visitor.get(url)
    assert shown.status == 200
    assert "<script>alert" not in shown.text
    assert "\u202e" not in shown.text
    assert "\\u202e" in shown.text
    twin = (await visitor.get(url + ".json")).json()
    assert twin["object"]["coordinates"] == {"latitude": "52.0", "longitude": "5.0"}
    assert twin["entry"]["partner"] == "Cpo"


async def test_what_is_not_held_is_not_found(visitor):
    for path in ("locations/NL-CPO/none", "nothing/NL-CPO/x", "tokens/DE-MSP/none"):
        assert (await visitor.get(f"/dashboard/mirror/{path}")).status == 404
    assert (await visitor.get("/dashboard/mirror/locations/nobody/x")).status == 400


async def test_a_read_key_is_told_no_cards(net):
    token = net.emsp.token()
    await net.emsp.push_token(net.app.keeper.current.hub)
    path = f"/dashboard/mirror/tokens/DE-MSP/{token['uid']}"
    async with net.visitor("read") as reader:
        for asked in ("/dashboard/mirror?module=tokens", "/dashboard/mirror.json?module=tokens"):
            text = (await reader.get(asked)).text
            assert token["uid"] not in text
            assert token["contract_id"] not in text
        (entry,) = (await reader.get("/dashboard/mirror.json?module=tokens")).json()["entries"]
        assert (entry["id"], entry["hidden"], entry["type"]) == (f"…{token['uid'][-4:]}", True, "RFID")
        for asked in (path, f"{path}.json"):
            answer = await reader.get(asked)
            assert answer.status == 403
            assert token["contract_id"] not in answer.text
    async with net.visitor("operate") as operator:
        assert (await operator.get(f"{path}.json?type=RFID")).json()["object"]["contract_id"] == token["contract_id"]
        assert (await operator.get(f"{path}?type=APP_USER")).status == 404
        found = (await operator.get(f"/dashboard/mirror.json?module=tokens&id={token['uid'].lower()}")).json()
        assert [each["id"] for each in found["entries"]] == [token["uid"]]
