"""Start, stop, faults, and files that change while the hub runs."""

import asyncio
import gc
import sys
import weakref

import pytest

from hub.core.route import Refuse
from hub.plugin import PluginChanged, PluginError, PluginFault, PluginSetAside
from hub.plugin.testing import HUB

BAD = '@receive("*")\nasync def a(self, message): raise ValueError("no")'


def answers(word: str) -> str:
    return f"""
        ended = False

        @receive("*")
        async def a(self, message):
            return Refuse("{word}, ended" if self.ended else "{word}")

        async def stop(self):
            self.ended = True
    """


async def said(runner, message) -> str:
    answer = await runner.hooks(message.operation).receive(message)
    return answer.reason if isinstance(answer, Refuse) else "nothing"


async def ask(plugins, message, times=1):
    for _ in range(times):
        assert await plugins.runner.hooks(message.operation).receive(message) is message
    await plugins.bus.settle()


async def test_a_plugin_has_all_it_needs_when_it_starts(plugins):
    plugins.write(
        "mine",
        """
        from hub.plugin import *

        class MySettings(Settings):
            limit: int = 3

        class Mine(Plugin[MySettings]):
            async def start(self):
                self.log.info("started", limit=self.settings.limit)
                answer = await self.hub.send("GET", "tokens", Interface.SENDER, to=self.hub.party)
                self.got = (self.settings.limit, answer.ok, [party.id for party in self.hub.parties()])
        """,
    )
    await plugins.start()
    assert plugins.running("mine").plugin.got == (3, True, ["NL-TNM"])
    assert plugins.hub.sent[0][3] == HUB


async def test_a_broken_plugin_keeps_the_hub_from_starting(plugins):
    plugins.plugin("good", "async def stop(self): type(self).stopped = True")
    path = plugins.plugin("bad", "async def start(self):\n    raise ValueError('no')")
    plugins.plugin("worse", "def __init__(self):\n    raise SystemExit")
    with pytest.raises(PluginError) as caught:
        await plugins.start()
    assert str(caught.value).splitlines() == [
        f"{path}:9: the plugin does not start: ValueError: no",
        f"{plugins.folder / 'worse.py'}:9: the plugin does not start: SystemExit",
    ]
    assert plugins.runner.table.running == ()
    assert not [name for name in sys.modules if name.startswith("ocpi_hub_plugin_")]


async def test_it_can_be_off_by_default(plugins):
    plugins.plugin("quiet", "enabled_by_default = False")
    plugins.plugin("asked", "enabled_by_default = False")
    plugins.settings("[plugins.asked]\nenabled = true")
    runner = await plugins.start()
    assert [(each.name, each.state) for each in runner.status()] == [("asked", "running"), ("quiet", "disabled")]


async def test_background_tasks_end_before_the_plugin_stops(plugins):
    plugins.plugin(
        "mine",
        """
        log_of_test = []

        async def start(self):
            self.spawn(self.work(), name="work")

        async def work(self):
            try:
                await asyncio.Event().wait()
            finally:
                self.log_of_test.append("work ended")

        async def stop(self):
            self.log_of_test.append("stopped")
        """,
    )
    runner = await plugins.start()
    plugin = plugins.running("mine").plugin
    await asyncio.sleep(0)
    await runner.stop()
    assert plugin.log_of_test == ["work ended", "stopped"]
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("plugin")]


async def test_what_was_replaced_is_freed_soon(plugins, monkeypatch):
    """A reload makes no litter that stays until there is much of it."""
    monkeypatch.setattr("hub.plugin.runner.SWEEP", 0.01)
    plugins.plugin("mine", answers("first"))
    runner = await plugins.start()
    first = weakref.ref(type(plugins.running("mine").plugin))
    gc.disable()
    try:
        plugins.plugin("mine", answers("second"))
        await runner.refresh()
        await runner.settle()
        assert first() is not None
        async with asyncio.timeout(5):
            while first() is not None:
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_a_fault_in_a_background_task_is_counted(plugins):
    plugins.plugin(
        "mine", "async def start(self): self.spawn(self.work(), name='work')\nasync def work(self): raise SystemExit"
    )
    await plugins.start()
    while not plugins.told(PluginFault):
        await asyncio.sleep(0)
    (fault,) = plugins.told(PluginFault)
    assert (fault.plugin, fault.hook, fault.error, fault.at) == ("mine", "work", "SystemExit", "mine.py:9")


async def test_a_stop_that_fails_is_a_fault_and_no_more(plugins):
    plugins.plugin("mine", "async def stop(self): raise ValueError")
    runner = await plugins.start()
    await runner.stop()
    await plugins.bus.settle()
    assert [fault.hook for fault in plugins.told(PluginFault)] == ["stop"]


async def test_repeated_faults_set_a_plugin_aside(plugins, authorize):
    plugins.plugin("bad", BAD)
    runner = await plugins.start(quarantine_after=3)
    await ask(plugins, authorize, times=2)
    assert runner.status()[0].state == "running"
    await ask(plugins, authorize, times=10)
    (status,) = runner.status()
    assert (status.state, status.faults, status.last_fault) == ("set aside", 3, "a raised: ValueError: no")
    assert status.hooks == ("receive *",)
    (aside,) = plugins.told(PluginSetAside)
    assert (aside.plugin, aside.hook, aside.faults) == ("bad", "a", 3)
    await runner.reset("bad")
    await ask(plugins, authorize)
    assert runner.status()[0].faults == 4
    assert runner.status()[0].state == "running"


async def test_a_success_forgives_the_faults_before_it(plugins, authorize):
    plugins.plugin(
        "shaky",
        """
        calls = 0

        @receive("*")
        async def a(self, message):
            self.calls += 1
            if self.calls % 3:
                raise ValueError
        """,
    )
    runner = await plugins.start(quarantine_after=3)
    await ask(plugins, authorize, times=30)
    assert (runner.status()[0].state, runner.status()[0].faults) == ("running", 20)


async def test_one_that_may_not_be_skipped_refuses_when_set_aside(plugins, authorize):
    plugins.plugin("guard", BAD)
    plugins.settings('[plugins.guard]\non_error = "refuse"')
    runner = await plugins.start(quarantine_after=1)
    for _ in range(3):
        assert "plugin guard failed" in await said(runner, authorize)
    assert runner.status()[0].faults == 1


async def test_to_reset_what_does_not_run_is_an_error(plugins):
    plugins.plugin("mine")
    runner = await plugins.start()
    with pytest.raises(LookupError, match="did you mean 'mine'"):
        await runner.reset("mone")


async def test_an_observer_that_fails_on_faults_does_not_go_round_for_ever(plugins):
    plugins.plugin("bad", "@on(Event)\nasync def a(self, event): raise ValueError")
    runner = await plugins.start(quarantine_after=3)
    await plugins.bus.settle()
    assert (runner.status()[0].state, runner.status()[0].faults) == ("set aside", 3)


async def test_a_new_file_is_started(plugins, authorize):
    runner = await plugins.start()
    plugins.plugin("mine", answers("new"))
    await runner.refresh()
    assert await said(runner, authorize) == "new"
    await plugins.bus.settle()
    assert [event.change for event in plugins.told(PluginChanged)] == ["started"]


async def test_a_changed_file_takes_the_place_of_the_one_before(plugins, authorize):
    plugins.plugin("mine", answers("one"))
    runner = await plugins.start()
    old = plugins.running("mine").plugin
    plugins.plugin("mine", answers("two"))
    await runner.refresh()
    assert await said(runner, authorize) == "two"
    await runner.settle()
    assert old.ended
    await plugins.bus.settle()
    assert [event.change for event in plugins.told(PluginChanged)] == ["started", "reloaded"]
    assert len([name for name in sys.modules if name.startswith("ocpi_hub_plugin_")]) == 1


async def test_a_file_that_is_only_touched_is_left_alone(plugins):
    path = plugins.plugin("mine", answers("one"))
    runner = await plugins.start()
    old = plugins.running("mine")
    path.touch()
    await runner.refresh()
    assert plugins.running("mine") is old


@pytest.mark.parametrize(
    "broken",
    [
        "def (",
        '@receive("tokenz")\nasync def a(self, message): ...',
        "async def start(self): raise SystemExit",
        "x = 1 / 0",
    ],
)
async def test_a_broken_change_leaves_the_old_one(plugins, authorize, broken):
    plugins.plugin("mine", answers("one"))
    runner = await plugins.start()
    plugins.plugin("mine", broken)
    for _ in range(3):
        await runner.refresh()
    assert await said(runner, authorize) == "one"
    (status,) = runner.status()
    assert status.state == "running"
    assert status.problem.startswith(f"{plugins.folder / 'mine.py'}:8: ")
    await plugins.bus.settle()
    assert [event.change for event in plugins.told(PluginChanged)] == ["started", "rejected"]
    plugins.plugin("mine", answers("mended"))
    await runner.refresh()
    assert await said(runner, authorize) == "mended"
    assert runner.status()[0].problem == ""


async def test_a_new_file_that_is_broken_waits_for_its_mending(plugins, authorize):
    runner = await plugins.start()
    plugins.plugin("mine", "x = 1 / 0")
    await runner.refresh()
    assert runner.status()[0].state == "rejected"
    plugins.plugin("mine", answers("mended"))
    await runner.refresh()
    assert await said(runner, authorize) == "mended"


async def test_a_deleted_file_stops_its_plugin(plugins, authorize):
    path = plugins.plugin("mine", answers("one"))
    runner = await plugins.start()
    old = plugins.running("mine").plugin
    path.unlink()
    await runner.refresh()
    assert await said(runner, authorize) == "nothing"
    await runner.settle()
    assert old.ended
    assert runner.status() == []
    plugins.plugin("mine", answers("one"))
    await runner.refresh()
    assert await said(runner, authorize) == "one"


async def test_a_reload_brings_back_what_was_set_aside(plugins, authorize):
    plugins.plugin("mine", BAD)
    runner = await plugins.start(quarantine_after=1)
    await ask(plugins, authorize)
    assert runner.status()[0].state == "set aside"
    plugins.plugin("mine", answers("mended"))
    await runner.refresh()
    assert await said(runner, authorize) == "mended"


async def test_the_same_name_twice_is_refused_while_running_too(plugins, tmp_path):
    plugins.plugin("mine", answers("one"))
    other = tmp_path / "other"
    other.mkdir()
    runner = await plugins.start()
    runner._loader = type(runner._loader)(plugins.config, (plugins.folder, other))
    (other / "mine.py").write_text("x = 1 / 0")
    await runner.refresh()
    assert runner.status()[0].file == str(plugins.folder / "mine.py")
    assert runner.status()[0].state == "running"


async def test_a_message_under_way_keeps_the_hooks_it_began_with(plugins, authorize):
    plugins.plugin("a", answers("old"))
    plugins.plugin("b")
    runner = await plugins.start()
    old = plugins.running("a").plugin
    with runner.hooks(authorize.operation) as first:
        plugins.plugin("b", "x = 2")
        await runner.refresh()
        with runner.hooks(authorize.operation) as second:
            plugins.plugin("a", answers("new"))
            await runner.refresh()
            assert (await second.receive(authorize)).reason == "old"
        assert await said(runner, authorize) == "new"
        assert (await first.receive(authorize)).reason == "old"
        assert not old.ended
    await runner.settle()
    assert old.ended


async def test_the_watcher_sees_a_change_by_itself(plugins, authorize):
    plugins.plugin("mine", answers("one"))
    runner = await plugins.start(poll=0.005)
    plugins.plugin("mine", answers("two"))
    while await said(runner, authorize) != "two":
        await asyncio.sleep(0)


async def test_stop_ends_every_task(plugins, authorize):
    plugins.plugin("mine", answers("one") + '\n        @on_push("*")\n        async def b(self, push): ...\n')
    runner = await plugins.start(poll=0.005)
    plugin = plugins.running("mine").plugin
    await runner.stop()
    assert plugin.ended
    assert not [task for task in asyncio.all_tasks() if "plugin" in task.get_name()]
    assert await said(runner, authorize) == "nothing"
