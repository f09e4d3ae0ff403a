"""Routes authorisations that name no receiver to the home market, and counts the CDRs that pass.

It is harmless without settings. In config.toml:

    [plugins.home_market]
    blocked = ["NL-BAD"]                # parties that may not authorise at all
    prefer = { NL = "TNM" }             # country of the sender -> party id in that country
"""

from hub.plugin import Message, Party, Plugin, Push, Refuse, Route, Settings, on_push, route


class HomeMarketSettings(Settings):
    """The `[plugins.home_market]` table."""

    blocked: list[str] = []
    prefer: dict[str, str] = {}


class HomeMarket(Plugin[HomeMarketSettings]):
    """One route hook and one observer: the shape of most plugins."""

    cdrs = 0

    @route("tokens.post")
    async def prefer_home(self, message: Message, proposed: Route | Refuse) -> Route | Refuse | None:
        if message.sender.id in self.settings.blocked:
            return Refuse(f"{message.sender} is blocked on this hub")
        home = self.settings.prefer.get(message.sender.country)
        if home and message.receiver is None:
            return Route.direct(Party.of(message.sender.country, home), why="home market first")
        return None

    @on_push("cdrs")
    async def count(self, push: Push) -> None:
        self.cdrs += push.ok
        self.log.info("cdr_passed", sender=push.message.sender.id, cdrs=self.cdrs)
