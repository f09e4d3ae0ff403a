"""`ocpi-hub reload`: have the hub that runs read its configuration and its plugins again."""

import sys
from pathlib import Path

import click

from hub.cli.ask import of_each
from hub.cli.common import complain, config_option, json_option, print_json, remark


@click.command()
@config_option
@json_option
def reload(config_path: Path | None, as_json: bool) -> None:
    """Put a changed configuration in force while the hub runs.

    No request is dropped and no connection is closed. Plugins with other settings or a changed file are started
    anew, and those that were set aside are called again. What is wrong is told with file and line, as `check` does;
    then everything stays as it was. Environment variables are those that the hub was started with.
    """
    results = of_each(config_path, "reload", as_json)
    # Workers have one configuration: where one refuses it, that is what matters.
    result = max(results, key=lambda each: len(each["problems"]))
    if as_json:
        print_json(result)
    elif result["problems"]:
        for problem in result["problems"]:
            complain(problem)
        complain("Nothing has changed: the hub goes on as before.")
    else:
        changed = ", ".join(result["changed"])
        click.echo(f"In force now: {changed}." if changed else "The configuration in force is as it was.")
        if result["restart_needed"]:
            click.secho(f"Restart needed for: {', '.join(result['restart_needed'])}.", fg="yellow")
            remark("Until then the hub goes on with what these were before.")
    if result["problems"]:
        sys.exit(1)
