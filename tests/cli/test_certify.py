"""`ocpi-hub partner certify`: what it prints, writes and exits with, beside a hub that runs."""

import json
from pathlib import Path

import msgspec

from hub.core.message import Reply
from hub.sim import SimCpo
from tests.certify.faults import opened
from tests.cli.command import ocpi_hub
from tests.support import CPO, network, register, running

EVIL = "<script>alert(1)</script>\u202e\x1b[31m[bold]\n" + "x" * 10_000


class Wrong(SimCpo):
    """A CPO whose locations lack everything, but for a name that does harm where it is shown as it is."""

    async def _answer(self, request, token) -> Reply:
        reply = await super()._answer(request, token)
        if request.module != "locations" or not isinstance((answer := opened(reply)).data, list):
            return reply
        return msgspec.structs.replace(answer, data=[{"id": EVIL, "last_updated": "2025-01-01T00:00:00Z"}]).reply()


async def test_it_prints_all_checks_and_writes_reports(tmp_path):
    async with network(tmp_path):
        names = ("out.html", "out.pdf", "out.json")
        files = [word for name in names for word in ("--report", name)]
        done = await ocpi_hub(tmp_path, "partner", "certify", "NL-CPO", "--write", *files)
        assert (done.status, done.err) == (0, "")
        assert "Cpo, OCPI 2.2.1: certified: no check failed" in done.out
        assert "list-pages" in done.out
        assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF-")
        assert json.loads((tmp_path / "out.json").read_bytes())["certified"] is True
        assert "Certified: no check failed" in (tmp_path / "out.html").read_text()


async def test_what_failed_is_explained_with_its_section_and_ends_with_1(tmp_path):
    async with running(tmp_path) as app, Wrong("Cpo", [CPO]) as cpo:
        await register(app, cpo)
        done = await ocpi_hub(tmp_path, "partner", "certify", "NL-CPO", "--issue", "--report", "out.html")
        assert done.status == 1
        assert "locations SENDER: objects" in done.out
        assert "OCPI 2.2.1, mod_locations: Object description" in done.out
        assert "to do: Send every required field" in done.out
        assert "No certificate was issued" in done.err
        for harmful in ("\x1b", "\u202e"):
            assert harmful not in done.out + done.err
        page = Path(tmp_path / "out.html").read_text()
        assert "<script" not in page
        assert "\u202e" not in page
        told = await ocpi_hub(tmp_path, "partner", "certify", "NL-CPO", "--json")
        assert told.status == 1
        assert json.loads(told.out)["counts"]["failed"] > 0


async def test_mistakes_are_told(tmp_path):
    async with network(tmp_path) as (app, _, _):
        await app.partners.invite("New", ["FR-NEW:CPO"])
        for words, error in (
            (("Nobody",), "no partner 'Nobody'"),
            (("New",), "it can be checked when it is REGISTERED"),
            (("NL-CPO", "--as", "wrong party"), "is not a party"),
            (("NL-CPO", "--issue"), "registry"),
        ):
            done = await ocpi_hub(tmp_path, "partner", "certify", *words)
            assert (done.status, error in done.err) == (1, True), done
    done = await ocpi_hub(tmp_path, "partner", "certify", "NL-CPO", "--report", "out.doc")
    assert (done.status, "has to end with .html, .pdf, .json" in done.err) == (2, True)
    done = await ocpi_hub(tmp_path, "partner", "certify", "NL-CPO")
    assert (done.status, "the hub has to run for this" in done.err) == (1, True)
