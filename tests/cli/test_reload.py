"""`ocpi-hub reload`: what changes at once, what waits for a restart, and what is refused with file and line."""

import json
import signal

from tests.cli.conftest import CONFIG, serving

PLUGIN = '''"""Refuses."""
from hub.plugin import Message, Plugin, Refuse, Settings, receive


class NoSettings(Settings):
    words: str = "no"


class No(Plugin[NoSettings]):
    @receive("tariffs.put")
    async def see(self, message: Message) -> Refuse:
        return Refuse(self.settings.words)
'''


def test_what_changes_and_what_needs_a_restart(configured, hub):
    """A hub in this process reads nothing anew; the words are those of the command."""
    assert configured.done("reload") == "The configuration in force is as it was.\n"


def test_a_hub_that_runs_takes_it_over(cli):
    config = cli.folder / "config.toml"
    config.write_text(CONFIG)
    with serving(cli.folder) as (hub, _):
        config.write_text(
            f'{CONFIG}[routing]\nvalidation = "report"\n[partner_limits]\nparallel = 7\n'.replace(
                'party = "NL-HUB"', 'party = "BE-HUB"\ndata = "elsewhere"\nevent_loop = "asyncio"'
            ).replace("timeout = 5.0", "timeout = 6.0\ndrain = 1.0")
        )
        # Where the hub is, the command learns from the configuration that the hub was started with.
        result = cli.run("reload", "--config", str(_former(cli)))
        assert result.exit_code == 0, result.output
        assert result.stdout == (
            "In force now: limits.drain, limits.timeout, partner_limits.parallel, routing.validation.\n"
            "Restart needed for: hub.data, hub.event_loop, hub.party.\n"
        )
        config.write_text("[listen]\nport = 0\n\n[routing]\npage_limt = 5\n")
        refused = cli.fails("reload", "--config", str(_former(cli)))
        assert f"{config.name}:5: unknown key 'page_limt' in [routing]; did you mean 'page_limit'?" in refused
        assert refused.endswith("Nothing has changed: the hub goes on as before.\n")
        failed = cli.run("reload", "--config", str(_former(cli)), "--json")
        assert (failed.exit_code, len(json.loads(failed.stdout)["problems"])) == (1, 1)
        config.write_text(CONFIG + '[log]\nlevel = "error"\n')
        hub.signal(signal.SIGHUP)
        again = json.loads(cli.run("reload", "--config", str(_former(cli)), "--json").stdout)
        assert again["problems"] == []
        hub.signal(signal.SIGTERM)
        status, _, log = hub.end()
    assert status == 0
    events = [json.loads(line) for line in log.splitlines()]
    assert [each["event"] for each in events][:3] == ["started", "reloaded", "reload_refused"]
    assert events[1]["restart_needed"] == ["hub.data", "hub.event_loop", "hub.party"]
    assert "stopping" not in [each["event"] for each in events], "the level of the log has changed, too"


def _former(cli):
    former = cli.folder / "former.toml"
    former.write_text(CONFIG)
    return former


def test_a_broken_plugin_refuses_all_of_it(cli):
    config = cli.folder / "config.toml"
    config.write_text(CONFIG)
    (cli.folder / "plugins").mkdir()
    (cli.folder / "plugins" / "no.py").write_text(PLUGIN)
    with serving(cli.folder):
        config.write_text(CONFIG + '[plugins.no]\nwords = 5\n[routing]\nvalidation = "off"\n')
        refused = cli.fails("reload")
        assert "config.toml:14: words is 5; it must be text" in refused
        config.write_text(CONFIG + '[plugins.no]\nwords = "never"\n[plugins.nope]\n')
        assert "[plugins.nope]: there is no plugin file nope.py" in cli.fails("reload")
        config.write_text(CONFIG + '[plugins.no]\nwords = "never"\n')
        assert cli.done("reload") == "In force now: plugins.no.\n"


def test_without_a_hub_there_is_nothing_to_reload(offline):
    offline.done("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
    assert "no hub runs that could reload" in offline.fails("reload")


def test_limits_of_a_partner(offline):
    offline.done("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
    words = ("partner", "limits", "NL-ACM")
    common = "requests per second as configured, broadcasts per second as configured, requests at a time as configured"
    assert offline.done(*words) == f"ACME (partner 1) may send {common}.\n"
    told = offline.done(*words, "--requests", "50", "--parallel", "0")
    assert told.startswith("ACME (partner 1) may send 50 requests per second, broadcasts per second as configured, ")
    assert told.endswith("requests at a time without limit.\n")
    assert "limits           50 requests per second" in offline.done("partner", "show", "1")
    assert offline.json(*words)["limits"] == {"requests": 50.0, "broadcasts": None, "parallel": 0}
    assert offline.json(*words, "--requests", "default")["limits"]["requests"] is None
    assert "'-5' is neither a number" in offline.fails(*words, "--requests=-5", status=2)
    assert "limits: " in offline.fails(*words, "--parallel", "1.5")
