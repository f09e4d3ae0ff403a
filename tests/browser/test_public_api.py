"""The example app of the public API in a real Chromium: a whole charge with live values; light, dark, on a phone."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import expect

from hub.ocpi.envelope import date_time
from hub.plugin import Interface, Party
from tests.plugin.public_api.conftest import opened

PICTURES = os.environ.get("PICTURES")
"""A folder for pictures of the pages, where somebody wants to look at them."""
LOOKS = {
    "light": {"viewport": {"width": 1100, "height": 900}},
    "dark": {"viewport": {"width": 1100, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True},
}
MARKUP = "<img src=x onerror=alert(1)><b>bold</b>\u202e\n"


@pytest.fixture
async def desk(tmp_path):
    async with opened(tmp_path, example=True) as desk:
        yield desk


async def picture(page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("look", LOOKS)
async def test_a_whole_charge_in_the_browser(desk, chromium, look):
    user = await desk.user("anna")
    context = await chromium.new_context(base_url=desk.url, **LOOKS[look])
    context.set_default_timeout(20_000)
    page = await context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)

    await page.goto("/app")
    await picture(page, f"{look}-1-door")
    await page.get_by_label("App key").fill(user.key)
    await page.get_by_label("User token").fill(user.headers["Authorization"].removeprefix("Bearer "))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Jaarbeurs P1")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text("live")
    first = page.locator("#places > li").first
    await expect(first).to_contain_text("0.5082 EUR per kWh")
    await expect(first).to_contain_text("Type 2 11 kW")
    await picture(page, f"{look}-2-places")

    await page.get_by_role("button", name="Start at Jaarbeurs P1 1").click()
    charging = page.get_by_role("region", name="Your charge")
    await expect(charging).to_contain_text("0.00")
    session = next(iter(desk.cpo.sessions))
    now = date_time(datetime.now(UTC))
    change = {
        "kwh": 4.25, "last_updated": now, "total_cost": {"excl_vat": 1.79, "incl_vat": 2.16},
        "charging_periods": [
            {
                "start_date_time": now,
                "dimensions": [{"type": "POWER", "volume": 10_900}, {"type": "STATE_OF_CHARGE", "volume": 63}],
            }
        ],
    }  # fmt: skip
    await desk.cpo.call(
        "sessions", Interface.RECEIVER, "PATCH", f"NL/CPO/{session['id']}", to=desk.plugin.own,
        sender=Party("NL", "CPO"), body=change,
    )  # fmt: skip
    for words in ("4.25", "10.9", "63 %", "2.16 EUR"):
        await expect(charging).to_contain_text(words)
    await picture(page, f"{look}-3-charging")
    if look == "phone":
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0

    await charging.get_by_role("button", name="Stop").click()
    await expect(charging).to_be_hidden()
    log = page.get_by_role("region", name="Charging log")
    await expect(log.get_by_role("row")).to_have_count(2)
    await expect(log).to_contain_text("Jaarbeurs P1, Utrecht")
    await picture(page, f"{look}-4-log")
    async with page.expect_download() as download:
        await log.get_by_role("button", name="Save as CSV").click()
    assert (await download.value).suggested_filename == "charging-log.csv"
    assert problems == []
    await context.close()


@pytest.mark.promise(13)
async def test_bad_text_of_partners_is_text_and_nothing_else(desk, chromium):
    location = desk.cpo.locations.find("LOC1")
    location |= {"name": MARKUP * 5, "last_updated": "2030-01-01T00:00:00Z"}
    assert (await desk.cpo.push_location(None)).ok
    user = await desk.user("anna")
    page = await chromium.new_page(base_url=desk.url)
    problems = []
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()) and problems.append("dialog"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto("/app/")
    await page.get_by_label("App key").fill("wrong")
    await page.get_by_label("User token").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("this key opens nothing")
    await page.get_by_label("App key").fill(user.key)
    await page.get_by_label("User token").fill(user.headers["Authorization"].removeprefix("Bearer "))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="<img src=x").first).to_be_visible()
    assert await page.locator("#places img, #places b").count() == 0
    assert problems == []
    await page.close()


async def test_docs_work_without_internet(desk, chromium):
    page = await chromium.new_page(base_url=desk.url)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto("/docs")
    await expect(page.get_by_text("/v1/locations", exact=True).first).to_be_visible()
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {desk.url.split("/")[2]}
    await page.close()
