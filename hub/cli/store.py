"""`ocpi-hub store ...`: the database itself, where all is kept."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from hub.asking import ControlError
from hub.cli.common import config_option, console, json_option, load_config, print_json, told
from hub.cli.running import quiet_log, run
from hub.config import Config
from hub.store.database import Database
from hub.store.lock import FolderLock
from hub.store.moving import Copied, Progress
from hub.store.moving import copy as copy_all

_SQLITE = "sqlite:///"


@click.group()
def store() -> None:
    """Move all that the hub keeps into another database."""


@store.command()
@click.option("--from", "source", metavar="URL", help="Copy from here. Without it: hub.db in the data folder.")
@click.option("--to", "target", metavar="URL", help="Copy to here, which has to be empty. Without it: store.url.")
@config_option
@json_option
def copy(source: str | None, target: str | None, config_path: Path | None, as_json: bool) -> None:
    """Copy everything from one database into another.

    URL is sqlite:///PATH or postgresql://USER@HOST/DATABASE. The hub must not run. Every row is compared afterwards,
    and where something does not fit, nothing is kept. The key stays where it is: hub.key in the data folder. URL
    holds no password, which others could see: that one comes from store.url, PGPASSWORD or ~/.pgpass.
    """
    with told(as_json=as_json):
        config = load_config(config_path)
        quiet_log(config)
        origin = _where(source) if source else config.data_folder / "hub.db"
        goal = _where(target) if target else config.database
        if origin == goal:
            raise ControlError("source and target are the same; name another database with --to, or set store.url")
        if isinstance(origin, Path) and not origin.exists():
            raise ControlError(f"there is no hub's database at {origin}. Name it: --from sqlite:///PATH")
        folders = {config.data_folder, *(each.parent for each in (origin, goal) if isinstance(each, Path))}
        with _locked(sorted(folders)), _progress(as_json=as_json) as progress:
            done = run(config, _copy(origin, goal, progress))
    if as_json:
        print_json(msgspec.to_builtins(done))
        return
    _print(done, config, same=goal == config.database)


async def _copy(origin: Path | str, goal: Path | str, progress: Progress) -> Copied:
    source = await Database.open(origin, connections=1, patient=True)
    try:
        target = await Database.open(goal, connections=1, patient=True)
        try:
            return await copy_all(source, target, progress)
        finally:
            await target.close()
    finally:
        await source.close()


def _where(url: str) -> Path | str:
    if url.startswith(_SQLITE):
        return Path(url.removeprefix(_SQLITE)).absolute()
    if url.startswith(("postgresql://", "postgres://")):
        if "password" in url or ":" in url.partition("://")[2].rpartition("@")[0]:
            raise ControlError(
                "a password on the command line can be seen by others; set store.url, as OCPI_HUB__STORE__URL, "
                "or PGPASSWORD"
            )
        return url
    # It is not repeated: it may hold a password.
    raise ControlError("a database is named as sqlite:///PATH or postgresql://USER@HOST/DATABASE")


def _print(done: Copied, config: Config, *, same: bool) -> None:
    table = Table("table", "rows", "SHA-256 on both sides", box=None, header_style="bold")
    for each in done.tables:
        if each.rows:
            table.add_row(each.table, str(each.rows), each.digest[:16])
    console().print(table)
    click.echo(f"Copied {sum(each.rows for each in done.tables)} rows from {done.source} to {done.target}")
    click.echo("Every row is the same on both sides. What was copied from is as it was.")
    if not same:
        click.echo("Next: set store.url, as OCPI_HUB__STORE__URL or in config.toml; then ocpi-hub check")
    else:
        click.echo(f"Next: ocpi-hub check, then ocpi-hub serve. {config.key_file} is still needed.")


@contextmanager
def _locked(folders: list[Path]) -> Iterator[None]:
    """No hub works in any of these folders meanwhile."""
    with ExitStack() as stack:
        for folder in folders:
            if folder.is_dir():
                lock = FolderLock(folder / "hub.lock")
                lock.acquire()
                stack.callback(lock.release)
        yield


@contextmanager
def _progress(*, as_json: bool) -> Iterator[Progress]:
    """A bar on a terminal; elsewhere nothing."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    hidden = as_json or not sys.stdout.isatty()
    with Bars(*columns, console=console(), transient=True, disable=hidden) as bars:
        bar = bars.add_task("counting", total=None)
        yield lambda words, done, rows: bars.update(bar, description=words, completed=done, total=rows)
