"""The page of plugins in a real browser: what runs, how long it takes, faults, and trying again."""

import pytest
from playwright.async_api import expect

from hub.events import PluginSetAside

_BROKEN = '''
"""Fails, and says so with markup."""
from hub.plugin import Plugin, receive


class Broken(Plugin):
    @receive("locations")
    async def fail(self, message):
        raise ValueError("<b>bold</b>\\u202e reversed")
'''


_SHOWING = '''
"""Shows figures, a table, and a chart, and fails once."""
from hub.plugin import Chart, Figure, Figures, Line, Plugin, Rows, panel


class Showing(Plugin):
    @panel("Figures of <i>today</i>")
    async def figures(self) -> Figures:
        return Figures((Figure("sent", 1204, "messages"), Figure("share", 0.125), Figure("last", None)))

    @panel("Table")
    async def table(self) -> Rows:
        return Rows(("who", "kWh"), (("<b>NL-TNM</b>", 12.5), ("DE-MSP", 3)))

    @panel("Power")
    async def power(self) -> Chart:
        return Chart((Line("<u>first</u>", ((0, 1.0), (60000, 7.4))), Line("second", ((0, 2.0), (60000, None)))), "kW")

    @panel("Nothing")
    async def nothing(self) -> Chart:
        return Chart((Line("none", ()),))

    @panel("Broken")
    async def broken(self) -> Rows:
        raise ValueError("no figures today")
'''


@pytest.mark.promise(13)
async def test_what_a_plugin_shows_is_drawn(desk, page):
    desk.app.config.plugins_folder.mkdir(exist_ok=True)
    (desk.app.config.plugins_folder / "showing.py").write_text(_SHOWING)
    await desk.app.plugins.refresh()
    await page.get_by_role("link", name="Plugins").click()
    await page.get_by_role("link", name="showing").click()
    await expect(page.get_by_role("heading", name="showing", level=1)).to_be_visible()
    figures = page.get_by_role("region", name="Figures of <i>today</i>", exact=True)
    await expect(figures).to_contain_text("1\u202f204")
    await expect(figures).to_contain_text("0.125")
    row = page.get_by_role("row", name="<b>NL-TNM</b>")
    await expect(row).to_contain_text("12.5")
    power = page.get_by_role("img", name="Power")
    await expect(power.locator("path.series-1")).to_be_attached()
    await expect(page.get_by_text("<u>first</u>: 7.4")).to_be_visible()
    await expect(page.get_by_role("region", name="Nothing", exact=True)).to_contain_text("Nothing yet.")
    await expect(page.get_by_role("region", name="Broken", exact=True)).to_contain_text("This can not be shown")


async def test_without_plugins_it_says_what_to_do(page):
    await page.get_by_role("link", name="Plugins").click()
    await expect(page.locator("main")).to_contain_text("There are no plugins. The first one takes ten lines")


@pytest.mark.promise(13)
async def test_a_plugin_that_fails_is_named_and_tried_again(desk, page):
    app, to = desk.app, desk.emsp.roles[0].party
    (app.config.plugins_folder).mkdir(exist_ok=True)
    (app.config.plugins_folder / "broken.py").write_text(_BROKEN)
    await app.plugins.refresh()
    await page.get_by_role("link", name="Plugins").click()
    section = page.get_by_role("region", name="broken", exact=True)
    await expect(section).to_contain_text("running")

    set_aside = []

    async def note(event):
        set_aside.append(event)

    app.bus.subscribe(note, PluginSetAside, name="test")
    for _ in range(5):
        await desk.cpo.push_location(to, next(iter(desk.cpo.locations))["id"])
    await expect(section).to_contain_text("set aside")
    await expect(section).to_contain_text("5 faults so far")
    await expect(section).to_contain_text("<b>bold</b>  reversed")
    await expect(section.get_by_role("row", name="fail 0")).to_be_visible()

    await page.reload()
    await page.get_by_role("button", name="try broken again").click()
    await expect(page.get_by_role("status")).to_contain_text("broken is called again")
    await expect(section).to_contain_text("running")
    assert len(set_aside) == 1
    assert page.url.endswith("/dashboard/plugins")


async def test_who_may_only_read_has_no_button(desk):
    async with desk.visitor("read") as page:
        await page.goto("/dashboard/plugins")
        await expect(page.get_by_role("heading", name="Plugins")).to_be_visible()
        await expect(page.get_by_role("button")).to_have_count(1)
        await expect(page.get_by_role("button", name="Log out")).to_be_visible()
