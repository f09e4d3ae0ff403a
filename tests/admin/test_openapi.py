"""The OpenAPI documents: valid, whole, and about what is really there."""

import json
from typing import get_args, get_type_hints

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from hub.admin.ocpi import ocpi_document
from hub.admin.openapi import document
from hub.admin.table import ROUTES
from hub.core.catalogue import CATALOGUE, EXTRAS, WITHOUT_INTERFACES
from hub.core.custom import CustomModule, operations
from hub.core.modules import Interface, is_placeholder
from hub.ocpi.kinds import kinds
from hub.ocpi.reservations import RESERVATIONS

ROOT = "https://hub.example"
METHODS = ("get", "put", "post", "patch", "delete")


@pytest.fixture(scope="module")
def admin() -> dict:
    return json.loads(json.dumps(document(ROUTES)))


@pytest.fixture(scope="module", params=CATALOGUE.versions)
def ocpi(request) -> tuple[str, dict]:
    return request.param, json.loads(json.dumps(ocpi_document(CATALOGUE, request.param, ROOT)))


def described(spec: dict) -> list[tuple[str, str, dict]]:
    return [(method.upper(), path, each) for path, methods in spec["paths"].items() for method, each in methods.items()]


def check(spec: dict) -> None:
    """What a public validator says, and what it leaves out."""
    OpenAPIV31SpecValidator(spec).validate()
    names = [each["operationId"] for _, _, each in described(spec)]
    assert len(names) == len(set(names))
    for _, path, each in described(spec):
        in_path = [one["name"] for one in each.get("parameters", ()) if one["in"] == "path"]
        assert in_path == [part.strip("{}") for part in path.split("/") if is_placeholder(part)]
        assert len(in_path) == len(set(in_path))
    shapes = ["/".join("{}" if is_placeholder(part) else part for part in path.split("/")) for path in spec["paths"]]
    assert len(shapes) == len(set(shapes))
    refs = set(_refs(spec))
    assert {f"#/components/schemas/{name}" for name in spec["components"]["schemas"]} == refs


def _refs(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from _refs(each)


def test_document_of_the_admin_api_is_valid(admin):
    check(admin)


def test_what_is_served_is_what_is_described(admin, net):
    """The router's own list, and not the table: a route that is added beside it is missed here.

    What plugins add (`*`) is looked up for each request.
    """
    served = {
        (route.method, route.resource.canonical)
        for route in net.app.admin.application.router.routes()
        if route.resource.canonical.startswith("/api/") and route.method not in ("HEAD", "OPTIONS", "*")
    }
    assert served == {(method, path) for method, path, _ in described(admin)}


def test_parameters_bodies_and_answers_are_those_of_the_handlers(admin):
    for route in ROUTES:
        query, body = get_args(get_type_hints(route.handler)["call"])
        told = admin["paths"][route.path][route.method.lower()]
        named = [each["name"] for each in told.get("parameters", ()) if each["in"] == "query"]
        assert named == list(query.__struct_encode_fields__)
        assert ("requestBody" in told) == (body is not type(None))
        assert str(route.status) in told["responses"]
        assert route.scope.value in told["description"]
        assert route.summary
        assert route.handler.__doc__


def test_ocpi_documents_are_valid(ocpi):
    check(ocpi[1])


def test_every_row_of_the_catalogue_is_described(ocpi):
    version, spec = ocpi
    prefix = f"/ocpi/{version}"
    told = {(method, path.removeprefix(prefix)) for method, path, _ in described(spec)}
    for row in CATALOGUE.operations():
        if row.version != version or row.path == ("{url}",):
            continue
        side = "" if version in WITHOUT_INTERFACES else f"/{row.interface.lower()}"
        path = "/".join((side, row.module, *row.path))
        if version in WITHOUT_INTERFACES and (row.method, path) not in told:
            # Another row of the same shape speaks for it.
            assert row.interface is Interface.SENDER
            path = "/locations/{country_code}/{party_id}/{location_id}"
        assert (row.method, path) in told
    assert {("GET", ""), ("POST", "/credentials"), ("DELETE", "/credentials")} <= told
    assert (("GET", "/sender/hubclientinfo") in told) == (version not in WITHOUT_INTERFACES)


def test_bodies_have_the_structs_of_the_version(ocpi):
    version, spec = ocpi
    side = "" if version in WITHOUT_INTERFACES else "/receiver"
    put = spec["paths"][f"/ocpi/{version}{side}/locations/{{country_code}}/{{party_id}}/{{location_id}}"]["put"]
    schema = put["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Location"}
    assert "LocationPatch" in spec["components"]["schemas"]
    assert set(kinds(version)) >= {"Location", "CDR"}
    assert ("time_zone" in spec["components"]["schemas"]["Location"]["required"]) == (version != "2.1.1")


def test_modules_of_ones_own_are_described_too():
    more = [row for rows in EXTRAS.values() for row in rows]
    own = operations("nltnm-tokens", CustomModule(sender=("GET", "GET {id}"), receiver=("POST",)))
    catalogue = CATALOGUE.plus((*more, *own))
    for version in catalogue.versions:
        spec = json.loads(json.dumps(ocpi_document(catalogue, version, ROOT)))
        check(spec)
        assert [path for path in spec["paths"] if "nltnm-tokens" in path]
        assert [path for path in spec["paths"] if "bookings" in path] or version == "2.1.1"


def test_objects_of_a_plugins_modules_are_described():
    """As those of OCPI: the whole, what a PATCH changes, and the list."""
    catalogue = CATALOGUE.plus(operations("reservations", RESERVATIONS))
    for version in catalogue.versions:
        spec = json.loads(json.dumps(ocpi_document(catalogue, version, ROOT)))
        check(spec)
        paths = {path: each for path, each in spec["paths"].items() if "/reservations" in path}
        bodies = {
            method: each["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            for path in paths.values()
            for method, each in path.items()
            if "requestBody" in each
        }
        assert bodies == {"post": "Reservation", "put": "Reservation", "patch": "ReservationPatch"}
        whole = spec["components"]["schemas"]["Reservation"]
        assert {"token_uid", "charging_preferences"} <= set(whole["required"])
        assert {"kwh", "kWh"} <= whole["properties"].keys()
