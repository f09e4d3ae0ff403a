"""Ask: an unknown token is authorised by whoever knows it (2.2.1, transport_and_format: Open Routing Request)."""

import asyncio

import msgspec

from hub.core.message import Message, Reply
from hub.core.route import Route
from hub.errors import OcpiError, ReceiverNotConnected, ReceiverTimeout
from hub.flow.delivery import Deliverer
from hub.ocpi import envelope
from hub.plugin.table import OperationHooks


async def ask(deliverer: Deliverer, message: Message, route: Route, hooks: OperationHooks, seconds: float) -> Reply:
    """Ask all at once; the first that allows wins, else the last answer counts. For authorising unknown tokens."""
    until = asyncio.get_running_loop().time() + seconds
    tasks = [
        asyncio.ensure_future(deliverer.deliver(message, party, hooks, until=until)) for party in route.destinations
    ]
    last: Reply | None = None
    late = False
    try:
        for done in asyncio.as_completed(tasks):
            try:
                reply = await done
            except OcpiError as error:
                late = late or isinstance(error, ReceiverTimeout)
                continue
            if _allows(reply):
                return reply
            last = reply if last is None or reply.ok else last
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if last is not None:
        return last
    if late:
        raise ReceiverTimeout(f"none of {len(tasks)} eMSP(s) answered within {seconds:g} s")
    raise ReceiverNotConnected(f"none of {len(tasks)} eMSP(s) could be asked")


def _allows(reply: Reply) -> bool:
    received = envelope.receive(reply.body)
    if received is None or not reply.ok:
        return False
    try:
        data = msgspec.json.decode(received.data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    return isinstance(data, dict) and data.get("allowed") == "ALLOWED"
