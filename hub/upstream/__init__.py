"""The hub's own outgoing HTTP/1.1 client: all that the hub sends to partners goes through it.

One request is one attempt. A push is never sent a second time, whatever happens to its connection; that is
OCPI's offline rule, and the reason why this client exists.
"""

from hub.upstream.client import Client, Held, PoolStats
from hub.upstream.dial import tls_context
from hub.upstream.guard import Guard
from hub.upstream.redirects import is_redirect
from hub.upstream.request import Fault, Headers, Limits, Names, Request, Response, SendError
from hub.upstream.resolver import Lookup, system_lookup
from hub.upstream.url import split_url
from hub.upstream.volley import Aimed, Push, aimed, push
from hub.upstream.wire import Line, line

__all__ = [
    "Aimed",
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
    "Push",
    "Request",
    "Response",
    "SendError",
    "aimed",
    "is_redirect",
    "line",
    "push",
    "split_url",
    "system_lookup",
    "tls_context",
]
