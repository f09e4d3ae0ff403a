"""What a plugin offers to the operator: what is wrong is told at load, and what fails harms nobody."""

import pytest

from hub.plugin import PluginError, PluginFault, Problem
from hub.plugin.panels import Chart, Figures, Rows

ASKS = "import msgspec\n\nclass Asked(Query):\n    hour: int = 0\n\nclass Told(msgspec.Struct):\n    hour: int\n"


def offering(body: str) -> str:
    return f"from aiohttp import web\nfrom hub.plugin import *\n{ASKS}\nclass Mine(Plugin):\n" + "\n".join(
        f"    {line}" for line in body.splitlines()
    )


STATS = """
@admin_route("GET", "/stats/{party}", scope=Scope.READ)
async def stats(self, call: Call[Asked, None]) -> Told:
    "Stats."
    return Told(call.query.hour)

@verb("add")
async def add(self, given: list[int]) -> int:
    "Add numbers: a list of them."
    return sum(given)

@verb("bad")
async def bad(self, given: None) -> None:
    "Fail."
    raise ValueError("no")

@panel("Numbers")
async def numbers(self):
    return Figures((Figure("sent", 3, "messages"),))

@panel("Broken")
async def broken(self):
    return Rows(("a", "b"), ((1,),))

@panel("Raising")
async def raising(self):
    raise Problem(503, "not now")
"""


VERB = '@verb("a")\nasync def a(self, given: None) -> None: "d"\n'


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ('@verb("Bad Name")\nasync def a(self, given: None) -> None: "d"', "use small letters, digits and dashes"),
        ('@verb("a")\nasync def a(self) -> None: "d"', "write: async def a(self, given)"),
        ('@verb("a")\nasync def a(self, given) -> None: "d"', "a needs types"),
        ('@verb("a")\nasync def a(self, given: None) -> None: pass', "a needs a docstring"),
        (f"{VERB}{VERB.replace('def a', 'def b')}", "b stands where another one does"),
        ('@verb("a")\nasync def a(self, given: web.Request) -> None: "d"', "a has a type that can not be told as JSON"),
        ('@panel("")\nasync def a(self): ...', "a panel needs a title"),
        ('@panel("x")\ndef a(self): ...', "a is not a plain async method"),
        ('@admin_route("GET", "stats", scope=Scope.READ)\nasync def a(self, call): "d"', "write the path as /stats"),
        ('@admin_route("LOOK", "/stats", scope=Scope.READ)\nasync def a(self, call): "d"', "the method is one of"),
        ('@admin_route("GET", "/panels", scope=Scope.READ)\nasync def a(self, call): "d"', "choose another word"),
        ('@admin_route("GET", "/a", scope=Scope.READ)\nasync def a(self, call: int) -> Told: "d"', "a is given a Call"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_with_its_line(plugins, code, told):
    path = plugins.write("mine", offering(code))
    with pytest.raises(PluginError) as caught:
        await plugins.start()
    (problem,) = caught.value.problems
    assert told in problem
    assert problem.startswith(f"{path}:1")


async def test_verbs_take_and_give_json(plugins):
    plugins.write("mine", offering(STATS))
    reception = (await plugins.start()).reception
    assert await reception.call("mine", "add", b"[1, 2]") == 3
    for verb, given, told in [
        ("add", b"", "verb add takes JSON: Add numbers: a list of them."),
        ("add", b'["x"]', "the JSON does not fit verb add: Expected `int`"),
        ("add", b"[" * 10_000, "the JSON does not fit verb add"),
        ("bad", b"1", "verb bad takes no JSON"),
        ("addd", b"", "plugin mine has no verb 'addd'; did you mean 'add'?"),
    ]:
        with pytest.raises(Problem) as caught:
            await reception.call("mine", verb, given)
        assert told in caught.value.message
    with pytest.raises(Problem, match="no plugin 'min' is running; did you mean 'mine'"):
        await reception.call("min", "add", b"")


async def test_a_failing_service_is_counted_and_sets_nothing_aside(plugins):
    plugins.write("mine", offering(STATS))
    runner = await plugins.start(quarantine_after=2)
    for _ in range(5):
        with pytest.raises(Problem, match="plugin mine failed"):
            await runner.reception.call("mine", "bad", b"")
    (status,) = runner.status()
    assert (status.state, status.faults) == ("running", 5)
    await plugins.bus.settle()
    assert {fault.hook for fault in plugins.told(PluginFault)} == {"bad"}


async def test_panels_say_what_is_to_be_drawn_and_what_is_wrong(plugins):
    plugins.write("mine", offering(STATS))
    runner = await plugins.start()
    numbers, broken, raising = await runner.reception.panels("mine")
    assert (numbers.title, numbers.drawing.figures[0].value) == ("Numbers", 3)
    assert (broken.drawing, broken.problem) == (None, "returned a row that has not as many cells as there are columns")
    assert raising.problem == "not now"
    assert runner.status()[0].last_fault.startswith("broken answered wrong: returned a row")


async def test_too_much_for_a_panel(plugins):
    plugins.write(
        "mine",
        offering(
            '@panel("A")\nasync def a(self): return Rows(("n",), tuple((n,) for n in range(1001)))\n'
            '@panel("B")\nasync def b(self): return Chart((Line("l", tuple((n, 0.0) for n in range(10_001))),))\n'
            '@panel("C")\nasync def c(self): return "text"\n'
        ),
    )
    told = [each.problem for each in await (await plugins.start()).reception.panels("mine")]
    assert told == [
        "returned 1001 rows, 1000 are the most",
        "returned a line of more than 10000 points",
        "returned str, a panel returns Figures, Rows or Chart",
    ]


def test_drawings_say_their_kind():
    import msgspec

    kinds = [msgspec.to_builtins(each)["type"] for each in (Figures(()), Rows((), ()), Chart(()))]
    assert kinds == ["figures", "rows", "chart"]
