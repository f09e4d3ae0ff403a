"""`ocpi-hub status`: how the hub stands right now, on one screen."""

import time as clock
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json
from hub.core.troubles import span

_PAUSE = 1.0
_BARS = "▁▂▃▄▅▆▇█"
_STATUS = {"CONNECTED": "green", "OFFLINE": "red", "PLANNED": "yellow", "SUSPENDED": "yellow"}
_OUTCOMES = {
    "delivered": "green",
    "answered": "green",
    "declined": "yellow",
    "refused": "yellow",
    "failed": "red",
    "abandoned": "dim",
}
_SHOWN_NAME = 40
_SHOWN_TEXT = 300


@click.command()
@click.option("--watch", is_flag=True, help="Go on, and show it anew every second, until Ctrl-C.")
@config_option
@json_option
def status(watch: bool, config_path: Path | None, as_json: bool) -> None:
    """Show how the hub stands right now.

    Traffic, outcomes and times of the last minutes, each partner, and what is wrong, with the next step. The hub has
    to run.
    """
    if watch and as_json:
        raise click.UsageError("--watch shows a screen; with --json, ask again when you want to know again")
    now = do(config_path, "status", Arguments(), as_json)
    if as_json:
        print_json(now)
        return
    out = console()
    if not watch:
        out.print(_screen(now))
        return
    with suppress(KeyboardInterrupt):
        _watch(out, now, lambda: do(config_path, "status", Arguments(), as_json))


def _watch(out: Console, now: Any, look: Callable[[], Any]) -> None:
    """Show it for ever; where it is no terminal, one screen after the other."""
    if not out.is_terminal:
        while True:
            out.print(_screen(now))
            clock.sleep(_PAUSE)
            now = look()
    with Live(_screen(now), console=out, auto_refresh=False, screen=True) as live:
        while True:
            clock.sleep(_PAUSE)
            live.update(_screen(look()), refresh=True)


def _screen(now: Any) -> RenderableType:
    nodes = [_nodes(now["nodes"]), Text()] if len(now["nodes"]) > 1 else []
    wrong = _troubles(now["troubles"])
    return Group(_head(now), _traffic(now["traffic"]), Text(), *nodes, _partners(now), Text(), wrong)


def _head(now: Any) -> Text:
    text = Text.assemble((f"OCPI hub {plain(now['party'])}", "bold"), f"  {plain(now['version'])}")
    return text.append(
        f", up for {span(round(now['uptime'] * 1000))}  {plain(now['versions_url'])}\n{plain(now['store'])}"
    )


def _traffic(traffic: Any) -> Text:
    text = Text(f"\nlast {traffic['minutes']} minutes  ", style="bold")
    text.append(f"{traffic['messages']} messages, {traffic['per_minute']:g} per minute  ", style="not bold")
    text.append(_spark(traffic["series"]), style="not bold cyan")
    text.append("\noutcomes        ", style="bold")
    for name, count in traffic["outcomes"].items():
        text.append(f"{name} {count}  ", style=f"not bold {_OUTCOMES.get(name, '')}")
    if not traffic["outcomes"]:
        text.append("none yet  ", style="not bold dim")
    if traffic["turned_away"]:
        text.append(f"turned away {traffic['turned_away']}", style="not bold yellow")
    text.append("\nhalf, and 99 %   ", style="bold")
    for name in ("hub", "partner"):
        words = "within " + ", ".join(_seconds(traffic[f"{name}_{share}"]) for share in ("p50", "p99"))
        text.append(f"{name} {words if traffic[f'{name}_p50'] is not None else 'no times yet'}   ", style="not bold")
    return text


def _nodes(nodes: list[Any]) -> RenderableType:
    table = Table(box=None, header_style="bold", pad_edge=False)
    right = ("messages/s", "hub p99", "connections", "behind")
    for name in ("node", "state", "version", "up for", *right, "unlike this one"):
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name in right)
    for each in nodes:
        table.add_row(
            plain(f"{each['name']}{' (this one)' if each['here'] else ''}", most=_SHOWN_NAME),
            _node_state(each),
            plain(each["version"]),
            span(round(each["up"] * 1000)),
            f"{each['per_second']:.1f}",
            _seconds(each["hub_p99"]),
            str(each["connections"]),
            str(each["behind"]),
            plain(", ".join(each["differs"]) or "-", most=_SHOWN_TEXT),
        )
    return table


def _node_state(node: Any) -> Text:
    if not node["there"]:
        return Text(f"not heard for {span(round(node['silent_for'] * 1000))}", style="bold red")
    return Text("leads" if node["leads"] else "there", style="green")


def _partners(now: Any) -> RenderableType:
    if not now["partners"]:
        return Text('No partners yet. Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO', style="dim")
    table = Table(box=None, header_style="bold", pad_edge=False)
    right = ("sent", "got", "failed", "p50", "p99", "under way", "refused")
    for name in ("id", "partner", "status", "version", "last seen", *right):
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name != "partner")
    at = now["started_at"] + round(now["uptime"] * 1000)
    for each in now["partners"]:
        standing, traffic = each["standing"], each["traffic"]
        heard = standing["heard_at"]
        table.add_row(
            str(standing["partner_id"]),
            plain(standing["partner"], most=_SHOWN_NAME),
            _status(standing),
            plain(each["version"] or "-"),
            f"{span(at - heard)} ago" if heard is not None else "-",
            str(traffic["sent"]),
            str(traffic["delivered"]),
            Text(str(traffic["failed"]), style="red" if traffic["failed"] else ""),
            _seconds(traffic["p50"]),
            _seconds(traffic["p99"]),
            f"{each['under_way']}/{each['allowed']['parallel']}"
            if each["allowed"]["parallel"]
            else str(each["under_way"]),
            str(sum(traffic["limited"].values()) or "-"),
        )
    return table


def _status(standing: Any) -> Text:
    if not standing["reachable"]:
        return Text("not reachable", style="bold red")
    status = standing["status"] or standing["state"]
    return Text(status, style=_STATUS.get(status, ""))


def _troubles(troubles: list[Any]) -> RenderableType:
    if not troubles:
        return Text("Nothing is wrong.", style="green")
    lines = []
    for each in troubles:
        bad = each["level"] == "bad"
        lines.append(
            Text.assemble(
                ("✗ " if bad else "! ", "bold red" if bad else "bold yellow"), plain(each["what"], most=_SHOWN_TEXT)
            )
        )
        lines.append(Text.assemble(("  → ", "dim"), plain(each["next"], most=_SHOWN_TEXT)))
    return Group(*lines)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _spark(series: list[int]) -> str:
    most = max(series, default=0)
    return "".join(_BARS[round(each / most * (len(_BARS) - 1))] if most else _BARS[0] for each in series)
