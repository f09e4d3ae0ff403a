"""`ocpi-hub check`: load everything as `serve` does, and start nothing."""

import sys
from pathlib import Path

import click

from hub.checking import Findings
from hub.checking import check as check_all
from hub.cli.common import complain, config_option, json_option, load_config, print_json, remark, told
from hub.cli.running import quiet_log, run
from hub.config import Config, ConfigError


@click.command()
@config_option
@json_option
def check(config_path: Path | None, as_json: bool) -> None:
    """Check configuration, plugins, key and store.

    Loads all of it as a start would, but starts nothing and makes no file. It may be run beside a hub that runs.
    """
    config, found = None, Findings([])
    with told(as_json=as_json):
        try:
            config = load_config(config_path)
            quiet_log(config)
            found = run(config, check_all(config))
        except ConfigError as error:
            found.problems.extend(error.problems)
    if as_json:
        print_json(
            {"ok": not found.problems, "problems": found.problems, "warnings": found.warnings, "note": found.note}
        )
    else:
        _print(config, found)
    if found.problems:
        sys.exit(1)


def _print(config: Config | None, found: Findings) -> None:
    for problem in found.problems:
        complain(problem)
    for warning in found.warnings:
        remark(f"Warning: {warning}")
    if found.note:
        click.echo(found.note)
    if config is None or found.problems:
        return
    click.secho(f"All is well with {config.source or 'the defaults (no config.toml here)'}.", fg="green")
    click.echo(
        "Next, to put a changed configuration in force: ocpi-hub reload" if found.in_use else "Next: ocpi-hub serve"
    )
