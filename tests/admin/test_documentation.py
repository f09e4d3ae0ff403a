"""The pages at /docs: whole without internet, and nothing in them that a strict policy forbids."""

import re

PAGES = ("/docs", "/docs/ocpi-2.1.1", "/docs/ocpi-2.2.1", "/docs/ocpi-2.3.0")


async def test_pages_need_nothing_from_elsewhere(net):
    for path in PAGES:
        answer = await net.api.raw("GET", path)
        assert (answer.status, answer.content_type) == (200, "text/html")
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        page = await answer.text()
        assert not re.findall(r"https?:", page)
        assert not re.findall(r"<script(?![^>]*\bsrc=)|\bon\w+=|<style|style=", page)
        named = re.findall(r'(?:href|src|data-url)="([^"]+)"', page)
        assert len(named) > 5
        for each in named:
            assert (await net.api.raw("GET", each)).status == 200, each


async def test_what_the_script_needs_is_there(net):
    script = await (await net.api.raw("GET", "/docs/static/docs.js")).text()
    assert "validatorUrl: null" in script  # else a server elsewhere would be asked
    bundle = await net.api.raw("GET", "/docs/static/swagger-ui-bundle.js")
    assert bundle.content_type.endswith("javascript")
    assert "SwaggerUIBundle" in await bundle.text()
    assert bundle.headers["Cache-Control"] == "max-age=3600"


async def test_documents_are_told_to_everybody_and_name_the_hub(net):
    answer = await net.api.raw("GET", "/openapi/ocpi-2.2.1.json")
    spec = await answer.json()
    assert spec["servers"] == [{"url": net.app.url}]
    assert (await (await net.api.raw("GET", "/openapi.json")).json())["openapi"] == "3.1.0"
    assert (await net.api.raw("GET", "/openapi/ocpi-9.9.json")).status == 404
