"""plugins/example_reservations.py, in a hub and alone; and the parties of docs/reservations.md, with each other."""

import datetime
import re
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from hub.config import load
from hub.core.directory import Secret
from hub.core.party import Party
from hub.ocpi import v2_3_0
from hub.ocpi.reservations import Reservation, ReservationStatus
from hub.platform import PlatformApp, platform_config
from hub.plugin.loader import Loader
from hub.plugin.party import Declined
from tests.hosted import joined, plugin
from tests.partner import ocpi
from tests.plugin.shipped import SHIPPED
from tests.support import config, running
from tests.versions import send

FILE = SHIPPED / "example_reservations.py"
PAGE = (SHIPPED.parent / "docs" / "reservations.md").read_text()
SNIPPETS = dict(re.findall(r"^```python\n# plugins/(\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
EXR = Party("NL", "EXR")
PLACES = {"places": {"LOC1": 1}}
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
HOUR = datetime.timedelta(hours=1)
WANTED = {
    "country_code": "NL", "party_id": "EXR", "id": "R1", "location_id": "LOC1", "kWh": 0, "currency": "EUR",
    "start_date_time": NOW.isoformat(), "end_date_time": (NOW + 2 * HOUR).isoformat(),
    "token_uid": "CARD1", "auth_method": "WHITELIST", "status": "RESERVATION",
    "charging_preferences": {"departure_time": (NOW + 2 * HOUR).isoformat(), "energy_need": 20},
}  # fmt: skip


@asynccontextmanager
async def inside(folder, **settings):
    """The example inside a hub, with an eMSP."""
    (folder / "plugins").mkdir()
    shutil.copy(FILE, folder / "plugins")
    tables = {"example_reservations": {"enabled": True, **PLACES, **settings}}
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running(folder, plugins=tables, validation="enforce"))
        yield await with_reservations(stack, hub)


@asynccontextmanager
async def alone(folder, **settings):
    """The example on its own, at a hub with an eMSP, whose plugin `reservations` is on."""
    (folder / "plugins").mkdir()
    shutil.copy(SHIPPED / "reservations.py", folder / "plugins")
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running(folder, plugins={"reservations": {"enabled": True}}))
        own = platform_config(config(folder, plugins={FILE.stem: PLACES | settings}), FILE, folder / "alone")
        app = await stack.enter_async_context(PlatformApp(own, FILE))
        invitation = await hub.partners.invite("Example", ["NL-EXR:CPO"])
        await app.register("hub", hub.versions_url, Secret(invitation.token_a))
        yield await with_reservations(stack, hub)


async def with_reservations(stack, hub):
    """An eMSP that takes reservations."""
    emsp = await joined(stack, hub, "DE-MSP:EMSP")
    emsp.endpoints["receiver/reservations"] = "/receiver/reservations"
    await emsp.register("PUT")
    return emsp


async def post(emsp, **changes):
    """Ask for a reservation: the OCPI code, and what is answered."""
    wanted = WANTED | changes
    answer = await send(emsp, "POST", f"sender/reservations/NL/EXR/{wanted['id']}", wanted, to=EXR)
    return answer.code, answer.envelope.get("data") or answer.envelope["status_message"]


@pytest.mark.parametrize("way", [inside, alone])
async def test_it_tells_the_price_accepts_and_cancels(tmp_path, way):
    async with way(tmp_path) as emsp:
        code, asked = await post(emsp, status="REQUEST")
        assert (code, asked["total_cost"], asked.get("status", "REQUEST")) == (1000, {"excl_vat": 9.4}, "REQUEST")
        assert [each["type"] for each in asked["price_components"]] == ["ENERGY", "PARKING_TIME"]
        lists = "sender/reservations"
        assert (await send(emsp, "GET", lists, to=EXR)).envelope["data"] == []
        assert (await post(emsp))[1]["status"] == "RESERVATION"
        assert (await post(emsp))[0] == 2001, "it is there already"
        assert (await post(emsp, id="R2"))[1]["status"] == "INVALID", "the one place is taken"
        later = (NOW + 2 * HOUR).isoformat(), (NOW + 3 * HOUR).isoformat()
        assert (await post(emsp, id="R3", start_date_time=later[0], end_date_time=later[1]))[1][
            "status"
        ] == "RESERVATION"
        assert (await post(emsp, id="R4", location_id="X"))[0] == 2003
        listed = await send(emsp, "GET", f"{lists}?from={later[0].replace('+00:00', 'Z')}&limit=1", to=EXR)
        assert [each["id"] for each in listed.envelope["data"]] == ["R3"]
        assert (await send(emsp, "GET", f"{lists}?from=soon", to=EXR)).code == 2001
        one = f"{lists}/NL/EXR/R1"
        assert (await send(emsp, "PATCH", one, {"license_plate": "DE-X 1"}, to=EXR)).code == 2001
        assert (await send(emsp, "PATCH", one, {"status": "INVALID"}, to=EXR)).code == 1000
        assert (await send(emsp, "GET", one, to=EXR)).envelope["data"]["status"] == "INVALID"
        assert (await post(emsp, id="R2"))[1]["status"] == "RESERVATION", "the place is free again"
        assert (await send(emsp, "GET", f"{lists}/NL/EXR/R9", to=EXR)).status == 404


@pytest.mark.parametrize("way", [inside, alone])
async def test_what_nobody_came_for_expires_and_the_emsp_is_told(tmp_path, way):
    async with way(tmp_path, hold=0.0, look=0.05) as emsp:
        emsp.says["PUT /receiver/reservations/NL/EXR/R1"] = ocpi()
        assert (await post(emsp))[1]["status"] == "RESERVATION"
        (put,) = await emsp.expect("PUT /receiver/reservations/NL/EXR/R1")
        told = msgspec.json.decode(put.body, type=Reservation)
        assert (told.status, told.kwh) == (ReservationStatus.INVALID, 0.0)


async def test_others_see_nothing_of_it(tmp_path):
    async with AsyncExitStack() as stack:
        (tmp_path / "plugins").mkdir()
        shutil.copy(FILE, tmp_path / "plugins")
        hub = await stack.enter_async_context(running(tmp_path, plugins={FILE.stem: {"enabled": True, **PLACES}}))
        emsp, other = await with_reservations(stack, hub), await joined(stack, hub, "FR-ABC:EMSP")
        assert (await post(emsp))[1]["status"] == "RESERVATION"
        one = "sender/reservations/NL/EXR/R1"
        assert (await send(other, "GET", one, to=EXR)).status == 404
        assert (await send(other, "PATCH", one, {"status": "INVALID"}, to=EXR)).status == 404
        assert (await send(other, "GET", "sender/reservations", to=EXR)).envelope["data"] == []
        assert (await post(other))[0] == 2001, "nor can it take its id"


@asynccontextmanager
async def page(folder):
    """The parties of the page and the example, hosted in one hub."""
    (folder / "plugins").mkdir()
    for name, code in SNIPPETS.items():
        (folder / "plugins" / name).write_text(code)
    shutil.copy(FILE, folder / "plugins")
    async with running(folder, plugins={FILE.stem: {"enabled": True, **PLACES}}, validation="enforce") as app:
        yield plugin(app, "my_booking_cpo"), plugin(app, "my_driver"), plugin(app, FILE.stem)


async def test_the_driver_of_the_page_reserves_below_a_price(tmp_path):
    async with page(tmp_path) as (_, driver, example):
        wanted = msgspec.convert(WANTED | {"status": "REQUEST"}, Reservation)
        assert await driver.reserve_below(9.0, wanted) is None
        assert await example.read() == []
        reserved = await driver.reserve_below(9.5, wanted)
        assert reserved.status is ReservationStatus.RESERVATION
        assert (await driver.cancel_place(reserved)).ok
        expired = await example.keep((await example.read())[0][0], ReservationStatus.INVALID, "DE-DRV")
        assert (await example.push_reservation(expired)).ok, "it is known who reserved"
        assert driver.reserved[EXR, "R1"].status is ReservationStatus.INVALID


async def test_the_driver_of_the_page_books_and_cancels(tmp_path):
    """The specification's bookings: asked, declined where taken, changed, told, cancelled."""
    async with page(tmp_path) as (cpo, driver, _):
        (place,) = [each async for each in driver.fetch_all("bookings", v2_3_0.BookingLocation, "booking_locations")]
        period = v2_3_0.Period(start_date_time=NOW + HOUR, end_date_time=NOW + 2 * HOUR)
        request = v2_3_0.BookingRequest(
            country_code="DE", party_id="DRV", request_id="Q1", location_id=place.location_id,
            booking_location_id=place.id, period=period, authorization_reference="A1",
        )  # fmt: skip
        booking = await driver.ask_booking(request, "NL-BKC")
        assert booking.reservation_status is v2_3_0.ReservationStatus.RESERVED
        taken = await driver.ask_booking(msgspec.structs.replace(request, request_id="Q2"), "NL-BKC")
        assert taken.reservation_status is v2_3_0.ReservationStatus.REJECTED
        assert (await cpo.push_booking(booking, "DE-DRV")).ok
        assert driver.bookings[Party("NL", "BKC"), "B1"].period.start_date_time == NOW + HOUR
        assert [each.id async for each in driver.fetch_all("bookings", v2_3_0.Booking, to="NL-BKC")] == ["B1", "B2"]
        why = v2_3_0.Cancellation(
            cancellation_reason=v2_3_0.CanceledReason.TRAFFIC, who_canceled=v2_3_0.Role.EMSP
        )  # fmt: skip
        cancelled = await driver.ask_booking(msgspec.structs.replace(request, canceled=why), "NL-BKC")
        assert cancelled.reservation_status is v2_3_0.ReservationStatus.CANCELED
        assert len(cancelled.booking_requests) == 2
        with pytest.raises(Declined):
            await driver.ask_booking(msgspec.structs.replace(request, booking_location_id="X"), "NL-BKC")


def test_it_is_short_and_switched_off(tmp_path):
    assert len(FILE.read_text().splitlines()) < 120
    shutil.copy(FILE, tmp_path)
    assert Loader(config(tmp_path), [tmp_path]).load_all() == []


@pytest.mark.parametrize("toml", re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
def test_the_tables_of_the_page_can_be_used(tmp_path, toml):
    (tmp_path / "config.toml").write_text(toml)
    loaded = load(tmp_path / "config.toml", {})
    assert Loader(msgspec.structs.replace(loaded, folder=SHIPPED.parent), (SHIPPED,)).check() == ()


def test_the_message_of_the_page_is_a_reservation():
    (written,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    read = msgspec.json.decode(written, type=Reservation)
    assert (read.status, read.charging_preferences.energy_need) == (ReservationStatus.REQUEST, 20)


def test_the_page_names_every_field():
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert {field.encode_name for field in msgspec.structs.fields(Reservation)} <= named
    assert Path(FILE).name in PAGE
