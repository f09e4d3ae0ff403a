"""What holds up the event loop is named when it is a plugin's, and broken off when it is in the plugin's own code."""

import asyncio
import signal
import time
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from hub.plugin.watchdog import PREFIX, HeldUp, Watchdog

CODE = """
import time

def block(seconds):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pass

def sleep(seconds):
    time.sleep(seconds)

def through(other, seconds):
    other(seconds)
"""


def module(name):
    made = ModuleType(name)
    exec(compile(CODE, f"/plugins/{name}.py", "exec"), vars(made))
    return made


PLUGIN, HUB = module(f"{PREFIX}bad_12345678"), module("hub.something")


class Watched:
    def __init__(self):
        self.told, self.broken = [], []
        self.dog = Watchdog(lambda *told: self.told.append(told), self.broken.append, patience=0.6)


@pytest.fixture
async def watched():
    before = signal.getsignal(signal.SIGURG)
    found = Watched()
    found.dog.start()
    yield found
    found.dog.stop()
    assert signal.getsignal(signal.SIGURG) == before


@pytest.mark.parametrize("how", [PLUGIN.block, PLUGIN.sleep])
async def test_a_plugin_is_named_and_broken_off(watched, how):
    begun = time.monotonic()
    with capture_logs() as logs, pytest.raises(HeldUp):
        how(30)
    assert time.monotonic() - begun < 10
    await asyncio.sleep(0)
    ((plugin, at, seconds),) = watched.told
    assert (plugin, watched.broken) == ("bad", ["bad"])
    assert at.startswith(f"{PLUGIN.__name__}.py:")
    assert seconds > 0.3
    assert [each["event"] for each in logs] == ["plugin_holds_up_the_hub"]


async def test_the_hubs_own_code_is_not_broken_off_for_a_plugin_that_called_it(watched):
    PLUGIN.through(HUB.sleep, 1.5)
    await asyncio.sleep(0)
    assert [plugin for plugin, _, _ in watched.told] == ["bad"]
    assert watched.broken == []


@pytest.mark.parametrize(
    ("block", "at"), [(HUB.block, "hub.something:"), (HUB.sleep, "hub.something:"), (time.sleep, "")]
)
async def test_what_is_no_plugins_is_left_alone_and_told_once(watched, block, at):
    with capture_logs() as logs:
        block(2.0)
        await asyncio.sleep(0.1)
    assert (watched.told, watched.broken) == ([], [])
    ((event, where),) = [(each["event"], each["at"]) for each in logs]
    assert event == "hub_held_up"
    assert where.startswith(at or __name__)


async def test_a_hub_that_only_has_much_to_do_is_not_told_of(watched):
    with capture_logs() as logs:
        for _ in range(8):
            HUB.block(0.25)
            await asyncio.sleep(0.01)
    assert logs == []


async def test_many_short_calls_hold_nothing_up(watched):
    for _ in range(20):
        PLUGIN.sleep(0.05)
        await asyncio.sleep(0)
    assert watched.told == []
