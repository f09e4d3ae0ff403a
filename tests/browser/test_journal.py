"""The journal in a real browser: filters, pages, a file, new rows, and nobody is disturbed who reads."""

import csv
import re

import pytest
from playwright.async_api import expect

from hub.dashboard import journal
from tests.partner import Partner, ocpi
from tests.versions import EMSP_MODULES

EVIL = "<script>document.title='evil'</script> <b>bold</b> \x1b[31m \u202egnp.exe\nnext line " + "x" * 10_000

# In one step: between finding a cell and selecting it, the page may draw its rows anew.
SELECT = "document.getSelection().selectAllChildren(document.querySelector('#live_rows tbody td:nth-child(3)'))"


async def _push(desk, to=None):
    await desk.cpo.push_location(to or desk.emsp.roles[0].party, next(iter(desk.cpo.locations))["id"])


def _rows(page):
    return page.locator("#live_rows tbody tr")


async def test_new_rows_appear(desk, page):
    await page.goto("/dashboard/journal?module=locations")
    await expect(page.get_by_text("The journal has nothing like this")).to_be_visible()
    await _push(desk)
    await expect(_rows(page)).to_have_count(1)
    row = _rows(page).first
    for words in ("PUT locations", "Cpo", "NL-CPO", "Emsp", "DE-MSP", "✓ delivered", "201/1000"):
        await expect(row).to_contain_text(words)


async def test_who_reads_is_not_disturbed_and_may_have_the_new_rows_shown(desk, page):
    await _push(desk)
    await page.goto("/dashboard/journal?module=locations")
    await expect(page.locator("#alive")).to_have_text("live")
    await expect(_rows(page)).to_have_count(1)
    await page.evaluate(SELECT)
    await _push(desk)
    show = page.get_by_role("button", name="New rows wait")
    await expect(show).to_be_visible()
    await expect(_rows(page)).to_have_count(1)
    assert await page.evaluate("!document.getSelection().isCollapsed")
    await show.click()
    await expect(_rows(page)).to_have_count(2)
    await expect(show).to_be_hidden()


async def test_rows_that_wait_come_when_the_focus_goes(desk, page):
    await _push(desk)
    await page.goto("/dashboard/journal?module=locations")
    await expect(page.locator("#alive")).to_have_text("live")
    await _rows(page).first.get_by_role("link").first.focus()
    await _push(desk)
    await expect(page.get_by_role("button", name="New rows wait")).to_be_visible()
    await expect(_rows(page)).to_have_count(1)
    await page.get_by_label("Module").focus()
    await expect(_rows(page)).to_have_count(2)


async def test_filters_are_filled_in_and_stay(desk, page):
    await _push(desk)
    await page.goto("/dashboard/journal")
    await page.get_by_label("Partner").fill("Emsp")
    await page.get_by_label("Module").fill("locations")
    await page.get_by_label("Outcome").select_option("delivered")
    await page.get_by_label("Since").fill("10m")
    await page.get_by_label("Until").fill("2999-01-01")
    await page.get_by_role("button", name="Show").click()
    await expect(_rows(page)).to_have_count(1)
    await expect(page.get_by_label("Partner")).to_have_value("Emsp")
    await expect(page.get_by_label("Outcome")).to_have_value("delivered")
    await page.get_by_role("link", name="All", exact=True).click()
    await expect(page.get_by_label("Partner")).to_have_value("")
    await expect(page.get_by_role("row", name="credentials").first).to_be_visible()


async def test_what_is_wrong_stands_beside_its_field(desk, page):
    await page.goto("/dashboard/journal")
    await page.get_by_label("Since").fill("yesterday")
    await page.get_by_label("Since").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("'yesterday' is no moment; write 30m, 1h, 7d")
    await expect(page.get_by_label("Since")).to_have_value("yesterday")
    await expect(page.get_by_label("Since")).to_have_attribute("aria-describedby", "since-wrong")
    assert len(desk.problems) == 1, "the browser names the 400, and nothing else"
    desk.problems.clear()


async def test_older_ones_and_back(desk, page, monkeypatch):
    monkeypatch.setattr(journal, "ROWS", 2)
    for _ in range(3):
        await _push(desk)
    await page.goto("/dashboard/journal?module=locations")
    await expect(_rows(page)).to_have_count(2)
    await page.get_by_role("link", name="Older").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.get_by_text("There are no older ones.")).to_be_visible()
    await expect(page.locator("#alive")).to_be_hidden()
    await page.get_by_role("link", name="Newer").click()
    await expect(_rows(page)).to_have_count(2)
    await expect(page.locator("#alive")).to_have_text("live")


async def test_the_file_holds_what_is_filtered(desk, page, tmp_path):
    await _push(desk)
    await page.goto("/dashboard/journal?module=locations")
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="CSV").click()
    download = await coming.value
    assert download.suggested_filename == "journal.csv"
    file = tmp_path / "journal.csv"
    await download.save_as(file)
    with file.open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert (row["sender"], row["receiver"], row["outcome"]) == ("NL-CPO", "DE-MSP", "delivered")


@pytest.mark.promise(13)
async def test_text_of_partners_is_only_text(desk, page):
    async with Partner("BE-BAD:EMSP", endpoints=EMSP_MODULES).serve() as bad:
        await bad.invited(desk.app)
        await bad.register()
        location = next(iter(desk.cpo.locations))["id"]
        bad.says[f"PUT /receiver/locations/NL/CPO/{location}"] = ocpi(code=2001, message=EVIL)
        await _push(desk, bad.party)
        await bad.ask(
            "GET", "/ocpi/2.2.1/sender/%3Cimg%20src=x%20onerror=alert(1)%3E/%E2%80%AE%0A", "X-Request-ID: <i>"
        )
    await page.goto("/dashboard/journal?partner=BE-BAD")
    await expect(page.get_by_role("row", name="declined")).to_contain_text("<script>document.title='evil'</script> <b>")
    trace = await page.get_by_role("link", name="PUT locations").get_attribute("href")
    for place in ("/dashboard/journal?partner=BE-BAD", trace):
        await page.goto(place)
        text = await page.locator("main").inner_text()
        assert "<b>bold</b>" in text
        assert not re.search("[\x1b\u202e]", await page.content())
        assert await page.locator("main").locator("b, i, img, script").count() == 0
        assert "NL-HUB" in await page.title()
        assert len(text) < 5_000
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0


async def test_it_fits_a_phone(desk):
    await _push(desk)
    async with desk.visitor("read", viewport={"width": 390, "height": 844}) as page:
        for place in ("journal", "journal?module=none", "explain", "trace/" + await _newest(desk)):
            await page.goto(f"/dashboard/{place}")
            wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider == 0, place


async def _newest(desk):
    rows = (await desk.app.operations.journal.page(journal.Filter(module="locations"), None, 1)).rows
    return str(rows[0].id)
