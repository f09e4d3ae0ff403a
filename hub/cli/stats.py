"""`ocpi-hub stats ...`: what was charged in the network, as the plugin `statistics` counts it; and the charging log."""

import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click
import msgspec

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json, remark, rows, say, told
from hub.core.plain import line
from hub.core.sheet import csv_lines

_PLUGIN = "statistics"
_PART = 1000
_LONGEST = 200
F = TypeVar("F", bound=Callable[..., Any])


def _filters(command: F) -> F:
    """The options that say which CDRs or sessions."""
    for name, words in (
        ("--to", "Begun before this time (UTC)."),
        ("--from", "Begun at this time (UTC) or later: 2026-01-31, or with a time."),
        ("--currency", "Of this currency."),
        ("--contract", "Of this contract."),
        ("--token", "Of this card."),
        ("--location", "At the location with this id."),
        ("--emsp", "Of this party's drivers, as DE-MSP."),
        ("--cpo", "At this party's, as NL-TNM."),
    ):
        command = click.option(name, f"date_{name[2:]}" if name in ("--from", "--to") else name[2:], help=words)(
            command
        )
    return click.option("--sessions", is_flag=True, help="Sessions as they were told last, and not CDRs.")(command)


@click.group(invoke_without_command=True)
@click.option(
    "--by", default="month", show_default=True, help="hour, day, month, cpo, emsp, location, token, contract."
)
@_filters
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@config_option
@json_option
@click.pass_context
def stats(
    context: click.Context, /, by: str, as_csv: bool, config_path: Path | None, as_json: bool, **given: Any
) -> None:
    """Sum up energy, time and cost.

    Without a subcommand: a table of sums, with costs for each currency, without VAT. Several words after --by are
    written with commas.
    """
    if context.invoked_subcommand:
        return
    found: list[dict[str, Any]] = []
    asked = {**_wanted(given), "by": by}
    while True:
        part = _call(config_path, "sums", asked, as_json)
        found += part["sums"]
        if part["next"] is None:
            break
        asked["cursor"] = part["next"]
    if as_json:
        print_json(found)
        return
    names = [each.strip() for each in by.split(",") if each.strip()]
    head = [*names, "count", "kWh", "hours", "cost", "currency"]
    lines = [
        [
            *(each["group"][name] for name in names),
            *(each[name] for name in ("count", "kwh", "hours", "cost", "currency")),
        ]
        for each in found
    ]
    if as_csv:
        click.echo(csv_lines([head, *lines]), nl=False)
    elif not lines:
        say("Nothing was charged, as far as this hub has seen.")
    else:
        table = rows(*head)
        for name in ("count", "kWh", "hours", "cost"):
            table.columns[head.index(name)].justify = "right"
        for each in lines:
            table.add_row(*(plain(f"{cell:.2f}" if isinstance(cell, float) else cell) for cell in each))
        console().print(table)


@stats.command()
@_filters
@click.option(
    "--format", "kind", type=click.Choice(["csv", "pdf"]), default="csv", show_default=True, help="What to make."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; else to stdout.")
@config_option
def export(kind: str, output: Path | None, config_path: Path | None, **given: Any) -> None:
    """Write the charging log: a row for each CDR, as CSV or as a PDF with totals.

    An existing file is replaced when all is there.
    """
    if output is None:
        if kind == "pdf" and sys.stdout.isatty():
            raise click.UsageError("a PDF is nothing for a terminal; name a file: --output log.pdf")
        _write(kind, sys.stdout.buffer, config_path, given)
        return
    with told():
        part = output.with_name(f".{output.name}.part")
        try:
            with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                _write(kind, file, config_path, given)
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    remark(f"Written: {line(str(output), _LONGEST)}")


def _write(kind: str, out: BinaryIO, config_path: Path | None, given: dict[str, Any]) -> None:
    asked = _wanted(given)
    if kind == "pdf":
        out.write(base64.b64decode(_call(config_path, "pdf", asked)["pdf"]))
        return
    while True:
        part = _call(config_path, "csv", asked)
        out.write(part["csv"].encode())
        if part["next"] is None:
            return
        asked["cursor"] = part["next"]


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    of = "session" if given.pop("sessions") else "cdr"
    return {"of": of, "limit": _PART, **{name: value for name, value in given.items() if value is not None}}


def _call(config_path: Path | None, verb: str, asked: dict[str, Any], as_json: bool = False) -> Any:
    body = msgspec.json.encode(asked).decode()
    return do(config_path, "plugin-call", Arguments(name=_PLUGIN, ref=verb, body=body), as_json)
