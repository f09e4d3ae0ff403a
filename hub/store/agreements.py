"""Agreements on disk: who may reach whom, with which module."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.agreements import Rule
from hub.store.schema import agreement
from hub.store.statements import upsert


async def set_rule(connection: AsyncConnection, rule: Rule, now: int) -> None:
    """Keep a rule, in place of any for the same parties and module."""
    await upsert(
        connection,
        agreement,
        [{"one": rule.one, "other": rule.other, "module": rule.module, "allow": rule.allow, "updated_at": now}],
    )


async def remove_rule(connection: AsyncConnection, one: str, other: str, module: str) -> bool:
    """Forget the rule between two parties, in any order and as people write them; False when there is none.

    Raises ValueError where one of them is no party.
    """
    rule = Rule.between(one, other, module, allow=True)
    removed = await connection.execute(
        delete(agreement).where(
            agreement.c.one == rule.one, agreement.c.other == rule.other, agreement.c.module == rule.module
        )
    )
    return removed.rowcount > 0


async def load_rules(connection: AsyncConnection) -> list[Rule]:
    """Every rule, sorted."""
    query = select(agreement.c.one, agreement.c.other, agreement.c.module, agreement.c.allow)
    return sorted(Rule(*row) for row in await connection.execute(query))
