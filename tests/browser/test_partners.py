"""Partners in a real browser: finding one, and everything that is done with them, by forms as people fill them in."""

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from playwright.async_api import expect

from hub.core.party import PartyRole
from hub.sim import SimCpo
from tests.partner import Partner


@asynccontextmanager
async def opened(desk, ref="1", scope="operate", **options):
    """The page of a partner."""
    async with desk.visitor(scope, **options) as page:
        await page.goto(f"/dashboard/partners/{ref}")
        await expect(page.locator("#alive")).to_have_text("live")
        yield page


async def said(page, words):
    """The page says that it is done, and has the address of a page that can be loaded again."""
    await expect(page.get_by_role("status").first).to_contain_text(words)
    assert "/dashboard/partners" in page.url
    assert page.url.rpartition("/")[2] in ("partners", "1", "2", "3")


async def test_partners_are_found_and_opened(desk):
    async with desk.visitor("read") as page:
        await page.get_by_role("link", name="Partners", exact=True).click()
        await expect(page.get_by_role("row", name="Cpo")).to_contain_text("✓ connected")
        await page.get_by_label("Name or party").fill("DE-MSP")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("row", name="Cpo")).to_have_count(0)
        await page.get_by_role("link", name="Emsp").click()
        await expect(page.get_by_role("heading", level=1, name="Emsp")).to_be_visible()
        await expect(page.locator("#main form")).to_have_count(0)
        await page.goto("/dashboard/partners?state=suspended")
        await expect(page.locator("#live_partners")).to_contain_text("None of the 2 partners is like that")


async def test_a_partner_is_invited_and_seen_to_register(desk):
    async with desk.visitor("operate") as page, SimCpo("Late", [PartyRole.parse("BE-LAT:CPO")]) as late:
        await page.goto("/dashboard/partners")
        await page.get_by_text("Invite: the partner begins").click()
        await page.get_by_label("Name", exact=True).fill("Late")
        await page.get_by_label("Parties with their roles").fill("BE-LAT")
        await page.get_by_role("button", name="Invite").click()
        await expect(page.get_by_role("alert")).to_contain_text("write it as BE-LAT:CPO")
        desk.problems.clear()  # the browser names the 400
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Late")
        await page.get_by_label("Parties with their roles").fill("BE-LAT:CPO")
        await page.get_by_role("button", name="Invite").click()
        await said(page, "Late is invited")
        url, token = [await page.locator(f"#told-{number}").inner_text() for number in (1, 2)]
        await expect(page.locator("#told-3")).to_contain_text("BE-LAT:CPO")
        await expect(page.locator("#live_standing")).to_contain_text("has not registered yet")
        await late.register(url, token)
        await expect(page.locator("#live_standing")).to_contain_text("✓ connected")
        await page.reload()
        await expect(page.locator("#told-2")).to_have_count(0)


async def test_the_hub_connects(desk, page):
    async with SimCpo("Late", [PartyRole.parse("BE-LAT:CPO")]) as late:
        await page.goto("/dashboard/partners")
        await page.get_by_text("Connect: the hub begins").click()
        await page.get_by_label("Name", exact=True).last.fill("Late")
        await page.get_by_label("Its versions URL").fill(late.versions_url)
        token = page.get_by_label("The token that it gave you")
        assert await token.get_attribute("type") == "password"
        await token.fill(late.invite())
        await page.get_by_role("button", name="Connect").click()
        await said(page, "Late is connected, with OCPI 2.2.1.")
        await expect(page.get_by_role("heading", level=1, name="Late")).to_be_visible()


async def test_a_partner_is_suspended_and_resumed(desk):
    async with opened(desk) as page:
        await page.get_by_text("Suspend", exact=True).click()
        await page.get_by_role("button", name="Suspend it").click()
        await said(page, "Cpo is suspended")
        await expect(page.locator("#live_standing")).to_contain_text("suspended")
        assert desk.app.partners.show("1").state == "SUSPENDED"
        await page.get_by_role("button", name="Resume").click()
        await said(page, "Cpo is let in again")
        assert desk.app.partners.show("1").state == "REGISTERED"
        await page.get_by_text("Changes, the latest first").click()
        await expect(page.locator("#changes").get_by_role("row", name="suspended")).to_be_visible()


async def test_tokens_are_renewed(desk):
    before = desk.cpo.peer.token
    async with opened(desk) as page:
        await page.get_by_text("Renew tokens", exact=True).click()
        await page.get_by_role("button", name="Renew both tokens").click()
        await said(page, "Both tokens of Cpo are new")
    assert desk.cpo.peer.token != before


async def test_a_partner_is_invited_again(desk):
    async with opened(desk) as page:
        await page.get_by_text("Invite again", exact=True).click()
        await page.get_by_role("button", name="End its registration").click()
        await said(page, "Cpo is invited again")
        assert len(await page.locator("#told-2").inner_text()) > 30
        await expect(page.locator("#live_facts")).to_contain_text("invited")


async def test_a_partner_is_removed_and_other_browsers_learn_it(desk):
    async with opened(desk, scope="admin") as page, opened(desk) as other:
        await page.get_by_text("Remove", exact=True).click()
        await page.get_by_role("button", name="Remove Cpo for good").click()
        await said(page, "Cpo is removed")
        await expect(page.get_by_role("row", name="Emsp")).to_be_visible()
        await expect(page.get_by_role("row", name="Cpo")).to_have_count(0)
        await expect(other.locator("#alive")).to_have_text("not live")
    desk.problems.clear()  # the browser names the 404


async def test_parties_are_added(desk):
    async with opened(desk) as page:
        await page.get_by_label("More that it may present").fill("BE-CPO:CPO\nFR-CPO:CPO")
        await page.get_by_role("button", name="Add parties").click()
        await said(page, "Cpo may now present BE-CPO:CPO FR-CPO:CPO")
        await expect(page.get_by_role("listitem").filter(has_text="BE-CPO:CPO")).to_contain_text("not presented")


async def test_an_endpoint_is_set_and_taken_back(desk, page):
    await page.goto("/dashboard/partners/1")
    await page.get_by_text("Set an endpoint by hand").click()
    await page.get_by_label("Module").fill("tokens")
    await page.get_by_label("Interface").select_option("SENDER")
    await page.get_by_label("URL", exact=True).fill("http://127.0.0.1:9/t")
    await page.get_by_role("button", name="Set endpoint").click()
    await said(page, "tokens SENDER of Cpo is now http://127.0.0.1:9/t")
    await expect(page.get_by_role("row", name="127.0.0.1:9/t")).to_contain_text("set by hand")
    await page.get_by_role("button", name="Take tokens SENDER back").click()
    await said(page, "has no endpoint any more")
    await expect(page.get_by_role("row", name="127.0.0.1:9/t")).to_have_count(0)


async def test_limits_and_validation_are_set(desk):
    async with opened(desk) as page:
        await page.get_by_text("Set limits", exact=True).first.click()
        await page.get_by_label("Requests per second").fill("0.5")
        await page.get_by_label("Requests at a time").fill("3")
        await page.get_by_role("button", name="Set limits").click()
        await said(page, "The limits of Cpo are set")
        await expect(page.locator("#live_limits").get_by_role("row", name="requests at a time")).to_contain_text("3")
        own = desk.app.partners.show("1").limits
        assert (own.requests, own.broadcasts, own.parallel) == (0.5, None, 3)
        await page.get_by_label("Objects that break a rule are").select_option("report")
        await page.get_by_role("button", name="Set", exact=True).click()
        await said(page, "Validation of Cpo is now report, for this partner alone")
        await expect(page.get_by_label("Objects that break a rule are")).to_have_value("report")


async def test_bodies_are_kept_for_a_while(desk, page):
    await page.goto("/dashboard/partners/1")
    await page.get_by_label("Minutes").fill("5")
    await page.get_by_role("button", name="Keep bodies").click()
    await said(page, "Bodies are kept for 5 minutes")
    await expect(page.locator("#live_bodies")).to_contain_text("are kept until")
    await page.get_by_role("button", name="Keep no more").click()
    await said(page, "No more bodies are kept")


async def test_a_pull_is_watched(desk):
    """Its page stands still where the platform does, and goes on with it."""
    slow, go_on = Partner("BE-SLO:CPO", endpoints=["sender/locations"]), asyncio.Event()
    usual = slow.usual

    async def later(asked):
        await go_on.wait()
        return usual(asked)

    async with slow.serve():
        await slow.invited(desk.app)
        await slow.register()
        slow.says["GET /sender/locations"] = later
        async with opened(desk, "BE-SLO") as page:
            await page.get_by_role("button", name="Pull now").click()
            await said(page, "The hub pulls from BE-SLO:CPO")
            await expect(page.locator("#live_pull")).to_contain_text("pulling locations")
            await expect(page.get_by_role("progressbar")).to_be_visible()
            go_on.set()
            await expect(page.locator("#live_pull")).to_contain_text("ended early")
            await expect(page.locator("#live_pull")).to_contain_text("HTTP 404")


async def test_findings_come_by_themselves_and_are_forgotten(desk):
    async with Partner("BE-BAD:CPO").serve() as bad:
        await bad.invited(desk.app)
        await bad.register()
        await desk.app.partners.set_validation("BE-BAD", "report")
        async with opened(desk, "BE-BAD") as page:
            await expect(page.locator("#live_findings")).to_contain_text("None.")
            await bad.ask("PUT", "/ocpi/2.2.1/receiver/tariffs/BE/BAD/T1", body=b'{"id": "T1"}')
            await expect(page.locator("#live_findings").get_by_role("row", name="is required").first).to_be_visible()
            await expect(page.locator("#live_exchanges").get_by_role("row", name="PUT tariffs")).to_be_visible()
            await page.reload()
            await page.get_by_role("button", name="Forget the findings").click()
            await said(page, "findings are forgotten")
            await expect(page.locator("#live_findings")).to_contain_text("None.")


async def test_it_fits_a_phone_and_works_without_scripts(desk):
    await desk.app.partners.invite("W" * 100, [f"NL-A{number:02}:CPO" for number in range(30)])
    options = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    async with desk.visitor(**options) as page:
        for path in ("", "/1", "/3"):
            await page.goto(f"/dashboard/partners{path}")
            await page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider == 0, path
    async with desk.visitor("operate", java_script_enabled=False) as page:
        await page.goto("/dashboard/partners/1")
        await page.get_by_text("Suspend", exact=True).click()
        await page.get_by_role("button", name="Suspend it").click()
        await expect(page.get_by_role("status").first).to_contain_text("Cpo is suspended")


@pytest.mark.parametrize("path", ["/partners", "/partners/1"])
async def test_every_field_has_a_label_and_headings_are_in_order(desk, page, path):
    await page.goto(f"/dashboard{path}")
    fields = "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
    assert await page.evaluate(f"{fields}.filter(each => !each.labels.length).length") == 0
    levels = await page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(e => +e.tagName[1])")
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
