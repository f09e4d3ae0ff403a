"""The tests notice changes in routing, authentication, agreements, SSRF guard, breaker and sealed URLs.

Short, a few drawn changes of each module; long, all of them, and each module has to keep the bound.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from tests.promises import LONG

ROOT = Path(__file__).parents[2]


class Score(msgspec.Struct):
    """What `python -m tests.mutation --json` tells of a module."""

    module: str
    mutants: int
    killed: int
    score: float
    survivors: list[dict[str, str]]


@pytest.mark.skipif(
    not find_spec("mutmut") and "CI" not in os.environ, reason='needs mutmut: pip install -e ".[test,mutation]"'
)
@pytest.mark.promise(14)
@pytest.mark.timeout(7200)
def test_changes_are_noticed(proof):
    words = [] if LONG else ["--sample", "3"]
    command = [sys.executable, "-m", "tests.mutation", "--json", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    scores = msgspec.json.decode(done.stdout, type=list[Score])
    print(*(each for score in scores for each in score.survivors), sep="\n")
    tried = sum(score.mutants for score in scores)
    if LONG:
        for score in scores:
            proof.at_least(f"per cent of the changes to {score.module} that are noticed", score.score, 85)
        proof.at_least("changes tried", tried, 1_500)
    else:
        killed = sum(score.killed for score in scores)
        proof.at_least("per cent of the changes drawn that are noticed", round(100 * killed / tried, 1), 85)
        proof.at_least("changes drawn", tried, 34)
