"""Forms of plugins: what there is to fill in, and what was filled in as the plugin's struct."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from hub.plugin import Body, Problem
from hub.plugin.forms import Field, fields, filled


class _Colour(StrEnum):
    """Which colour."""

    RED = "red"
    BLUE = "blue"


class _Wanted(Body, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="Its name.", max_length=5)]
    power: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="kW.")] = None
    count: int = 1
    kind: Literal["A", "B"] | None = None
    colour: _Colour = _Colour.RED
    loud: bool | None = None
    hours: tuple[str, ...] = ()


def test_every_kind_of_field():
    assert fields(_Wanted) == (
        Field(name="name", kind="text", about="Its name.", required=True),
        Field(name="power", kind="number", about="kW.", required=False),
        Field(name="count", kind="number", about="", required=False),
        Field(name="kind", kind="choice", about="", required=False, choices=("A", "B")),
        Field(name="colour", kind="choice", about="Which colour.", required=False, choices=("blue", "red")),
        Field(name="loud", kind="yes-no", about="", required=False),
        Field(name="hours", kind="list", about="", required=False),
    )


def test_what_was_filled_in_is_typed():
    given = {
        "name": "x",
        "power": "7.4",
        "count": "3",
        "kind": "B",
        "colour": "blue",
        "loud": "no",
        "hours": "1, 2,,\n3",
    }
    assert filled(_Wanted, given) == _Wanted(
        name="x", power=7.4, count=3, kind="B", colour=_Colour.BLUE, loud=False, hours=("1", "2", "3")
    )
    assert filled(_Wanted, {"name": "x"}) == _Wanted(name="x")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "missing required field `name`"),
        ({"name": "too long"}, "name: expected `str` of length <= 5"),
        ({"name": "x", "power": "0"}, "power: expected `float` > 0.0"),
        ({"name": "x", "count": "many"}, "count: expected `int"),
        ({"name": "x", "kind": "C"}, "kind: invalid enum value 'c'"),
        ({"name": "x", "loud": "perhaps"}, "loud: expected `bool"),
        ({"name": "x", "other": "1"}, "unknown field `other`"),
    ],
)
def test_what_does_not_fit_is_named(given, says):
    with pytest.raises(Problem) as problem:
        filled(_Wanted, given)
    assert says in problem.value.message
    assert problem.value.status == 400


class _Nested(msgspec.Struct):
    inner: _Wanted


class _Either(msgspec.Struct):
    value: int | str


@pytest.mark.parametrize("kind", [_Nested, _Either, str, dict[str, Any]])
def test_what_no_form_can_hold_is_an_error(kind):
    with pytest.raises(TypeError, match=r"form|several types"):
        fields(kind)
