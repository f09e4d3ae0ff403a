"""What the commands share: where the configuration is, how errors are told, how results are shown."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub.config import Config, load
from hub.core.plain import line, lines, seen

DEFAULT_CONFIG = Path("config.toml")
LONGEST = 500
"""Characters of one text of others that are shown; --json has all of them."""
_WIDE = 1000
_LINE = 4000

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="OCPI_HUB_CONFIG",
    help="Configuration file. Without it: ./config.toml if there is one, else the defaults.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value, for scripts.")


def console(*, stderr: bool = False) -> Console:
    """The terminal, as rich sees it. What goes elsewhere is not broken into lines: each row stays one, for grep."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, emoji=False, width=None if stream.isatty() else _WIDE)


def rows(*names: str) -> Table:
    """A table without lines. What is too long for the terminal is broken, never cut; numbers stand at the right."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", justify="right" if name == "times" else "left")
    return table


def plain(text: object, style: str = "", most: int = LONGEST) -> Text:
    """Text that may come from anybody: one line without markup, which steers no terminal, and has an end."""
    return Text(line(str(text), most), style)


def say(words: str) -> None:
    """Print a result for people. What of it comes from others has been made harmless."""
    click.echo(lines(words, _LINE))


def load_config(path: Path | None) -> Config:
    """The configuration that a command works with."""
    if path is None and DEFAULT_CONFIG.is_file():
        path = DEFAULT_CONFIG
    return load(path, os.environ)


@contextmanager
def told(*, as_json: bool = False) -> Iterator[None]:
    """Turn what a person can mend into a message and exit status 1; no traceback for those."""
    try:
        yield
    except Exception as error:
        from hub.cli.mendable import problems  # noqa: PLC0415 - it knows of every part, which only a failure needs

        found = problems(error)
        if found is None:
            raise
        _fail(*found, as_json=as_json)


def complain(problem: str) -> None:
    """Say on stderr what is wrong."""
    Console(stderr=True, highlight=False, emoji=False).print(Text(lines(problem, _LINE), "red"), soft_wrap=True)


def remark(text: str) -> None:
    """Say on stderr what is good to know beside a result."""
    Console(stderr=True, highlight=False, emoji=False).print(Text(lines(text, _LINE), "dim"), soft_wrap=True)


def print_json(value: Any) -> None:
    """One line of JSON on standard output."""
    click.echo(seen(msgspec.json.encode(value)))


def _fail(problems: Iterable[str], message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"error": message})
    else:
        for problem in problems:
            complain(problem)
    sys.exit(1)
