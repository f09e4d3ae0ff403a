"""How partners look on a terminal."""

import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from hub.cli.common import console, plain

_VALIDATION = {
    "enforce": "enforce: what breaks a rule is refused",
    "report": "report: what breaks a rule is passed on and reported",
    "off": "off: nobody looks",
}
_STATES = {"REGISTERED": "green", "INVITED": "yellow", "SUSPENDED": "red"}
_PARTIES = 10_000
_URL = 2000
_NEXT = {
    "INVITED": "It has not registered yet. If it has lost its TOKEN_A: ocpi-hub partner rotate {id} --invite",
    "SUSPENDED": "To let it in again: ocpi-hub partner resume {id}",
}


def print_list(partners: list[Any]) -> None:
    """A row for each partner. Parties in brackets are those that it was invited with and has not presented."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "name", "state", "version", "parties"):
        table.add_column(column, overflow="fold", no_wrap=column in ("id", "state", "version"))
    for each in partners:
        parties = (*each["parties"], *(f"({one})" for one in each["not_presented"]))
        name, version = plain(each["name"]), plain(each["version"] or "-")
        if each["hosted_by"]:
            name = Text.assemble(name, (" (hosted)", "dim"))
        table.add_row(str(each["id"]), name, _state(each), version, plain(" ".join(parties), most=_PARTIES))
    console().print(table)


def print_one(partner: Any) -> None:
    """One partner with all that is known of it, and what to do next."""
    out = console()
    head = Text.assemble(plain(partner["name"], "bold"), f" (partner {partner['id']})  ", _state(partner))
    out.print(head, soft_wrap=True)
    facts = (
        ("hosted by", f"plugin {partner['hosted_by']}" if partner["hosted_by"] else None),
        ("OCPI version", partner["version"]),
        ("parties", " ".join(partner["parties"])),
        ("not presented", " ".join(partner["not_presented"])),
        ("versions URL", partner["versions_url"]),
        ("sends its token", partner["sends_token_as"]),
        ("gets its token", partner["gets_token_as"]),
        ("validation", _validation(partner)),
        ("findings", partner.get("findings")),
        ("status changes", ", ".join(f"{each['status']} {time(each['at'])}" for each in partner.get("changes", ()))),
        ("limits", limits(partner["limits"]) if any(each is not None for each in partner["limits"].values()) else None),
        ("added", time(partner["created_at"])),
        ("changed", time(partner["updated_at"])),
    )
    for name, value in facts:
        if value:
            out.print(Text.assemble(f"  {name:<16} ", plain(value, most=_PARTIES)), soft_wrap=True)
    if partner["endpoints"]:
        # Not a table: a URL that is cut into lines can not be copied.
        out.print("  [bold]endpoints[/bold]")
    for each in partner["endpoints"]:
        by_hand = Text("  (set by hand)", "yellow") if each["manual"] else ""
        where = f"  {plain(each['module'])!s:<16} {each['interface']:<8} "
        out.print(Text.assemble(where, plain(each["url"], most=_URL), by_hand), soft_wrap=True)
    if hint := _NEXT.get(partner["state"]):
        out.print(hint.format(id=partner["id"]), soft_wrap=True)
    if partner.get("findings"):
        out.print(f"What is wrong with its objects: ocpi-hub findings {partner['id']}", soft_wrap=True)


def _state(partner: Any) -> Text:
    return Text(partner["state"], _STATES[partner["state"]])


def _validation(partner: Any) -> str | None:
    if "validation" not in partner:
        return None
    return _VALIDATION[partner["validation"]] + ("" if partner["validation_set"] else " (routing.validation)")


def limits(own: Any) -> str:
    """What a partner may send."""
    words = {"requests": "requests per second", "broadcasts": "broadcasts per second", "parallel": "requests at a time"}
    return ", ".join(_limit(own[name], unit) for name, unit in words.items())


def _limit(value: float | None, unit: str) -> str:
    if value is None:
        return f"{unit} as configured"
    return f"{value:g} {unit}" if value else f"{unit} without limit"


def time(milliseconds: int) -> str:
    """A moment as people read it."""
    return f"{datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
