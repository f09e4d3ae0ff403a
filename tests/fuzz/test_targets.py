"""What fuzzing found once is read without harm ever after; and the seeds are what they are said to be."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CRASHERS = sorted(Path(__file__).with_name("crashers").glob("*-*"))


@pytest.mark.timeout(10)
@pytest.mark.parametrize("file", CRASHERS, ids=lambda file: file.name)
def test_a_crasher_does_no_harm_any_more(file):
    TARGETS[file.name.partition("-")[0]].run(file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_pieces_of_them_do_no_harm(name):
    for seed in TARGETS[name].seeds():
        for cut in (len(seed), len(seed) // 2, 1, 0):
            TARGETS[name].run(seed[:cut])
