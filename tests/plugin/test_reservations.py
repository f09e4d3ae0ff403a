"""Reservations and parking through the hub, with partners of each version: plugins/reservations.py and parking.py."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.app import App
from hub.core.outcome import Outcome
from hub.core.party import Party
from hub.ocpi.check import Checker, describe
from hub.ocpi.partial import partial
from hub.ocpi.reservations import ParkingSession, Reservation, ReservationStatus
from hub.store.journal import Filter
from tests.partner import Partner, ocpi
from tests.plugin.shipped import SHIPPED, plugin
from tests.support import running
from tests.versions import send, token

CPO, EMSP, HUB = Party("NL", "CPO"), Party("DE", "MSP"), Party("NL", "HUB")
R1 = "reservations/NL/CPO/R1"
STAY = {
    "country_code": "NL", "party_id": "CPO", "id": "R1", "start_date_time": "2026-05-01T10:00:00Z",
    "location_id": "LOC1", "kwh": 0, "currency": "EUR",
}  # fmt: skip
RESERVATION = STAY | {
    "token_uid": "CARD1", "auth_method": "WHITELIST",
    "charging_preferences": {"departure_time": "2026-05-01T12:00:00Z", "energy_need": 20},
}  # fmt: skip
PRICED = RESERVATION | {"total_cost": {"excl_vat": 7.0}, "status": "REQUEST"}
VERSIONS = ("2.1.1", "2.2.1", "2.3.0")


@asynccontextmanager
async def reserving(
    folder: Path, cpo: str = "2.2.1", emsp: str = "2.2.1", **changes: Any
) -> AsyncIterator[tuple[App, Partner, Partner]]:
    """A hub that checks all, with both plugins, NL-CPO and DE-MSP."""
    (folder / "plugins").mkdir()
    for stem in ("reservations", "parking"):
        shutil.copy(SHIPPED / f"{stem}.py", folder / "plugins")
    tables = {"reservations": {"enabled": True}, "parking": {"enabled": True}}
    async with AsyncExitStack() as stack:
        given = {"validation": "enforce", "plugins": tables, **changes}
        app = await stack.enter_async_context(running(folder, **given))
        partners = (
            Partner("NL-CPO:CPO", endpoints=("sender/reservations", "sender/parking", "receiver/tokens"), version=cpo),
            Partner(
                "DE-MSP:EMSP", endpoints=("receiver/reservations", "receiver/parking", "sender/tokens"), version=emsp
            ),
        )
        for partner in partners:
            await stack.enter_async_context(partner.serve())
            partner.raw = partner.version == "2.1.1"
            await partner.invited(app)
            registered = await partner.register()
            assert registered.code == 1000, registered.envelope
        yield app, *partners


@pytest.mark.parametrize("cpo_version", VERSIONS)
@pytest.mark.parametrize("emsp_version", VERSIONS)
async def test_from_the_price_to_the_cancellation(tmp_path, cpo_version, emsp_version):
    """Between all versions, in both directions, byte for byte; who is meant is found by path and by what was seen."""
    async with reserving(tmp_path, cpo_version, emsp_version) as (_, cpo, emsp):
        cpo.says |= {f"POST /sender/{R1}": ocpi(PRICED), f"PATCH /sender/{R1}": ocpi()}
        emsp.says |= {
            f"PUT /receiver/{R1}": ocpi(),
            f"PATCH /receiver/{R1}": ocpi(),
            f"GET /receiver/{R1}": ocpi(PRICED),
        }
        asked = await send(emsp, "POST", f"sender/{R1}", RESERVATION)
        assert (asked.code, asked.envelope["data"]) == (1000, PRICED)
        (post,) = await cpo.expect(f"POST /sender/{R1}")
        assert msgspec.json.decode(post.body) == RESERVATION
        reserved = PRICED | {"status": "RESERVATION", "x_own": [None, 1.50]}
        assert (await send(cpo, "PUT", f"receiver/{R1}", reserved)).code == 1000
        (put,) = await emsp.expect(f"PUT /receiver/{R1}")
        assert put.body == msgspec.json.encode(reserved)
        assert (await send(cpo, "PATCH", f"receiver/{R1}", {"status": "ACTIVE"})).code == 1000
        assert (await send(cpo, "GET", f"receiver/{R1}")).envelope["data"] == PRICED
        assert (await send(emsp, "PATCH", f"sender/{R1}", {"status": "INVALID"})).code == 1000
        (patch,) = await cpo.expect(f"PATCH /sender/{R1}")
        assert msgspec.json.decode(patch.body) == {"status": "INVALID"}


async def test_a_reservation_that_nobody_asked_for_finds_its_driver_by_the_token(tmp_path):
    async with reserving(tmp_path) as (_, cpo, emsp):
        cpo.says["PUT /receiver/tokens/DE/MSP/CARD1"] = emsp.says[f"PUT /receiver/{R1}"] = ocpi()
        unknown = await send(cpo, "PUT", f"receiver/{R1}", RESERVATION)
        assert unknown.code == 2001
        assert "by object 'reservations/nl/cpo/r1' or token 'card1'" in unknown.envelope["status_message"]
        card = token("2.2.1") | {"type": "APP_USER"}
        pushed = await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1?type=APP_USER", card, to=HUB)
        assert pushed.code == 1000
        assert (await send(cpo, "PUT", f"receiver/{R1}", RESERVATION)).code == 1000
        await emsp.expect(f"PUT /receiver/{R1}")


async def test_lists_are_paged_with_their_filters(tmp_path):
    """`?from&to&offset&limit`: from one CPO, whose link the hub seals; and GET All."""
    rows = [RESERVATION | {"id": f"R{number}"} for number in range(3)]
    async with reserving(tmp_path) as (_, cpo, emsp):

        def page(asked):
            query = dict(each.split("=") for each in asked.target.partition("?")[2].split("&"))
            assert query.pop("from") == "2026-05-01T00:00:00Z"
            assert query.pop("to") == "2026-06-01T00:00:00Z"
            first, most = int(query.get("offset", 0)), int(query["limit"])
            link = f"{cpo.url}/sender/reservations?from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z&offset=2&limit=2"
            more = {"Link": f'<{link}>; rel="next"'} if first + most < 3 else {}
            return ocpi(rows[first : first + most], X_Total_Count="3", X_Limit="2", **more)

        cpo.says["GET /sender/reservations"] = page
        query = "?from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z&limit=2"
        for to in (CPO, HUB, None):
            answer, found = await send(emsp, "GET", f"sender/reservations/{query}", to=to), []
            found += answer.envelope["data"]
            assert answer.headers["x-total-count"] == "3"
            link = answer.headers["link"][1:].partition(">")[0]
            assert link.startswith(emsp.hub)
            found += (await emsp.ask("GET", link)).envelope["data"]
            assert [each["id"] for each in found] == ["R0", "R1", "R2"]


@pytest.mark.parametrize(
    ("call", "body", "told"),
    [
        (f"POST sender/{R1}", {"token_uid": None}, "body: token_uid: a string (null)"),
        (f"POST sender/{R1}", {"status": "MAYBE"}, "body: status: one of REQUEST, PENDING, RESERVATION, ACTIVE, "),
        (f"POST sender/{R1}", {"charging_preferences": {}}, "body: charging_preferences.departure_time: is required"),
        (f"POST sender/{R1}", {"connector_types": [{}]}, "body: connector_types[0].connector_type: is required"),
        (f"POST sender/{R1}", {"kwh": -1}, "body: kwh: at least 0 (an integer)"),
        (f"POST sender/{R1}", {"end_date_time": "2026-05-01T09:00:00Z"}, "body: end_date_time: at start_date_time or "),
        (f"POST sender/{R1}", {"id": "R2"}, "id is"),
        (f"PUT receiver/{R1}", {"total_cost": 7}, "body: total_cost: an object (an integer)"),
        ("PUT receiver/parking/NL/CPO/R1", {"license_plate": 5}, "body: license_plate: a string (an integer)"),
    ],
)
async def test_what_breaks_a_rule_goes_nowhere(tmp_path, call, body, told):
    async with reserving(tmp_path) as (_, cpo, emsp):
        method, path = call.split()
        by, to = (emsp, CPO) if "sender" in path else (cpo, EMSP)
        answer = await send(by, method, path, RESERVATION | body, to=to)
        assert (answer.status, answer.code) == (200, 2001)
        assert told in answer.envelope["status_message"]
        assert not [each for each in (*cpo.lines, *emsp.lines) if "/R1" in each]


async def test_a_missing_energy_is_missed_in_either_spelling(tmp_path):
    async with reserving(tmp_path) as (_, cpo, emsp):
        cpo.says[f"POST /sender/{R1}"] = ocpi(PRICED)
        without = {name: value for name, value in RESERVATION.items() if name != "kwh"}
        answer = await send(emsp, "POST", f"sender/{R1}", without, to=CPO)
        assert answer.envelope["status_message"] == "body: kwh: is required (missing)"
        assert (await send(emsp, "POST", f"sender/{R1}", without | {"kWh": 12.5}, to=CPO)).code == 1000
        (post,) = await cpo.expect(f"POST /sender/{R1}")
        assert msgspec.json.decode(post.body) == without | {"kWh": 12.5}


async def test_where_rules_are_reported_only_findings_tell(tmp_path):
    """Of what is pushed, and of what is answered."""
    async with reserving(tmp_path, validation="report") as (app, cpo, emsp):
        cpo.says[f"POST /sender/{R1}"] = ocpi(PRICED | {"currency": "EURO"})
        assert (await send(emsp, "POST", f"sender/{R1}", RESERVATION | {"kwh": "much"}, to=CPO)).code == 1000
        await app.bus.settle()
        found = await app.operations.counts.findings(None)
        assert sorted((each.partner, each.object, each.path) for each in found) == [
            ("DE-MSP:EMSP", "Reservation", "kwh"),
            ("NL-CPO:CPO", "Reservation", "currency"),
        ]


async def test_agreements_hold_and_decide_who_is_told_of_the_module(tmp_path):
    async with reserving(tmp_path) as (app, cpo, emsp):
        cpo.says[f"POST /sender/{R1}"] = ocpi(PRICED)
        assert (await send(emsp, "POST", f"sender/{R1}", RESERVATION, to=CPO)).code == 1000
        await app.operations.agreements.set("*", "*", "reservations", allow=False)
        refused = await send(emsp, "POST", f"sender/{R1}", RESERVATION, to=CPO)
        assert refused.code == 4001
        details = await emsp.ask("GET", "/ocpi/2.2.1")
        assert {each["identifier"] for each in details.envelope["data"]["endpoints"]} >= {"parking"}
        assert "reservations" not in {each["identifier"] for each in details.envelope["data"]["endpoints"]}
        assert cpo.lines.count(f"POST /sender/{R1}") == 1


async def test_the_journal_and_explain_know_reservations(tmp_path):
    async with reserving(tmp_path) as (app, cpo, emsp):
        cpo.says[f"POST /sender/{R1}"] = ocpi(PRICED)
        raw = msgspec.json.encode(RESERVATION)
        why = await app.operations.explainer.explain("POST", f"sender/{R1}", "DE-MSP", None, raw)
        assert "the path names the owner: NL-CPO at NL-CPO:CPO" in why.trail
        wrong = msgspec.json.encode(RESERVATION | {"kwh": None})
        why = await app.operations.explainer.explain("POST", f"sender/{R1}", "DE-MSP", "NL-CPO", wrong)
        assert "not a Reservation of module reservations" in why.trail
        await send(emsp, "POST", f"sender/{R1}", RESERVATION, to=CPO)
        (row,) = (await app.operations.journal.page(Filter(module="reservations"), None, 10)).rows
        assert (row.method, row.sender, row.receiver, row.outcome) == ("POST", "DE-MSP", "NL-CPO", Outcome.DELIVERED)


async def test_the_panel_counts_what_was_asked(tmp_path):
    async with reserving(tmp_path) as (app, cpo, emsp):
        said = iter(("REQUEST", "RESERVATION", "INVALID"))
        cpo.says |= {
            f"POST /sender/{R1}": lambda _: ocpi(PRICED | {"status": next(said)}),
            f"PATCH /sender/{R1}": ocpi(),
        }
        for status in ("REQUEST", "RESERVATION", "RESERVATION"):
            assert (await send(emsp, "POST", f"sender/{R1}", RESERVATION | {"status": status}, to=CPO)).code == 1000
        await send(emsp, "PATCH", f"sender/{R1}", {"status": "INVALID"}, to=CPO)
        await send(emsp, "PATCH", f"sender/{R1}", {"license_plate": "DE-1"}, to=CPO)
        await app.bus.settle()
        shown = await plugin(app, "reservations").show()
        assert shown.rows == (("NL-CPO", 1, 1, 1, 1, 1),)


@pytest.mark.parametrize("cpo_version", VERSIONS)
async def test_parking(tmp_path, cpo_version):
    async with reserving(tmp_path, cpo_version) as (_, cpo, emsp):
        path = "parking/NL/CPO/R1"
        stands = STAY | {"license_plate": "DE-X 1", "status": "ACTIVE", "connect_date_time": "2026-05-01T10:01:00Z"}
        cpo.says |= {
            f"GET /sender/{path}": ocpi(stands),
            f"PATCH /sender/{path}": ocpi(),
            "GET /sender/parking": ocpi([stands]),
        }
        emsp.says |= {f"PUT /receiver/{path}": ocpi(), f"PATCH /receiver/{path}": ocpi()}
        assert (await send(emsp, "GET", f"sender/{path}")).envelope["data"] == stands
        assert (await send(emsp, "GET", "sender/parking")).envelope["data"] == [stands]
        assert (await send(emsp, "PATCH", f"sender/{path}", {"license_plate": "DE-X 2"})).code == 1000
        assert (await send(cpo, "PUT", f"receiver/{path}", stands)).code == 1000
        assert (await send(cpo, "PATCH", f"receiver/{path}", {"kWh": 3})).code == 1000


def test_the_structs_have_the_rules():
    check = Checker(Reservation).check
    assert check(msgspec.json.encode(RESERVATION)) == []
    read = msgspec.convert(RESERVATION, Reservation)
    assert (read.status, read.charging_preferences.profile_type, read.kwh) == (
        ReservationStatus.REQUEST,
        "REGULAR",
        0.0,
    )
    other = msgspec.convert(
        {name: RESERVATION[name] for name in RESERVATION if name != "kwh"} | {"kWh": 7}, Reservation
    )
    assert (other.kwh, b'"kwh":7.0' in msgspec.json.encode(other)) == (7.0, True)
    assert msgspec.structs.replace(other, other_kwh=9.0).kwh == 9.0
    assert Checker(partial(Reservation, stamped=False)).check(b'{"kWh":1,"status":"INVALID"}') == []
    late = STAY | {"connect_date_time": "2026-05-01T10:00:01Z", "disconnect_date_time": "2026-05-01T10:00:00"}
    found = Checker(list[ParkingSession]).check(msgspec.json.encode([STAY, late]))
    assert describe(found) == "[1].disconnect_date_time: at connect_date_time or later (a string of 19 characters)"
    with pytest.raises(ValueError, match="kwh is required"):
        Reservation(**{name: getattr(read, name) for name in read.__struct_fields__ if name != "kwh"})
