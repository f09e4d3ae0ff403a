"""The bases of 2.2.1 and 2.3.0 are one text with two versions in it: a type can not be a parameter of a module."""

from pathlib import Path

import pytest

import hub.plugin.party

_FOLDER = Path(hub.plugin.party.__file__).parent


@pytest.mark.parametrize("name", ["connected.py", "cpo.py", "emsp.py"])
def test_both_say_the_same(name):
    older, newer = ((_FOLDER / version / name).read_text() for version in ("v2_2_1", "v2_3_0"))
    assert newer == older.replace("2.2.1", "2.3.0").replace("v2_2_1", "v2_3_0"), f"change {name} of both versions"
