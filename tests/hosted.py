"""Plugins that are parties, as files for tests, and the objects that they have."""

import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from hub.app import App
from hub.core.party import Party
from tests.partner import Partner
from tests.support import running
from tests.versions import CPO_MODULES, EMSP_MODULES

VLT = Party("NL", "VLT")
EMSP = Party("DE", "MSP")
CPO = Party("NL", "CPO")

HEADER = """
import asyncio
import datetime
import msgspec
from hub.ocpi import {module} as ocpi
from hub.plugin.party import *
from hub.plugin.party.{module} import *
from tests.versions import cdr, location, session, token

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

def own(kind, made, party="VLT", **changes):
    owner = {{"country_code": "NL", "party_id": party}} if "country_code" in kind.__struct_fields__ else {{}}
    return msgspec.convert({{**made, **owner, **changes}}, kind)
"""


def write(folder: Path, stem: str, code: str, version: str = "2.2.1") -> Path:
    """A plugin's file below the hub's folder, with what every one of these imports."""
    plugins = folder / "plugins"
    plugins.mkdir(exist_ok=True)
    path = plugins / f"{stem}.py"
    path.write_text(HEADER.format(module="v" + version.replace(".", "_")) + textwrap.dedent(code))
    return path


def cpo(version: str, more: str = "") -> str:
    """A CPO with three locations, which authorises with eMSPs and takes commands."""
    return f'''
class MyCpo(Cpo):
    party = "NL-VLT"
    tokens = {{}}

    async def locations(self, page):
        return [await self.location(each) for each in ("L1", "L2", "L3")]

    async def location(self, location_id):
        return own(ocpi.Location, location("{version}"), id=location_id) if location_id[0] == "L" else None

    async def sessions(self, page):
        return [own(ocpi.Session, session("{version}"))]

    async def get_token(self, owner, token_uid, token_type):
        return self.tokens.get(token_uid)

    async def start_session(self, command):
        if command.body.location_id != "L1":
            raise UnknownLocation("no such location")
        self.spawn(self.begin(command), name="begin")
        return command.answer()

    async def begin(self, command):
        assert (await command.result("ACCEPTED")).ok
''' + textwrap.indent(textwrap.dedent(more), "    ")


@asynccontextmanager
async def hosted(
    folder: Path, code: str, *partners: tuple[str, str], version: str = "2.2.1", **changes: Any
) -> AsyncIterator[tuple[Any, ...]]:
    """A hub with a plugin `mine` that is a party, and partners as `("DE-MSP:EMSP", "2.2.1")`."""
    write(folder, "mine", code, version)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(folder, **changes))
        yield app, *[await joined(stack, app, *each) for each in partners]


async def joined(stack: AsyncExitStack, app: App, role: str, version: str = "2.2.1") -> Partner:
    """A partner that registers at the hub."""
    modules = (*CPO_MODULES, "receiver/commands") if role.endswith("CPO") else EMSP_MODULES
    extra = () if version == "2.1.1" else ("receiver/hubclientinfo",)
    partner = Partner(role, endpoints=(*modules, *extra), version=version)
    await stack.enter_async_context(partner.serve())
    partner.raw = version == "2.1.1"
    await partner.invited(app)
    answer = await partner.register()
    assert answer.code == 1000, answer.envelope
    return partner


def plugin(app: App, stem: str = "mine") -> Any:
    """The instance that runs."""
    (found,) = (each.plugin for each in app.plugins.table.running if each.loaded.stem == stem)
    return found
