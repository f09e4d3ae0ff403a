"""Who may have a WebSocket: tickets open one each, within some seconds, on any node; and who may keep it."""

import secrets
from collections.abc import Collection

from sqlalchemy import delete, select

from hub.plugin import Connection, Problem

from .gate import Who
from .people import digest
from .tables import tickets, user_tokens, users

SECONDS = 30
"""How long a ticket opens the door."""


async def make(own: Connection, who: Who) -> str:
    """A ticket for a user."""
    ticket, now = secrets.token_urlsafe(24), await own.now()
    await own.execute(delete(tickets).where(tickets.c.until < now))
    row = {
        "digest": digest(ticket), "app": who.app, "user": who.user, "key": who.key, "token": who.token,
        "until": now + SECONDS * 1000,
    }  # fmt: skip
    await own.execute(tickets.insert().values(row))
    return ticket


async def known(own: Connection, ticket: str) -> bool:
    """Whether there is such a ticket. Without one, nobody may have anything written."""
    return await own.scalar(select(tickets.c.until).where(tickets.c.digest == digest(ticket))) is not None


async def take(own: Connection, ticket: str) -> Who | None:
    """Whose ticket it is; it opens nothing any more. None where it does not already, or its time is over."""
    this = tickets.c.digest == digest(ticket)
    row = (await own.execute(select(tickets).where(this))).mappings().one_or_none()
    await own.execute(delete(tickets).where(this))
    if row is None or row["until"] < await own.now():
        return None
    return Who(row["app"], row["user"], row["key"], row["token"])


async def not_opened_by(own: Connection, callers: Collection[Who]) -> set[Who]:
    """Those of the callers whose tokens are not theirs any more."""
    query = select(user_tokens.c.digest, users.c.id, users.c.app).join(users, user_tokens.c.user == users.c.id)
    rows = await own.execute(query.where(user_tokens.c.digest.in_([each.token for each in callers])))
    good = {(row.digest, row.id, row.app) for row in rows}
    return {each for each in callers if (each.token, each.user, each.app) not in good}


def opens_nothing() -> Problem:
    """What is said of a ticket that is none."""
    return Problem(401, "this ticket opens nothing", "POST /v1/tickets makes one; use it once, and soon")
