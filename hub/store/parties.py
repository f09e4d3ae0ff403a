"""Which party is whose: a party belongs to exactly one platform."""

from collections.abc import Collection, Sequence

from sqlalchemy import false, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.party import Party, PartyRole
from hub.store.errors import PartyNotInvited, PartyTaken
from hub.store.records import PresentedRole
from hub.store.schema import party, party_role, platform
from hub.store.statements import insert_missing, upsert


async def name_roles(connection: AsyncConnection, platform_id: int, roles: Collection[PartyRole], now: int) -> None:
    """Reserve parties and roles for a platform; what it has already stays as it is. PartyTaken if one is not free."""
    await _claim(connection, platform_id, [role.party for role in roles], now)
    await insert_missing(connection, party_role, [_role_row(role, confirmed=False) for role in roles])


async def confirm_roles(
    connection: AsyncConnection,
    platform_id: int,
    presented: Sequence[PresentedRole],
    *,
    allow_new_parties: bool,
    now: int,
) -> None:
    """Take over what a platform says about itself. Roles that it no longer presents stay reserved, unconfirmed.

    Raises PartyTaken, and PartyNotInvited unless `allow_new_parties`.
    """
    if not allow_new_parties:
        await _check_invited(connection, platform_id, presented)
    await _claim(connection, platform_id, [each.party_role.party for each in presented], now)
    await upsert(connection, party, _party_rows(platform_id, presented, now))
    await unconfirm_roles(connection, platform_id)
    await upsert(connection, party_role, [_role_row(each.party_role, confirmed=True) for each in presented])


async def unconfirm_roles(connection: AsyncConnection, platform_id: int) -> None:
    """The platform presents nothing any more; its parties stay reserved for it."""
    own = party.c.platform_id == platform_id
    same = (party.c.country_code == party_role.c.country_code) & (party.c.party_id == party_role.c.party_id)
    await connection.execute(
        update(party_role)
        .where(party_role.c.confirmed == true(), select(party).where(own, same).exists())
        .values(confirmed=false())
    )


async def _claim(connection: AsyncConnection, platform_id: int, parties: Sequence[Party], now: int) -> None:
    # Insert first and look afterwards: that order holds also where two transactions run at the same time.
    await insert_missing(
        connection,
        party,
        [
            {
                "country_code": each.country,
                "party_id": each.party_id,
                "platform_id": platform_id,
                "updated_at": now,
            }
            for each in parties
        ],
    )
    mine = select(party.c.country_code, party.c.party_id).where(party.c.platform_id == platform_id)
    owned = {Party(*row) for row in await connection.execute(mine)}
    for each in parties:
        if each not in owned:
            raise PartyTaken(each, await _owner(connection, each))


async def _owner(connection: AsyncConnection, of: Party) -> str:
    owner = (
        select(platform.c.name)
        .join_from(party, platform)
        .where(party.c.country_code == of.country, party.c.party_id == of.party_id)
    )
    name: str = (await connection.execute(owner)).scalar_one()
    return name


async def _check_invited(connection: AsyncConnection, platform_id: int, presented: Sequence[PresentedRole]) -> None:
    query = (
        select(party_role.c.country_code, party_role.c.party_id, party_role.c.role)
        .join_from(party_role, party)
        .where(party.c.platform_id == platform_id)
    )
    named = {(Party(country, party_id), role) for country, party_id, role in await connection.execute(query)}
    for each in presented:
        if (each.party_role.party, each.party_role.role.value) not in named:
            raise PartyNotInvited(each.party_role)


def _party_rows(platform_id: int, presented: Sequence[PresentedRole], now: int) -> list[dict[str, object]]:
    # OCPI has business details per role, the hub per party: the first role that says something counts.
    rows: dict[Party, dict[str, object]] = {}
    for each in presented:
        of = each.party_role.party
        row = rows.setdefault(
            of,
            {
                "country_code": of.country,
                "party_id": of.party_id,
                "platform_id": platform_id,
                "business_name": None,
                "website": None,
                "updated_at": now,
            },
        )
        row["business_name"] = row["business_name"] or each.business_name
        row["website"] = row["website"] or each.website
    return list(rows.values())


def _role_row(role: PartyRole, *, confirmed: bool) -> dict[str, object]:
    return {
        "country_code": role.party.country,
        "party_id": role.party.party_id,
        "role": role.role.value,
        "confirmed": confirmed,
    }
