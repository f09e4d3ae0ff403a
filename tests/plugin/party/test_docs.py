"""docs/parties.md: its parties load, its tests pass, and it leaves no method out."""

import inspect
import re
import sys
from pathlib import Path

import pytest

from hub.plugin.party import PartyPlugin, v2_1_1, v2_2_1, v2_3_0
from hub.plugin.party.serving import SERVED

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "parties.md").read_text()
BLOCKS = re.findall(r"^```python\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILES = dict(BLOCKS)
BASES = [
    base
    for version in (v2_1_1, v2_2_1, v2_3_0)
    for base in vars(version).values()
    if isinstance(base, type) and issubclass(base, PartyPlugin)
]


async def test_its_parties_load_and_start(plugins):
    for name, code in FILES.items():
        if name.startswith("plugins/"):
            plugins.write(Path(name).stem, code)
    assert plugins.loader.check() == ()
    runner = await plugins.start()
    assert {each.party for each in runner.status()} == {"NL-VLT", "DE-MSQ"}


async def test_its_tests_pass(tmp_path, monkeypatch):
    (tmp_path / "my_cpo.py").write_text(FILES["plugins/my_cpo.py"])
    monkeypatch.syspath_prepend(tmp_path)
    scope = {}
    exec(FILES["tests/test_my_cpo.py"], scope)
    tests = [each for name, each in scope.items() if name.startswith("test_")]
    assert len(tests) == 2
    for each in tests:
        await each()
    sys.modules.pop("my_cpo")


@pytest.mark.parametrize("base", BASES, ids=lambda base: f"{base.version} {base.__name__}")
def test_it_names_every_method(base):
    own = {name: inspect.getattr_static(base, name) for each in base.__mro__ if each is not PartyPlugin
           for name in vars(each) if issubclass(each, PartyPlugin) and not name.startswith("_")}  # fmt: skip
    methods = {name for name, each in own.items() if inspect.isfunction(each)} - {"connected", "start", "stop"}
    assert any(hasattr(each, SERVED) for each in own.values())
    same = re.compile(r"(get|put|patch)_(evse|connector|booking_location|calendar)$")
    assert [name for name in methods if f"`{name}" not in PAGE and not same.match(name)] == []
