"""Modules that plugins add: known to every selector, told with their line when wrong, and fixed until a restart."""

import sys

import pytest

from hub.core.modules import Interface
from hub.plugin import CustomModule, PluginError
from hub.plugin.testing import message

ADDS = """
modules = {"nltnm-tokens": CustomModule(sender=("GET {id}",), receiver=["PUT {country_code}/{party_id}/{id}"])}

"""
HOOK = '@receive("nltnm-tokens.put")\nasync def a(self, message): return Refuse("seen by " + type(self).__module__)\n'
PUT = message(
    "PUT receiver/nltnm-tokens/NL/TNM/T1",
    "any text",
    modules={"nltnm-tokens": CustomModule(receiver=("PUT {country_code}/{party_id}/{id}",))},
)


@pytest.fixture
def loaded():
    """The modules of Python that were made for plugins."""
    return lambda: [name for name in sys.modules if name.startswith("ocpi_hub_plugin_")]


async def test_a_module_is_in_the_catalogue_and_every_selector_knows_it(plugins):
    plugins.plugin("adds", ADDS + HOOK)
    plugins.plugin("a_first", HOOK)
    runner = await plugins.start()
    assert str(plugins.catalogue.module("2.2.1", Interface.SENDER, "nltnm-tokens").find("GET", ("T1",)))
    assert "locations" in plugins.catalogue.modules
    operation = plugins.catalogue.module("2.2.1", Interface.RECEIVER, "nltnm-tokens").find("PUT", ("NL", "TNM", "T1"))
    with runner.hooks(operation) as hooks:
        assert len(hooks.receivers) == 2
        assert "a_first" in (await hooks.receive(PUT)).reason


async def test_a_module_of_config_toml_is_known_to_selectors(plugins):
    plugins.plugin("mine", '@receive("nltnm-tokens.get")\nasync def a(self, message): ...')
    plugins.settings("[modules.nltnm-tokens]\nsender = ['GET']")
    assert plugins.loader.check() == ()


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ('modules = {"a": CustomModule()}', 8, "modules['a']: the module has no operation"),
        ('\nmodules: object = {"a": CustomModule(sender=["GIT"])}', 9, "modules['a'].sender[0]: sender: 'GIT' must"),
        ('modules = {"a": CustomModule(sender="GET")}', 8, "modules: Expected `array`, got `str`"),
        ('modules = {"a": {"sendr": ["GET"]}}', 8, "modules: Object contains unknown field `sendr`"),
        ('modules = [CustomModule(sender=["GET"])]', 8, "modules: Expected `object`, got `array`"),
        ("modules = {'a': object()}", 8, "modules: Encoding objects of type object is unsupported"),
        ('modules = {"tokens": CustomModule(sender=["GET"])}', 8, "modules['tokens']: tokens is a module of OCPI"),
    ],
)
async def test_a_wrong_module_is_told_with_its_line(plugins, loaded, body, line, says):
    path = plugins.plugin("mine", body)
    (problem,) = plugins.loader.check()
    assert problem.startswith(f"{path}:{line}: {says}")
    assert loaded() == []


async def test_two_plugins_with_one_module(plugins, loaded):
    plugins.plugin("one", ADDS)
    path = plugins.plugin("two", ADDS)
    (problem,) = plugins.loader.check()
    assert problem.startswith(f"{path}:9: module nltnm-tokens is there already, from config.toml or another plugin")
    assert loaded() == []


async def test_a_plugin_with_a_module_of_config_toml(plugins):
    path = plugins.plugin("mine", ADDS)
    plugins.settings("[modules.nltnm-tokens]\nsender = ['GET']")
    (problem,) = plugins.loader.check()
    assert problem.startswith(f"{path}:9: module nltnm-tokens is there already")


@pytest.mark.parametrize(
    ("body", "toml"), [("enabled_by_default = False\n", ""), ("", "[plugins.off]\nenabled = false")]
)
async def test_a_plugin_that_is_off_adds_nothing(plugins, body, toml):
    plugins.plugin("off", body + ADDS + HOOK)
    plugins.settings(toml)
    await plugins.start()
    assert "nltnm-tokens" not in plugins.catalogue.modules
    plugins.plugin("uses", HOOK)
    assert "there is no module 'nltnm-tokens'" in plugins.loader.check()[0]


async def test_a_reload_keeps_the_modules(plugins):
    path = plugins.plugin("adds", ADDS + HOOK)
    runner = await plugins.start()
    plugins.plugin("adds", HOOK.replace("seen", "now seen") + ADDS)
    await runner.refresh()
    operation = plugins.catalogue.module("2.2.1", Interface.RECEIVER, "nltnm-tokens").find("PUT", ("NL", "TNM", "T1"))
    with runner.hooks(operation) as hooks:
        assert (await hooks.receive(PUT)).reason.startswith("now seen by")
    path.unlink()
    await runner.refresh()
    plugins.plugin("adds", ADDS)
    await runner.refresh()
    assert [status.state for status in runner.status()] == ["running"]


@pytest.mark.parametrize("changed", ["...", ADDS.replace("PUT", "PATCH"), ADDS.replace("nltnm", "detnm")])
async def test_other_modules_need_a_restart(plugins, loaded, changed):
    path = plugins.plugin("adds", ADDS + HOOK)
    runner = await plugins.start()
    old = plugins.running("adds")
    plugins.plugin("adds", changed)
    await runner.refresh()
    assert plugins.running("adds") is old
    (status,) = runner.status()
    assert status.state == "running"
    assert status.problem.startswith(str(path))
    assert status.problem.endswith("the modules that the plugin adds have changed; restart the hub for that")
    assert len(loaded()) == 1


async def test_a_new_file_with_modules_needs_a_restart(plugins, loaded):
    runner = await plugins.start()
    path = plugins.plugin("adds", ADDS)
    await runner.refresh()
    assert (
        runner.status()[0].problem
        == f"{path}:9: the modules that the plugin adds have changed; restart the hub for that"
    )
    assert loaded() == []


async def test_what_was_loaded_and_never_started_is_forgotten(plugins, loaded):
    plugins.plugin("adds", ADDS)
    await plugins.start()
    await plugins.runner.stop()
    assert loaded() == []
    await plugins.runner.load()
    assert len(loaded()) == 1
    await plugins.runner.stop()
    assert loaded() == []
    plugins.plugin("broken", "x = 1 / 0")
    with pytest.raises(PluginError):
        await plugins.runner.load()
    assert loaded() == []
