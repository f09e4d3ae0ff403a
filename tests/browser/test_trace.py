"""A trace in a real browser: a newcomer finds out why a push failed, what to do, and what else belongs to it."""

from playwright.async_api import expect

from tests.partner import Partner
from tests.versions import EMSP_MODULES


async def _push(desk, to=None):
    await desk.cpo.push_location(to or desk.emsp.roles[0].party, next(iter(desk.cpo.locations))["id"])


async def test_a_newcomer_finds_by_clicks_why_a_push_failed(desk, page):
    await desk.emsp.stop()
    await _push(desk)
    await page.get_by_role("link", name="failed: 1, see the journal").click()
    await expect(page.get_by_role("heading", name="Journal")).to_be_visible()
    await expect(page.get_by_label("Outcome")).to_have_value("failed")
    await page.locator("#live_rows tbody").get_by_role("link", name="PUT locations").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("PUT locations")
    told = page.get_by_role("region", name="What happened")
    await expect(told).to_contain_text("Emsp did not accept connections.")
    await expect(told).to_contain_text("tried once and is not kept (the offline rule)")
    await expect(told).to_contain_text("Ask Emsp whether its platform runs")
    await expect(told).to_contain_text("When you are back, GET the locations of NL-CPO")
    drawing = page.get_by_role("img", name="What the hub and each partner did")
    await expect(drawing.locator("rect.failed")).to_have_count(1)
    await expect(page.get_by_role("table").first).to_contain_text("it does not accept connections")


async def test_it_leads_to_the_explanation_and_the_partners(desk, page):
    await _push(desk)
    await page.goto("/dashboard/journal?module=locations")
    await page.get_by_role("link", name="PUT locations").click()
    trace = page.url
    await page.get_by_role("link", name="Explain this message").click()
    await expect(page.get_by_label("From party")).to_have_value("NL-CPO")
    await expect(page.get_by_label("To party")).to_have_value("DE-MSP")
    await expect(page.get_by_text("It would go to one party.")).to_be_visible()
    await page.goto(trace)
    await page.locator(".actions").get_by_role("link", name="Emsp").click()
    await expect(page.get_by_role("heading", name="Emsp").first).to_be_visible()


async def test_it_leads_to_what_has_the_same_correlation_id(desk, page):
    async with Partner("BE-SAM:EMSP", endpoints=EMSP_MODULES).serve() as same:
        await same.invited(desk.app)
        await same.register()
        for module in ("first", "second"):
            await same.ask("GET", f"/ocpi/2.2.1/sender/{module}", "X-Correlation-ID: one")
    await page.goto("/dashboard/trace/one")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("sender/first")
    await expect(page.get_by_role("region", name="What happened")).to_contain_text("There is nothing at this path")
    await page.get_by_role("link", name="sender/second").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("sender/second")


async def test_a_trace_that_is_not_there_says_where_to_look(desk, page):
    await page.goto("/dashboard/trace/nobody")
    await expect(page.get_by_role("alert")).to_contain_text("the journal has nothing with the id 'nobody'")
    assert len(desk.problems) == 1
    desk.problems.clear()


async def test_it_is_read_without_scripts_and_in_the_dark(desk):
    await _push(desk)
    async with desk.visitor("read", java_script_enabled=False, color_scheme="dark") as page:
        await page.goto("/dashboard/journal?module=locations")
        await page.get_by_role("link", name="PUT locations").click()
        await expect(page.get_by_role("region", name="What happened")).to_contain_text("Emsp took it.")
        await expect(page.get_by_role("region", name="Deliveries")).to_contain_text("✓ delivered")
