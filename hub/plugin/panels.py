"""What a plugin shows on its page of the dashboard: figures, a table or a chart. Who draws them escapes the text."""

from typing import Annotated

from msgspec import Meta, Struct

MOST_ROWS = 1000
MOST_POINTS = 10_000

Cell = str | int | float | None


class Figure(Struct, frozen=True):
    """One value with a label: `Sent`, `1204`, `messages`."""

    label: str
    value: Cell
    unit: str = ""


class Figures(Struct, frozen=True, tag="figures"):
    """Values side by side."""

    figures: tuple[Figure, ...]


class Rows(Struct, frozen=True, tag="rows"):
    """A table, of 1000 rows at most. Each row has a cell for each column."""

    columns: tuple[str, ...]
    rows: Annotated[tuple[tuple[Cell, ...], ...], Meta(max_length=MOST_ROWS)]


class Line(Struct, frozen=True):
    """One line of a chart. A point is a time in milliseconds since 1970, and a value; None where there is none."""

    label: str
    points: Annotated[tuple[tuple[int, float | None], ...], Meta(max_length=MOST_POINTS)]


class Chart(Struct, frozen=True, tag="chart"):
    """Lines over time, with 10,000 points each at most."""

    lines: tuple[Line, ...]
    unit: str = ""


Drawing = Figures | Rows | Chart


class Panel(Struct, frozen=True):
    """One panel: what is to be drawn, or, where the plugin failed to say that, the problem."""

    name: str
    title: str
    drawing: Drawing | None
    problem: str = ""


def misfit(drawing: object) -> str | None:
    """What is wrong with what a panel returned; None where it can be drawn."""
    if not isinstance(drawing, Figures | Rows | Chart):
        return f"returned {type(drawing).__name__}, a panel returns Figures, Rows or Chart"
    if isinstance(drawing, Rows):
        if len(drawing.rows) > MOST_ROWS:
            return f"returned {len(drawing.rows)} rows, {MOST_ROWS} are the most"
        if any(len(row) != len(drawing.columns) for row in drawing.rows):
            return "returned a row that has not as many cells as there are columns"
    if isinstance(drawing, Chart) and any(len(line.points) > MOST_POINTS for line in drawing.lines):
        return f"returned a line of more than {MOST_POINTS} points"
    return None
