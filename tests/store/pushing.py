"""One push of a whole object, taken over into the mirror."""

from hub.store.mirror import Pulled
from hub.store.pushes import Changed, Push, take


async def push(database, owner, name, body, *, platform_id, module="locations", version="2.2.1"):
    """Whether it was new."""
    kept = Pulled(owner, name.lower(), name, body)
    whole = Push(
        subject=(module, owner, name.lower()),
        version=version,
        platform_id=platform_id,
        change=lambda held: Changed(kept, held is None),
    )
    (outcome,) = await database.write(lambda connection: take(connection, [whole], 7))
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
