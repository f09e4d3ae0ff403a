"""OCPI 2.2.1's wire types: what follows the specification decodes, what breaks it does not."""

import copy
import enum
import importlib
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from hub.asking import Arguments
from hub.ocpi import v2_2_1 as ocpi
from hub.ocpi.handshake import BusinessDetails, PlainCredentials
from hub.partners.operations import Invitation
from tests.ocpi.strategies import lacking, objects

MODULES = {
    "versions": 6,
    "credentials": 7,
    "locations": 8,
    "sessions": 9,
    "cdrs": 10,
    "tariffs": 11,
    "tokens": 12,
    "commands": 13,
    "chargingprofiles": 14,
    "hubclientinfo": 15,
    "types": 16,
}
TYPES = [getattr(ocpi, name) for name in ocpi.__all__]
STRUCTS = [each for each in TYPES if issubclass(each, msgspec.Struct)]
each_struct = pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)


def _decode(value: Any, of: Any) -> Any:
    return msgspec.json.decode(json.dumps(value), type=of)


@each_struct
def test_any_valid_object_decodes_and_comes_back(struct):
    decoder = msgspec.json.Decoder(struct)

    @settings(max_examples=20)
    @given(objects(struct))
    def check(value):
        decoded = decoder.decode(json.dumps(value))
        assert decoder.decode(msgspec.json.encode(decoded)) == decoded

    check()


@each_struct
def test_any_valid_object_is_refused_without_a_required_field(struct):
    decoder = msgspec.json.Decoder(struct)

    @settings(max_examples=3)
    @given(objects(struct))
    def check(value):
        for _, less in lacking(struct, value):
            with pytest.raises(msgspec.ValidationError, match="missing required field"):
                decoder.decode(json.dumps(less))

    check()


@pytest.mark.parametrize("module", MODULES)
def test_everything_says_its_version_and_section(module):
    module_file = importlib.import_module(f"hub.ocpi.v2_2_1.{module}")
    assert f"(chapter {MODULES[module]})" in module_file.__doc__
    for each in TYPES:
        if each.__module__ == module_file.__name__:
            section = re.search(r"\b2\.2\.1 section (\d+)\.\d+(\.\d+)?\b", vars(each)["__doc__"])
            assert section, each
            assert int(section[1]) == (9 if each is ocpi.ProfileType else MODULES[module]), each


def test_every_section_is_told_once():
    sections = [re.search(r"section ([\d.]+\d)", each.__doc__)[1] for each in TYPES]
    assert len(set(sections)) == len(sections)


def test_every_type_of_every_module_is_exported():
    found = set()
    for module in MODULES:
        module_file = importlib.import_module(f"hub.ocpi.v2_2_1.{module}")
        for each in vars(module_file).values():
            if isinstance(each, type) and each.__module__ == module_file.__name__:
                assert issubclass(each, msgspec.Struct | enum.Enum)
                found.add(each)
    assert found == set(TYPES)
    assert sorted(ocpi.__all__) == sorted(each.__name__ for each in found)


TOKEN = {
    "country_code": "DE",
    "party_id": "MSP",
    "uid": "04A2B3C4",
    "type": "RFID",
    "contract_id": "DE-MSP-C00000001",
    "issuer": "Example",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-01-02T03:04:05Z",
}
SESSION = {
    "country_code": "NL",
    "party_id": "CPO",
    "id": "S1",
    "start_date_time": "2026-01-02T03:04:05Z",
    "kwh": 1,
    "cdr_token": {name: TOKEN[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")},
    "auth_method": "WHITELIST",
    "location_id": "LOC1",
    "evse_uid": "EVSE1",
    "connector_id": "1",
    "currency": "EUR",
    "status": "ACTIVE",
    "last_updated": "2026-01-02T03:04:05Z",
}
LOCATION = {
    "country_code": "NL",
    "party_id": "CPO",
    "id": "LOC1",
    "publish": True,
    "address": "Street 1",
    "city": "Town",
    "country": "NLD",
    "coordinates": {"latitude": "52.37022", "longitude": "4.89517"},
    "time_zone": "Europe/Amsterdam",
    "opening_times": {
        "twentyfourseven": False,
        "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
    },
    "energy_mix": {"is_green_energy": True, "energy_sources": [{"source": "WIND", "percentage": 100}]},
    "evses": [
        {
            "uid": "EVSE1",
            "status": "AVAILABLE",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 16,
                    "last_updated": "2026-01-02T03:04:05Z",
                }
            ],
            "last_updated": "2026-01-02T03:04:05Z",
        }
    ],
    "images": [{"url": "https://example.com/a.png", "category": "OTHER", "type": "png", "width": 800}],
    "last_updated": "2026-01-02T03:04:05Z",
}
CREDENTIALS = {
    "token": "a" * 64,
    "url": "https://example.com/ocpi/versions",
    "roles": [{"role": "CPO", "business_details": {"name": "N"}, "party_id": "CPO", "country_code": "NL"}],
}
CONNECTOR = "evses.0.connectors.0"
HOURS = "opening_times.regular_hours.0"
LOGO = "roles.0.business_details.logo"


def _with(whole: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `whole` with a value put at a place such as `evses.0.uid`."""
    changed = inner = copy.deepcopy(whole)
    *steps, last = path.split(".")
    for step in steps:
        inner = inner[int(step) if isinstance(inner, list) else step]
    inner[last] = value
    return changed


@pytest.mark.parametrize(
    ("of", "whole", "path", "value"),
    [
        (ocpi.Token, TOKEN, "uid", "u" * 36),
        (ocpi.Token, TOKEN, "issuer", "#NA"),
        (ocpi.Token, TOKEN, "language", None),
        (ocpi.Token, TOKEN, "energy_contract", {"supplier_name": "S" * 64, "unknown": [1]}),
        (ocpi.Token, TOKEN, "unknown", {"anything": None}),
        (ocpi.Session, SESSION, "evse_uid", "#NA"),
        (ocpi.Session, SESSION, "kwh", 0.0001),
        (ocpi.Session, SESSION, "charging_periods", []),
        (ocpi.Session, SESSION, "end_date_time", "2026-01-02T03:04:05"),
        (ocpi.Session, SESSION, "end_date_time", "2026-01-02T03:04:05.2Z"),
        (ocpi.Session, SESSION, "end_date_time", "2026-01-02T03:04:05.2"),
        (ocpi.Session, SESSION, "end_date_time", "2026-01-02T03:04:05.123"),
        (ocpi.Location, LOCATION, "address", "a" * 255),
        (ocpi.Location, LOCATION, "state", "s" * 45),
        (ocpi.Location, LOCATION, "coordinates.latitude", "-12.1234567"),
        (ocpi.Location, LOCATION, "coordinates.longitude", "-123.1234567"),
        (ocpi.Location, LOCATION, "evses", None),
        (ocpi.Location, LOCATION, f"{HOURS}.weekday", 7),
        (ocpi.Location, LOCATION, "images.0.width", 99_999),
        (ocpi.Credentials, CREDENTIALS, LOGO, None),
        (ocpi.Version, {"url": "https://example.com"}, "version", "2.3.0"),
        (ocpi.Endpoint, {"url": "https://example.com", "role": "SENDER"}, "identifier", "nltnm-tokens"),
    ],
)
def test_what_the_specification_allows(of, whole, path, value):
    _decode(_with(whole, path, value), of)


@pytest.mark.parametrize(
    ("of", "whole", "path", "value"),
    [
        (ocpi.Token, TOKEN, "uid", "u" * 37),
        (ocpi.Token, TOKEN, "uid", 4),
        (ocpi.Token, TOKEN, "uid", None),
        (ocpi.Token, TOKEN, "country_code", "DEU"),
        (ocpi.Token, TOKEN, "party_id", "MSPX"),
        (ocpi.Token, TOKEN, "type", "rfid"),
        (ocpi.Token, TOKEN, "type", "NEW"),
        (ocpi.Token, TOKEN, "valid", "true"),
        (ocpi.Token, TOKEN, "language", "eng"),
        (ocpi.Token, TOKEN, "visual_number", "v" * 65),
        (ocpi.Token, TOKEN, "energy_contract", {}),
        (ocpi.Token, TOKEN, "last_updated", 1767323045),
        (ocpi.Token, TOKEN, "last_updated", "yesterday"),
        (ocpi.Session, SESSION, "kwh", "1"),
        (ocpi.Session, SESSION, "currency", "EURO"),
        (ocpi.Session, SESSION, "cdr_token.uid", []),
        (ocpi.Session, SESSION, "total_cost", {"incl_vat": 1.21}),
        (ocpi.Session, SESSION, "charging_periods", [{"start_date_time": "2026-01-02T03:04:05Z", "dimensions": []}]),
        (ocpi.Location, LOCATION, "country", "NL"),
        (ocpi.Location, LOCATION, "coordinates.latitude", 52.37022),
        (ocpi.Location, LOCATION, "coordinates.latitude", "52.3702"),
        (ocpi.Location, LOCATION, "coordinates.latitude", "152.37022"),
        (ocpi.Location, LOCATION, "coordinates.longitude", "4.89517\n"),
        (ocpi.Location, LOCATION, "evses.0.connectors", []),
        (ocpi.Location, LOCATION, f"{CONNECTOR}.max_voltage", 230.5),
        (ocpi.Location, LOCATION, f"{CONNECTOR}.tariff_ids", ["t" * 37]),
        (ocpi.Location, LOCATION, f"{CONNECTOR}.terms_and_conditions", "no address"),
        (ocpi.Location, LOCATION, f"{HOURS}.weekday", 0),
        (ocpi.Location, LOCATION, f"{HOURS}.weekday", 8),
        (ocpi.Location, LOCATION, f"{HOURS}.period_begin", "8:00"),
        (ocpi.Location, LOCATION, f"{HOURS}.period_end", "24:00"),
        (ocpi.Location, LOCATION, "energy_mix.energy_sources.0.percentage", 100.1),
        (ocpi.Location, LOCATION, "images.0.width", 100_000),
        (ocpi.Location, LOCATION, "images.0.url", "https://example.com/" + "a" * 236),
        (ocpi.Location, LOCATION, "facilities", "HOTEL"),
        (ocpi.Credentials, CREDENTIALS, "token", "a" * 65),
        (ocpi.Credentials, CREDENTIALS, "token", ""),
        (ocpi.Credentials, CREDENTIALS, "token", "with space"),
        (ocpi.Credentials, CREDENTIALS, "roles", []),
        (ocpi.TariffRestrictions, {}, "start_date", "2026-13-01"),
        (ocpi.TariffRestrictions, {}, "day_of_week", ["MON"]),
    ],
)
def test_what_the_specification_forbids(of, whole, path, value):
    _decode(whole, of)
    with pytest.raises(msgspec.ValidationError):
        _decode(_with(whole, path, value), of)


def test_tokens_do_not_show():
    """What is printed, logged or raised holds no token, whichever struct carries it."""
    secret = "a-token-that-nobody-may-see"
    shown = [
        ocpi.Credentials(token=secret, url="https://cpo.example/versions", roles=[]),
        PlainCredentials(secret, "https://cpo.example/versions", BusinessDetails("Cpo"), "NL", "CPO"),
        Arguments(token=secret),
        Invitation(1, "Cpo", "https://hub.example/ocpi/versions", secret, ()),
    ]
    assert all("[hidden]" in repr(each) and secret not in repr(each) for each in shown)
