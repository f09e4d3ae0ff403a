"""`ocpi-hub agreement ...`: who may reach whom, with which module."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json


@click.group()
def agreement() -> None:
    """Allow, deny and list who may reach whom.

    Parties are written NL-TNM, or * for every party. The most specific rule wins.
    """


def _rule(verb: Callable[..., None]) -> click.Command:
    """A verb on the rule between two parties."""
    module = click.option("--module", default="*", show_default=True, help="One module; * for all.")
    one, other = click.argument("one"), click.argument("other")
    return agreement.command()(one(other(module(config_option(json_option(verb))))))


@_rule
def allow(one: str, other: str, module: str, config_path: Path | None, as_json: bool) -> None:
    """Let two parties reach each other."""
    _show(do(config_path, "agreement-allow", Arguments(name=one, ref=other, module=module), as_json), as_json)


@_rule
def deny(one: str, other: str, module: str, config_path: Path | None, as_json: bool) -> None:
    """Keep two parties apart."""
    _show(do(config_path, "agreement-deny", Arguments(name=one, ref=other, module=module), as_json), as_json)


@_rule
def remove(one: str, other: str, module: str, config_path: Path | None, as_json: bool) -> None:
    """Take a rule back."""
    _show(do(config_path, "agreement-remove", Arguments(name=one, ref=other, module=module), as_json), as_json)


@agreement.command("list")
@config_option
@json_option
def list_(config_path: Path | None, as_json: bool) -> None:
    """List all rules, and what holds without one."""
    _show(do(config_path, "agreement-list", Arguments(), as_json), as_json)


def _show(view: Any, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    if view["rules"]:
        table = Table("", "party", "party", "module", box=None, header_style="bold")
        for rule in view["rules"]:
            word = "[green]allow[/]" if rule["allow"] else "[red]deny[/]"
            table.add_row(word, *(plain(rule[part]) for part in ("one", "other", "module")))
        console().print(table)
    rest = "may" if view["default"] == "open" else "may not"
    click.echo(f'All others {rest} reach each other (routing.agreements = "{view["default"]}").')
