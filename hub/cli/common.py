"""What the commands share: where the configuration is, how errors are told, how results are shown."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec
import uvloop
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub import log
from hub.bridge import CanNotBridge
from hub.config import Config, ConfigError, load
from hub.control import ControlError
from hub.listener import CannotStart
from hub.plugin.errors import PluginError
from hub.store.errors import StoreError

T = TypeVar("T")

DEFAULT_CONFIG = Path("config.toml")
_WIDE = 1000

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


def load_config(path: Path | None) -> Config:
    """The configuration that a command works with."""
    if path is None and DEFAULT_CONFIG.is_file():
        path = DEFAULT_CONFIG
    return load(path, os.environ)


def run(config: Config, main: Coroutine[Any, Any, T]) -> T:
    """Run on the event loop of the configuration."""
    factory = uvloop.new_event_loop if config.hub.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@contextmanager
def told(*, as_json: bool = False) -> Iterator[None]:
    """Turn what a person can mend into a message and exit status 1; no traceback for those."""
    try:
        yield
    except (ConfigError, PluginError) as error:
        _fail(error.problems, str(error), as_json=as_json)
    except (StoreError, CannotStart, ControlError, CanNotBridge) as error:
        _fail([f"Error: {error}"], str(error), as_json=as_json)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _fail([f"Error: {reason}"], reason, as_json=as_json)


def complain(problem: str) -> None:
    """Say on stderr what is wrong."""
    Console(stderr=True, highlight=False, emoji=False).print(Text(problem, style="red"), soft_wrap=True)


def remark(text: str) -> None:
    """Say on stderr what is good to know beside a result."""
    Console(stderr=True, highlight=False, emoji=False).print(Text(text, style="dim"), soft_wrap=True)


def print_json(value: Any) -> None:
    """One line of JSON on standard output."""
    click.echo(msgspec.json.encode(value))


def quiet_log(config: Config) -> None:
    """For commands whose output is their result: only warnings go to stderr."""
    log.configure("warning", config.log.format)


def _fail(problems: Iterable[str], message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"error": message})
    else:
        for problem in problems:
            complain(problem)
    sys.exit(1)
