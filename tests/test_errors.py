"""Every error has the HTTP status and the status_code that OCPI 2.2.1 gives it (status_codes)."""

import inspect

import pytest

from hub import errors

# Until a request reaches the OCPI layer it is answered by HTTP; from there on by status_code, with HTTP 200.
TABLE = {
    "OcpiError": (200, 2000),
    "BadRequest": (400, 2000),
    "Unauthorized": (401, 2000),
    "NotFound": (404, 2000),
    "MethodNotAllowed": (405, 2000),
    "RequestTimeout": (408, 2000),
    "TooLarge": (413, 2000),
    "TooManyRequests": (429, 2000),
    "InvalidParameters": (200, 2001),
    "NotInThatVersion": (200, 2000),
    "ServerError": (200, 3000),
    "ShutOut": (401, 2000),
    "NotNow": (503, 3000),
    "Stopping": (503, 3000),
    "WithoutStore": (503, 3000),
    "CannotUseApi": (200, 3001),
    "UnsupportedVersion": (200, 3002),
    "NoMatchingEndpoints": (200, 3003),
    "RoutingError": (200, 4000),
    "UnknownReceiver": (200, 4001),
    "ReceiverTimeout": (200, 4002),
    "ReceiverNotConnected": (200, 4003),
    "PartnerNotFound": (404, 4000),
}

HEADERS = {
    "MethodNotAllowed": (("Allow", "GET"),),
    "TooManyRequests": (("Retry-After", "1"),),
    "NotNow": (("Retry-After", "1"),),
    "Stopping": (("Retry-After", "1"),),
    "WithoutStore": (("Retry-After", "1"),),
}


def test_the_table_is_complete():
    assert {name for name, _ in inspect.getmembers(errors, inspect.isclass) if name != "ClassVar"} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_status_and_code(name):
    kind = getattr(errors, name)
    error = kind("words", ("GET",)) if name == "MethodNotAllowed" else kind("words")
    assert isinstance(error, errors.OcpiError)
    assert (error.http, error.code) == TABLE[name]
    assert error.message == str(error)
    assert error.message == ("words; come back in 1 s" if name == "TooManyRequests" else "words")
    assert error.headers == HEADERS.get(name, ())


def test_a_405_lists_what_is_allowed():
    assert errors.MethodNotAllowed("no", ("GET", "PUT")).headers == (("Allow", "GET, PUT"),)


def test_headers_go_with_an_error():
    assert errors.Unauthorized("no", headers=(("WWW-Authenticate", "Token"),)).headers == (
        ("WWW-Authenticate", "Token"),
    )
