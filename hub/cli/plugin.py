"""`ocpi-hub plugin ...`: the plugins of a hub that runs: how they stand, what they show, and what they can be asked."""

from pathlib import Path
from typing import Any

import click

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json, remark, rows, say

_LATEST = 5


@click.group()
def plugin() -> None:
    """List plugins, show what they show, call them, reset them."""


@plugin.command("list")
@config_option
@json_option
def list_(config_path: Path | None, as_json: bool) -> None:
    """List all plugins: how they stand, and what they cost.

    The time is that of all calls of their hooks since they were loaded, and that of the slowest call.
    """
    found = do(config_path, "plugin-list", Arguments(), as_json)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("There is no plugin. How to write one: docs/plugins.md")
        return
    table = rows("plugin", "state", "order", "calls", "time", "slowest", "faults", "dropped", "what is wrong")
    for each in found:
        calls, seconds, slowest = _cost(each)
        numbers = (
            each["order"],
            calls,
            f"{seconds:.1f} s",
            f"{slowest * 1000:.1f} ms",
            each["faults"],
            each["dropped"],
        )
        wrong = each["problem"] or each["last_fault"]
        table.add_row(plain(each["name"]), _state(each["state"]), *map(str, numbers), plain(wrong))
    console().print(table)
    if any(each["state"] == "set aside" for each in found):
        remark("One that is set aside is not called. When its cause is gone: ocpi-hub plugin reset NAME")


@plugin.command()
@click.argument("name")
@config_option
@json_option
def show(name: str, config_path: Path | None, as_json: bool) -> None:
    """Show what a plugin shows: figures, tables, and the latest points of its charts."""
    panels = do(config_path, "plugin-panels", Arguments(name=name), as_json)
    if as_json:
        print_json(panels)
        return
    if not panels:
        click.echo("This plugin shows nothing.")
    for each in panels:
        console().print(plain(each["title"], "bold"))
        _draw(each)
        click.echo()


@plugin.command()
@click.argument("name")
@click.argument("verb")
@click.argument("given", metavar="[JSON]", default="")
@config_option
@json_option
def call(name: str, verb: str, given: str, config_path: Path | None, as_json: bool) -> None:
    """Call a verb of a plugin, with JSON where it takes some, and print the JSON that it answers.

    What verbs there are, and what they take, stands on the page of the plugin.
    """
    print_json(do(config_path, "plugin-call", Arguments(name=name, ref=verb, body=given), as_json))


@plugin.command()
@click.argument("name")
@config_option
@json_option
def reset(name: str, config_path: Path | None, as_json: bool) -> None:
    """Call a plugin again that was set aside after repeated faults."""
    done = do(config_path, "plugin-reset", Arguments(name=name), as_json)
    if as_json:
        print_json(done)
    else:
        say(f"Plugin {done['name']} is called again.")


def _cost(plugin: dict[str, Any]) -> tuple[int, float, float]:
    timings = plugin["timings"]
    calls, seconds = sum(each["calls"] for each in timings), sum(each["seconds"] for each in timings)
    return calls, seconds, max((each["slowest"] for each in timings), default=0.0)


def _state(state: str) -> Any:
    styles = {"running": "green", "set aside": "red", "rejected": "red"}
    return plain(state, styles.get(state, "dim"))


def _draw(panel: dict[str, Any]) -> None:
    drawing = panel["drawing"]
    if drawing is None:
        console().print(plain(panel["problem"], "red"))
        return
    if drawing["type"] == "figures":
        table = rows("", "")
        for each in drawing["figures"]:
            table.add_row(plain(each["label"]), plain(f"{_cell(each['value'])} {each['unit']}"))
    elif drawing["type"] == "rows":
        table = rows(*(plain(each).plain for each in drawing["columns"]))
        for row in drawing["rows"]:
            table.add_row(*(plain(_cell(each)) for each in row))
    else:
        table = rows("", f"latest {drawing['unit']}".strip())
        for each in drawing["lines"]:
            latest = [_cell(value) for _, value in each["points"][-_LATEST:]]
            table.add_row(plain(each["label"]), plain("  ".join(latest)))
    console().print(table)


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
