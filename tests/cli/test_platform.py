"""`ocpi-hub platform run`: a party as a process of its own, beside a hub."""

import json
import shutil
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import CONFIG, process, serving

EXAMPLE = Path(__file__).parents[2] / "plugins" / "example_cpo.py"


@pytest.fixture
def alone(configured):
    """A folder beside the hub's, with the example and a configuration of its own."""
    folder = configured.folder / "alone"
    folder.mkdir()
    shutil.copy(EXAMPLE, folder / "my_cpo.py")
    (folder / "config.toml").write_text(f'{CONFIG}[plugins.my_cpo]\nparty = "NL-ALN"\nname = "Alone"\n')
    return folder


def test_it_registers_once_and_for_all(configured, alone):
    with serving(configured.folder) as (_, hub):
        token = configured.json("partner", "invite", "Alone", "--party", "NL-ALN:CPO")["token_a"]
        run = ("platform", "run", "my_cpo.py", "--port", "0")
        with process(alone, *run, "--hub", hub, OCPI_PLATFORM_TOKEN=token) as platform:
            assert platform.line().startswith("NL-ALN is ready. Versions URL: http://127.0.0.1:")
            assert platform.line() == f"Registered at: {urlsplit(hub).netloc}"
            shown = configured.json("partner", "show", "Alone")
            assert (shown["state"], shown["parties"]) == ("REGISTERED", ["NL-ALN:CPO"])
            platform.signal(signal.SIGTERM)
            status, rest, log = platform.end()
        assert (status, rest) == (0, "Stopped.\n")
        assert token not in log
        with process(alone, *run, "--hub", hub) as platform:  # no token any more
            platform.line()
            assert platform.line() == f"Registered at: {urlsplit(hub).netloc}"
    assert {path.name for path in (alone / "my_cpo.data").iterdir()} >= {"hub.db", "hub.key"}


def test_a_wrong_token_is_told_and_the_platform_goes_on(configured, alone):
    with serving(configured.folder) as (_, hub):
        (alone / "token").write_text("wrong\n")
        words = ("platform", "run", "my_cpo.py", "--port", "0", "--hub", hub, "--token-file", "token")
        with process(alone, *words, "--invite", "DE-MSP:EMSP") as platform:
            platform.line()
            assert platform.line().startswith("TOKEN_A for DE-MSP:EMSP, told this once: ")
            assert platform.line().startswith("Not registered anywhere yet.")
            platform.signal(signal.SIGINT)
            status, _, log = platform.end()
        assert status == 0
        assert "the token is not accepted" in log


def test_what_is_no_party_is_told(configured, alone):
    shutil.copy(EXAMPLE.with_name("home_market.py"), alone)
    with process(alone, "platform", "run", "home_market.py") as platform:
        status, _, told = platform.end()
    assert status == 1
    assert "home_market.py: the plugin is no party; write: from hub.plugin.party import Cpo" in told


def test_hosted_parties_are_marked(configured):
    (configured.folder / "plugins").mkdir()
    shutil.copy(EXAMPLE, configured.folder / "plugins")
    text = (configured.folder / "config.toml").read_text()
    (configured.folder / "config.toml").write_text(f"{text}[plugins.example_cpo]\nenabled = true\n")
    with serving(configured.folder):
        assert "example_cpo (hosted)" in configured.done("partner", "list")
        assert "plugin example_cpo" in configured.done("partner", "show", "NL-EXA")
        assert json.loads(configured.done("partner", "show", "NL-EXA", "--json"))["hosted_by"] == "example_cpo"
        refused = configured.run("partner", "remove", "NL-EXA", "--yes")
        assert refused.exit_code == 1
