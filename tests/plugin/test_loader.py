"""Every mistake in a plugin is an error at load, with file, line and the likely fix; nothing of it stays behind."""

import sys

import pytest

from hub.plugin import PluginError
from hub.plugin.loader import Loader


@pytest.fixture
def modules():
    """The modules of plugins that are loaded; none may be left over."""

    def names():
        return {name for name in sys.modules if name.startswith("ocpi_hub_plugin_")}

    before = names()
    yield lambda: names() - before
    assert names() == before


WRONG_METHODS = [
    ('@route("token.post")\nasync def a(self, message, proposed): ...', 8, "did you mean 'tokens'?"),
    ('@on_push("locations.get")\nasync def a(self, push): ...', 8, "a push is a POST, PUT, PATCH or DELETE"),
    ('@receive("tokens")\ndef a(self, message): ...', 8, "write: async def a(self, message)"),
    ('@receive("tokens")\nasync def a(self): ...', 8, "a(self) does not fit; write: async def a(self, message)"),
    ('@route("tokens")\nasync def a(self, message): ...', 8, "write: async def a(self, message, proposed)"),
    ('@forward("*")\nasync def a(self, a, b, c): ...', 8, "write: async def a(self, message, outgoing)"),
    ('@respond("*")\nasync def a(self, message, *, reply): ...', 8, "write: async def a(self, message, reply)"),
    ("@admit\nasync def a(self): ...", 8, "write: async def a(self, registration)"),
    ("@on(Handled)\nasync def a(self): ...", 8, "write: async def a(self, event)"),
    ('@staticmethod\n@receive("*")\nasync def a(message): ...', 8, "not a plain async method"),
    ('@receive("*")\nasync def a(self, message):\n    yield', 8, "not a plain async method"),
    ("@receive\nasync def a(self, message): ...", 8, "@receive takes selectors in brackets"),
    ("@receive()\nasync def a(self, message): ...", 8, "@receive takes selectors in brackets"),
    ("@on()\nasync def a(self, event): ...", 8, "@on takes event types in brackets"),
    ("@on(Push)\nasync def a(self, event): ...", 8, 'there is @on_push("*")'),
    ('x = 1\n\n@receive("*", "cdrs.put")\nasync def a(self, message): ...', 10, "cdrs has no put here"),
    ("def start(self): ...", 8, "write: async def start(self)"),
    ("async def stop(self, why): ...", 8, "write: async def stop(self)"),
    ("x = 1 / 0", 8, "ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)", 8, "SystemExit: 3"),
    ("def (", 8, "invalid syntax"),
]


@pytest.mark.parametrize(("body", "line", "says"), WRONG_METHODS)
async def test_a_mistake_is_told_with_its_line(plugins, modules, body, line, says):
    path = plugins.plugin("mine", body)
    (problem,) = plugins.loader.check()
    assert problem.startswith(f"{path}:{line}: ")
    assert says in problem


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "no Plugin class"),
        ("from hub.plugin import Plugin", "no Plugin class"),
        (
            "from hub.plugin import Plugin\nclass A(Plugin): ...\nclass B(Plugin): ...",
            "A and B are both Plugin classes",
        ),
        ("from hub.plugin import Plugin\nclass A(Plugin[int]): ...", "settings that are no subclass of Settings"),
        (
            'from hub.plugin import *\n@receive("*")\nasync def a(message): ...\nclass A(Plugin): ...',
            "a is a hook outside the Plugin class",
        ),
        ("import no_such_module_anywhere", ":1: ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("from hub.plugin import Rout", ":1: ImportError: cannot import name 'Rout'"),
        ("x = '\0'", "null bytes"),
    ],
)
async def test_a_file_that_holds_no_plugin(plugins, modules, code, says):
    path = plugins.write("mine", code)
    (problem,) = plugins.loader.check()
    assert problem.startswith(str(path))
    assert says in problem


async def test_everything_that_is_wrong_is_told_at_once(plugins, modules):
    plugins.plugin("one", '@receive("tokenz", "cdr")\nasync def a(self): ...\n@admit\ndef b(self): ...')
    plugins.plugin("two", '@receive("tokenz", "cdr")\nasync def a(self, message): ...')
    plugins.plugin("good")
    plugins.settings("[plugins.goood]\norder = 1")
    with pytest.raises(PluginError) as caught:
        plugins.loader.load_all()
    assert len(caught.value.problems) == 7
    assert "config.toml:1: [plugins.goood]: there is no plugin file goood.py; did you mean 'good'?" in str(caught.value)


SETTINGS = """
    from hub.plugin import Plugin, Settings

    class MySettings(Settings):
        limit: int = 3
        names: list[str] = []

        def __post_init__(self):
            if self.limit > 100:
                raise ValueError("limit is more than anyone needs")

    class Mine(Plugin[MySettings]):
        ...
"""


async def test_settings_are_typed_and_have_defaults(plugins):
    plugins.write("mine", SETTINGS)
    plugins.settings('[plugins.mine]\nnames = ["a"]\norder = 7\ntimeout = 0.5\non_error = "refuse"')
    (loaded,) = plugins.loader.load_all()
    assert (loaded.settings.limit, loaded.settings.names) == (3, ["a"])
    assert (loaded.order, loaded.timeout, loaded.refuses, loaded.refuses_admission) == (7, 0.5, True, True)
    loaded.unload()


@pytest.mark.parametrize(
    ("toml", "line", "says"),
    [
        ("[plugins.mine]\n\nlimt = 3", 3, "did you mean 'limit'?"),
        ('[plugins.mine]\nlimit = "3"', 2, "limit"),
        ("[plugins.mine]\nnames = ['a', 3]", 2, "names"),
        ("[plugins.mine]\nlimit = 101", 1, "limit is more than anyone needs"),
    ],
)
async def test_wrong_settings_are_told_with_the_line_in_config_toml(plugins, modules, toml, line, says):
    plugins.write("mine", SETTINGS)
    plugins.settings(toml)
    (problem,) = plugins.loader.check()
    assert problem.startswith(f"{plugins.config_file}:{line}: ")
    assert says in problem


async def test_a_plugin_without_settings_takes_none(plugins, modules):
    plugins.plugin("mine")
    plugins.settings("[plugins.mine]\nlimit = 3")
    (problem,) = plugins.loader.check()
    assert f"{plugins.config_file}:2: unknown key 'limit'" in problem


async def test_the_settings_of_an_inherited_class_count(plugins, modules):
    plugins.write(
        "mine",
        """
        from hub.plugin import Plugin, Settings

        class MySettings(Settings):
            limit: int = 3

        def base():
            class Base(Plugin[MySettings]): ...
            return Base

        class Mine(base()): ...
        """,
    )
    plugins.settings("[plugins.mine]\nlimit = 4")
    (loaded,) = plugins.loader.load_all()
    assert loaded.settings.limit == 4
    loaded.unload()


async def test_admission_is_refused_by_a_failing_plugin_unless_skipping_was_asked_for(plugins):
    plugins.plugin("silent")
    plugins.plugin("skipping")
    plugins.settings('[plugins.skipping]\non_error = "skip"')
    loaded = {each.stem: each for each in plugins.loader.load_all()}
    assert (loaded["silent"].refuses, loaded["silent"].refuses_admission) == (False, True)
    assert (loaded["skipping"].refuses, loaded["skipping"].refuses_admission) == (False, False)
    for each in loaded.values():
        each.unload()


async def test_a_switched_off_plugin_is_not_even_run(plugins, modules):
    plugins.plugin("broken", "x = 1 / 0")
    plugins.settings("[plugins.broken]\nenabled = false")
    assert plugins.loader.check() == ()


async def test_files_with_an_underscore_are_no_plugins(plugins, modules):
    plugins.plugin("_shared", "x = 1 / 0")
    plugins.plugin(".lock", "x = 1 / 0")
    assert plugins.loader.check() == ()


async def test_no_folder_means_no_plugins(plugins, tmp_path):
    assert Loader(plugins.config, (tmp_path / "nowhere",)).check() == ()


async def test_two_files_of_one_name(plugins, tmp_path, modules):
    plugins.plugin("mine")
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.py").write_text((plugins.folder / "mine.py").read_text())
    (problem,) = Loader(plugins.config, (plugins.folder, other)).check()
    assert problem == f"{other / 'mine.py'}: {plugins.folder / 'mine.py'} has the same name; rename one of them"


async def test_a_file_that_can_not_be_read(plugins, modules):
    (plugins.folder / "mine.py").mkdir()
    (problem,) = plugins.loader.check()
    assert problem.endswith("mine.py: the plugin can not be read: Is a directory")


async def test_annotations_may_be_strings(plugins, modules):
    plugins.write("mine", "from __future__ import annotations\n" + SETTINGS.replace("\n    ", "\n"))
    assert plugins.loader.check() == ()


async def test_what_is_off_by_default_needs_nothing(plugins):
    plugins.write(
        "off",
        """
        import a_package_that_is_not_installed
        from hub.plugin import Plugin

        class Off(Plugin):
            enabled_by_default = False
        """,
    )
    assert plugins.loader.check() == ()
    runner = await plugins.start()
    assert [(each.name, each.state) for each in runner.status()] == [("off", "disabled")]
    plugins.settings("[plugins.off]\nenabled = true")
    (problem,) = plugins.loader.check()
    assert "No module named 'a_package_that_is_not_installed'" in problem


PARTS = """
from hub.plugin import Plugin
from .words import GREETING

class Mine(Plugin):
    greeting = GREETING
"""


async def test_a_plugin_may_have_a_folder_and_a_change_in_it_is_a_change_of_the_plugin(plugins, modules):
    path = plugins.write("mine", PARTS)
    folder = path.with_suffix("")
    folder.mkdir()
    (folder / "words.py").write_text("from .more import GREETING\n")
    (folder / "more.py").write_text("GREETING = 'one'\n")
    loader, seen = plugins.loader, []
    for word in ("one", "two", "six"):
        (folder / "more.py").write_text(f"GREETING = '{word}'\n")
        source = loader.read(path)
        loaded = loader.load(source)
        seen.append((source.digest, loaded.plugin.greeting))
        assert len(modules()) == 3
        loaded.unload()
        assert modules() == set()
    assert [greeting for _, greeting in seen] == ["one", "two", "six"]
    assert len({digest for digest, _ in seen}) == 3


@pytest.mark.parametrize(
    ("code", "says"), [("x = 1\ny = 1 / 0\n", ":2: ZeroDivisionError"), ("x = 1\ndef (", ":2: invalid syntax")]
)
async def test_a_mistake_in_the_folder_is_told_with_its_file(plugins, modules, code, says):
    path = plugins.write("mine", PARTS)
    path.with_suffix("").mkdir()
    part = path.with_suffix("") / "words.py"
    part.write_text(code)
    (problem,) = plugins.loader.check()
    assert problem.startswith(f"{part}{says}")
