"""The page of plugins in a real browser: what runs, how long it takes, faults, and trying again."""

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


async def test_without_plugins_it_says_what_to_do(page):
    await page.get_by_role("link", name="Plugins").click()
    await expect(page.locator("main")).to_contain_text("There are no plugins. The first one takes ten lines")


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
