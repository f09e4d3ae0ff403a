"""`ocpi-hub validate`: files of every form, every object of every version, and what is said of them."""

import json
import re

import pytest

from hub.ocpi.kinds import VERSIONS, kinds
from tests.versions import STAMP, cdr, location, session, token


def written(cli, name, value):
    """A file in the folder of the commands."""
    (cli.folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return name


def rows(printed):
    """The rows below each heading, cell by cell."""
    return [re.split(r" {2,}", line.strip()) for line in printed.splitlines() if "  " in line][1:]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["cdr", "CDR", "Cdr"])
def test_a_valid_object(cli, version, name):
    file = written(cli, "cdr.json", cdr(version))
    assert cli.done("validate", "--version", version, "--object", name, file) == (
        f"cdr.json: valid CDR of OCPI {version}\n"
    )


def test_each_finding_has_its_path_its_rule_and_what_came(cli):
    broken = location("2.2.1") | {"city": "x" * 46, "publish": "yes"}
    broken["evses"][0] |= {"status": "BROKEN"}
    del broken["evses"][0]["connectors"][0]["id"]
    done = cli.run("validate", "--version", "2.2.1", "--object", "location", written(cli, "l.json", broken))
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.startswith("l.json: no valid Location of OCPI 2.2.1: 4 findings\n")
    found = {path: (rule, got) for path, rule, got in rows(done.stdout)}
    assert found.pop("evses[0].status")[0].startswith("one of AVAILABLE, BLOCKED, ")
    assert found == {
        "publish": ("true or false", "a string of 3 characters"),
        "city": ("at most 45 characters", "a string of 46 characters"),
        "evses[0].connectors[0].id": ("is required", "missing"),
    }


def test_several_files_a_list_and_standard_input(cli):
    good, bad = token("2.2.1"), token("2.2.1") | {"valid": 1}
    one, other = written(cli, "one.json", good), written(cli, "list.json", [good, bad])
    done = cli.run("validate", "--version", "2.2.1", "--object", "token", one, other, "-", input=json.dumps(good))
    assert done.exit_code == 1
    assert done.stdout.splitlines()[:2] == [
        "one.json: valid Token of OCPI 2.2.1",
        "list.json: no valid Token of OCPI 2.2.1: 1 finding",
    ]
    assert rows(done.stdout) == [["[1].valid", "true or false", "an integer"]]
    assert done.stdout.splitlines()[-1] == "standard input: valid Token of OCPI 2.2.1"


@pytest.mark.parametrize(("data", "status"), [(token("2.3.0"), 0), ([token("2.3.0")], 0), ([{"uid": "X"}], 1)])
def test_the_answer_of_a_platform_is_opened(cli, data, status):
    answer = {"data": data, "status_code": 1000, "timestamp": STAMP}
    done = cli.run("validate", "--version", "2.3.0", "--object", "token", written(cli, "a.json", answer))
    assert done.exit_code == status
    assert done.stderr == "a.json: an OCPI answer (status_code 1000), of which this is the data\n"


@pytest.mark.parametrize(("version", "status"), [("2.1.1", 0), ("2.2.1", 1), ("2.3.0", 1)])
def test_a_patch_has_only_what_changes(cli, version, status):
    """From 2.2.1 on it has to say when."""
    file = written(cli, "patch.json", {"status": "COMPLETED"})
    words = ("validate", "--version", version, "--object", "session", file)
    assert cli.run(*words).exit_code == 1
    done = cli.run(*words, "--patch")
    assert done.exit_code == status
    if status:
        assert rows(done.stdout) == [["last_updated", "is required", "missing"]]
    assert f"PATCH of a Session of OCPI {version}" in done.stdout


def test_one_json_value_for_scripts(cli):
    answer = {"data": session("2.2.1") | {"kwh": "7"}, "status_code": 1000}
    files = written(cli, "bad.json", answer), written(cli, "good.json", session("2.2.1"))
    done = cli.run("validate", "--version", "2.2.1", "--object", "session", *files, "--json")
    assert (done.exit_code, done.stderr) == (1, "")
    bad, good = {"file": "bad.json", "valid": False}, {"file": "good.json", "valid": True, "findings": [], "note": ""}
    bad["findings"] = [{"path": "kwh", "rule": "a number", "got": "a string of 1 character"}]
    bad["note"] = "bad.json: an OCPI answer (status_code 1000), of which this is the data"
    told = json.loads(done.stdout)
    assert told == {"version": "2.2.1", "object": "Session", "valid": False, "files": [bad, good]}
    assert cli.json("validate", "--version", "2.2.1", "--object", "session", files[1])["valid"] is True


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_of_a_version_has_a_name(cli, version):
    file = written(cli, "none.json", "[]")
    for kind in kinds(version):
        told = cli.json("validate", "--version", version, "--object", kind.lower(), file)
        assert (told["object"], told["valid"]) == (kind, True)
    assert cli.json("validate", "--version", version, "--object", "START_SESSION", file)["object"] == "StartSession"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ('{"id": 1} x', "not JSON"),
        ("[" * 10_000, "nested too deeply"),
        ("null", "null"),
        ("7", "an integer"),
    ],
)
def test_what_is_no_object_is_a_finding(cli, text, told):
    done = cli.run("validate", "--version", "2.2.1", "--object", "cdr", written(cli, "x.json", text))
    assert done.exit_code == 1
    assert "x.json: no valid CDR of OCPI 2.2.1: 1 finding\n" in done.stdout
    assert told in done.stdout


def test_no_more_than_a_hundred_findings_are_told(cli):
    file = written(cli, "many.json", [{"uid": "X"}] * 50)
    done = cli.run("validate", "--version", "2.2.1", "--object", "token", file)
    assert ": 100 findings (the first 100; no more are looked for)\n" in done.stdout
    assert len(rows(done.stdout)) == 100


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--object", "locaton", "--version", "2.2.1", "x.json"), "did you mean Location? It has: Location, "),
        (("--object", "zzz", "--version", "2.1.1", "x.json"), "OCPI 2.1.1 has no object 'zzz'. It has: "),
        (("--object", "booking", "--version", "2.2.1", "x.json"), "OCPI 2.2.1 has no object 'booking'"),
        (("--object", "cdr", "--version", "2.2", "x.json"), "'2.1.1', '2.2.1', '2.3.0'"),
        (("--object", "cdr", "--version", "2.2.1", "nothing.json"), "does not exist"),
        (("--object", "cdr", "--version", "2.2.1"), "Missing argument"),
        (("--version", "2.2.1", "x.json"), "Missing option '--object'"),
    ],
)
def test_a_command_that_is_not_written_as_it_should_be_ends_with_2(cli, words, told):
    written(cli, "x.json", "{}")
    assert told in cli.fails("validate", *words, status=2)
