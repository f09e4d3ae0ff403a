"""`ocpi-hub partner ...`: every verb beside a hub that runs and without one, on a terminal and for scripts."""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.core.party import PartyRole
from hub.sim import SimCpo, SimEmsp
from hub.store.lock import FolderLock
from tests.cli.conftest import PATIENCE, Cli, clean_environ, process

INVITE = ("partner", "invite", "ACME Charging", "--party", "NL-ACM:CPO", "--party", "BE-ACM:CPO")
OFFLINE = "No hub runs: used the database in "


@pytest.fixture(params=["hub", "no hub"])
def anywhere(request: pytest.FixtureRequest) -> Cli:
    """The commands beside a hub that runs, and without one."""
    if request.param == "no hub":
        return request.getfixturevalue("offline")
    request.getfixturevalue("hub")
    return request.getfixturevalue("configured")


def test_verbs_tell_what_happened_and_what_is_next(anywhere):
    invited = anywhere.done(*INVITE)
    assert "Invitation for ACME Charging (partner 1), with BE-ACM:CPO NL-ACM:CPO\n" in invited
    assert re.search(r"^  versions URL  http://127\.0\.0\.1:\d+/ocpi/versions$", invited, re.MULTILINE)
    token = re.search(r"^  TOKEN_A       (\S{43})$", invited, re.MULTILINE)[1]
    assert "ocpi-hub partner show 1" in invited
    assert "ocpi-hub partner rotate 1 --invite" in anywhere.done("partner", "show", "acme charging")
    assert "ocpi-hub partner resume 1" in anywhere.done("partner", "suspend", "BE-ACM")
    assert "ocpi-hub partner resume 1" in anywhere.done("partner", "show", "1")
    assert "(partner 1) is let in again; it is INVITED." in anywhere.done("partner", "resume", "be*acm")
    assert token not in anywhere.done("partner", "rotate", "1", "--invite")
    header, row = anywhere.done("partner", "list").splitlines()
    assert header.split() == ["id", "name", "state", "version", "parties"]
    assert row.split() == ["1", "ACME", "Charging", "INVITED", "-", "(BE-ACM:CPO)", "(NL-ACM:CPO)"]
    assert "its parties are free again" in anywhere.done("partner", "remove", "1", "--yes")
    assert "Next: ocpi-hub partner invite" in anywhere.done("partner", "list")


def test_verbs_print_one_json_value(anywhere):
    invited = anywhere.json(*INVITE)
    assert (invited["id"], invited["name"], invited["parties"]) == (1, "ACME Charging", ["BE-ACM:CPO", "NL-ACM:CPO"])
    assert invited["versions_url"].endswith("/ocpi/versions")
    shown = anywhere.json("partner", "show", "NL-ACM")
    assert (shown["state"], shown["parties"], shown["not_presented"]) == ("INVITED", [], invited["parties"])
    assert "token" not in " ".join(name for name in shown if name.endswith(("_a", "_b", "_c")))
    assert anywhere.json("partner", "add", "1", "NL-TWO:EMSP")["not_presented"][-1] == "NL-TWO:EMSP"
    assert anywhere.json("partner", "suspend", "1")["state"] == "SUSPENDED"
    assert anywhere.json("partner", "resume", "1")["state"] == "INVITED"
    assert anywhere.json("partner", "rotate", "1", "--invite")["token_a"] != invited["token_a"]
    assert [each["id"] for each in anywhere.json("partner", "list")] == [1]
    assert anywhere.json("partner", "remove", "1", "--yes")["name"] == "ACME Charging"
    assert anywhere.json("partner", "list") == []


def test_what_can_not_be_done_is_told_with_exit_status_1(anywhere):
    anywhere.json(*INVITE)
    for words, told in (
        (INVITE[1:], "ACME Charging"),
        (("invite", "X", "--party", "NL-ACM:CPO"), "NL-ACM already belongs to the platform 'ACME Charging'"),
        (("invite", "X", "--party", "NL-XXX"), "write it as NL-XXX:CPO"),
        (("invite", "X", "--party", "NL-XXX:CAR"), "the roles are CPO, EMSP"),
        (("invite", "X", "--party", "NL-HUB:CPO"), "NL-HUB is this hub itself"),
        (("invite", "17", "--party", "NL-XXX:CPO"), "it would read as an id"),
        (("add", "1", "NL-HUB:CPO"), "NL-HUB is this hub itself"),
        (("show", "nobody"), "no partner 'nobody'; see: ocpi-hub partner list"),
        (("resume", "1"), "ACME Charging is not suspended"),
        (("remove", "NL-XXX", "--yes"), "see: ocpi-hub partner list"),
        (("remove", "nobody"), "see: ocpi-hub partner list"),
        (("endpoint", "set", "1", "commands", "SENDER", "http://x"), "set endpoints when it has"),
    ):
        error = anywhere.fails("partner", *words)
        assert error.startswith("Error: "), words
        assert told in error, words
        for_scripts = anywhere.run("partner", *words, "--json")
        assert (for_scripts.exit_code, for_scripts.stderr) == (1, ""), words
        assert for_scripts.stdout.startswith('{"error":"'), words
        assert told in for_scripts.stdout, words


@pytest.mark.parametrize(
    "words",
    [
        ("partner", "invite", "X"),
        ("partner", "invit"),
        ("partner", "show"),
        ("partner", "endpoint", "set", "1", "commands", "BOTH", "http://x"),
        ("partner", "connect", "http://x/versions"),
        ("partner", "connect", "http://x/versions", "--name", "X", "--token", "c4n4ry"),
        ("partner", "connect", "http://x/versions", "c4n4ry", "--name", "X"),
        ("partner", "list", "--config", "."),
    ],
)
def test_a_command_that_is_not_written_as_it_should_be_ends_with_2(configured, words):
    """There is no way to give a token as an argument."""
    assert "--help" in configured.fails(*words, status=2)


def test_who_answered_is_told_where_no_hub_runs(offline):
    for words in (INVITE, ("partner", "list"), ("partner", "show", "1")):
        assert offline.run(*words).stderr == f"{OFFLINE}{offline.folder / 'data' / 'hub.db'}.\n"


def test_the_hub_that_runs_does_it_itself(configured, hub):
    assert configured.run(*INVITE).stderr == ""
    assert hub.partners.show("1").name == "ACME Charging"
    configured.done("partner", "suspend", "1")
    assert hub.partners.show("1").state == "SUSPENDED"
    assert hub.versions_url in configured.done("partner", "rotate", "1", "--invite")


@pytest.mark.parametrize("words", [("partner", "list"), ("partner", "show", "1"), ("partner", "remove", "1", "--yes")])
def test_in_a_folder_without_a_hub_nothing_is_made(cli, words):
    """Else a command in the wrong folder says that there are no partners."""
    error = cli.fails(*words)
    assert str(cli.folder / "data") in error
    assert "--config" in error
    assert "ocpi-hub serve" in error
    assert list(cli.folder.iterdir()) == []


def test_an_invitation_without_a_hub_needs_a_url_to_give(configured, monkeypatch):
    assert "listen.port is 0" in configured.fails(*INVITE)
    assert not (configured.folder / "data").exists()
    monkeypatch.setenv("OCPI_HUB__LISTEN__PUBLIC_URL", "https://hub.example/")
    assert "  versions URL  https://hub.example/ocpi/versions\n" in configured.done(*INVITE)


@pytest.mark.parametrize("verb", [("rotate", "1"), ("connect", "http://127.0.0.1:1/versions", "--name", "X")])
def test_what_needs_a_hub_that_runs_says_so(offline, verb):
    offline.json(*INVITE)
    assert "ocpi-hub serve" in offline.fails("partner", *verb, input="token")


def test_removing_asks_and_names_whom(anywhere):
    anywhere.json(*INVITE)
    asked = anywhere.run("partner", "remove", "1", input="n\n")
    assert asked.exit_code == 1
    assert "Forget ACME Charging (partner 1) with BE-ACM:CPO NL-ACM:CPO" in asked.stderr
    assert anywhere.run("partner", "remove", "1").exit_code == 1
    assert len(anywhere.json("partner", "list")) == 1
    removed = anywhere.run("partner", "remove", "NL-ACM", "--json", input="y\n")
    assert removed.exit_code == 0
    assert removed.stdout.startswith('{"id":1,')
    assert anywhere.json("partner", "list") == []


def test_names_are_shown_as_they_are(anywhere):
    name = "[red]Été[/red] & Söhne :smile:"
    anywhere.json("partner", "invite", name, "--party", "DE-ETE:CPO")
    for words in (("list",), ("show", "1"), ("suspend", "1"), ("remove", "1", "--yes")):
        assert name in anywhere.done("partner", *words)


@pytest.mark.parametrize("way", ["stdin", "dash", "file"])
def test_the_token_of_a_partner_comes_from_a_file_or_standard_input(configured, hub, background, way):
    cpo = background.enter(SimCpo("Volt Streets", [PartyRole.parse("NL-VST:CPO")]))
    token = cpo.invite()
    (configured.folder / "token").write_text(f"{token}\n")
    given = {"stdin": (), "dash": ("--token-file", "-"), "file": ("--token-file", "token")}[way]
    connected = configured.done(
        "partner", "connect", cpo.versions_url, "--name", "Volt Streets", *given,
        input=None if way == "file" else f"  {token}\n",
    )  # fmt: skip
    assert "Volt Streets (partner 1)  REGISTERED" in connected
    assert re.search(r"^  locations        SENDER   http://127\.0\.0\.1:\d+/", connected, re.MULTILINE)
    assert token not in connected
    assert cpo.registered


def test_a_partner_is_connected_to_and_its_tokens_are_renewed(configured, hub, background):
    emsp = background.enter(SimEmsp("EasyMove", [PartyRole.parse("DE-EMO:EMSP")]))
    words = ("partner", "connect", emsp.versions_url, "--name", "EasyMove", "--party", "DE-EMO:EMSP")
    shown = configured.json(*words, input=emsp.invite())
    assert (shown["state"], shown["version"], shown["parties"]) == ("REGISTERED", "2.2.1", ["DE-EMO:EMSP"])
    before = emsp.peer.token
    assert "Both tokens of EasyMove (partner 1) are new" in configured.done("partner", "rotate", "easymove")
    assert emsp.peer.token != before
    assert configured.json("partner", "rotate", "1")["id"] == 1


def test_the_last_changes_of_its_status_are_told(configured, hub, background):
    emsp = background.enter(SimEmsp("EasyMove", [PartyRole.parse("DE-EMO:EMSP")]))
    configured.json("partner", "connect", emsp.versions_url, "--name", "EasyMove", input=emsp.invite())
    for verb, status in (("show", "CONNECTED"), ("suspend", "SUSPENDED")):
        configured.done("partner", verb, "1")
        until = time.monotonic() + PATIENCE
        while status not in [each["status"] for each in configured.json("partner", "show", "1")["changes"]]:
            assert time.monotonic() < until
    shown = configured.done("partner", "show", "1")
    moment = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.search(rf"^  status changes   SUSPENDED {moment}, CONNECTED {moment}", shown, re.MULTILINE), shown
    changes = configured.json("partner", "show", "1")["changes"]
    assert [each["status"] for each in changes][:2] == ["SUSPENDED", "CONNECTED"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:1/versions", "connection refused"),
        ("http://10.0.0.1/versions", "allow_private"),
        ("ftp://127.0.0.1/versions", "is not an http or https URL"),
        ("{cpo}", "the token is not accepted"),
    ],
)
def test_a_connection_that_fails_leaves_nothing_behind(configured, hub, background, url, told):
    cpo = background.enter(SimCpo("Volt Streets", [PartyRole.parse("NL-VST:CPO")]))
    words = ("partner", "connect", url.format(cpo=cpo.versions_url), "--name", "X")
    error = configured.fails(*words, input="c4n4ry")
    assert told in error
    assert "c4n4ry" not in error
    assert configured.json("partner", "list") == []


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (b"", "the token is empty"),
        (b" \n", "the token is empty"),
        (b"two words", "a space"),
        (b"c4n4ry\nsecond line", "a line break"),
        (b"c4n4ry\xff", "is not text"),
        ("c4n4ry\u00e9".encode(), "another character"),
        (None, "No such file"),
    ],
)
def test_what_can_not_be_a_token_is_refused_and_not_shown(configured, token, told):
    if token is not None:
        (configured.folder / "token").write_bytes(token)
    words = ("partner", "connect", "http://127.0.0.1:1/versions", "--name", "X", "--token-file", "token")
    error = configured.fails(*words, status=2)
    assert told in error
    assert "c4n4ry" not in error


def test_an_endpoint_is_set_and_taken_back(configured, hub, background):
    cpo = background.enter(SimCpo("Volt Streets", [PartyRole.parse("NL-VST:CPO")]))
    connect = ("partner", "connect", cpo.versions_url, "--name", "Volt Streets")
    configured.done(*connect, input=cpo.invite())
    set_it = ("partner", "endpoint", "set", "NL-VST", "tokens", "sender")
    told = configured.done(*set_it, "http://127.0.0.1:9/tokens")
    assert "tokens SENDER of Volt Streets (partner 1) is now http://127.0.0.1:9/tokens\n" in told
    assert "ocpi-hub partner endpoint set 1 tokens SENDER\n" in told
    shown = configured.done("partner", "show", "1")
    assert re.search(r"^  tokens +SENDER   http://127\.0\.0\.1:9/tokens  \(set by hand\)$", shown, re.MULTILINE)
    assert "the modules are cdrs, " in configured.fails(
        "partner", "endpoint", "set", "1", "tokns", "SENDER", "http://x"
    )
    assert configured.done(*set_it) == "tokens SENDER of Volt Streets (partner 1) has no endpoint any more.\n"
    assert "has no tokens SENDER endpoint" in configured.fails(*set_it)
    assert [each for each in configured.json("partner", "show", "1")["endpoints"] if each["manual"]] == []


def test_a_store_in_use_by_what_does_not_answer_is_told(offline, monkeypatch):
    monkeypatch.setattr(sys.modules["hub.cli.offline"], "PATIENCE", 0.2)
    offline.json(*INVITE)
    lock = FolderLock(offline.folder / "data" / "hub.lock")
    lock.acquire()
    try:
        error = offline.fails("partner", "list")
    finally:
        lock.release()
    assert f"is in use by the hub with process id {os.getpid()}" in error
    assert "hub.sock" in error


def test_commands_without_a_hub_wait_for_each_other(offline):
    """Each opens the store alone: none is refused, none is lost, and no two get the same id."""
    script = "for n in 1 2 3; do {python} -m hub partner invite P$n --party NL-PP$n:CPO --json & done; wait"
    done = subprocess.run(
        ["bash", "-c", script.format(python=sys.executable)],
        cwd=offline.folder, env=clean_environ(), capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert len(set(re.findall(r'"id":(\d+)', done.stdout))) == 3
    assert len(offline.json("partner", "list")) == 3


def test_commands_while_a_hub_starts_are_done_by_one_of_both(configured):
    (configured.folder / "config.toml").write_text('[listen]\nport = 0\npublic_url = "http://hub.example"\n')
    with process(configured.folder, "serve") as hub:
        invited = [configured.json("partner", "invite", f"P{n}", "--party", f"NL-PP{n}:CPO") for n in range(9)]
        assert " is ready. " in hub.line()
        assert len({each["id"] for each in invited}) == 9
        assert [each["name"] for each in configured.json("partner", "list")] == [f"P{n}" for n in range(9)]


def test_the_prompt_for_a_token_does_not_show_it(configured, hub):
    """On a terminal, the token is asked for; what is typed comes back neither there nor in the error."""
    words = ("partner", "connect", "http://127.0.0.1:1/versions", "--name", "X")
    status, shown = on_terminal(configured.folder, *words, typed=b"c4n4ry\n", after=b"gave you")
    assert status == 1
    assert "connection refused" in shown
    assert "c4n4ry" not in shown


def test_what_is_not_a_terminal_gets_one_row_for_each_partner(offline):
    """For grep: nothing is cut into lines."""
    parties = [word for n in range(30) for word in ("--party", f"NL-A{n:02}:CPO")]
    offline.json("partner", "invite", "A name " * 10, *parties)
    _, row = offline.done("partner", "list").splitlines()
    assert row.count(":CPO") == 30


def test_a_terminal_of_80_columns_is_enough(offline):
    for n in range(3):
        parties = [word for m in range(6) for word in ("--party", f"D{chr(65 + n)}-P{m}X:CPO")]
        offline.json("partner", "invite", f"Partner {n} has a name as long as those of lawyers", *parties)
    _, shown = on_terminal(offline.folder, "partner", "list")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown.splitlines() if OFFLINE not in line]
    assert max(map(len, lines)) <= 80
    assert "…" not in shown
    assert sum(line.count("CPO") for line in lines) == 18
    assert "\x1b[33mINVITED" in shown


def on_terminal(folder: Path, *words: str, typed: bytes = b"", after: bytes = b"") -> tuple[int, str]:
    """Exit status of a command and all that an 80-column terminal shows; `typed` goes in when `after` was shown."""
    leader, follower = pty.openpty()
    environ = {**clean_environ(), "TERM": "xterm-256color", "COLUMNS": "80"}
    environ.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "hub", *words],
        cwd=folder, env=environ, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    ) as command:  # fmt: skip
        os.close(follower)
        shown = b""
        while chunk := _read(leader):
            shown += chunk
            if typed and after in shown:
                os.write(leader, typed)
                typed = b""
        os.close(leader)
        return command.wait(PATIENCE), shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux: the other end is closed
        return b""
