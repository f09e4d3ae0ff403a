"""`ocpi-hub check`: load everything as `serve` does, and start nothing."""

import sys
from pathlib import Path

import click

from hub.app import check as check_all
from hub.cli.common import config_option, json_option, load_config, print_json, quiet_log, run, told
from hub.store.errors import StoreLocked


@click.command()
@config_option
@json_option
def check(config_path: Path | None, as_json: bool) -> None:
    """Check configuration, plugins, key and store, as a start would, without starting."""
    with told(as_json=as_json):
        config = load_config(config_path)
        quiet_log(config)
        note = ""
        try:
            problems = run(config, check_all(config))
        except StoreLocked as locked:
            problems, note = [], f"The store was not opened: {locked}"
    if as_json:
        print_json({"ok": not problems, "problems": problems, "note": note})
    else:
        for problem in problems:
            click.secho(problem, fg="red", err=True)
        if note:
            click.echo(note)
        if not problems:
            click.secho(f"All is well with {config.source or 'the defaults (no config.toml here)'}.", fg="green")
            click.echo("Next: ocpi-hub serve")
    if problems:
        sys.exit(1)
