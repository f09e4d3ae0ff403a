"""What partners are told while the database is not to be had."""

import structlog

from hub.errors import OcpiError, WithoutStore
from hub.store.errors import StoreUnavailable

log = structlog.get_logger()

_BACK_IN = 5.0
"""Seconds after which it may be there again: a restart of it takes about so long."""


def told_of(error: OcpiError | StoreUnavailable) -> OcpiError:
    """What a partner is told of an error. Where the database is away, why is told to the log alone."""
    if isinstance(error, OcpiError):
        return error
    log.warning("refused_without_store", reason=error.brief)
    return WithoutStore("the hub can not use its database right now, and this needs it; come back later", _BACK_IN)
