"""What is shown of requests, answers and errors: never a secret."""

from io import StringIO

from rich.pretty import pretty_repr

from hub.upstream import Fault, Headers, Request, Response, SendError


def test_a_request_shows_no_secret():
    request = Request(
        method="PUT",
        url="http://example.org/?key=secret1",
        headers=(("Authorization", "Token secret2"),),
        body=b"secret3",
        pool="p",
        deadline=1.0,
    )
    out = StringIO()
    print(request, f"{request!r}", str(request), pretty_repr(request), file=out)
    assert "secret" not in out.getvalue()
    assert "PUT" in out.getvalue()


def test_an_answer_shows_no_secret():
    response = Response(200, Headers([(b"x", b"secret1")]), b"secret2")
    assert repr(response) == "Response(200, body=7 bytes)"
    assert "secret" not in pretty_repr(response)


def test_an_error_is_its_text():
    error = SendError(Fault.BUSY, "all 32 connections are busy")
    assert str(error) == "all 32 connections are busy"
    assert error.fault == "busy"
    assert not error.sent
