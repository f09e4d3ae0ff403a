"""`ocpi-hub backup` and `ocpi-hub restore`: a copy of the database, and back."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.progress import Progress as Bars

from hub.asking import ControlError
from hub.cli.common import complain, config_option, console, json_option, load_config, print_json, told
from hub.cli.running import quiet_log
from hub.config import Config
from hub.store.backup import Backup, Progress, back_up, copy_key, key_beside
from hub.store.backup import restore as put_back
from hub.store.errors import StoreLocked
from hub.store.lock import FolderLock

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--with-key", is_flag=True, help="Save the key, too, as FILE.key. Who has both can read every token.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@config_option
@json_option
def backup(file: Path, with_key: bool, force: bool, config_path: Path | None, as_json: bool) -> None:
    """Save the database into FILE.

    While the hub runs or when it does not: the copy is complete at one moment, and the hub does not wait for it. FILE
    is for its owner alone (mode 0600). Tokens in it can not be read without the hub's key, hub.key in the data
    folder: keep that one, too, in another place.
    """
    with told(as_json=as_json):
        config = load_config(config_path)
        quiet_log(config)
        _only_sqlite(config)
        database, key = config.data_folder / "hub.db", config.key_file
        if not database.exists():
            raise ControlError(f"there is no hub's database in {config.data_folder}, so nothing to save")
        if with_key:
            copy_key(key, key_beside(file), force=force)
        with _progress("saving", as_json=as_json) as progress:
            made = _back_up(config, file, progress, force=force)
    if as_json:
        print_json({**msgspec.structs.asdict(made), "key": str(key_beside(file)) if with_key else None})
        return
    click.echo(f"Saved {made.bytes} bytes with {made.partners} partner(s) in {made.file}")
    if with_key:
        complain(
            f"The key is in {key_beside(file)}: move it to another, safe place. Who has both can read every token."
        )
    else:
        complain(f"The key is not in it. Without {key} every token in this backup is unreadable, and all partners have")
        complain("to register again: keep a copy of that file, in another place than the backup.")
    click.echo(f"To put it back, when the hub is stopped: ocpi-hub restore {made.file}")


@click.command()
@click.argument("file", type=_FILE)
@config_option
@json_option
def restore(file: Path, config_path: Path | None, as_json: bool) -> None:
    """Put the backup in FILE in the place of the database.

    The hub must not run. FILE is checked before anything changes: whether it is whole, not of a newer hub, and made
    with the key that is in place. What is replaced stays beside it, as hub.db.before-restore.
    """
    with told(as_json=as_json):
        config = load_config(config_path)
        quiet_log(config)
        _only_sqlite(config)
        folder = config.data_folder
        if not folder.is_dir():
            raise ControlError(f"there is no folder {folder}. Make it first: mkdir -m 700 {folder}")
        with _locked(folder), _progress("restoring", as_json=as_json) as progress:
            done = put_back(file, folder, config.key_file, progress)
    if as_json:
        print_json(msgspec.to_builtins(done))
        return
    click.echo(f"Restored {done.backup.partners} partner(s) from {file}")
    if done.key_restored:
        click.echo(f"The key was put in place, too: {config.key_file}")
    if done.replaced:
        click.echo(f"What was there before is kept in {done.replaced}")
    click.echo("Partners that registered, or renewed a token, after the backup have to be invited again.")
    click.echo("Next: ocpi-hub check, then ocpi-hub serve")


def _only_sqlite(config: Config) -> None:
    if config.store.url:
        raise ControlError(
            f"all is kept in {config.database_name}, which PostgreSQL saves by itself, while hubs run: "
            f"pg_dump --format custom, and pg_restore. Save {config.key_file}, too"
        )


def _back_up(config: Config, file: Path, progress: Progress, *, force: bool) -> Backup:
    database = config.data_folder / "hub.db"
    lock = FolderLock(config.data_folder / "hub.lock")
    try:
        lock.acquire()
    except StoreLocked:
        return back_up(database, file, progress, force=force, running=True)
    try:
        return back_up(database, file, progress, force=force)
    finally:
        lock.release()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = FolderLock(folder / "hub.lock")
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _progress(words: str, *, as_json: bool) -> Iterator[Progress]:
    """A bar on a terminal; elsewhere nothing."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    hidden = as_json or not sys.stdout.isatty()
    with Bars(*columns, console=console(), transient=True, disable=hidden) as bars:
        bar = bars.add_task(words, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)
