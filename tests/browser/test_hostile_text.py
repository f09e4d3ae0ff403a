"""The worst text in a real browser, with the headers that pages have: whole pages, and parts that come live."""

import msgspec
import pytest

from hub.dashboard.site import _HEADERS
from tests.dashboard.hostile import EVIL, VARIANTS, Drawn, drawn
from tests.promises import size

pytestmark = pytest.mark.promise(13)

GOT_IN = """() => [...document.querySelectorAll("*")].filter((each) =>
  each.localName.startsWith("x-") || ["img", "iframe", "object", "embed", "base"].includes(each.localName)
  || (each.localName === "script" && !each.src) || each.getAttributeNames().some((name) => name.startsWith("on"))
  || ["href", "src", "action", "formaction"].some((name) => (each.getAttribute(name) ?? "").startsWith("javascript:"))
).map((each) => each.outerHTML.slice(0, 200))"""
"""What a page has that only a text can have brought in."""

VARIANTS_SEEN = size(1, VARIANTS)
CAME = """(names) => names.map((name) => document.getElementById(name))
  .every((each) => each === null || each.innerHTML.includes("x-in"))"""


async def test_nothing_gets_into_any_page_or_its_live_parts(desk, proof):
    got_in, live = [], 0
    async with desk.stranger() as page:
        page.on("dialog", lambda dialog: got_in.append(dialog.message))
        for calm, evil in zip(drawn("calm", VARIANTS_SEEN), drawn(EVIL, VARIANTS_SEEN), strict=True):
            await _open(page, evil, {})
            got_in += await page.evaluate(GOT_IN)
            if evil.parts:
                await _open(page, calm, evil.parts)
                named = [name for name, html in evil.parts.items() if "x-in" in html]
                await page.wait_for_function(CAME, arg=named)
                got_in += await page.evaluate(GOT_IN)
                live += len(named)
    proof.at_least("XSS: live parts that came to a browser", live, size(20, 50))
    proof.exactly("XSS: what got in, in a browser", len(got_in), 0)
    desk.problems[:] = [each for each in desk.problems if "cannot be parsed, or is out of range" not in each]


async def _open(page, drawing: Drawn, parts) -> None:
    """Load a page as if the hub had drawn it, and what comes live then."""
    events = [
        f"event: part\ndata: {msgspec.json.encode({'id': name, 'html': html}).decode()}\n\n"
        for name, html in parts.items()
    ]

    async def serve(route) -> None:
        match route.request.resource_type:
            case "document":
                await route.fulfill(body=drawing.html, headers={**_HEADERS, "Content-Type": "text/html; charset=utf-8"})
            case "eventsource":
                await route.fulfill(body="".join(events), headers={"Content-Type": "text/event-stream"})
            case _:
                await route.continue_()

    # The page before goes first: it would ask the hub itself for its live parts while nothing answers in its place.
    await page.goto("about:blank")
    await page.unroute_all()
    await page.route("**/dashboard/**", serve)
    await page.goto(f"/dashboard/{drawing.name}")


async def test_what_gets_in_is_found(desk):
    """The test itself: the same text where nothing escapes it, and no header holds it back."""
    async with desk.stranger() as page:
        await page.set_content(f"<p>{EVIL}<p title={EVIL}>")
        assert len(await page.evaluate(GOT_IN)) >= 4
    desk.problems.clear()
