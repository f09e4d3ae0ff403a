"""The socket that partners connect to: bound, with or without TLS, and its certificate kept up to date."""

from hub.listener.opening import (
    EVERYWHERE,
    CannotStart,
    Section,
    accept_no_more,
    begin,
    bind,
    checked_tls,
    listen,
    open_tls,
)
from hub.listener.tls import Tls, TlsError

__all__ = [
    "EVERYWHERE",
    "CannotStart",
    "Section",
    "Tls",
    "TlsError",
    "accept_no_more",
    "begin",
    "bind",
    "checked_tls",
    "listen",
    "open_tls",
]
