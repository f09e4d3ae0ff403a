"""From an HTTP request to what a handler gets: parameters and body decoded, each field with its rule."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from hub.plugin.serving import Problem, Query

_SEE = "see /docs for the parameters of this path"
_PATIENCE = 10.0
"""Seconds that a body may take."""


def read_query(request: web.BaseRequest, kind: type[Query]) -> Query:
    """The parameters. Problem 400 names the one that does not fit."""
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise Problem(400, f"{name}: it came twice", "send it once")
        given[name] = value
    try:
        query = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit(error, _SEE) from None
    for name in given:
        if getattr(query, name) is None:  # msgspec reads `null` for what may be left out
            raise Problem(400, f"{name}: null is no value here; leave it out", _SEE)
    return query


async def read_body(request: web.BaseRequest, kind: Any) -> Any:
    """The body; None where the route takes none. Problem 400 names the field that does not fit."""
    if kind is None:
        return None
    if request.content_type != "application/json":
        raise Problem(415, "the body has to be JSON", "send it with the header Content-Type: application/json")
    try:
        async with asyncio.timeout(_PATIENCE):
            body = await request.read()
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {_PATIENCE:g} s") from None
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _misfit(error, "see /docs for the body of this path") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = (
            str(error) if isinstance(error, msgspec.DecodeError) else "it is no text in UTF-8, or nested too deeply"
        )
        raise Problem(400, f"the body is not JSON: {reason}") from None


def field_and_rule(error: msgspec.ValidationError) -> tuple[str, str]:
    """Where something does not fit (empty: as a whole), and what it breaks."""
    rule, _, place = str(error).partition(" - at `")
    return place.rstrip("`").removeprefix("$").lstrip("."), rule


def _misfit(error: msgspec.ValidationError, hint: str) -> Problem:
    """`limit: expected int <= 1000`: the field first, as it is written in the request."""
    field, rule = field_and_rule(error)
    rule = f"{rule[:1].lower()}{rule[1:]}".replace("`", "")
    return Problem(400, f"{field}: {rule}" if field else rule, hint)
