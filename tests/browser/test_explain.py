"""Explain in a real browser: filled in by keyboard, shared by its address, and errors beside their fields."""

from playwright.async_api import expect


async def test_a_message_is_explained(desk, page):
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Explain").click()
    await page.get_by_label("Method").select_option("PUT")
    await page.get_by_label("Path").fill("receiver/locations/NL/CPO/LOC1")
    await page.get_by_label("From party").fill("NL-CPO")
    await page.get_by_label("To party").fill("NL-HUB")
    await page.get_by_role("button", name="Explain").click()
    answer = page.get_by_role("region", name="The answer")
    await expect(answer).to_contain_text("It would be a broadcast")
    await expect(answer.get_by_role("link", name="Emsp")).to_be_visible()
    await expect(answer.locator("ol li").nth(2)).to_contain_text("OCPI-to is NL-HUB")
    async with desk.visitor("read") as other:
        await other.goto(page.url)
        await expect(other.get_by_role("region", name="The answer")).to_contain_text("It would be a broadcast")
        await expect(other.get_by_label("Path")).to_have_value("receiver/locations/NL/CPO/LOC1")


async def test_a_refusal_names_its_code(page):
    await page.goto("/dashboard/explain?method=PUT&path=receiver/locations/NL/CPO/L1&sender=NL-CPO&receiver=FR-NIX")
    answer = page.get_by_role("region", name="The answer")
    await expect(answer).to_contain_text("It would be refused with status_code 4001.")
    await expect(answer).to_contain_text("FR-NIX is not known to this hub")


async def test_errors_stand_beside_their_fields_and_nothing_is_lost(desk, page):
    await page.goto("/dashboard/explain")
    await page.get_by_label("Path").fill("receiver/locations/NL/CPO/LOC1")
    await page.get_by_label("From party").fill("<b>nobody</b>")
    await page.get_by_label("Body").fill('{"id": "</textarea><script>x</script>"')
    await page.get_by_role("button", name="Explain").click()
    await expect(page.locator("#sender-wrong")).to_contain_text("'<b>nobody</b>' is not a party")
    await expect(page.get_by_label("From party")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Body")).to_have_value('{"id": "</textarea><script>x</script>"')
    assert await page.locator("main").locator("b, script").count() == 0
    assert len(desk.problems) == 1, "the browser names the 400, and nothing else"
    desk.problems.clear()


async def test_parties_are_offered(page):
    await page.goto("/dashboard/explain")
    await expect(page.locator("#parties option")).to_have_count(2)
    assert await page.locator("#receivers option").first.get_attribute("value") == "NL-HUB"
