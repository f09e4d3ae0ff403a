"""What many tests need: a hub with a configuration for loopback, and simulated platforms registered at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from hub.app import App
from hub.config import Admin, Config, Hub, Limits, Listen, PartnerLimits, Routing, Store, Sync, Upstream
from hub.core.party import PartyRole
from hub.sim import SimCpo, SimCpoEmsp, SimEmsp
from tests.postgresql import databases

CPO = PartyRole.parse("NL-CPO:CPO")
EMSP = PartyRole.parse("DE-MSP:EMSP")


def config(folder: Path, **changes: Any) -> Config:
    """A configuration with its data in `folder`, loopback allowed, and any free port.

    `validation` is off where it is not asked for: a test of routing sends what routing reads, and no more.
    """
    routing = msgspec.structs.replace(changes.pop("routing", Routing()), validation=changes.pop("validation", "off"))
    base = Config(
        hub=Hub(name="Test Hub", party="NL-HUB", plugins="plugins", data="data"),
        listen=Listen(port=0),
        limits=Limits(timeout=5.0, slow_request=2.0),
        # A test of something else may be as quick as it can, and wrong as often as it likes.
        partner_limits=PartnerLimits(requests=0, broadcasts=0, parallel=0, wrong_tokens=0),
        upstream=Upstream(allow_private=("127.0.0.0/8", "::1")),
        sync=Sync(enabled=False),  # a test that counts what partners get must not count pulls
        routing=routing,
        admin=Admin(enabled=False, port=0),
        store=Store(url=databases.url_of(folder)),
        folder=folder,
    )
    return msgspec.structs.replace(base, **changes)


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[App]:
    """A hub that listens."""
    async with App(config(folder, **changes)) as app:
        yield app


async def register(app: App, platform: SimCpo | SimEmsp | SimCpoEmsp) -> None:
    """Invite a simulated platform with all its roles and let it register."""
    invitation = await app.partners.invite(platform.name, [str(role) for role in platform.roles])
    await platform.register(invitation.versions_url, invitation.token_a)


@asynccontextmanager
async def network(folder: Path, **changes: Any) -> AsyncIterator[tuple[App, SimCpo, SimEmsp]]:
    """A hub with one simulated CPO (NL-CPO) and one eMSP (DE-MSP) registered."""
    async with (
        running(folder, **changes) as app,
        SimCpo("Cpo", [CPO]) as cpo,
        SimEmsp("Emsp", [EMSP]) as emsp,
    ):
        await register(app, cpo)
        await register(app, emsp)
        yield app, cpo, emsp
