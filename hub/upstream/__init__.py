"""The hub's own outgoing HTTP/1.1 client: all that the hub sends to partners goes through it.

One request is one attempt. A push is never sent a second time, whatever happens to its connection; that is
OCPI's offline rule, and the reason why this client exists.
"""

from hub.upstream.client import Client, Held, PoolStats
from hub.upstream.dial import tls_context
from hub.upstream.guard import Guard
from hub.upstream.request import Fault, Headers, Limits, Names, Request, Response, SendError
from hub.upstream.resolver import Lookup, system_lookup
from hub.upstream.url import split_url
from hub.upstream.wire import Line, line

__all__ = [
    "Client",
    "Fault",
    "Guard",
    "Headers",
    "Held",
    "Limits",
    "Line",
    "Lookup",
    "Names",
    "PoolStats",
    "Request",
    "Response",
    "SendError",
    "line",
    "split_url",
    "system_lookup",
    "tls_context",
]
