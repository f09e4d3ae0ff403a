"""The map in a real browser: lines and their ways, what failed, staying live, a phone, without scripts."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE


async def _push(desk):
    await desk.cpo.push_location(desk.emsp.roles[0].party, next(iter(desk.cpo.locations))["id"])


async def test_it_draws_who_talks_to_whom_and_stays_live(desk, page):
    await page.get_by_role("link", name="Map").click()
    await expect(page.locator("#live_map")).to_contain_text("Nobody talked to anybody in this time")
    await _push(desk)
    drawing = page.get_by_role("img", name="Who talks to whom: 2 parties and 1 lines")
    await expect(drawing).to_be_visible(timeout=PATIENCE)
    await expect(drawing.locator("path.strand.well")).to_have_count(1)
    await expect(drawing).to_contain_text("CPOs")
    await expect(page.get_by_role("row", name="NL-CPO Cpo DE-MSP Emsp 1 0 0 0.0 %")).to_be_visible()


async def test_what_failed_is_dashed_and_said(desk, page):
    await _push(desk)
    await desk.emsp.stop()
    await _push(desk)
    await page.goto("/dashboard/map")
    line = page.locator("#live_map a path.strand.failed")
    assert await line.evaluate("each => getComputedStyle(each).strokeDasharray") != "none"
    await expect(page.locator("text.said")).to_have_text("✕ 1 failed")
    await expect(page.locator("#live_map svg a title").first).to_have_text(
        "NL-CPO → DE-MSP: 2 messages, 0 declined, 1 failed"
    )


async def test_lines_and_parties_lead_on(desk, page):
    await _push(desk)
    await page.goto("/dashboard/map")
    await page.locator("path.reach").dispatch_event("click")
    await expect(page.get_by_role("heading", name="Journal")).to_be_visible()
    assert "since=1h" in page.url
    await expect(page.get_by_role("table").first).to_contain_text("locations")
    await page.goto("/dashboard/map")
    await page.locator("text.party", has_text="NL-CPO").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Cpo")


async def test_filters_and_order_are_links_and_forms(desk, page):
    await _push(desk)
    await desk.emsp.push_token(desk.cpo.roles[0].party)
    await page.goto("/dashboard/map?span=day")
    await expect(page.locator("#live_pairs tbody tr")).to_have_count(2)
    await page.get_by_label("Module").select_option("tokens")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#live_pairs tbody tr")).to_have_count(1)
    assert "span=day" in page.url
    await page.get_by_role("link", name="Show all").click()
    await page.get_by_role("columnheader", name="from").get_by_role("link").click()
    await expect(page.locator("#live_pairs tbody tr").first).to_contain_text("DE-MSP")
    await expect(page.get_by_role("columnheader", name="from")).to_have_attribute("aria-sort", "ascending")


@pytest.mark.promise(13)
async def test_hostile_names_are_text_and_it_fits_a_phone(desk):
    await desk.app.partners.invite('<img src=x onerror=alert(1)> "quoted"', ["BE-BAD:CPO"])
    await _push(desk)
    async with desk.visitor(viewport={"width": 390, "height": 844}, java_script_enabled=False) as page:
        await page.goto("/dashboard/map")
        await expect(page.locator("#live_map a path.strand")).not_to_have_count(0)
        await expect(page.locator("img")).to_have_count(0)
    async with desk.visitor(viewport={"width": 390, "height": 844}) as page:
        await page.goto("/dashboard/map")
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0
