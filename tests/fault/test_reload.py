"""SIGHUP and `ocpi-hub reload` under load: not one request fails, and not one connection is closed."""

import asyncio
import json

from tests.fault.load import LINE, Load, configure, join, put, receiver, replace
from tests.fault.process import HubProcess
from tests.partner import Partner

REQUESTS = 5_000
PLUGIN = '''"""Counts."""
from hub.plugin import Message, Plugin, Settings, receive


class CountSettings(Settings):
    step: int = 1


class Count(Plugin[CountSettings]):
    @receive("tariffs.put")
    async def see(self, message: Message) -> Message | None:
        return None
'''


async def test_5000_requests_none_fails(tmp_path):
    cpo, emsp = Partner("NL-CPO:CPO"), receiver()
    hub = HubProcess(tmp_path)
    (tmp_path / "plugins").mkdir()
    plugin = tmp_path / "plugins" / "count.py"
    plugin.write_text(PLUGIN)
    config = tmp_path / "config.toml"
    configure(hub, partner_limits={"requests": 0})
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        load, reloads, changed = Load(hub.url, put(cpo)), 0, set[str]()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(load.run(20, REQUESTS))
            await load.reach(100)
            while not running.done():
                reloads += 1
                configure(
                    hub,
                    partner_limits={"requests": 0, "parallel": 100 + reloads},
                    routing={"page_limit": 10 + reloads, "agreements": "open", "validation": "report"},
                    upstream={"allow_private": ["127.0.0.0/8"], "connections": 50 + reloads % 2},
                    sync={"enabled": bool(reloads % 2)},
                    plugins={"count": {"step": reloads}},
                )
                if reloads % 2:
                    result = await hub.ask("reload")
                    assert result["problems"] == []
                    changed |= {*result["changed"]}  # the signal before may have taken it over already
                else:
                    hub.hang_up()
                if reloads % 3 == 0:
                    replace(plugin, f"{PLUGIN}\n# {reloads}\n")
                if reloads % 5 == 0:
                    right = config.read_text()
                    replace(config, f"{right}[nonsense]\n")
                    assert (await hub.ask("reload"))["problems"] != []
                    replace(config, right)
                await asyncio.sleep(0.1)
        assert reloads > 3
        assert {"routing.page_limit", "plugins.count", "partner_limits.parallel"} <= changed
        assert (load.silent, load.closed) == (0, 0)
        assert load.answers == {(200, 1000): load.sent}
        assert load.sent >= REQUESTS
        assert len(await emsp.expect(LINE, load.sent)) == load.sent
        await hub.stop()
    events = [json.loads(line) for line in hub.log.read_text().splitlines() if line.startswith("{")]
    assert len([each for each in events if each["event"] == "reloaded"]) > 3
    assert [each for each in events if each["level"] == "error" and each["event"] != "reload_refused"] == []
