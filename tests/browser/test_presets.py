"""Forms of a plugin in a real browser: presets are set, refused with the field, and removed."""

import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect

from hub.config import Admin
from hub.demo import shipped_plugins
from tests.browser.conftest import Desk
from tests.support import network


@pytest.fixture
async def desk(tmp_path: Path, chromium):
    folder = tmp_path / "plugins"
    folder.mkdir()
    shutil.copy(shipped_plugins() / "presets.py", folder)
    shutil.copytree(shipped_plugins() / "presets", folder / "presets")
    async with network(tmp_path, admin=Admin(port=0), plugins={"presets": {"enabled": True}}) as (app, cpo, emsp):
        keys = {scope: (await app.operations.keys.create(scope, scope)).key for scope in ("read", "operate")}
        desk = Desk(app, cpo, emsp, chromium, keys, [])
        yield desk
        assert [each for each in desk.problems if "400" not in each] == []


async def test_a_preset_is_set_and_removed(desk):
    async with desk.visitor("operate") as page:
        await page.goto("/dashboard/plugins/presets")
        form = page.get_by_role("region", name="Set a preset")
        await form.get_by_label("name").fill("company-car-7")
        await form.get_by_label("uid").fill("012345678")
        await form.get_by_label("profile type").select_option("GREEN")
        await form.get_by_label("limit kwh").fill("20")
        await form.get_by_role("button", name="Set a preset").click()
        await expect(page.get_by_role("alert")).to_contain_text("limit_kw")
        await expect(form.get_by_label("uid")).to_have_value("012345678")
        await form.get_by_label("limit kw (").fill("11")
        await form.get_by_role("button", name="Set a preset").click()
        await expect(page.get_by_role("status")).to_contain_text("Preset company-car-7 is set.")
        await expect(page.get_by_role("row", name="company-car-7")).to_be_visible()
        assert page.url.endswith("/dashboard/plugins/presets")
        gone = page.get_by_role("region", name="Remove a preset")
        await gone.get_by_label("name").fill("company-car-7")
        await gone.get_by_role("button", name="Remove a preset").click()
        await expect(page.get_by_role("status")).to_contain_text("Preset company-car-7 is removed.")
        await expect(page.get_by_role("row", name="company-car-7")).to_have_count(0)


async def test_who_may_only_read_has_no_form(desk):
    async with desk.visitor("read") as page:
        await page.goto("/dashboard/plugins/presets")
        await expect(page.get_by_role("heading", name="presets", level=1)).to_be_visible()
        await expect(page.get_by_role("region", name="Set a preset")).to_have_count(0)
