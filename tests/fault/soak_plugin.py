"""The plugin of a soak: it uses all that a plugin may hold, so that each reload has to give all of it back."""

import asyncio

from aiohttp import web
from sqlalchemy import Column, Integer, Table, Text

from hub.plugin import (
    Event,
    Figure,
    Figures,
    Message,
    Plugin,
    Push,
    Reply,
    Settings,
    Tables,
    forward,
    on,
    on_push,
    panel,
    receive,
    respond,
)

tables = Tables()
kept = Table("plugin_soak_kept", tables, Column("id", Text, primary_key=True), Column("times", Integer, nullable=False))


class SoakSettings(Settings):
    step: int = 1


class Soak(Plugin[SoakSettings]):
    tables = tables

    async def start(self) -> None:
        self.seen = 0
        application = web.Application()
        application.router.add_get("/", self.tell)
        self.listen(application, host="127.0.0.1", port=0)
        self.spawn(self.tick(), name="tick")

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self.seen = 0

    async def tell(self, _: web.Request) -> web.Response:
        return web.Response(text=f"{self.seen}\n")

    @receive("*")
    async def see(self, message: Message) -> Message | None:
        self.seen += self.settings.step
        return None

    @forward("tariffs.put")
    async def pass_on(self, message: Message, outgoing: object) -> None:
        return None

    @respond("*.get")
    async def answered(self, message: Message, reply: Reply) -> Reply | None:
        return None

    @on(Event)
    async def happened(self, event: Event) -> None:
        self.seen += 1

    @on_push("tariffs.put")
    async def keep(self, push: Push) -> None:
        if self.seen % 50 == 0:
            row = {"id": push.message.object_id, "times": 1}
            await self.store.write(lambda own: own.upsert(kept, [row], adding=["times"]))

    @panel("Seen")
    async def show(self) -> Figures:
        return Figures((Figure("seen", self.seen, "messages"),))
