"""What goes wrong at the admin listener, as an HTTP status, words, and what to do next."""

from collections.abc import Mapping

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from hub.asking import ControlError
from hub.errors import OcpiError
from hub.plugin.serving import Failure, Fault, Problem
from hub.store.errors import PartyTaken, PlatformUnknown, StoreClosed, StoreError, StoreUnavailable

__all__ = ["Failure", "Fault", "Problem", "problem"]

log = structlog.get_logger()

_WORDS = {
    404: ("there is nothing at this path", "see /docs"),
    405: ("this path has no such method", "see /docs"),
    413: ("the body is too large", ""),
}


_STATUSES: Mapping[type[Exception], int] = {PartyTaken: 409, PlatformUnknown: 404, StoreClosed: 503, ControlError: 503}


def problem(error: Exception) -> Problem:
    """Any error as one to answer with. What nobody expected is logged, and nothing of it told."""
    match error:
        case Problem():
            return error
        case OcpiError():
            return _in_two(_status(error), error.message)
        case StoreUnavailable():
            log.warning("store_failed", error=str(error))
            hint = "the reason is in the hub's log; ocpi-hub check says what to do"
            return Problem(503, error.brief, hint, {"Retry-After": "5"})
        case StoreError() | ControlError():
            return _in_two(_STATUSES.get(type(error), 400), str(error))
        case SQLAlchemyError():
            log.warning("store_failed", error=repr(error))
            return Problem(
                503, "the hub's database can not be used", "is the disk full? the reason is in the hub's log"
            )
        case web.HTTPException():
            return _of_http(error)
        case _:
            log.error("admin_failed", exc_info=error)
            return Problem(500, "the hub failed", "the reason is in its log")


def _status(error: OcpiError) -> int:
    """What the hub's own rules refuse is the caller's fault; what a partner did in between is not."""
    if error.http != 200:
        return error.http
    return 400 if error.code < 3000 else 502


def _in_two(status: int, text: str) -> Problem:
    """Messages are written as `what is wrong; what to do`."""
    message, _, hint = text.partition("; ")
    return Problem(status, message, hint)


def _of_http(error: web.HTTPException) -> Problem:
    message, hint = _WORDS.get(error.status, (error.reason.lower(), ""))
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return Problem(error.status, message, hint, headers)
