"""Many simulated partners at one hub, and what the hub tells of them."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from hub.core.party import Party, PartyRole
from hub.sim import SimEmsp
from tests.support import register

HUB = Party("NL", "HUB")


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def emsps(app, *parties):
    """Simulated eMSPs, registered."""
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(SimEmsp(each, [PartyRole.parse(f"{each}:EMSP")])) for each in parties]
        for each in made:
            await register(app, each)
        yield made


def collect(app, kind):
    seen = []

    async def keep(event):
        seen.append(event)

    app.bus.subscribe(keep, kind, name="test")
    return seen
