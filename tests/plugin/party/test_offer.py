"""What a party offers follows from the methods that its class has; what is wrong with one is told at load."""

import ast
import datetime
import inspect
import re
from pathlib import Path
from types import MappingProxyType

import pytest

from hub.core.catalogue import CATALOGUE
from hub.core.custom import operations
from hub.core.modules import Interface
from hub.core.party import Role
from hub.plugin import CustomModule
from hub.plugin.errors import PluginError
from hub.plugin.party import Cpo, Emsp, Page, PartyPlugin, PartySettings, serve, v2_1_1, v2_2_1, v2_3_0
from hub.plugin.party.offer import Offer, offer_of, own_rows
from hub.plugin.party.serving import SERVED

ROOT = Path(__file__).parents[3]


def offered(kind: type[PartyPlugin], **settings: str) -> Offer:
    return offer_of(kind, PartySettings(**settings), Path("mine.py"), CATALOGUE)


def wrong(kind: type[PartyPlugin], **settings: str) -> str:
    with pytest.raises(PluginError) as error:
        offered(kind, **settings)
    return str(error.value)


def calls(offer: Offer) -> set[str]:
    return {str(row) for row in offer.catalogue.operations() if row.path != ("{url}",)}


class Small(Cpo):
    party = "NL-TNM"

    async def location(self, location_id):
        return None


def test_what_is_made_of_what_it_has_is_there_too():
    assert calls(offered(Small)) == {
        "GET sender/locations/{location_id}",
        "GET sender/locations/{location_id}/{evse_uid}",
        "GET sender/locations/{location_id}/{evse_uid}/{connector_id}",
    }


def test_settings_come_before_the_class():
    offer = offered(Small, party="DE-ABC", name="ABC")
    assert (offer.party.id, offer.name, offer.roles, offer.version) == ("DE-ABC", "ABC", {Role.CPO}, "2.2.1")


def test_one_command_brings_all():
    class One(Small):
        async def stop_session(self, command):
            return command.answer()

    found = {row.path[0] for row in offered(One).catalogue.operations() if row.module == "commands"}
    assert found - {"{url}"} == {
        "START_SESSION", "STOP_SESSION", "RESERVE_NOW", "CANCEL_RESERVATION", "UNLOCK_CONNECTOR",
    }  # fmt: skip


def test_two_bases_are_two_roles():
    class Both(Cpo, Emsp):
        party = "NL-TNM"

    class Service(Both):
        role = Role.NSP

    assert offered(Both).roles == {Role.CPO, Role.EMSP}
    assert offered(Service).roles == {Role.NSP}


def test_what_is_wrong_is_told_with_its_line():
    class Synchronous(Cpo):
        party = "NL-TNM"

        def locations(self, page):
            return []

    class Parameters(Small):
        async def location(self):
            return None

    class Nothing(Cpo):
        party = "NL-TNM"

    class Far(Small):
        @serve("GET sender/locations/{a}/{b}/{c}/{d}")
        async def far(self, a):
            return None

    class Twice(Small):
        @serve("GET sender/locations/{one}")
        async def other(self, one):
            return None

    line = inspect.getsourcelines(Synchronous.locations)[1]
    assert wrong(Synchronous) == (
        f"mine.py:{line}: locations is not a plain async method; write: async def locations(self, page)"
    )
    assert "does not fit; write: async def location(self, location_id)" in wrong(Parameters)
    assert "Nothing offers nothing" in wrong(Nothing)
    assert "GET sender/locations/{a}/{b}/{c}/{d} is no operation of OCPI 2.2.1" in wrong(Far)
    assert "both answer GET sender/locations" in wrong(Twice)
    assert "does not say which party it is" in wrong(Small, party="nobody")


def test_a_call_has_to_be_one():
    for call in ("FETCH sender/x", "GET x/locations", "GET sender", "GET sender//x"):
        with pytest.raises(ValueError, match="is no call"):
            serve(call)


def test_modules_of_its_own_are_found_by_any_name_of_a_placeholder():
    class Cables(PartyPlugin):
        party, role = "NL-TNM", "CPO"
        modules = MappingProxyType({"tnm-cables": CustomModule(sender=("GET {id}",))})

        @serve("GET sender/tnm-cables/{cable}")
        async def cable(self, cable: str):
            return {}

    catalogue = CATALOGUE.plus(row for name, each in Cables.modules.items() for row in operations(name, each))
    offer = offer_of(Cables, PartySettings(), Path("mine.py"), catalogue)
    assert offer.endpoints() == [("tnm-cables", Interface.SENDER)]


BASES = {
    "2.1.1": [v2_1_1.Cpo, v2_1_1.Emsp],
    "2.2.1": [v2_2_1.Cpo, v2_2_1.Emsp],
    "2.3.0": [
        v2_3_0.Cpo, v2_3_0.Emsp, v2_3_0.BookingCpo, v2_3_0.BookingEmsp, v2_3_0.Ptp, v2_3_0.PaymentsCpo, v2_3_0.Invoices,
    ],
}  # fmt: skip


@pytest.mark.parametrize("version", BASES)
def test_every_operation_of_a_version_has_a_method(version):
    """Commands that OCPI does not know aside; those of a result without an id in its URL are no party's."""
    declared = {
        str(getattr(each, SERVED))
        for base in BASES[version]
        for each in (inspect.getattr_static(base, name) for name in dir(base))
        if hasattr(each, SERVED)
    }
    anonymous = [re.sub(r"\{\w+\}", "{}", each) for each in declared]
    of_version = [row for row in CATALOGUE.operations() if row.version == version and row.path != ("{url}",)]
    rows = {re.sub(r"\{\w+\}", "{}", str(row)) for row in of_version}
    assert rows - set(anonymous) == {"POST receiver/commands/{}", "POST sender/commands/{}"}
    own = {re.sub(r"\{\w+\}", "{}", str(row)) for row in own_rows(version)}
    assert set(anonymous) - rows <= own
    assert len(anonymous) == len(set(anonymous))


@pytest.mark.parametrize("name", ["cpo", "emsp", "connected"])
def test_the_newer_version_differs_in_its_types_alone(name):
    folder = ROOT / "hub" / "plugin" / "party"
    older, newer = ((folder / each / f"{name}.py").read_text() for each in ("v2_2_1", "v2_3_0"))
    assert older.replace("2.2.1", "2.3.0").replace("v2_2_1", "v2_3_0") == newer


def test_pages():
    days = [datetime.datetime(2026, 1, day, tzinfo=datetime.UTC) for day in (3, 1, 2)]
    objects = [type("Made", (), {"last_updated": day})() for day in days]
    assert [each.last_updated.day for each in Page().of(objects).objects] == [1, 2, 3]
    page = Page(offset=1, limit=1, date_from=days[2]).of(objects)
    assert ([each.last_updated.day for each in page.objects], page.total) == ([3], 2)
    assert Page(date_to=days[2]).of(objects).total == 1


PLUGINS = sorted((ROOT / "plugins").glob("*.py"))


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_plugins_that_ship_import_nothing_of_the_hub_but_what_is_for_plugins(path):
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{each.name}" for each in node.names]
    ours = [name for name in names if name.split(".")[0] == "hub"]
    assert all(name.startswith(("hub.plugin.", "hub.ocpi.")) for name in ours), ours
