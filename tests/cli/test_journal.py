"""`ocpi-hub journal`, `trace` and `partner capture`: beside a hub at work, and after it has stopped."""

import asyncio
import csv
import io
import json
import time
from typing import Any

import pytest
from click.testing import Result

from hub.config import Journal
from hub.core.party import Party
from tests.cli.conftest import Cli, process
from tests.partner import Say, ocpi
from tests.support import running
from tests.versions import location, roaming, send, token

HUB = Party("NL", "HUB")
LOC1 = "receiver/locations/NL/CPO/LOC1"
EVIL = "[bold]x[/] \x1b[31m\u202egnp.exe\n=cmd()"


class Beside:
    """The commands, beside a hub that runs on the loop of the test."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli

    async def run(self, *words: str) -> Result:
        return await asyncio.to_thread(self.cli.run, *words)

    async def json(self, *words: str) -> Any:
        return await asyncio.to_thread(self.cli.json, *words)

    async def rows(self, *words: str) -> list[Any]:
        """Without the registrations that each test begins with."""
        return [row for row in (await self.json("journal", *words))["rows"] if row["module"] != "credentials"]

    async def trace(self, name: str) -> list[Any]:
        return await self.json("trace", name)


@pytest.fixture
def beside(cli, monkeypatch) -> Beside:
    monkeypatch.setenv("OCPI_HUB__HUB__PARTY", "NL-HUB")
    return Beside(cli)


async def test_both_legs_of_a_message_are_one_trace(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        answer = await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        assert answer.code == 1000
        (put,) = await emsp.expect(f"PUT /{LOC1}")
        (row,) = await beside.rows("--module", "locations")
        assert (row["sender"], row["receiver"], row["method"], row["object_id"]) == ("NL-CPO", "DE-MSP", "PUT", "LOC1")
        assert (row["outcome"], row["http_status"], row["ocpi_status"]) == ("delivered", 200, 1000)
        assert (row["way"], row["deliveries"], row["undelivered"]) == ("direct", 1, 0)
        assert row["why"] == "direct: DE-MSP at DE-MSP:EMSP"
        assert (row["bytes_in"], row["bytes_out"]) == (len(put.body), len(answer.body))
        assert 0 < row["partner_us"] < 5_000_000
        assert 0 < row["hub_us"] < 5_000_000
        assert abs(row["at"] - time.time() * 1000) < 60_000
        sent = put.headers
        for name in (row["correlation_id"], row["request_id"], sent["x-request-id"]):
            (found,) = await beside.trace(name)
            assert found["exchange"]["id"] == row["id"]
            (leg,) = found["deliveries"]
            assert (leg["request_id"], leg["receiver"], leg["outcome"]) == (sent["x-request-id"], "DE-MSP", "delivered")
            assert (leg["bytes_out"], leg["http_status"]) == (len(put.body), 200)
            assert found["bodies"] is None
        assert sent["x-correlation-id"] == row["correlation_id"]
        lines = (await beside.run("trace", row["correlation_id"])).stdout.splitlines()
        steps = [line.split("ms  ")[1].split("  ")[0] for line in lines if line.strip().startswith("+")]
        assert steps == [
            "NL-CPO (NL-CPO:CPO) → hub",
            "hub → DE-MSP (DE-MSP:EMSP)",
            "DE-MSP (DE-MSP:EMSP) → hub",
            "hub → NL-CPO (NL-CPO:CPO)",
        ]
    assert (await beside.rows())[-1]["id"] == row["id"], "and without a hub"
    assert "nothing with the id" in (await beside.run("trace", "nobody")).stderr


async def test_each_delivery_of_a_broadcast_is_a_row_and_one_that_failed_is_found(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi(code=2001, message="no such \x1b[31mplace")
        assert (await send(cpo, "PUT", LOC1, location("2.2.1"), HUB)).code == 1000
        await emsp.expect(f"PUT /{LOC1}")
        async with asyncio.timeout(10):
            while not (found := await beside.rows("--outcome", "declined")):
                await app.bus.settle()
        (row,) = found
        assert (row["outcome"], row["way"], row["deliveries"], row["undelivered"]) == ("answered", "broadcast", 1, 1)
        assert row["partner_us"] is None
        assert [each["id"] for each in await beside.rows("--partner", "DE-MSP")] == [row["id"]]
        ((leg,),) = [each["deliveries"] for each in await beside.trace(row["correlation_id"])]
        assert (leg["outcome"], leg["ocpi_status"], leg["reason"]) == ("declined", 2001, "no such  [31mplace")
        assert "broadcast: 1, 1 not taken" in (await beside.run("journal")).stdout


async def test_losses_and_findings_are_with_the_message(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.1.1", validation="report") as (_, cpo, emsp):
        emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = ocpi()
        broken = location("2.2.1") | {"city": "x" * 46, "parking_type": "ON_DRIVEWAY"}
        assert (await send(cpo, "PUT", LOC1, broken, emsp.party)).code == 1000
        (row,) = await beside.rows()
        assert (row["findings"], row["finding"]) == (1, "city: at most 45 characters")
        assert row["losses"] > 0
        ((leg,),) = [each["deliveries"] for each in await beside.trace(row["correlation_id"])]
        assert (leg["version"], leg["losses"]) == ("2.1.1", row["losses"])
        assert leg["loss"]


async def test_findings_of_an_answer_are_with_the_message_that_asked(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1", validation="report") as (app, cpo, emsp):
        cpo.says["GET /sender/locations/LOC1"] = ocpi(location("2.2.1") | {"city": "x" * 46})
        assert (await send(emsp, "GET", "sender/locations/LOC1", to=cpo.party)).code == 1000
        async with asyncio.timeout(10):
            while not (await beside.rows())[0]["findings"]:
                await app.bus.settle()
        assert (await beside.rows())[0]["finding"] == "city: at most 45 characters"


async def test_why_a_message_was_refused_or_failed_is_there(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = Say(500, b"<html>")
        assert (await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)).code == 4000
        assert (await send(cpo, "PUT", LOC1, location("2.2.1"), Party("FR", "NIX"))).code == 4001
        assert (await send(cpo, "PUT", LOC1, {}, emsp.party)).code == 2001
        failed, refused, invalid = await beside.rows()
        assert (failed["outcome"], failed["deliveries"]) == ("failed", 1)
        assert "body that is not OCPI" in failed["reason"]
        assert (refused["outcome"], refused["ocpi_status"], refused["receiver"]) == ("refused", 4001, "FR-NIX")
        assert (invalid["outcome"], invalid["receiver"]) == ("refused", "DE-MSP")
        ((leg,),) = [each["deliveries"] for each in await beside.trace(failed["correlation_id"])]
        assert (leg["outcome"], leg["http_status"], leg["ocpi_status"]) == ("failed", 500, None)
        told = (await beside.run("trace", failed["correlation_id"])).stdout
        assert "DE-MSP:EMSP answered with HTTP 500 and a body that is not OCPI." in told
        assert "next: Ask DE-MSP:EMSP what stands at its endpoint" in told
        assert "tell NL-CPO:CPO: Please do not repeat or queue the message" in told


async def test_requests_that_never_became_a_message_are_there_without_their_token(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, _):
        secret = "a-token-that-nobody-knows"
        said = "X-Correlation-ID: hello", "OCPI-from-country-code: NL", "OCPI-from-party-id: NEW"
        await cpo.ask("GET", f"/ocpi/2.2.1/sender/locations?token={secret}", *said, token=secret)
        await cpo.ask("GET", "/ocpi/2.2.1/sender/nonsense/x")
        await cpo.ask("DELETE", f"/ocpi/2.2.1/{LOC1}")
        await cpo.ask("POST", "/ocpi/2.2.1/sender/tokens/CARD12345678/authorize/now", body=b"{}")
        await cpo.ask("GET", "/ocpi/2.2.1/sender/locations", "X-Request-ID: 1", "X-Request-ID: 2")
        rows = await beside.rows("--outcome", "turned-away")
        assert [(each["http_status"], each["sender_name"], each["module"]) for each in rows] == [
            (401, None, "locations"),
            (404, "NL-CPO:CPO", "nonsense"),
            (405, "NL-CPO:CPO", "locations"),
            (404, "NL-CPO:CPO", "tokens"),
            (400, None, "locations"),
        ]
        assert (rows[0]["sender"], rows[0]["correlation_id"], rows[0]["address"]) == ("NL-NEW", "hello", "127.0.0.1")
        assert rows[0]["path"] == "/ocpi/2.2.1/sender/locations"
        assert rows[3]["path"] == "/ocpi/2.2.1/sender/tokens/…"
        assert "not known to this hub" in rows[0]["reason"]
        (traced,) = await beside.trace("hello")
        assert traced["deliveries"] == []
        out = (await beside.run("trace", "hello")).stdout
        assert "NL-NEW → hub" in out
    assert secret.encode() not in (tmp_path / "data/hub.db").read_bytes()


async def test_of_a_drivers_card_only_the_end_is_kept(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        path = "receiver/tokens/DE/MSP/04A1B2C3D4E5F6"
        cpo.says[f"PUT /{path}"] = ocpi(code=2001, message="04A1B2C3D4E5F6 is blocked")
        card = token("2.2.1") | {"uid": "04A1B2C3D4E5F6"}
        assert (await send(emsp, "PUT", path, card, cpo.party)).code == 2001
        (row,) = await beside.rows()
        assert (row["object_id"], row["reason"]) == ("…E5F6", "…E5F6 is blocked")
    assert b"04A1B2C3D4E5F6" not in (tmp_path / "data/hub.db").read_bytes()


async def test_a_capture_keeps_bodies_without_what_is_secret_until_it_ends(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        path = "receiver/tokens/DE/MSP/CARD1"
        cpo.says[f"PUT /{path}"] = ocpi({"response_url": "https://me:pw@x.example/r?key=1", "email": "a@b.c"})
        assert (await send(emsp, "PUT", path, token("2.2.1"), cpo.party)).code == 1000
        assert (await beside.json("partner", "capture", "NL-CPO", "--minutes", "5"))["until"] > time.time() * 1000
        assert (await send(emsp, "PUT", path, token("2.2.1"), cpo.party)).code == 1000
        assert (await beside.json("partner", "capture", "NL-CPO", "--off"))["until"] is None
        assert (await send(emsp, "PUT", path, token("2.2.1"), cpo.party)).code == 1000
        before, row, after = await beside.rows()
        for each, kept in ((before, False), (row, True), (after, False)):
            ((found,),) = [found["deliveries"] for found in await beside.trace(each["correlation_id"])]
            assert bool(found["bodies"]) is kept
        ((leg,),) = [each["deliveries"] for each in await beside.trace(row["correlation_id"])]
        sent, came = (json.loads(leg["bodies"][name]) for name in ("request", "answer"))
        hidden = dict.fromkeys(("uid", "contract_id", "visual_number"), "[hidden]")
        assert sent == token("2.2.1") | hidden
        assert came["data"] == {"response_url": "https://x.example/r?[hidden]", "email": "[hidden]"}
        assert '"issuer":"Test"' in (await beside.run("trace", row["correlation_id"])).stdout


async def test_a_capture_outlives_a_restart(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1"):
        pass
    assert (await beside.json("partner", "capture", "DE-MSP"))["until"]
    async with running(tmp_path) as app:
        assert list(app.operations.journal._running._captures) == [2]


async def test_text_of_partners_is_harmless_on_a_terminal_and_in_a_spreadsheet(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        says = iter(
            (EVIL, "=1+1+1+1+1+1", "@x xxxxxxxxx", "-2 - 3333333", "+3 + 4444444", "\t=x+yyyyyyyyy", "x" * 10_000)
        )
        emsp.says[f"PUT /{LOC1}"] = lambda _: ocpi(code=3000, message=next(says))
        for _ in range(7):
            await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        out = (await beside.run("journal", "--module", "locations")).stdout
        assert "[bold]x[/]  [31m gnp.exe =cmd()" in out
        assert not {"\x1b", "\u202e"} & set(out)
        assert len(out.splitlines()) == 8
        text = (await beside.run("journal", "--module", "locations", "--csv")).stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [each["reason"] for each in rows][1:6] == [
            "'=1+1+1+1+1+1",
            "'@x xxxxxxxxx",
            "'-2 - 3333333",
            "'+3 + 4444444",
            "' =x+yyyyyyyyy",
        ]
        assert len(rows[6]["reason"]) == 500
        assert "=cmd()" in rows[0]["reason"]
        shown = (await beside.run("trace", rows[0]["correlation_id"])).stdout
        assert "\x1b" not in shown


async def test_filters_and_limits(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        for _ in range(3):
            await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        await send(emsp, "GET", "sender/tariffs", to=HUB)
        newest = await beside.json("journal", "--limit", "2")
        assert [each["module"] for each in newest["rows"]] == ["locations", "tariffs"]
        assert newest["next_before"] == newest["rows"][0]["id"]
        assert len(await beside.rows("--partner", "NL-CPO")) == 3
        assert len(await beside.rows("--partner", "DE-MSP")) == 4
        assert len(await beside.rows("--since", "1h")) == 4
        assert await beside.rows("--since", "2999-01-01") == []
        assert await beside.rows("--partner", "4711") == []
        assert "no partner" in (await beside.run("journal", "--partner", "FR-NIX")).stderr
        assert "is no moment" in (await beside.run("journal", "--since", "yesterday")).stderr


async def test_following_shows_what_comes(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        words = "journal", "--follow", "--json", "--module", "locations"
        with process(tmp_path, *words, OCPI_HUB__HUB__PARTY="NL-HUB") as following:
            first = json.loads(await asyncio.to_thread(following.line))
            await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
            second = json.loads(await asyncio.to_thread(following.line))
            emsp.says[f"PUT /{LOC1}"] = ocpi(code=2001)
            await send(cpo, "PUT", LOC1, location("2.2.1"), HUB)
            answered, failed = [json.loads(await asyncio.to_thread(following.line)) for _ in range(2)]
        assert first["id"] < second["id"] < answered["id"]
        assert (answered["way"], failed["outcome"]) == ("broadcast", "declined")
        assert failed["exchange_id"] == answered["id"]
    assert "has to run" in (await beside.run("journal", "--follow")).stderr


async def test_a_journal_that_is_not_wanted_is_not_kept(tmp_path, beside):
    async with roaming(tmp_path, "2.2.1", "2.2.1", journal=Journal(enabled=False)) as (_, cpo, emsp):
        await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        assert await beside.rows() == []
        assert "keep a journal" in (await beside.run("journal", "--follow")).stderr
        assert "keeps no journal" in (await beside.run("partner", "capture", "NL-CPO")).stderr
