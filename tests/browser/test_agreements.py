"""The agreements in a real browser: the grid, changing a cell, the form by keyboard, rules, rights."""

import pytest
from playwright.async_api import expect

CELL = "NL-CPO and DE-MSP: "


async def test_a_cell_is_chosen_changed_and_stays_chosen(desk, page):
    await page.get_by_role("link", name="Agreements").click()
    await expect(page.locator("main")).to_contain_text("everybody may reach everybody")
    await page.get_by_role("link", name=CELL + "allowed, by the default").click()
    pair = page.get_by_role("region", name="DE-MSP and NL-CPO")
    await pair.get_by_role("button", name="Deny commands").click()
    await expect(page.get_by_role("status")).to_contain_text("commands between DE-MSP and NL-CPO: denied")
    await expect(pair.get_by_role("row", name="commands ✕ denied")).to_be_visible()
    cell = page.get_by_role("link", name=CELL + "allowed, by the default, but otherwise for commands")
    await expect(cell).to_have_text("✓±")
    assert page.url.endswith("/dashboard/agreements?down=CPO&across=EMSP&name=&one=DE-MSP&other=NL-CPO")
    await pair.get_by_role("button", name="Deny everything").click()
    await expect(page.get_by_role("link", name=CELL + "denied, by a rule about these two")).to_have_text("✕")
    await page.reload()
    await pair.get_by_role("button", name="Remove the rule on everything").click()
    await pair.get_by_role("button", name="Remove the rule on commands").click()
    await expect(page.get_by_role("link", name=CELL + "allowed, by the default")).to_have_text("✓")
    assert desk.app.operations.agreements.all().rules == ()


async def test_the_form_makes_a_rule_by_keyboard(desk, page):
    await page.goto("/dashboard/agreements")
    await page.get_by_label("One party, or * for everybody").fill("nl-cpo")
    await page.keyboard.press("Tab")
    await page.keyboard.type("*")
    await page.get_by_label("Module").last.select_option("tokens")
    await page.get_by_role("button", name="Deny").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("tokens between NL-CPO and everybody: denied")
    rules = page.get_by_role("region", name="Rules", exact=True)
    await expect(rules.get_by_role("row", name="everybody NL-CPO tokens ✕ denied")).to_be_visible()
    await rules.get_by_role("button", name="Remove: deny tokens between * and NL-CPO").click()
    await expect(page.get_by_role("status")).to_contain_text("the rule is gone")
    await expect(page.locator("main")).to_contain_text("There are none: everything is allowed.")


async def test_what_is_wrong_is_told_and_stays_filled_in(desk, page):
    await page.goto("/dashboard/agreements")
    await page.get_by_label("One party, or * for everybody").fill("<b>nobody</b>")
    await page.get_by_label("The other party, or *").fill("DE-MSP")
    await page.get_by_role("button", name="Allow").click()
    await expect(page.get_by_role("alert")).to_contain_text("'<b>nobody</b>' is not a party")
    await expect(page.get_by_label("One party, or * for everybody")).to_have_value("<b>nobody</b>")
    assert len(desk.problems) == 1, "the browser names the 400, and nothing else"
    desk.problems.clear()


@pytest.mark.promise(13)
async def test_hostile_names_are_text_and_names_are_looked_for(desk, page):
    await desk.app.partners.invite('<img src=x onerror="alert(1)">', ["BE-BAD:CPO"])
    await page.goto("/dashboard/agreements")
    await expect(page.locator("img")).to_have_count(0)
    await expect(page.get_by_role("rowheader")).to_have_count(2)
    await page.get_by_label("Party or name").fill("onerror")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("rowheader")).to_have_text(['BE-BAD<img src=x onerror="a…'])


async def test_a_read_key_looks_and_changes_nothing_on_a_phone(desk):
    async with desk.visitor("read", viewport={"width": 390, "height": 844}) as page:
        await page.goto("/dashboard/agreements")
        await page.get_by_role("link", name=CELL).click()
        await expect(page.get_by_role("region", name="DE-MSP and NL-CPO")).to_be_visible()
        await expect(page.get_by_role("button")).to_have_count(2)  # "Show" and "Log out"
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0
