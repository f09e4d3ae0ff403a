"""Routes of the admin API about the hub itself: who is there, plugins, configuration, keys."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hub.admin.routes import Body, Call, Page, Paging, Query
from hub.config.effective import effective
from hub.control import needed
from hub.core.scopes import Scope
from hub.core.status import ConnectionStatus
from hub.flow.node_status import NodeStatus
from hub.flow.overview import Status
from hub.flow.reload import Reload
from hub.partners.board import StatusView
from hub.partners.keys import KeyView, NewKey


class StatusFilter(Paging, frozen=True, kw_only=True):
    """Which partners."""

    status: Annotated[ConnectionStatus | None, Meta(description="Only those of this published status.")] = None
    reachable: Annotated[bool | None, Meta(description="Only those whose breaker is closed, or open.")] = None


class KeyWanted(Body, frozen=True, kw_only=True):
    """A key to make."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="What it is listed and revoked by.")]
    scope: Scope
    days: Annotated[
        Annotated[int, Meta(ge=1, le=3650)] | None, Meta(description="Days until it expires; null for never.")
    ] = None


class Configuration(msgspec.Struct, frozen=True):
    """Every table with what is in force. `source` is the file, null where there is none."""

    source: str | None
    tables: dict[str, dict[str, Any]]


async def list_status(call: Call[StatusFilter, None]) -> Page[StatusView]:
    """Who is there: published statuses, breakers and connections."""
    asked = call.query
    found = [
        each
        for each in needed(call.do.board).all()
        if asked.status in (None, each.status) and asked.reachable in (None, each.reachable)
    ]
    return Page.of(found, lambda each: (each.partner_id,), asked)


async def show_configuration(call: Call[Query, None]) -> Configuration:
    """What is in force, without secrets."""
    config = needed(call.do.config)
    return Configuration(str(config.source) if config.source else None, effective(config))


async def show_overview(call: Call[Query, None]) -> Status:
    """Traffic and times of the last minutes, each partner, and what is wrong, with the next step."""
    return needed(call.do.overview).status()


async def list_nodes(call: Call[Paging, None]) -> Page[NodeStatus]:
    """The processes that are this hub, by name: who leads, how far behind each is, and in what they are not alike."""
    return Page.of(list(needed(call.do.overview).nodes()), lambda each: (each.name, each.started_at), call.query)


async def reload(call: Call[Query, None]) -> Reload:
    """Read configuration and plugins again. With `problems`, it was refused and everything is as it was."""
    return await needed(call.do.reloader).reload()


async def list_keys(call: Call[Paging, None]) -> Page[KeyView]:
    """Every key, by name."""
    return Page.of(call.do.keys.all(), lambda each: (each.name,), call.query)


async def create_key(call: Call[Query, KeyWanted]) -> NewKey:
    """Make a key, which is told this once."""
    return await call.do.keys.create(call.body.name, call.body.scope, call.body.days)


async def revoke_key(call: Call[Query, None]) -> KeyView:
    """Take a key back."""
    return await call.do.keys.revoke(call.path["name"])
