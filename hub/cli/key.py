"""`ocpi-hub key ...`: keys of the admin API."""

import datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json, remark
from hub.core.scopes import Scope


@click.group()
def key() -> None:
    """Make, list and revoke keys of the admin API.

    A key of scope read looks, operate also changes what can be changed back, admin may do everything.
    """


@key.command()
@click.argument("name")
@click.option("--scope", type=click.Choice([each.value for each in Scope]), required=True, help="What it opens.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires. Without it: never.")
@config_option
@json_option
def create(name: str, scope: str, days: int | None, config_path: Path | None, as_json: bool) -> None:
    """Make a key, and print it this once.

    NAME is what the key is listed and revoked by.
    """
    made = do(config_path, "key-create", Arguments(name=name, scope=scope, days=days), as_json)
    if as_json:
        print_json(made)
        return
    click.echo(made["key"])
    until = f"until {_time(made['expires_at'])}" if made["expires_at"] else "until it is revoked"
    remark(f"Key {name!r}, scope {scope}, {until}. Keep it now: it is not shown again.")
    remark("Send it as a header with each request to the admin listener:  x-api-key: <key>")


@key.command("list")
@config_option
@json_option
def list_(config_path: Path | None, as_json: bool) -> None:
    """List all keys."""
    found = do(config_path, "key-list", Arguments(), as_json)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("There is no key. Next: ocpi-hub key create NAME --scope read")
        return
    table = Table("name", "scope", "made", "last used", "expires", box=None, header_style="bold")
    for each in found:
        table.add_row(plain(each["name"]), each["scope"], *_times(each))
    console().print(table)


@key.command()
@click.argument("name")
@config_option
@json_option
def revoke(name: str, config_path: Path | None, as_json: bool) -> None:
    """Take a key back; it opens nothing from now on."""
    revoked = do(config_path, "key-revoke", Arguments(name=name), as_json)
    if as_json:
        print_json(revoked)
    else:
        click.echo(f"Revoked: {plain(revoked['name'])}")


def _times(each: dict[str, Any]) -> tuple[str, str, str]:
    used = _time(each["last_used_at"]) if each["last_used_at"] else "never"
    expires = _time(each["expires_at"]) if each["expires_at"] else "never"
    return _time(each["created_at"]), used, f"{expires} (expired)" if each["expired"] else expires


def _time(milliseconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC):%Y-%m-%d %H:%M} UTC"
