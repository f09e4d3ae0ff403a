"""How partners look on a terminal."""

import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from hub.cli.common import console

_STATES = {"REGISTERED": "green", "INVITED": "yellow", "SUSPENDED": "red"}
_NEXT = {
    "INVITED": "It has not registered yet. If it has lost its TOKEN_A: ocpi-hub partner rotate {id} --invite",
    "SUSPENDED": "To let it in again: ocpi-hub partner resume {id}",
}


def print_list(partners: list[Any]) -> None:
    """A row for each partner. Parties in brackets are those that it was invited with and has not presented."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("id", "name", "state", "version", "parties"):
        table.add_column(name, overflow="fold", no_wrap=name in ("id", "state", "version"))
    for each in partners:
        parties = (*each["parties"], *(f"({one})" for one in each["not_presented"]))
        table.add_row(
            str(each["id"]), escape(each["name"]), _state(each), each["version"] or "-", escape(" ".join(parties))
        )
    console().print(table)


def print_one(partner: Any) -> None:
    """One partner with all that is known of it, and what to do next."""
    out = console()
    out.print(f"[bold]{escape(partner['name'])}[/bold] (partner {partner['id']})  {_state(partner)}", soft_wrap=True)
    facts = (
        ("OCPI version", partner["version"]),
        ("parties", " ".join(partner["parties"])),
        ("not presented", " ".join(partner["not_presented"])),
        ("versions URL", partner["versions_url"]),
        ("sends its token", partner["sends_token_as"]),
        ("gets its token", partner["gets_token_as"]),
        ("added", _time(partner["created_at"])),
        ("changed", _time(partner["updated_at"])),
    )
    for name, value in facts:
        if value:
            out.print(f"  {name:<16} {escape(str(value))}", soft_wrap=True)
    if partner["endpoints"]:
        # Not a table: a URL that is cut into lines can not be copied.
        out.print("  [bold]endpoints[/bold]")
    for each in partner["endpoints"]:
        by_hand = "  [yellow](set by hand)[/yellow]" if each["manual"] else ""
        out.print(f"  {each['module']:<16} {each['interface']:<8} {escape(each['url'])}{by_hand}", soft_wrap=True)
    if hint := _NEXT.get(partner["state"]):
        out.print(hint.format(id=partner["id"]), soft_wrap=True)


def _state(partner: Any) -> str:
    return f"[{_STATES[partner['state']]}]{partner['state']}[/]"


def _time(milliseconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
