"""Every kind of hook: what it is given, what it may return, in which order, and what its plugin's failing means."""

import asyncio
import sys

import msgspec
import pytest

from hub.core.catalogue import CATALOGUE
from hub.core.party import Party, PartyRole, Role
from hub.core.route import Refuse, Route
from hub.plugin import Handled, Interface, Outgoing, PluginFault, Push, Registration, Unregistered
from hub.plugin.testing import message, reply

TNM, ABC = Party("NL", "TNM"), Party("NL", "ABC")
UNDECIDED = Refuse("no receiver is named", trail=("asked",))
OUT = Outgoing(to=ABC, platform="abc", body=b'{"a":1}')
REGISTRATION = Registration(
    platform="abc",
    version="2.2.1",
    versions_url="https://abc.example/versions",
    roles=(PartyRole(ABC, Role.CPO),),
    endpoints={("locations", Interface.SENDER): "https://abc.example/locations"},
)


async def hooks(plugins, of):
    runner = await plugins.start()
    return runner.hooks(of.operation)


async def test_nothing_is_called_where_there_is_no_plugin(plugins, authorize):
    found = await hooks(plugins, authorize)
    answer = reply()
    assert not any((found.receivers, found.routers, found.forwarders, found.responders, found.observers))
    assert await found.receive(authorize) is authorize
    assert await found.route(authorize, UNDECIDED) is UNDECIDED
    assert await found.forward(authorize, OUT) is OUT
    assert await found.respond(authorize, answer) is answer
    assert await plugins.runner.admit(REGISTRATION) is None
    found.pushed(Push(message=authorize, route=UNDECIDED, reply=answer))


async def test_only_the_selected_operations_have_the_hook(plugins):
    plugins.plugin("mine", '@receive("tokens.post", "*.delete")\nasync def a(self, message): ...')
    runner = await plugins.start()
    for row in CATALOGUE.operations():
        wanted = row.method == "DELETE" or (row.module == "tokens" and row.method == "POST")
        assert bool(runner.hooks(row).receivers) == wanted


async def test_receive_hands_on_a_changed_message(plugins, authorize):
    plugins.plugin("one", '@receive("*")\nasync def a(self, m):\n    return with_body(m, {"seen": [*m.json(), "one"]})')
    plugins.plugin("two", '@receive("*")\nasync def a(self, m):\n    return with_body(m, m.json()["seen"] + ["two"])')
    found = await hooks(plugins, authorize)
    changed = await found.receive(authorize)
    assert changed.json() == ["location_id", "one", "two"]
    assert authorize.json() == {"location_id": "LOC1"}


async def test_receive_refuses_and_the_next_is_not_asked(plugins, authorize):
    plugins.plugin("one", '@receive("*")\nasync def a(self, m):\n    return Refuse("not today", 2003)')
    plugins.plugin("two", '@receive("*")\nasync def a(self, m):\n    raise AssertionError')
    found = await hooks(plugins, authorize)
    assert await found.receive(authorize) == Refuse("not today", 2003, ("plugin one: not today",))
    assert plugins.running("two").faults.total == 0


async def test_order_and_then_the_name_say_who_comes_first(plugins, authorize):
    body = '@receive("*")\nasync def {1}(self, m): return with_body(m, [*m.json(), "{0}.{1}"])\n'
    plugins.plugin("b", body.format("b", "z") + body.format("b", "a"))
    plugins.plugin("a", body.format("a", "x"))
    plugins.plugin("last", body.format("last", "x"))
    plugins.plugin("first", body.format("first", "x"))
    plugins.settings("[plugins.first]\norder = -1\n[plugins.last]\norder = 1")
    found = await hooks(plugins, authorize)
    assert (await found.receive(authorize)).json() == ["location_id", "first.x", "a.x", "b.z", "b.a", "last.x"]


async def test_route_decides_what_the_hub_could_not(plugins, authorize):
    plugins.plugin(
        "one",
        """
        @route("tokens.post")
        async def a(self, message, proposed):
            assert proposed.reason == "no receiver is named"
            return Route.direct(Party("NL", "ABC"), why="always ABC")
        """,
    )
    plugins.plugin("two", '@route("tokens.post")\nasync def a(self, message, proposed):\n    return proposed')
    found = await hooks(plugins, authorize)
    decided = await found.route(authorize, UNDECIDED)
    assert decided.to == ABC
    assert decided.trail == ("asked", "plugin one: always ABC")


async def test_a_route_hook_sees_what_the_one_before_proposed(plugins, authorize):
    plugins.plugin("a", '@route("*")\nasync def a(self, m, p): return Route.direct(Party("NL", "ABC"), why="a")')
    plugins.plugin("b", '@route("*")\nasync def a(self, m, p): return Refuse(f"not {p.to}")')
    plugins.plugin("c", '@route("*")\nasync def a(self, m, p): return Route.direct(Party("NL", "XYZ"), why="c")')
    found = await hooks(plugins, authorize)
    decided = await found.route(authorize, Route.direct(TNM, "direct"))
    assert decided == Refuse("not NL-ABC", trail=("plugin a: a", "plugin b: not NL-ABC"))


async def test_no_plugin_overrules_who_owns_an_object(plugins):
    plugins.plugin("mine", '@route("*")\nasync def a(self, m, p): return Route.direct(Party("NL", "ABC"), why="a")')
    foreign = message("PUT receiver/tokens/DE/XYZ/0123", {"uid": "0123"}, sender="NL-TNM", receiver="NL-ABC")
    found = await hooks(plugins, foreign)
    refused = Refuse("NL-TNM can not send objects of DE-XYZ")
    assert await found.route(foreign, refused) is refused


async def test_forward_changes_body_and_headers_of_one_destination(plugins, authorize):
    plugins.plugin(
        "mine",
        """
        @forward("tokens")
        async def a(self, message, outgoing):
            if outgoing.to.id == "NL-ABC":
                more = with_body(outgoing, outgoing.json() | {"b": 2})
                return Outgoing(to=more.to, platform=more.platform, body=more.body, headers=(("X-Via", "me"),))
            return Refuse("only ABC", 2003)
        """,
    )
    found = await hooks(plugins, authorize)
    sent = await found.forward(authorize, OUT)
    assert (sent.to, sent.platform, sent.json(), sent.headers) == (ABC, "abc", {"a": 1, "b": 2}, (("X-Via", "me"),))
    assert (await found.forward(authorize, Outgoing(to=TNM, platform="tnm", body=b""))).reason == "only ABC"


async def test_respond_changes_the_answer(plugins, authorize):
    plugins.plugin(
        "mine", '@respond("*")\nasync def a(self, m, r): return with_body(r, decode_json(r.body) | {"data": 7})'
    )
    found = await hooks(plugins, authorize)
    changed = await found.respond(authorize, reply(1))
    assert msgspec.json.decode(changed.body)["data"] == 7
    assert changed.ok


async def test_admit_judges_a_registration(plugins):
    plugins.plugin(
        "picky", "@admit\nasync def a(self, r): return None if r.version == '2.2.1' else Refuse('2.2.1 only')"
    )
    runner = await plugins.start()
    assert await runner.admit(REGISTRATION) is None
    refused = await runner.admit(msgspec.structs.replace(REGISTRATION, version="2.1.1"))
    assert refused == Refuse("2.2.1 only", trail=("plugin picky: 2.2.1 only",))


async def test_on_push_observes(plugins):
    plugins.plugin(
        "mine",
        """
        async def start(self):
            self.seen = []

        @on_push("cdrs")
        async def a(self, push):
            self.seen.append((push.ok, push.json()["id"], push.route.to.id))
        """,
    )
    cdr = message("POST receiver/cdrs", {"country_code": "NL", "party_id": "TNM", "id": "C1"})
    found = await hooks(plugins, cdr)
    for code in (1000, 2001):
        found.pushed(Push(message=cdr, route=Route.direct(ABC, ""), reply=reply(code=code)))
    await plugins.bus.settle()
    assert plugins.running("mine").plugin.seen == [(True, "C1", "NL-ABC"), (False, "C1", "NL-ABC")]


async def test_on_observes_events_of_its_type_and_no_push(plugins, authorize):
    plugins.plugin(
        "mine",
        """
        seen = ()

        @on(Handled, Unregistered)
        async def some(self, event):
            self.seen += (type(event).__name__,)

        @on(Event)
        async def every(self, event):
            self.seen += ("any",)

        @on_push("tokens")
        async def pushes(self, push):
            self.seen += (type(push).__name__,)
        """,
    )
    found = await hooks(plugins, authorize)
    await plugins.bus.settle()
    plugin = plugins.running("mine").plugin
    plugin.seen = ()
    plugins.bus.publish(Handled(message=authorize, route=UNDECIDED, reply=reply(), seconds=0.1))
    plugins.bus.publish(Unregistered(platform="abc"))
    found.pushed(Push(message=authorize, route=UNDECIDED, reply=reply()))
    await plugins.bus.settle()
    assert plugin.seen == ("Handled", "any", "Unregistered", "any", "Push")


async def test_a_flood_of_pushes_delays_nobody_and_keeps_its_bound(plugins, authorize):
    plugins.plugin(
        "mine",
        """
        async def start(self):
            self.gate, self.entered, self.seen = asyncio.Event(), asyncio.Event(), 0

        @on_push("*")
        async def a(self, push):
            self.entered.set()
            await self.gate.wait()
            self.seen += 1
        """,
    )
    found = await hooks(plugins, authorize)
    running = plugins.running("mine")
    push = Push(message=authorize, route=UNDECIDED, reply=reply())
    found.pushed(push)
    await running.plugin.entered.wait()
    for _ in range(5000):
        found.pushed(push)
    assert running.queue.waiting == 1000
    assert plugins.runner.status()[0].dropped == 4000
    running.plugin.gate.set()
    await plugins.bus.settle()
    assert running.plugin.seen == 1001


async def test_a_hook_that_never_waits_costs_no_turn_of_the_loop_and_few_calls(plugins, authorize):
    plugins.plugin(
        "mine",
        """
        seen = 0

        @route("*")
        async def a(self, message, proposed):
            return proposed

        @on_push("*")
        async def b(self, push):
            self.seen += 1
        """,
    )
    found = await hooks(plugins, authorize)
    route, push = Route.direct(ABC, ""), Push(message=authorize, route=UNDECIDED, reply=reply())
    observe = plugins.running("mine").queue._handler
    for asked, most in ((lambda: found.route(authorize, route), 8), (lambda: observe(push), 6)):
        await asked()
        turns, calls = [], []
        asyncio.get_running_loop().call_soon(turns.append, "one")
        sys.setprofile(lambda frame, event, _, calls=calls: event == "call" and calls.append(frame.f_code.co_qualname))
        try:
            await asked()
        finally:
            sys.setprofile(None)
        assert turns == []
        assert len(calls) <= most, calls
    assert plugins.running("mine").plugin.seen == 2


async def test_events_that_come_quickly_do_not_keep_the_loop(plugins, authorize):
    plugins.plugin("mine", '@on_push("*")\nasync def a(self, push): time.sleep(0.002)')
    found = await hooks(plugins, authorize)
    for _ in range(100):
        found.pushed(Push(message=authorize, route=UNDECIDED, reply=reply()))
    settled, turns = asyncio.create_task(plugins.bus.settle()), 0
    while not settled.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20


FAILING = """
    @receive("*")
    async def a(self, message): raise ValueError("token=abc")

    @route("*")
    async def b(self, message, proposed): raise ValueError

    @forward("*")
    async def c(self, message, outgoing): raise ValueError

    @respond("*")
    async def d(self, message, reply): raise ValueError

    @admit
    async def e(self, registration): raise ValueError
"""


async def test_a_failing_plugin_is_skipped(plugins, authorize):
    plugins.plugin("bad", FAILING)
    plugins.settings('[plugins.bad]\non_error = "skip"')
    found = await hooks(plugins, authorize)
    answer = reply()
    assert await found.receive(authorize) is authorize
    assert await found.route(authorize, UNDECIDED) is UNDECIDED
    assert await found.forward(authorize, OUT) is OUT
    assert await found.respond(authorize, answer) is answer
    assert await plugins.runner.admit(REGISTRATION) is None
    assert plugins.running("bad").faults.total == 5


async def test_a_failing_plugin_refuses_where_that_was_asked_for(plugins, authorize):
    plugins.plugin("bad", FAILING)
    plugins.settings('[plugins.bad]\non_error = "refuse"')
    found = await hooks(plugins, authorize)
    refusals = [
        await found.receive(authorize),
        await found.route(authorize, UNDECIDED),
        await found.forward(authorize, OUT),
        await plugins.runner.admit(REGISTRATION),
    ]
    for refused in refusals:
        assert refused.code == 4000
        assert "plugin bad failed" in refused.reason
        assert "abc" not in refused.reason
    answer = await found.respond(authorize, reply("private"))
    assert (answer.status, answer.ocpi_status) == (200, 4000)
    assert b"plugin bad failed" in answer.body
    assert b"private" not in answer.body


async def test_a_registration_is_refused_when_its_judge_fails(plugins):
    plugins.plugin("bad", FAILING)
    runner = await plugins.start()
    assert (await runner.admit(REGISTRATION)).code == 4000


async def test_a_slow_hook_is_skipped_at_its_deadline(plugins, authorize):
    plugins.plugin("slow", '@receive("*")\nasync def a(self, message):\n    await asyncio.sleep(60)')
    plugins.settings("[plugins.slow]\ntimeout = 0.01")
    found = await hooks(plugins, authorize)
    assert await found.receive(authorize) is authorize
    await plugins.bus.settle()
    (fault,) = plugins.told(PluginFault)
    assert (fault.plugin, fault.hook, fault.kind, fault.at) == ("slow", "a", "slow", "slow.py:10")


async def test_a_hook_that_blocks_the_hub_is_counted_and_its_answer_used(plugins, authorize):
    plugins.plugin(
        "slow", '@receive("*")\nasync def a(self, message):\n    time.sleep(0.05)\n    return Refuse("late")'
    )
    plugins.settings("[plugins.slow]\ntimeout = 0.01")
    found = await hooks(plugins, authorize)
    assert (await found.receive(authorize)).reason == "late"
    await plugins.bus.settle()
    (fault,) = plugins.told(PluginFault)
    assert fault.kind == "slow"
    assert "blocked the hub" in fault.error


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt", "asyncio.CancelledError", "TimeoutError"])
async def test_no_exception_of_a_plugin_ends_the_hub(plugins, authorize, error):
    plugins.plugin("bad", f'@receive("*")\nasync def a(self, message):\n    raise {error}')
    found = await hooks(plugins, authorize)
    assert await found.receive(authorize) is authorize
    assert plugins.running("bad").faults.total == 1
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("kind", "returned", "says"),
    [
        ("receive", "1", "returned int, a receive hook returns Message or Refuse or None"),
        ("receive", "True", "returned bool"),
        ("receive", "Route.direct(Party('NL', 'TNM'), why='')", "returned Route"),
        ("receive", "Refuse(5)", "needs a reason (text) and a code"),
        ("receive", "Refuse('no', 1000)", "a code from 2000 to 4999"),
        ("receive", "__import__('msgspec').structs.replace(given, sender=Party('NL', 'ABC'))", "changed sender"),
        ("receive", "__import__('msgspec').structs.replace(given, body='text')", "is not bytes"),
        ("route", "'NL-TNM'", "returned str, a route hook returns Route or Refuse or None"),
        ("route", "Route.direct('NL-TNM', why='')", "goes to something that is no Party"),
        ("forward", "given", "returned Message, a forward hook returns Outgoing or Refuse or None"),
        ("forward", "Outgoing(to=Party('NL', 'XYZ'), platform='abc', body=b'')", "changed where the message goes"),
        ("forward", "Outgoing(to=second.to, platform='abc', body=b'', headers=(('A', 'b\\r\\nc'),))", "ASCII"),
        ("forward", "Outgoing(to=second.to, platform='abc', body=b'', headers=(('Host', 'b'),))", "the hub's own"),
        ("forward", "Outgoing(to=second.to, platform='abc', body=b'', headers=(('ocpi-to-x', 'b'),))", "the hub's own"),
        ("forward", "Outgoing(to=second.to, platform='abc', body=b'', headers=('A',))", "not pairs"),
        ("respond", "Refuse('no')", "returned Refuse, a respond hook returns Reply or None"),
    ],
)
async def test_a_wrong_answer_is_a_fault_and_not_used(plugins, authorize, kind, returned, says):
    second = "" if kind == "receive" else ", second"
    plugins.plugin("bad", f'@{kind}("*")\nasync def a(self, given{second}):\n    return {returned}')
    found = await hooks(plugins, authorize)
    arguments = {
        "receive": (authorize,),
        "route": (authorize, UNDECIDED),
        "forward": (authorize, OUT),
        "respond": (authorize, reply()),
    }[kind]
    assert await getattr(found, kind)(*arguments) is arguments[-1]
    await plugins.bus.settle()
    (fault,) = plugins.told(PluginFault)
    assert fault.kind == "answered wrong"
    assert says in fault.error
