"""`ocpi-hub journal`: what passed the hub, and what became of it."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from hub.asking import MOST_EXCHANGES, Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json, remark
from hub.cli.journal_view import COLUMNS, STYLES, cells, failed_cells
from hub.core.moments import point
from hub.core.outcome import Outcome
from hub.core.sheet import exchanges_csv

_PAUSE = 0.5


def since_moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A moment in milliseconds since 1970: some time ago, or a date with or without a time, in UTC."""
    if value is None:
        return None
    try:
        return point(value, round(time.time() * 1000))
    except ValueError as reason:
        raise click.BadParameter(str(reason), ctx, param) from None


@click.command()
@click.option("--partner", "ref", default="", metavar="PARTNER", help="Only what this partner sent or was sent.")
@click.option("--module", default="", help="Only of this module.")
@click.option("--outcome", type=click.Choice([each.value for each in Outcome]), help="Only what ended like this.")
@click.option(
    "--since",
    callback=since_moment,
    metavar="WHEN",
    help="Only since then: 30m, 1h, 7d, 2026-01-31, 2026-01-31T12:00 (UTC).",
)
@click.option(
    "--limit", type=click.IntRange(1, MOST_EXCHANGES), default=50, show_default=True, help="Most rows, the newest."
)
@click.option("--follow", is_flag=True, help="Go on, and show what comes. The hub has to run.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets.")
@config_option
@json_option
def journal(
    ref: str,
    module: str,
    outcome: str | None,
    since: int | None,
    limit: int,
    follow: bool,
    as_csv: bool,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Show what passed the hub, the newest last.

    A row is one exchange: a request that came in and its answer. All about one of them: ocpi-hub trace
    CORRELATION-ID. With --follow, --json prints one value for each.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json are two ways to print; choose one")
    wanted = Arguments(ref=ref, module=module, outcome=outcome or "", since=since, limit=limit)
    place = do(config_path, "journal-watch", wanted, as_json)["last"] if follow else 0
    page = do(config_path, "journal", wanted, as_json)
    rows = page["rows"][::-1]
    if as_csv:
        click.echo(exchanges_csv(rows, header=True), nl=False)
    elif not as_json:
        _print(rows, page, follow)
    elif follow:
        for each in rows:
            print_json(each)
    else:
        print_json({**page, "rows": rows})
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(config_path, wanted, place, {each["id"] for each in rows}, as_csv=as_csv, as_json=as_json)


def _follow(
    config_path: Path | None, wanted: Arguments, place: int, shown: set[int], *, as_csv: bool, as_json: bool
) -> None:
    """Print what comes, until the hub stops or the reader has enough."""
    while True:
        wanted.after = place
        new = do(config_path, "journal-watch", wanted, as_json)
        place = new["last"]
        rows = [each for each in new["exchanges"] if each["id"] not in shown]
        if as_json:
            for each in (*rows, *new["failed"]):
                print_json(each)
        elif as_csv:
            click.echo(exchanges_csv(rows, header=False), nl=False)
        elif rows or new["failed"]:
            _table([*map(cells, rows), *map(failed_cells, new["failed"])], header=False)
        if new["missed"]:
            remark(f"{new['missed']} rows came too fast to be shown.")
        shown = set()
        time.sleep(_PAUSE)


def _print(rows: list[Any], page: Any, follow: bool) -> None:
    if rows:
        _table(map(cells, rows), header=True)
    elif not follow:
        click.echo("The journal has nothing like this.")
    if page["next_before"] is not None:
        remark("There are older ones: --limit shows more of them.")
    if page["lost"]:
        remark(f"{page['lost']} rows were lost since the hub started: see journal_behind in its log.")


def _table(rows: Iterable[tuple[str, ...]], *, header: bool) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False, show_header=header)
    for name in COLUMNS:
        table.add_column(name, overflow="fold", justify="right" if name.endswith("ms") else "left")
    for row in rows:
        outcome = row[COLUMNS.index("outcome")]
        style = STYLES.get(outcome)
        table.add_row(*(plain(cell, style if style and cell == outcome else "") for cell in row))
    console().print(table)
