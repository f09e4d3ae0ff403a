"""The page of agreements without a browser: cells as the core judges them, changes, rights, bad input, many parties."""

import time

import pytest

from hub.core.agreements import ANY
from hub.core.party import Party


async def test_cells_say_what_holds_and_why(net, visitor):
    async def cell():
        told = (await visitor.get("/dashboard/agreements.json")).json()
        ((only,),) = told["cells"]
        return only["allow"], only["by"], only["otherwise"]

    book = net.app.operations.agreements
    assert await cell() == (True, "default", [])
    await book.set("NL-CPO", ANY, ANY, allow=False)
    assert await cell() == (False, "*", [])
    await book.set("NL-CPO", ANY, "commands", allow=True)
    assert await cell() == (False, "*", ["commands"])
    await book.set("NL-CPO", "DE-MSP", ANY, allow=True)
    assert await cell() == (True, "exact", [])
    await book.set(ANY, ANY, "tokens", allow=False)
    await book.set("NL-CPO", "DE-MSP", "cdrs", allow=False)
    assert await cell() == (True, "exact", ["cdrs"])


async def test_each_cell_is_what_the_core_says(net, visitor):
    for number in range(6):
        await net.app.partners.invite(f"C{number}", [f"NL-C0{number}:CPO"])
        await net.app.partners.invite(f"E{number}", [f"DE-E0{number}:EMSP"])
    book = net.app.operations.agreements
    for one, other, module, allow in [
        ("NL-C00", "*", "*", False), ("NL-C00", "DE-E00", "*", True), ("*", "DE-E01", "tokens", False),
        ("*", "*", "commands", False), ("NL-C02", "DE-E02", "commands", True), ("NL-C03", "*", "tokens", True),
        ("NL-C04", "DE-E04", "cdrs", False), ("*", "DE-E05", "*", False), ("NL-C05", "*", "*", True),
    ]:  # fmt: skip
        await book.set(one, other, module, allow=allow)
    told = (await visitor.get("/dashboard/agreements.json")).json()
    agreements = net.app.keeper.current.agreements
    assert len(told["cells"]) == 7
    for row in told["cells"]:
        for cell in row:
            one, other = Party.parse(cell["one"]), Party.parse(cell["other"])
            assert cell["allow"] == agreements.permits(one, other, ANY)
            for module in told["modules"]:
                holds = cell["allow"] != (module in cell["otherwise"])
                assert agreements.permits(one, other, module) == holds, (cell, module)


async def test_a_rule_is_made_and_taken_back(net, visitor):
    rule = {"one": "nl-cpo", "other": "DE-MSP", "module": "commands"}
    where = "/dashboard/agreements/change?one=NL-CPO&other=DE-MSP&name=cpo"
    answer = await visitor.send(where, {**rule, "verb": "deny"})
    assert answer.status == 200
    assert "commands between NL-CPO and DE-MSP: denied" in answer.text
    assert 'id="chosen"' in answer.text, "the cell stays chosen"
    assert 'value="cpo"' in answer.text, "and the filter as it was"
    told = (await visitor.get("/dashboard/agreements.json?one=DE-MSP&other=NL-CPO")).json()
    assert told["rules"] == [{"one": "DE-MSP", "other": "NL-CPO", "module": "commands", "allow": False}]
    denied = [each for each in told["chosen"]["verdicts"] if not each["allow"]]
    assert [(each["module"], each["rule"]) for each in denied] == [("commands", True)]
    assert not net.app.keeper.current.agreements.permits(Party("NL", "CPO"), Party("DE", "MSP"), "commands")
    assert "the rule is gone" in (await visitor.send(where, {**rule, "verb": "remove"})).text
    assert (await visitor.send(where, {**rule, "verb": "remove"})).status == 404


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"one": "<b>", "other": "DE-MSP", "verb": "deny"}, "is not a party"),
        ({"one": "NL-CPO", "other": "DE-MSP", "module": "<i>x", "verb": "deny"}, "is no module"),
        ({"one": "NL-CPO", "other": "DE-MSP", "verb": "bless"}, "verb"),
        ({"one": "NL-CPO", "verb": "allow"}, "other"),
        ({"one": "NL-CPO", "other": "DE-MSP", "verb": "allow", "more": "1"}, "more"),
    ],
)
async def test_a_bad_rule_is_told_and_what_was_filled_in_stays(net, visitor, form, says):
    answer = await visitor.send("/dashboard/agreements/change", form)
    assert answer.status == 400
    assert says in answer.text
    assert "<b>" not in answer.text
    assert "<i>" not in answer.text
    assert f'value="{form["one"].replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
    assert net.app.operations.agreements.all().rules == ()


async def test_who_may_only_read_sees_and_changes_nothing(net):
    async with net.visitor("read") as reader:
        page = (await reader.get("/dashboard/agreements?one=NL-CPO&other=DE-MSP")).text
        assert 'name="verb"' not in page
        answer = await reader.send("/dashboard/agreements/change", {"one": "*", "other": "*", "verb": "deny"})
        assert answer.status == 403
    assert net.app.operations.agreements.all().rules == ()


async def test_the_default_is_said_in_words(net, visitor):
    assert "everybody may reach everybody" in (await visitor.get("/dashboard/agreements")).text
    await net.app.operations.agreements.set_default("closed")
    page = (await visitor.get("/dashboard/agreements")).text
    assert "nobody may reach anybody" in page
    assert "nothing is allowed" in page


async def test_everybody_can_be_chosen(net, visitor):
    await net.app.operations.agreements.set("*", "*", "tokens", allow=False)
    told = (await visitor.get("/dashboard/agreements.json?one=*&other=*")).json()["chosen"]
    assert [(each["module"], each["allow"]) for each in told["verdicts"]] == [("tokens", False)]
    assert "everybody and everybody" in (await visitor.get("/dashboard/agreements?one=*&other=*")).text
    assert (await visitor.get("/dashboard/agreements?one=%3Cb%3E&other=*")).status == 400


async def test_a_name_is_looked_for_on_both_sides(net, visitor):
    async def sides(query):
        told = (await visitor.get(f"/dashboard/agreements.json?{query}")).json()
        return [[each["party"] for each in told[side]] for side in ("down", "across")]

    await net.app.partners.invite("Other <b>", ["NL-OTH:CPO"])
    assert await sides("name=oth") == [["NL-OTH"], ["DE-MSP"]]
    assert await sides("name=de-msp") == [["NL-CPO", "NL-OTH"], ["DE-MSP"]]
    assert await sides("name=zzz") == [[], []]
    assert await sides("down=ALL&across=CPO") == [["DE-MSP", "NL-CPO", "NL-OTH"], ["NL-CPO", "NL-OTH"]]
    page = (await visitor.get("/dashboard/agreements?down=OTHER")).text
    assert "There are no two such parties yet" in page
    assert "<b>" not in (await visitor.get("/dashboard/agreements")).text


async def test_a_large_network_stays_readable_and_quick(net, visitor):
    for side, role in (("NL", "CPO"), ("DE", "EMSP")):
        for part in range(3):
            parties = [f"{side}-{part}{number:02}:{role}" for number in range(50)]
            await net.app.partners.invite(f"{side} {part}", parties)
    for module in ("locations", "tokens", "commands", "cdrs", "sessions", "tariffs"):
        await net.app.operations.agreements.set("*", "*", module, allow=False)
    began = time.perf_counter()
    told = (await visitor.get("/dashboard/agreements.json")).json()
    assert time.perf_counter() - began < 2
    assert (len(told["down"]), len(told["across"])) == (40, 16)
    assert (told["more_down"], told["more_across"]) == (111, 135)
    assert "111 more down, 135 more across" in (await visitor.get("/dashboard/agreements")).text
