"""The mirror in a real browser: what is held, the plot of the locations, one object, hostile text."""

import pytest
from playwright.async_api import expect

from hub.core.party import Party
from hub.store import mirror

_BODY = (
    '{"id": "x", "name": "<script>alert(1)</script>\u202e", "coordinates": {"latitude": "%f", "longitude": "%f"}, '
    '"evses": [{"uid": "1", "status": "%s"}], "last_updated": "2026-01-01T00:00:00Z"}'
)


async def _hold(desk, *locations):
    """Has the hub hold locations: id, latitude, longitude, and the status of an EVSE."""
    platform = desk.app.partners.find("Cpo")
    pulled = [
        mirror.Pulled(Party("NL", "CPO"), name.lower(), name, (_BODY % tuple(rest)).encode())
        for name, *rest in locations
    ]
    await desk.app.keeper._database.write(
        lambda c: mirror.absorb(c, "locations", pulled, version="2.2.1", platform_id=platform.id, now=1)
    )


async def test_a_push_to_the_hub_appears(desk, page):
    await page.get_by_role("link", name="Mirror").click()
    await expect(page.locator("main")).to_contain_text("The hub holds nothing yet")
    await desk.cpo.push_location(desk.app.keeper.current.hub, next(iter(desk.cpo.locations))["id"])
    await page.reload()
    await expect(page.get_by_role("link", name="locations 1 of 1 party")).to_be_visible()
    await page.get_by_role("region", name="Objects", exact=True).get_by_role("link", name="LOC1").click()
    await expect(page.get_by_role("heading", name="LOC1")).to_be_visible()
    await expect(page.get_by_role("region", name="The object as JSON")).to_contain_text('"latitude": "52.087520"')


async def test_locations_are_plotted_by_shape_and_lead_to_their_page(desk, page):
    await _hold(
        desk, ("free", 52.0, 5.0, "AVAILABLE"), ("busy", 52.2, 5.2, "CHARGING"), ("broken", 52.4, 5.4, "OUTOFORDER")
    )
    await page.goto("/dashboard/mirror")
    plot = page.get_by_role("img", name="A plot of 3 locations")
    await expect(plot).to_be_visible()
    await expect(plot.locator("circle.shape.free")).to_have_count(1)
    await expect(plot.locator("rect.shape.busy")).to_have_count(1)
    await expect(plot.locator("path.shape.broken")).to_have_count(1)
    await expect(plot).to_contain_text("52.2° N")
    await page.get_by_text("As a table").click()
    await expect(page.get_by_role("row", name="52.4000° N, 5.4000° E NL-CPO broken 1 1 0 0 1")).to_be_visible()
    await plot.locator("rect.shape.busy").click()
    await expect(page.get_by_role("heading", name="busy")).to_be_visible()


async def test_many_are_circles_and_a_click_looks_closer(desk, page):
    near = [(f"N{n}", 52 + n / 1e5, 5 + n / 1e5, "AVAILABLE") for n in range(200)]
    await _hold(desk, *near, *((f"F{n}", 48 + n / 1e5, 11 + n / 1e5, "CHARGING") for n in range(100)))
    await page.goto("/dashboard/mirror")
    await expect(page.locator("#live_plot")).to_contain_text("300 locations tell where they are")
    circles = page.locator("#live_plot text.count")
    await expect(circles).to_have_text(["200", "100"])
    await circles.first.click()
    await expect(page.locator("#live_plot")).to_contain_text("Click one to see it")
    await expect(page.locator("#live_plot .shape.free")).to_have_count(201, timeout=20_000)  # one is the legend's
    await page.get_by_role("link", name="Everything").click()
    await expect(circles).to_have_count(2)


@pytest.mark.promise(13)
async def test_hostile_ids_and_content_are_text(desk, page):
    name = '"><img src=x onerror=alert(1)>/\u202e%2F'
    await _hold(desk, (name, 52.0, 5.0, "AVAILABLE"))
    await page.goto("/dashboard/mirror")
    await expect(page.locator("img")).to_have_count(0)
    await page.get_by_role("region", name="Objects", exact=True).get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x onerror=alert(1)>/")
    await expect(page.get_by_role("region", name="The object as JSON")).to_contain_text("</script>\\u202e")
    assert "\u202e" not in await page.content()


async def test_a_wrong_owner_is_told_beside_the_form(desk, page):
    await page.goto("/dashboard/mirror")
    await page.get_by_label("Owner").fill("nobody")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("alert")).to_contain_text("Owner: 'nobody' is not a party")
    await expect(page.get_by_label("Owner")).to_have_value("nobody")
    assert len(desk.problems) == 1, "the browser names the 400, and nothing else"
    desk.problems.clear()


async def test_a_read_key_sees_no_cards(desk):
    await desk.emsp.push_token(desk.app.keeper.current.hub)
    async with desk.visitor("read", viewport={"width": 390, "height": 844}) as page:
        await page.goto("/dashboard/mirror?module=tokens")
        await expect(page.locator("main")).to_contain_text("ids of tokens are not all told")
        assert desk.emsp.token()["uid"] not in await page.content()
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0
