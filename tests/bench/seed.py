"""A data folder with many registered platforms, written at once: what thousands of handshakes would leave behind."""

import asyncio
from collections.abc import Sequence
from itertools import groupby, product
from pathlib import Path
from string import ascii_uppercase, digits
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config import Config, Hub
from hub.core.directory import Encoding
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.core.status import ConnectionStatus
from hub.partners.opening import Store
from hub.store.credentials import seal_token, token_digest
from hub.store.mirror import Pulled, absorb
from hub.store.platforms import create_platform
from hub.store.records import PresentedEndpoint, PresentedRole
from hub.store.registration import complete_registration
from hub.store.schema import connection_status, credential, endpoint, party, party_role, platform
from hub.store.statuses import set_status
from tests.versions import location

MODULES = {
    Role.CPO: {"locations": Interface.SENDER, "commands": Interface.RECEIVER},
    Role.EMSP: {"locations": Interface.RECEIVER, "tokens": Interface.SENDER},
}
NOW = 1_767_225_600_000
_GENUINE = 50
"""So many are registered as partners are; those after them are copies, each of the first of its kind."""
_IDS = ["".join(letters) for letters in product(ascii_uppercase + digits, repeat=3)]


class Member(msgspec.Struct, frozen=True):
    """A platform: its one party, its OCPI version, and the URL under which it serves."""

    role: PartyRole
    url: str
    version: str = "2.2.1"

    @property
    def token(self) -> str:
        """The token with which it opens the hub."""
        return f"token-of-{self.role.party}"


def many(number: int, role: Role, url: str, country: str = "NL", version: str = "2.2.1") -> list[Member]:
    """So many platforms of a country, all served at one URL."""
    return [Member(PartyRole(Party(country, _IDS[n]), role), url, version) for n in range(number)]


def seed(folder: Path, members: Sequence[Member], locations: int = 0) -> None:
    """Make the data folder. The mirror gets so many locations of the first member."""
    asyncio.run(_seed(folder, members, locations))


async def _seed(folder: Path, members: Sequence[Member], locations: int) -> None:
    config = Config(folder=folder, hub=Hub(party="NL-HUB", data="data"))
    async with Store(config) as store:

        async def write(connection: AsyncConnection) -> None:
            ids = [await register(connection, store, each) for each in members[:_GENUINE]]
            for _, alike in groupby(members[_GENUINE:], key=lambda each: (each.role.role, each.version)):
                model, *others = alike
                model_id = await register(connection, store, model)
                if others:
                    await clone(connection, store, model_id, model, others)
            if locations:
                await _mirror(connection, members[0], ids[0], locations)

        await store.database.write(write)


async def register(connection: AsyncConnection, store: Store, member: Member) -> int:
    """Let a platform be registered, as a handshake would; its id."""
    platform_id = await create_platform(connection, str(member.role), [member.role], digest := b"%032d" % 0, NOW)
    base = f"{member.url}/{member.role.party}/{member.version}"
    await complete_registration(
        connection,
        platform_id,
        used_digest=digest,
        new_digest=token_digest(member.token),
        token_out=seal_token(store.keyring, platform_id, f"hub-at-{member.role.party}"),
        token_out_encoding=Encoding.RAW,
        version=member.version,
        versions_url=f"{member.url}/{member.role.party}/versions",
        roles=[PresentedRole(member.role, f"Company {member.role.party}")],
        endpoints=[
            PresentedEndpoint(module, side, f"{base}/{side.value.lower()}/{module}")
            for module, side in MODULES[member.role.role].items()
        ],
        allow_new_parties=False,
        now=NOW,
    )
    await set_status(connection, platform_id, ConnectionStatus.CONNECTED, NOW)
    return platform_id


async def clone(
    connection: AsyncConnection, store: Store, model_id: int, model: Member, members: Sequence[Member]
) -> None:
    """Platforms like the last one that is registered, at a fraction of what registrations cost."""
    its, found = model.role.party, {}
    for table in (platform, party, credential, endpoint, connection_status):
        found[table] = select(table).where((table.c.id if table is platform else table.c.platform_id) == model_id)
    found[party_role] = select(party_role).where(
        party_role.c.country_code == its.country, party_role.c.party_id == its.party_id
    )
    for table, query in found.items():
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        await connection.execute(
            insert(table),
            [
                _alike(row, str(its), member, number, store)
                for number, member in enumerate(members, model_id + 1)
                for row in rows
            ],
        )


def _alike(row: dict[str, Any], of: str, member: Member, number: int, store: Store) -> dict[str, Any]:
    """A row of one platform as that of another one."""
    its = member.role.party
    new = {"id": number, "platform_id": number, "country_code": its.country, "party_id": its.party_id}
    told = {name: value.replace(of, str(its)) if type(value) is str else value for name, value in row.items()}
    told |= {name: value for name, value in new.items() if name in row}
    if "digest" in row:
        told["digest"] = token_digest(member.token)
    if "token_out" in row:
        told["token_out"] = seal_token(store.keyring, number, f"hub-at-{its}")
    return told


async def _mirror(connection: AsyncConnection, member: Member, platform_id: int, number: int) -> None:
    party = member.role.party
    whole = location(member.version) | {"country_code": party.country, "party_id": party.party_id}
    for first in range(0, number, 1000):
        objects = [
            Pulled(party, f"l{n}", f"L{n}", msgspec.json.encode(whole | {"id": f"L{n}"}), None)
            for n in range(first, min(first + 1000, number))
        ]
        await absorb(connection, "locations", objects, version=member.version, platform_id=platform_id, now=NOW)
