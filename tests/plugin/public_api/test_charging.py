"""A whole charge by the public API, through a hub and a simulated CPO: location, start, live values, stop, log."""

import asyncio
import csv
import io
import os
import sys
from pathlib import Path

from hub.plugin import Interface, Party
from tests.plugin.public_api.conftest import HERE

PICTURES = os.environ.get("PICTURES")
"""A folder for what somebody wants to look at."""


async def ended(user, command):
    """A command when it is answered."""
    async with asyncio.timeout(20):
        while (found := await user.get(f"/v1/commands/{command['id']}"))["state"] == "sent":
            await asyncio.sleep(0.01)
    return found


async def heard(socket, wanted):
    """The next message that fits."""
    async with asyncio.timeout(20):
        while not wanted(message := await socket.receive_json()):
            pass
    return message


async def test_a_whole_charge(desk):
    user = await desk.user("anna")
    found = await user.get("/v1/locations", **HERE)
    place = found["items"][0]
    assert (place["id"], place["metres"] < 10, place["available"]) == ("LOC1", True, 2)
    socket = await user.listen()
    assert await socket.receive_json() == {"type": "sessions", "sessions": []}

    where = {"party": place["party"], "location": place["id"], "evse": place["evses"][0]["uid"], "connector": "1"}
    command = await user.post("/v1/sessions", where, 202)
    done = await ended(user, command)
    assert (done["kind"], done["state"], bool(done["ended"])) == ("start", "accepted", True)
    begun = await heard(socket, lambda each: each["type"] == "session")
    session = begun["session"]
    assert (session["status"], session["active"], session["kwh"]) == ("ACTIVE", True, 0.0)
    assert (await user.get(f"/v1/commands/{command['id']}"))["session"] == session["id"]
    assert (await user.get("/v1/sessions", active="true"))["items"] == [session]

    stopped = await ended(user, await user.post(f"/v1/sessions/{session['id']}/stop", status=202))
    assert (stopped["state"], stopped["session"]) == ("accepted", session["id"])
    entry = (await heard(socket, lambda each: each["type"] == "entry"))["entry"]
    assert (entry["kwh"] > 7, entry["session"], entry["city"]) == (True, session["id"], "Utrecht")
    assert entry["cost"]["incl_vat"] > entry["cost"]["excl_vat"] > 0
    assert (await user.get("/v1/log"))["items"] == [entry]
    over = await user.get(f"/v1/sessions/{session['id']}")
    assert (over["status"], over["active"], over["kwh"]) == ("COMPLETED", False, entry["kwh"])
    status, answer = await user.call("POST", f"/v1/sessions/{session['id']}/stop")
    assert (status, answer["error"]["message"]) == (409, "this session is over")
    await socket.close()


async def test_a_long_log_is_written_piece_by_piece(desk):
    user = await desk.user("anna")
    await charge(desk, user)
    cdr = next(iter(desk.cpo.cdrs))
    for number in range(1, 4):
        # A CPO that sends what it has all at once: each is another CDR, some end at the same moment.
        again = {**cdr, "id": f"=EVIL{number}", "credit": number == 3, "total_energy": 5.0}
        answer = await desk.cpo.call(
            "cdrs", Interface.RECEIVER, "POST", "", to=desk.plugin.own, sender=Party("NL", "CPO"), body=again
        )
        assert answer.ok
    assert (await desk.cpo.call(
        "cdrs", Interface.RECEIVER, "POST", "", to=desk.plugin.own, sender=Party("NL", "CPO"), body=cdr
    )).ok  # fmt: skip
    vars(sys.modules[type(desk.plugin).__module__ + ".routes"])["_BATCH"] = 2
    _, text = await user.call("GET", "/v1/log.csv")
    lines = list(csv.DictReader(io.StringIO(text.decode())))
    assert sorted(each["id"] for each in lines) == ["'=EVIL1", "'=EVIL2", "'=EVIL3", "C00001"]
    credit = next(each for each in lines if each["credit"])
    assert (float(credit["kwh"]), float(credit["incl_vat"]) < 0) == (-5.0, True)
    paged, cursor = [], {}
    while True:
        page = await user.get("/v1/log", limit="3", **cursor)
        paged += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert sorted(paged) == ["=EVIL1", "=EVIL2", "=EVIL3", "C00001"]
    status, paper = await user.call("GET", "/v1/log.pdf")
    assert status == 200
    if PICTURES:
        (Path(PICTURES) / "log.pdf").write_bytes(paper)


async def test_a_new_version_takes_over(desk):
    user = await desk.user("anna")
    socket = await user.listen()
    assert (await socket.receive_json())["type"] == "sessions"
    path = desk.app.config.plugins_folder / "public_api.py"
    path.write_text(path.read_text() + "# changed\n")
    await desk.app.plugins.refresh()
    async with asyncio.timeout(20):
        assert (await socket.receive()).data == 1001
    await desk.app.plugins.settle()
    assert len((await user.get("/v1/cards"))["items"]) == 1


async def test_a_command_that_nobody_waits_for_any_more_has_failed(desk):
    user = await desk.user("anna")
    table = sys.modules[type(desk.plugin).__module__ + ".tables"].commands
    row = {"id": "0" * 32, "user": user.user, "kind": "start", "state": "sent", "message": "", "created": 1}
    await desk.plugin.store.write(lambda own: own.execute(table.insert().values(row)))
    await desk.plugin.take_over()
    done = await user.get(f"/v1/commands/{'0' * 32}")
    assert (done["state"], done["message"]) == ("failed", "the hub was restarted before the answer came")


async def test_the_log_as_csv_and_pdf(desk):
    user = await desk.user("anna")
    await charge(desk, user)
    status, text = await user.call("GET", "/v1/log.csv")
    head, line = text.decode().splitlines()
    assert (status, head.split(",")[0], line.split(",")[4]) == (200, "id", "Jaarbeurs P1")
    status, paper = await user.call("GET", "/v1/log.pdf")
    assert (status, paper[:5]) == (200, b"%PDF-")
    assert (await user.get("/v1/log", until="2020-01-01T00:00:00Z"))["items"] == []


async def charge(desk, user, evse="1001-1"):
    """A whole charge."""
    command = await user.post("/v1/sessions", {"party": "NL-CPO", "location": "LOC1", "evse": evse}, 202)
    assert (await ended(user, command))["state"] == "accepted"
    async with asyncio.timeout(20):
        while (session := (await user.get(f"/v1/commands/{command['id']}"))["session"]) is None:
            await asyncio.sleep(0.01)
        assert (await ended(user, await user.post(f"/v1/sessions/{session}/stop", status=202)))["state"] == "accepted"
        while not (await user.get("/v1/log"))["items"]:
            await asyncio.sleep(0.01)
    return command, session


async def test_locations_nearby(desk):
    caller = desk.caller(await desk.key("reader", "read"))
    far = await caller.get("/v1/locations", **HERE, radius="200000")
    assert [each["id"] for each in far["items"]] == ["LOC1", "LOC3"]  # LOC2 is 78 km away: the most is 50 km
    metres = [each["metres"] for each in far["items"]]
    assert metres == sorted(metres)
    assert 45_000 < metres[1] < 50_000
    first = await caller.get("/v1/locations", **HERE, radius="200000", limit="1")
    second = await caller.get("/v1/locations", **HERE, radius="200000", limit="1", cursor=first["next"])
    assert [*first["items"], *second["items"]] == far["items"]
    assert second["next"] is None
    evse = far["items"][0]["evses"][1]
    assert (evse["status"], evse["remote_start"], evse["connectors"][0]["kw"]) == ("AVAILABLE", True, 50.0)
    assert evse["connectors"][0]["price"] == {
        "words": "0.605 EUR at the start, 0.8349 EUR per kWh", "currency": "EUR", "vat": "included",
        "per_kwh": 0.8349, "per_hour": None, "parking_per_hour": None, "once": 0.605, "conditional": False,
    }  # fmt: skip
    assert far["items"][0]["opening"] == {"words": "always open", "always": True, "now": True}
    one = await caller.get("/v1/locations/NL-CPO/LOC1")
    assert one == {**far["items"][0], "metres": None}


async def test_only_where_one_is_free_and_what_may_be_published(desk):
    caller = desk.caller(await desk.key("reader", "read"))
    for uid in ("1001-1", "1001-2"):
        assert (await desk.cpo.patch_evse_status("LOC1", uid, "CHARGING", None)).ok
    assert (await caller.get("/v1/locations", **HERE, available="true"))["items"] == []
    assert (await caller.get("/v1/locations", **HERE))["items"][0]["available"] == 0
    desk.cpo.locations.find("LOC1")["publish"] = False
    assert (await desk.cpo.push_location(None)).ok
    assert (await caller.get("/v1/locations", **HERE))["items"] == []
    assert (await caller.call("GET", "/v1/locations/NL-CPO/LOC1"))[0] == 404


async def test_agreements_hold_for_locations_and_starts(desk):
    user = await desk.user("anna")
    await desk.app.operations.agreements.set("NL-APP", "NL-CPO", "locations", allow=False)
    assert (await user.get("/v1/locations", **HERE))["items"] == []
    assert (await user.call("GET", "/v1/locations/NL-CPO/LOC1"))[0] == 404
    start = {"party": "NL-CPO", "location": "LOC1", "evse": "1001-1"}
    assert (await user.call("POST", "/v1/sessions", start))[0] == 404
    await desk.app.operations.agreements.set("NL-APP", "NL-CPO", "locations", allow=True)
    await desk.app.operations.agreements.set("NL-APP", "NL-CPO", "commands", allow=False)
    done = await ended(user, await user.post("/v1/sessions", start, 202))
    assert done["state"] == "failed"
    assert "NL-CPO" not in done["message"]


async def test_a_card_of_somebody_else_is_not_taken_over(desk):
    anna, bob = await desk.user("anna"), await desk.user("bob")
    assert (await desk.emsp.push_token(None)).ok
    back, theirs = desk.back(), desk.emsp.token()["uid"]
    assert (await back.call("POST", f"/v1/users/{anna.user}/cards", {"uid": theirs.lower()}))[0] == 409
    assert (await back.call("POST", f"/v1/users/{anna.user}/cards", {"uid": "04AAAA01"}))[0] == 201
    for user in (anna, bob):
        assert (await back.call("POST", f"/v1/users/{user.user}/cards", {"uid": "04aaaa01"}))[0] == 409


async def test_what_was_charged_stays_whose_it_was(desk):
    """A card goes from one user to another: sessions and CDRs that belong to the first do not."""
    anna, bob = await desk.user("anna"), await desk.user("bob")
    card = await desk.back().post(f"/v1/users/{anna.user}/cards", {"uid": "04AAAA01"})
    where = {"party": "NL-CPO", "location": "LOC1", "evse": "1001-1", "card": card["id"]}
    command = await ended(anna, await anna.post("/v1/sessions", where, 202))
    async with asyncio.timeout(20):
        while (session := (await anna.get(f"/v1/commands/{command['id']}"))["session"]) is None:
            await asyncio.sleep(0.01)
    await anna.call("DELETE", f"/v1/cards/{card['id']}")
    await desk.back().post(f"/v1/users/{bob.user}/cards", {"uid": "04AAAA01"})
    socket = await bob.listen()
    await ended(anna, await anna.post(f"/v1/sessions/{session}/stop", status=202))
    async with asyncio.timeout(20):
        while not (await anna.get("/v1/log"))["items"]:
            await asyncio.sleep(0.01)
    assert (await bob.get("/v1/log"))["items"] == (await bob.get("/v1/sessions"))["items"] == []
    await desk.plugin.sockets.close()
    told = [each.json() async for each in socket]
    assert [each["type"] for each in told] == ["sessions"]


async def test_what_the_cpo_refuses_is_told(desk):
    user = await desk.user("anna")
    desk.cpo.locations.find("LOC1")["evses"][0]["status"] = "CHARGING"
    command = await user.post("/v1/sessions", {"party": "NL-CPO", "location": "LOC1", "evse": "1001-1"}, 202)
    done = await ended(user, command)
    assert done["state"] == "refused"
    assert done["message"]
    assert done["session"] is None


async def test_cards_are_tokens_of_the_party(desk):
    user = await desk.user("anna")
    card = await desk.back().post(f"/v1/users/{user.user}/cards", {"uid": "04A1B2C3D4", "label": "blue"})
    assert card["number"] == "…C3D4"
    own = desk.plugin.own
    async with asyncio.timeout(20):
        while not any(each["uid"] == "04A1B2C3D4" for each in desk.cpo.their_tokens.of(own)):
            await asyncio.sleep(0.01)
    answer = await desk.cpo.authorize("04A1B2C3D4", own)
    assert answer.data["allowed"] == "ALLOWED"
    assert (await user.call("DELETE", f"/v1/cards/{card['id']}"))[0] == 200
    answer = await desk.cpo.authorize("04A1B2C3D4", own)
    assert answer.data["allowed"] == "BLOCKED"
    assert len((await user.get("/v1/cards"))["items"]) == 1
    assert (await desk.cpo.authorize("nobody", own)).ok is False
