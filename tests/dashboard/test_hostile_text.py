"""The worst text in every place of every page: none of it becomes markup, runs, or leads away."""

import pytest

from tests.dashboard.hostile import EVIL, URL, Found, drawn

pytestmark = pytest.mark.promise(13)


@pytest.mark.parametrize(("kind", "text"), [("markup", EVIL), ("URLs", URL)])
def test_no_text_becomes_markup(kind, text, proof):
    found = [(page.name, Found(html, text)) for page in drawn(text) for html in (page.html, *page.parts.values())]
    assert [(name, each.bad) for name, each in found if each.bad] == []
    proof.at_least(f"XSS: texts drawn on pages as {kind}", sum(each.texts for _, each in found), 900)
    proof.exactly(f"XSS: {kind} that got through", sum(len(each.bad) for _, each in found), 0)


def test_no_text_is_taken_for_a_template(proof):
    """`191 * 7` in it is not worked out."""
    proof.exactly("XSS: texts taken for a template", sum("1337" in page.html for page in drawn(EVIL)), 0)


@pytest.mark.parametrize(
    "html", [EVIL, f"<p title={EVIL}>", f'<p title="{EVIL}">', f'<a href="{URL}">', "<!-- x-in -->"]
)
def test_what_gets_through_is_found(html):
    """The test itself: text that is not escaped."""
    assert Found(html).bad
