"""`python -m tests.mutation [MODULE ...]`: how many small changes to the code that matters most do the tests notice?

It needs `pip install -e ".[test,mutation]"`. Without a sample it takes about half an hour for all modules.
"""

import random
import sys
from collections.abc import Iterator

import click
import msgspec
from rich.console import Console
from rich.table import Table

from tests.mutation import runner
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.targets import TESTS


class Survivor(msgspec.Struct, frozen=True):
    """A change that no test noticed."""

    name: str
    before: str
    after: str


class Score(msgspec.Struct, frozen=True):
    """What became of a module's mutants. `score` is the share that was killed, in per cent."""

    module: str
    mutants: int
    killed: int
    score: float
    survivors: list[Survivor]


@click.command(help=__doc__)
@click.argument("modules", nargs=-1, type=click.Choice(list(TESTS)), metavar="[MODULE]...")
@click.option("--sample", type=click.IntRange(1), help="Try only so many of each module, drawn by chance.")
@click.option("--seed", default=7, show_default=True, help="The chance by which a sample is drawn.")
@click.option("--parallel", default=2, show_default=True, type=click.IntRange(1), help="Processes side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def main(modules: tuple[str, ...], sample: int | None, seed: int, parallel: int, as_json: bool) -> None:
    runner.prepare()
    scores = []
    console = Console(stderr=True)
    for module in modules or TESTS:
        chosen = _chosen(module, sample, seed)
        with console.status(f"{module}: {len(chosen)} mutants"):
            scores.append(_score(module, chosen, parallel))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(scores)))
    else:
        _show(scores)


def _chosen(module: str, sample: int | None, seed: int) -> list[Mutant]:
    every = mutants(module)
    return every if sample is None else random.Random(f"{seed} {module}").sample(every, min(sample, len(every)))


def _score(module: str, chosen: list[Mutant], parallel: int) -> Score:
    tests = TESTS[module]
    runner.check(tests)
    left = [Survivor(each.name, *each.diff) for each in runner.survivors(chosen, tests, parallel)]
    killed = len(chosen) - len(left)
    return Score(module, len(chosen), killed, round(100 * killed / len(chosen), 1), sorted(left, key=_place))


def _place(survivor: Survivor) -> tuple[int, ...]:
    return tuple(int(part) for part in survivor.name.split(":")[1:])


def _show(scores: list[Score]) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)
    for line in _survivor_lines(scores):
        console.print(line)
    table = Table(box=None)
    for name in ("module", "mutants", "killed", "score"):
        table.add_column(name, justify="left" if name == "module" else "right")
    for each in scores:
        table.add_row(each.module, str(each.mutants), str(each.killed), f"{each.score} %")
    console.print(table)


def _survivor_lines(scores: list[Score]) -> Iterator[str]:
    for score in scores:
        for each in score.survivors:
            yield f"{each.name}\n  - {each.before}\n  + {each.after}"


if __name__ == "__main__":
    main()
