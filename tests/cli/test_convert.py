"""`ocpi-hub convert`: the bridge as a tool, its loss report, and what it asks for."""

import json
import re

import pytest

from hub.bridge import Facts, convert
from hub.core.party import Party
from hub.ocpi.check import findings
from hub.ocpi.kinds import VERSIONS, struct_of
from tests.versions import cdr, location, session, token

PAIRS = [(one, other) for one in VERSIONS for other in VERSIONS if one != other]
OBJECTS = {"location": location, "token": token, "session": session, "cdr": cdr}
KINDS = {"location": "Location", "token": "Token", "session": "Session", "cdr": "CDR"}


def written(cli, name, value):
    """A file in the folder of the commands."""
    (cli.folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return name


def all_facts(cli):
    """Options that tell all there is to tell."""
    written(cli, "the_token.json", token("2.2.1"))
    written(cli, "the_location.json", location("2.2.1"))
    return ("--owner", "NL-CPO", "--token", "the_token.json", "--location", "the_location.json")


def lost(printed):
    """Path and reason of each row of a loss report."""
    return [tuple(re.split(r" {2,}", line.strip())[:2]) for line in printed.splitlines()[2:]]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_of_one_version_in_another(cli, source, target, name):
    """What the function of the same name makes of it, guessed or named; and it is valid."""
    value, kind = OBJECTS[name](source), KINDS[name]
    file = written(cli, "in.json", value)
    facts = Facts(owner=Party("NL", "CPO"), token=token("2.2.1"), location=location("2.2.1"))
    expected = convert(kind, value, source, target, facts)
    words = ("convert", "--from", source, "--to", target, *all_facts(cli), file)
    done = cli.run(*words)
    assert (done.exit_code, json.loads(done.stdout)) == (0, expected.value), done.stderr
    assert findings(expected.value, struct_of(target, kind)) == []
    if expected.losses:
        assert lost(done.stderr) == [(each.path, each.why) for each in expected.losses]
    else:
        assert done.stderr == f"{kind} in OCPI {target}: nothing is lost.\n"
    told = cli.json(*words, "--object", name)
    assert (told["object"], told["value"]) == (kind, expected.value)
    assert [(each["version"], each["path"], each["why"]) for each in told["losses"]] == [
        (each.version, each.path, each.why) for each in expected.losses
    ]


def test_the_loss_report_is_on_standard_error(cli):
    value = location("2.2.1") | {"parking_type": "ON_DRIVEWAY", "facilities": ["HOTEL", "METRO_STATION"]}
    done = cli.run("convert", "--from", "2.2.1", "--to", "2.1.1", written(cli, "in.json", value))
    assert json.loads(done.stdout)["type"] == "OTHER"
    assert done.stdout.startswith('{\n  "')
    heading, columns, *rows = done.stderr.splitlines()
    assert heading == f"Location in OCPI 2.1.1: {'one value is' if len(rows) == 1 else f'{len(rows)} values are'} lost"
    assert columns.split() == ["path", "why", "OCPI"]
    assert any(row.split()[0] == "parking_type" for row in rows)


def test_each_of_a_list_has_its_index(cli):
    values = [token("2.2.1"), token("2.2.1") | {"group_id": "G"}]
    answer = {"data": values, "status_code": 1000}
    done = cli.run("convert", "--from", "2.2.1", "--to", "2.1.1", written(cli, "in.json", answer))
    assert [each["auth_id"] for each in json.loads(done.stdout)] == ["DE-MSP-C1"] * 2
    assert done.stderr.splitlines()[0] == "in.json: an OCPI answer (status_code 1000), of which this is the data"
    assert "\n[1].group_id " in done.stderr
    assert cli.json("convert", "--from", "2.2.1", "--to", "2.1.1", "--object", "token", "-", input="[]")["value"] == []


@pytest.mark.parametrize(
    ("source", "target", "name", "option"),
    [
        ("2.1.1", "2.2.1", "location", "--owner NL-TNM"),
        ("2.1.1", "2.3.0", "cdr", "--token FILE, which holds the Token as OCPI 2.2.1 has it"),
        ("2.3.0", "2.1.1", "session", "--location FILE, which holds the Location as OCPI 2.2.1 has it"),
    ],
)
def test_a_fact_that_is_missing_is_named_with_its_option(cli, source, target, name, option):
    given = () if "owner" in option else ("--owner", "NL-CPO")
    words = ("convert", "--from", source, "--to", target, *given, written(cli, "in.json", OBJECTS[name](source)))
    assert cli.fails(*words).rstrip().endswith(f"; give it with {option}")
    cli.done(*words, *all_facts(cli))


def test_what_a_reservation_and_credentials_lack_can_be_given(cli):
    reserve = {
        "response_url": "https://x.example",
        "token": token("2.2.1"),
        "expiry_date": "2026-01-01T12:00:00Z",
        "reservation_id": "R-1",
        "location_id": "LOC1",
    }
    words = ("convert", "--from", "2.2.1", "--to", "2.1.1", written(cli, "reserve.json", reserve))
    assert "give it with --number 17" in cli.fails(*words)
    assert cli.json(*words, "--number", "5")["value"]["reservation_id"] == 5
    credentials = {
        "token": "x",
        "url": "https://x.example",
        "business_details": {"name": "X"},
        "party_id": "TNM",
        "country_code": "NL",
    }
    words = ("convert", "--from", "2.1.1", "--to", "2.3.0", written(cli, "credentials.json", credentials))
    assert "give it with --role CPO" in cli.fails(*words)
    assert cli.json(*words, "--role", "emsp")["value"]["roles"][0]["role"] == "EMSP"


def test_a_patch_is_named_and_has_only_what_changes(cli):
    words = ("convert", "--from", "2.1.1", "--to", "2.2.1", "--owner", "NL-CPO", "--patch")
    file = written(cli, "in.json", {"voltage": 400, "last_updated": "2026-01-01T12:00:00Z"})
    assert "name it: --object" in cli.fails(*words, file, status=2)
    done = cli.run(*words, "--object", "connector", file)
    assert json.loads(done.stdout) == {"max_voltage": 400, "last_updated": "2026-01-01T12:00:00Z"}
    assert done.stderr == "Connector in OCPI 2.2.1: nothing is lost.\n"
    unstamped = written(cli, "bare.json", {"voltage": 400})
    assert "last_updated: " in cli.fails(*words, "--object", "connector", unstamped)


def test_what_is_not_valid_is_told_all_the_same(cli):
    file = written(cli, "in.json", token("2.2.1") | {"valid": "yes"})
    words = ("convert", "--from", "2.2.1", "--to", "2.3.0", file)
    assert "name what it should be: --object" in cli.fails(*words, status=2)
    done = cli.run(*words, "--object", "token")
    assert json.loads(done.stdout)["valid"] == "yes"
    assert "It breaks rules of OCPI 2.2.1, so this may break those of OCPI 2.3.0: valid: true or false" in done.stderr


def test_what_may_be_several_things_is_asked_for(cli):
    file = written(cli, "in.json", {"result": "ACCEPTED", "timeout": 30})
    error = cli.fails("convert", "--from", "2.2.1", "--to", "2.3.0", file, status=2)
    assert "in.json may be ChargingProfileResponse or CommandResponse; say which: --object" in error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "2.2.1", "--to", "2.1.1", "--object", "chargingprofile"), "OCPI 2.1.1 has no ChargingProfile"),
        (("--from", "2.2.1", "--to", "2.3.0", "--object", "token", "--token", "list.json"), "holds no Token as OCPI"),
    ],
)
def test_what_can_not_be_bridged_ends_with_1(cli, words, told):
    written(cli, "list.json", "[]")
    file = written(cli, "in.json", {"charging_rate_unit": "W"})
    assert told in cli.fails("convert", *words, file)
    for_scripts = cli.run("convert", *words, file, "--json")
    assert (for_scripts.exit_code, for_scripts.stderr) == (1, "")
    assert told in json.loads(for_scripts.stdout)["error"]


def test_which_one_of_a_list_can_not_be_bridged(cli):
    file = written(cli, "in.json", [cdr("2.2.1"), cdr("2.2.1") | {"id": "x" * 37}])
    error = cli.fails("convert", "--from", "2.2.1", "--to", "2.1.1", "--object", "cdr", file)
    assert error.startswith("Error: [1]: id: ")


def test_no_json_is_told(cli):
    words = ("convert", "--from", "2.2.1", "--to", "2.3.0", "--object", "token")
    assert "in.json: the body is not JSON" in cli.fails(*words, written(cli, "in.json", "{"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "2.2.1", "--to", "2.2.1"), "--from and --to are both 2.2.1"),
        (("--from", "2.2.1", "--to", "2.3.0", "--object", "locaton"), "did you mean Location?"),
        (("--from", "2.1.1", "--to", "2.3.0", "--object", "chargingprofile"), "has no object 'chargingprofile'"),
        (("--from", "2.1.1", "--to", "2.3.0", "--owner", "NLD-TNM"), "is not a party"),
        (("--from", "2.1.1", "--to", "2.3.0", "--role", "CAR"), "--role"),
        (("--from", "2.1.1", "--to", "2.3.0", "--token", "nothing.json"), "does not exist"),
        (("--from", "2.1.1"), "Missing option '--to'"),
    ],
)
def test_a_command_that_is_not_written_as_it_should_be_ends_with_2(cli, words, told):
    assert told in cli.fails("convert", *words, written(cli, "in.json", "{}"), status=2)
