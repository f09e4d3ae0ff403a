"""The first page in a real browser: logging in, what it shows, that it stays live, on a phone and in the dark."""

from playwright.async_api import expect


async def test_a_key_opens_the_dashboard_and_the_page_that_was_asked_for(desk):
    async with desk.stranger() as page:
        await page.goto("/dashboard/overview?span=day")
        await expect(page.get_by_role("heading", name="OCPI hub")).to_be_visible()
        await page.get_by_label("Key").fill(desk.keys["read"])
        await page.get_by_label("Key").press("Enter")
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        assert page.url.endswith("/dashboard/overview?span=day")
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_label("Key")).to_be_visible()
        await page.goto("/dashboard/overview")
        await expect(page.get_by_label("Key")).to_be_visible()


async def test_a_wrong_key_is_told_so(desk):
    async with desk.stranger() as page:
        await page.goto("/")
        await page.get_by_label("Key").fill("ohk_wrong")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_contain_text("opens nothing")
    assert len(desk.problems) == 1, "the browser names the 401, and nothing else"
    desk.problems.clear()


async def test_the_page_stays_live(desk, page):
    await expect(page.locator("#alive")).to_have_text("live")
    await expect(page.locator("#live_figures")).to_contain_text("of 0")
    await _push(desk)
    await expect(page.locator("#live_figures")).to_contain_text("of 1")
    await expect(page.locator("#live_traffic rect.delivered").first).to_be_attached()


async def test_what_is_wrong_is_said_with_the_next_step(desk, page):
    await expect(page.locator("#live_troubles")).to_contain_text("Nothing is wrong")
    await desk.emsp.stop()
    for _ in range(3):
        await _push(desk)
    troubles = page.locator("#live_troubles")
    await expect(troubles).to_contain_text("Emsp can not be reached")
    await expect(troubles).to_contain_text("Next: ask Emsp whether its platform runs")
    await expect(page.get_by_role("row", name="Emsp")).to_contain_text("not reachable")


async def test_a_revoked_key_ends_a_page_that_is_open(desk):
    async with desk.visitor("read") as page:
        await expect(page.locator("#alive")).to_have_text("live")
        await desk.app.operations.keys.revoke("read")
        await expect(page.locator("#alive")).to_have_text("logged out")


async def test_it_fits_a_phone_and_the_dark(desk):
    options = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    async with desk.visitor(**options) as page:
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0
        ground = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert max(int(part) for part in ground.removeprefix("rgb(").rstrip(")").split(",")) < 60


async def test_it_can_be_read_by_keyboard(page):
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()


async def test_it_works_without_scripts(desk):
    async with desk.visitor(java_script_enabled=False) as page:
        await expect(page.get_by_role("table", name="").first).to_be_visible()
        await expect(page.get_by_role("row", name="Emsp")).to_contain_text("connected")


async def _push(desk):
    """The CPO tells the eMSP of a location."""
    await desk.cpo.push_location(desk.emsp.roles[0].party, next(iter(desk.cpo.locations))["id"])
