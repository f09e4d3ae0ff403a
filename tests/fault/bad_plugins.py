"""Bad plugins, one of each kind: what is wrong with it, the body of its class, and what has to become of it."""

from typing import Literal

import msgspec

from tests.promises import size

HEADER = '''"""A bad plugin."""
import asyncio
import socket
import sys
import time

import msgspec
from aiohttp import web

from hub.plugin import *
from hub.plugin import Scope, admin_route, form, panel, verb, web_route


async def endlessly():
    while True:
        try:
            await asyncio.Event().wait()
        except BaseException:
            pass


def deeper(depth):
    return deeper(depth + 1)


class Unspeakable(BaseException):
    def __str__(self):
        raise ValueError("not even that")

    __repr__ = __str__


class Asked(msgspec.Struct):
    text: str = ""


class Bad(Plugin):
'''
RECEIVE = '@receive("tariffs.put")\nasync def hook(self, message):\n    '
ROUTE = '@route("tariffs.put")\nasync def hook(self, message, proposed):\n    '
FORWARD = '@forward("tariffs.put")\nasync def hook(self, message, outgoing):\n    '
RESPOND = '@respond("tariffs.put")\nasync def hook(self, message, reply):\n    '
ON_PUSH = '@on_push("tariffs.put")\nasync def hook(self, push):\n    '
VERB = "@verb('go')\nasync def go(self, given: None) -> int:\n    'Go.'\n    "
PANEL = "@panel('P')\nasync def show(self) -> Rows:\n    "
ON = "@on(Handled)\nasync def hook(self, event):\n    "


class Bad(msgspec.Struct, frozen=True):
    """`ends`: it is set aside after some faults; it is never taken; or it is named, and no message is touched by it.

    `whole`: the body is that of the file, and not of its class. `call` is what an operator does to set it off.
    """

    name: str
    body: str
    ends: Literal["set aside", "rejected", "named"] = "set aside"
    whole: bool = False
    call: tuple[str, str] | None = None

    @property
    def code(self) -> str:
        if self.whole:
            return self.body
        return HEADER + "".join(f"    {line}\n" for line in self.body.splitlines())


RAISING = [
    Bad("receive_raises", RECEIVE + "raise ValueError('no')"),
    Bad("route_raises", ROUTE + "raise ValueError('no')"),
    Bad("forward_raises", FORWARD + "raise ValueError('no')"),
    Bad("respond_raises", RESPOND + "raise ValueError('no')"),
    Bad("on_push_raises", ON_PUSH + "raise ValueError('no')"),
    Bad("on_raises", ON + "raise ValueError('no')"),
    Bad("exits", RECEIVE + "sys.exit(3)"),
    Bad("exits_as_observer", ON_PUSH + "raise SystemExit"),
    Bad("interrupts", FORWARD + "raise KeyboardInterrupt"),
    Bad("cancels", RECEIVE + "raise asyncio.CancelledError"),
    Bad("cancels_its_task", RESPOND + "asyncio.current_task().cancel()\n    await asyncio.sleep(1)"),
    Bad("generator_exit", ROUTE + "raise GeneratorExit"),
    Bad("stop_iteration", RECEIVE + "raise StopAsyncIteration"),
    Bad("recursion", RECEIVE + "deeper(0)"),
    Bad("memory_error", ON + "raise MemoryError"),
    Bad("unspeakable", RECEIVE + "raise Unspeakable"),
    Bad("a_group", RECEIVE + "raise BaseExceptionGroup('all', [SystemExit(), KeyboardInterrupt()])"),
]
SLOW = [
    Bad("hangs", RECEIVE + "await asyncio.Event().wait()"),
    Bad("hangs_whatever_comes", ROUTE + "await endlessly()"),
    Bad("is_slow", FORWARD + "await asyncio.sleep(1.5)"),
]
NONSENSE = [
    Bad("returns_a_number", RECEIVE + "return 42"),
    Bad("returns_a_coroutine", ROUTE + "return asyncio.sleep(0)"),
    Bad("returns_text_as_body", RECEIVE + "return msgspec.structs.replace(message, body='{}')"),
    Bad(
        "returns_another_sender",
        RECEIVE + "return msgspec.structs.replace(message, sender=Party('DE', 'MSP'))",
    ),
    Bad("returns_a_huge_body", RECEIVE + "return with_body(message, bytes(64 * 2**20))"),
    Bad("routes_to_nobody", ROUTE + "return Route.direct('DE-MSP', why='because')"),
    Bad("refuses_with_a_wrong_code", RECEIVE + "return Refuse('no', 7)"),
    Bad("refuses_without_a_reason", RESPOND + "return Refuse(None)"),
    Bad("smuggles_headers", FORWARD + r"return msgspec.structs.replace(outgoing, headers=(('X-A', 'b\r\nX-C: d'),))"),
    Bad("takes_the_token", FORWARD + "return msgspec.structs.replace(outgoing, headers=(('Authorization', 'x'),))"),
    Bad("sends_elsewhere", FORWARD + "return msgspec.structs.replace(outgoing, to=Party('XX', 'YYY'))"),
    Bad("answers_no_reply", RESPOND + "return b'{}'"),
    Bad("changes_the_message", RECEIVE + "message.body = b'{}'"),
    Bad("logs_garbage", RECEIVE + r"self.log.info('\x1b[2J\n' * 99, what=Unspeakable())"),
]
LEAKING = [
    Bad(
        "leaks_tasks",
        RECEIVE + "for number in range(300): self.spawn(asyncio.Event().wait(), name='never ends')",
    ),
    Bad("fails_in_the_background", RECEIVE + "self.spawn(self.work(), name='work')\nasync def work(self): 1 / 0"),
    Bad("exits_in_the_background", ON_PUSH + "self.spawn(self.work(), name='work')\nasync def work(self): sys.exit()"),
    Bad("spawns_nonsense", RECEIVE + "self.spawn(42, name='work')"),
    Bad(
        "opens_ports",
        RECEIVE + "self.listen(web.Application(), host='127.0.0.1', port=0)",
    ),
]
NEVER_TAKEN = [
    Bad("no_python", "class Bad(Plugin:\n", "rejected", whole=True),
    Bad("no_text", "\udcff\x00".encode("utf-8", "surrogateescape").decode("latin-1"), "rejected", whole=True),
    Bad("raises_when_loaded", "raise ValueError('no')\n", "rejected", whole=True),
    Bad("exits_when_loaded", "import sys\nsys.exit(1)\n", "rejected", whole=True),
    Bad("holds_no_plugin", "x = 1\n", "rejected", whole=True),
    Bad("imports_what_is_not_there", "import nothing_of_this_name\n", "rejected", whole=True),
    Bad("misspells_a_selector", "@receive('tarifs.putt')\nasync def hook(self, message): ...", "rejected"),
    Bad("hook_is_not_async", "@receive('tariffs.put')\ndef hook(self, message): ...", "rejected"),
    Bad("raises_when_made", "def __init__(self): raise ValueError('no')", "rejected"),
    Bad("raises_at_its_start", "async def start(self): raise ValueError('no')", "rejected"),
    Bad("exits_at_its_start", "async def start(self): sys.exit()", "rejected"),
    Bad("cancels_its_start", "async def start(self): asyncio.current_task().cancel(); await asyncio.sleep(1)",
        "rejected"),
    Bad(
        "adds_a_route_twice",
        "@admin_route('GET', '/a', scope=Scope.READ)\nasync def a(self, call: Call[Query, None]) -> Asked:\n"
        "    'One.'\n"
        "@admin_route('GET', '/a', scope=Scope.READ)\nasync def b(self, call: Call[Query, None]) -> Asked:\n"
        "    'Two.'",
        "rejected",
    ),
]  # fmt: skip
CALLED_BY_OPERATORS = [
    Bad("verb_raises", VERB + "1 / 0", "named", call=("verb", "go")),
    Bad("verb_exits", VERB + "sys.exit()", "named", call=("verb", "go")),
    Bad("verb_returns_what_is_no_json", VERB + "return self", "named", call=("verb", "go")),
    Bad("panel_raises", PANEL + "1 / 0", "named", call=("panel", "")),
    Bad("panel_lies", PANEL + "return 42", "named", call=("panel", "")),
    Bad("panel_is_huge", PANEL + "return Rows(('a',), (('b',),) * 10**6)", "named", call=("panel", "")),
    Bad(
        "admin_route_raises",
        "@admin_route('GET', '/a', scope=Scope.READ)\nasync def a(self, call: Call[Query, None]) -> Asked:\n"
        "    'One.'\n    1 / 0",
        "named",
        call=("GET", "/api/v1/plugins/admin_route_raises/a"),
    ),
    Bad(
        "page_raises",
        "@web_route('GET', '/a', scope=Scope.READ)\nasync def a(self, request: web.Request) -> web.StreamResponse:\n"
        "    'One.'\n    1 / 0",
        "named",
        call=("GET", "/plugins/page_raises/a"),
    ),
    Bad(
        "page_answers_nothing",
        "@web_route('GET', '/a', scope=Scope.READ)\nasync def a(self, request: web.Request) -> web.StreamResponse:\n"
        "    'One.'\n    return None",
        "named",
        call=("GET", "/plugins/page_answers_nothing/a"),
    ),
    Bad("take_over_raises", "async def take_over(self): 1 / 0", "named"),
]  # fmt: skip
NEVER_STARTING = [
    Bad("hangs_when_loaded", "import time\nwhile True:\n    time.sleep(0.1)\n", "rejected", whole=True),
    Bad("hangs_at_its_start", "async def start(self): await asyncio.Event().wait()", "rejected"),
]
"""Each of them takes ten seconds."""
STOPPED = Bad("stop_raises", "async def stop(self): 1 / 0", "named")
BLOCKING = [
    Bad("blocks", RECEIVE + "time.sleep(10)"),
    Bad(
        "spins_in_the_background",
        "async def start(self): self.spawn(self.work(), name='work')\n"
        "async def work(self):\n    while True:\n"
        "        try:\n            await asyncio.sleep(0.1)\n            while True: pass\n"
        "        except BaseException: pass",
    ),
    Bad("waits_for_a_socket", ON_PUSH + "one, other = socket.socketpair()\n    one.recv(1)"),
    Bad("blocks_in_respond", RESPOND + "try:\n        time.sleep(10)\n    except Exception: pass"),
]
KINDS = RAISING + SLOW + NONSENSE + LEAKING + NEVER_TAKEN + CALLED_BY_OPERATORS + [STOPPED] + size([], NEVER_STARTING)
