"""Custom modules in config.toml: what is wrong with a table is told with its line, and what is right is routed."""

import re
from pathlib import Path

import pytest

from hub.core.catalogue import EXTRAS, ExtraModule
from hub.core.modules import Interface, Kept

PAGE = (Path(__file__).parents[2] / "docs/modules.md").read_text()


def test_a_table_is_a_module_of_the_catalogue(loads):
    config = loads('[modules.nltnm-tokens]\nowner = "EMSP"\nsender = ["GET {id}"]\n')
    (operation,) = config.catalogue.module("2.2.1", Interface.SENDER, "nltnm-tokens").operations["GET", 1]
    assert str(operation) == "GET sender/nltnm-tokens/{id}"
    assert "locations" in config.catalogue.modules


def test_the_catalogue_is_ocpis_own_without_configuration(loads):
    assert loads().catalogue.modules == {
        "bookings", "cdrs", "chargingprofiles", "commands", "invoicereconciliation", "locations", "payments",
        "sessions", "tariffs", "tokens",
    }  # fmt: skip


def test_extra_modules_are_switched_on(loads, refuses):
    config = loads("[hub]\nextra_modules = ['payments', 'bookings', 'payments']")
    extra = {*ExtraModule} - {"invoicereconciliation"}
    assert {name for name in ExtraModule if config.catalogue.has("2.2.1", name)} == extra
    assert len({*config.catalogue.operations()}) == len([*config.catalogue.operations()])
    config = loads("", {"OCPI_HUB__HUB__EXTRA_MODULES": '["payments"]'})
    assert config.catalogue.has("2.2.1", "payments")
    (problem,) = refuses("[hub]\nextra_modules = ['bookings',\n'tokens']")
    assert problem.startswith('config.toml:3: extra_modules[1] is "tokens"; it must be "bookings", ')


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("modules = 5", 1, "modules must be a table, written as [modules]"),
        ("[modules]\na = 5", 2, "a must be a table, written as [modules.a]"),
        ("[modules.Abc]\nsender = ['GET']", 1, "'Abc' is no module id"),
        ("[modules.a]\nsender = ['GET']\nversoin = '2.2.1'", 3, "unknown key 'versoin' in [modules.a]; did you mean"),
        (
            "[modules.a]\nsender = ['GET']\nversion = '2.9'",
            3,
            "version: this hub has no OCPI 2.9; it has 2.3.0, 2.2.1, 2.1.1",
        ),
        ("[modules.a]\nsender = ['GET']\nowner = 'cpo'", 3, 'owner is "cpo"; it must be "CPO", "EMSP", '),
        ("[modules.a]\nsender = 'GET'", 2, 'sender is "GET"; it must be a list, each item text in quotes'),
        ("[modules.a]\nsender = [\n'GET',\n'GIT {id}']", 4, "sender: 'GIT {id}' must begin with GET, "),
        ("[modules.a]\nidentity = 'name'\nsender = ['GET']", 2, 'identity is "name"; it must be "id" or "uid"'),
        ("[modules.a]\nversion = '2.2.1'", 1, "the module has no operation"),
        ("[modules.tokens]\nsender = ['GET']", 1, "tokens is a module of OCPI; give yours a name of its own"),
        ("[modules.bookings]\nsender = ['GET']", 1, 'switch it on with extra_modules = ["bookings"] in [hub]'),
    ],
)
def test_what_is_wrong_with_a_table(refuses, text: str, line: int, reason: str):
    (problem,) = refuses(text)
    assert problem.startswith(f"config.toml:{line}: ")
    assert reason in problem.split("\n")[0]


def test_a_module_of_tokens_is_no_secret(refuses):
    (problem,) = refuses("[modules.nltnm-tokens]\nsender = ['GIT']\n")
    assert problem.split("\n")[1] == "   2 | sender = ['GIT']"
    (problem,) = refuses("[modules.nltnm-tokens]\nversion = '2.2.1'\n")
    assert problem.split("\n")[1] == "   1 | [modules.nltnm-tokens]"
    (problem,) = refuses("[modules.nltnm-tokens]\nsender = ['GET']\nshare = 'yes'\n")
    assert problem.startswith('config.toml:3: share is "yes"; it must be true or false')


def test_every_mistake_is_told(refuses):
    problems = refuses("[modules.a]\nsender = ['GIT', 'GET a{b']\nreceiver = ['PUT {id}', 'PUT {uid}']\n")
    assert [problem.split(": ", 2)[1:2] for problem in problems] == [["sender"], ["sender"], ["receiver"]]


def test_modules_are_not_set_from_the_environment(refuses):
    (problem,) = refuses("", {"OCPI_HUB__MODULES__A__OWNER": "CPO"})
    assert problem.endswith("there is no such setting; modules are written into config.toml")


def test_the_page_about_modules_has_tables_that_load(loads):
    for block in re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL):
        assert {*loads(block).catalogue.rows} > {*loads().catalogue.rows}


def test_an_error_on_the_page_is_what_the_hub_says(refuses):
    (output,) = re.findall(r"```text\n(config.toml.*?)\n```", PAGE, flags=re.DOTALL)
    line = output.split("\n")[1].partition("| ")[2]
    assert refuses(f"[modules.nltnm-tokens]\nowner = 'EMSP'\n{line}\n") == [output]


@pytest.mark.parametrize("extra", [*ExtraModule])
def test_the_page_lists_the_operations_of_extra_modules(extra: ExtraModule):
    section = PAGE.partition(f"\n### {extra}\n")[2].partition("\n### ")[0]
    found, side = set(), ""
    for line in re.search(r"```text\n(.*?)```", section, flags=re.DOTALL)[1].splitlines():
        interface, methods, path, collected = re.fullmatch(
            r"([A-Z]*) +([A-Z]+(?: [A-Z]+)*)(?:  +([a-z{].*?))?(  +GET All)?", line
        ).groups()
        side = interface or side
        kept = Kept.COLLECT if collected else Kept.NO
        found |= {(side, method, path or "", kept) for method in methods.split()}
    assert found == {(row.interface, row.method, "/".join(row.path), row.kept) for row in EXTRAS[extra]}
