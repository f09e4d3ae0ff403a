"""What PostgreSQL and its driver say when the database is not to be had, as errors that name what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from hub.store.errors import (
    DatabaseFull,
    DatabaseMissing,
    DatabaseReadOnly,
    DatabaseSlow,
    LoginRefused,
    NoConnection,
    NotAllowed,
    SharedSession,
    StoreUnavailable,
    TooManyConnections,
)

# By SQLSTATE, or the class of it (PostgreSQL, Appendix A: Error Codes).
_ERRORS: dict[str, type[StoreUnavailable]] = {
    "08": NoConnection,
    "25P03": DatabaseSlow,
    "25006": DatabaseReadOnly,
    "26000": SharedSession,
    "28": LoginRefused,
    "3D000": DatabaseMissing,
    "40P01": DatabaseSlow,
    "42501": NotAllowed,
    "42P05": SharedSession,
    "53": DatabaseFull,
    "53300": TooManyConnections,
    "55P03": DatabaseSlow,
    "57014": DatabaseSlow,
    "57P": NoConnection,
}


@contextmanager
def explained(where: str, kinds: tuple[type[Exception], ...]) -> Iterator[None]:
    """Raise StoreUnavailable instead of what says so. Other errors are left as they are."""
    try:
        yield
    except kinds as error:
        if found := explanation(where, error):
            raise found from error
        raise


def explanation(where: str, error: Exception) -> StoreUnavailable | None:
    """What it means for people that a connection could not be made or used; None where it is something else."""
    for each in _chain(error):
        if state := getattr(each, "sqlstate", None):
            kind = _ERRORS.get(state) or _ERRORS.get(state[:3]) or _ERRORS.get(state[:2])
            return kind(where, str(each)) if kind else None
    last = _chain(error)[-1]
    # The driver has no SQLSTATE for a connection that is gone, nor for a server that does not answer.
    if any(isinstance(each, TimeoutError) for each in _chain(error)):
        return DatabaseSlow(where, "it said nothing")
    # One that breaks off in the middle of something leaves it in a state that it can not go on from.
    if isinstance(last, OSError) or type(last).__name__ in ("InterfaceError", "InternalClientError"):
        return NoConnection(where, str(last))
    if type(last).__name__ == "TargetServerAttributeNotMatched":
        return DatabaseReadOnly(where, "none of its hosts takes what is written")
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """The error, and what the driver raised for it."""
    found = [error]
    while (below := getattr(found[-1], "orig", None) or found[-1].__cause__) and below not in found:
        found.append(below)
    return found
