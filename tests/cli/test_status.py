"""`ocpi-hub status`: one screen, also of what partners say in their own way, and JSON."""

import json
import signal

from hub.cli.common import console
from hub.cli.status import _screen
from tests.cli.conftest import process, serving

EVIL = "\x1b[31m[bold]x[/bold]\n\u202eevil\x07" + "A" * 10_000


def test_a_hub_that_runs(configured, hub, background):
    told = configured.done("status")
    assert told.startswith("OCPI hub NL-HUB  ")
    assert f"  {hub.versions_url}\n" in told
    assert "0 messages, 0 per minute" in told
    assert 'No partners yet. Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO' in told
    assert told.endswith("Nothing is wrong.\n")
    configured.done("partner", "invite", "ACME [red]", "--party", "NL-ACM:CPO")
    now = configured.json("status")
    assert now["partners"][0]["standing"]["partner"] == "ACME [red]"
    assert now["troubles"] == []
    assert "ACME [red]" in configured.done("status")


def test_watch_goes_on_until_ctrl_c(cli):
    (cli.folder / "config.toml").write_text("[listen]\nport = 0\n")
    with serving(cli.folder), process(cli.folder, "status", "--watch") as watching:
        assert watching.line().startswith("OCPI hub XX-HUB")
        while not watching.line().startswith("OCPI hub XX-HUB"):
            pass  # the second screen
        watching.signal(signal.SIGINT)
        assert watching.end()[0] in (0, 1)


def test_without_a_hub_it_says_so(offline):
    assert "there is no hub's database" in offline.fails("status")
    offline.done("partner", "invite", "ACME", "--party", "NL-ACM:CPO")
    assert "no hub runs here. Start it: ocpi-hub serve" in offline.fails("status")
    assert "no hub runs" in json.loads(offline.run("status", "--json").stdout)["error"]
    assert "--watch shows a screen" in offline.fails("status", "--watch", "--json", status=2)


def test_what_partners_say_steers_no_terminal(configured, hub, capsys):
    """Names and reasons with markup, escapes, line breaks, marks that turn the text round, and 10 kB of length."""
    now = configured.json("status")
    standing = {
        "partner_id": 1,
        "partner": EVIL,
        "status": None,
        "state": "REGISTERED",
        "reachable": False,
        "heard_at": None,
    }
    traffic = {"sent": 1, "delivered": 2, "failed": 3, "p50": 0.0012, "p99": 12.0, "limited": {"requests": 4}}
    now["partners"] = [
        {"standing": standing, "traffic": traffic, "version": "2.2.1", "under_way": 1, "allowed": {"parallel": 5}}
    ]
    now["troubles"] = [{"level": "bad", "what": EVIL, "next": EVIL}]
    console().print(_screen(now))
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "\x07" not in told
    assert " [31m[bold]x[/bold] evil AAA" in told
    assert len(told) < 3_000
    assert "1.2 ms  12.0 s" in told
