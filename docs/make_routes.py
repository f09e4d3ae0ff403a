"""Writes the table of routes in docs/admin-api.md from the routes themselves: `python docs/make_routes.py`."""

import re
from pathlib import Path

from hub.admin.table import ROUTES

PAGE = Path(__file__).with_name("admin-api.md")
_BEGIN, _END = "<!-- Made by `python docs/make_routes.py`; do not edit. -->", "<!-- Until here. -->"


def page() -> str:
    """The whole page, with the table as it has to be."""
    rows = [f"| `{route.method} {route.path}` | `{route.scope}` | {route.summary} |" for route in ROUTES]
    table = "\n".join((_BEGIN, "", "| request | scope | does |", "| --- | --- | --- |", *rows, "", _END))
    return re.sub(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", lambda _: table, PAGE.read_text(), flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page())
