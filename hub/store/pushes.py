"""Pushes that the mirror takes over: many in one transaction, with a few statements for all of them."""

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.party import Party
from hub.errors import OcpiError
from hub.store.mirror import KEY, Held, Pulled, delete, note_contracts, overwrite, row_of
from hub.store.schema import mirror
from hub.store.statements import Row, among_rows, upsert

Subject = tuple[str, Party, str]
"""What a push is about: module, owner and key."""


class Changed(msgspec.Struct, frozen=True):
    """What is to be held from now on, None for nothing; `created` tells whether it, or a part of it, is new."""

    object: Pulled | None
    created: bool


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One push. `change` gets what is held, None for nothing; it raises OcpiError where the push does not fit that."""

    subject: Subject
    version: str
    platform_id: int
    change: Callable[[Held | None], Changed]


async def take(connection: AsyncConnection, pushes: Sequence[Push], now: int) -> list[bool | OcpiError]:
    """Take pushes over, each about another object. What came of each: whether it made something new, or what is wrong.

    IntegrityError where a platform is gone: then none was taken over.
    """
    held = await _held(connection, [push.subject for push in pushes])
    taken: list[tuple[Push, Pulled]] = []
    new, known, outcomes = list[Row](), list[Row](), list[bool | OcpiError]()
    for push in pushes:
        try:
            changed = push.change(held.get(push.subject))
            if changed.object is None:
                await delete(connection, *push.subject)
            else:
                row = row_of(push.subject[0], changed.object, push.version, push.platform_id, now)
                (known if push.subject in held else new).append(row)
                taken.append((push, changed.object))
        except OcpiError as error:
            outcomes.append(error)
        else:
            outcomes.append(changed.created)
    await note_contracts(connection, [(each, push.platform_id) for push, each in taken])
    await upsert(connection, mirror, new, by=KEY)
    await overwrite(connection, known)
    return outcomes


async def _held(connection: AsyncConnection, subjects: Sequence[Subject]) -> dict[Subject, Held]:
    columns = mirror.c.module, mirror.c.object_key, mirror.c.owner
    wanted = among_rows(columns, [(module, key, owner.id) for module, owner, key in subjects])
    found = await connection.execute(select(*columns, mirror.c.version, mirror.c.body).where(wanted))
    return {
        (module, party := Party.parse(owner), key): Held(party, version, body)
        for module, key, owner, version, body in found.all()
    }
