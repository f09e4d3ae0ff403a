"""Answers that repeat the token they were asked with."""

import base64

import pytest

from hub.upstream import Request

TOKEN = "f3a9-secret/token-of-the-partner"
WRITTEN = base64.b64encode(TOKEN.encode()).decode()


@pytest.fixture
def asked(ask):
    def make(server, written=WRITTEN, **more) -> Request:
        return ask(server, headers=(("Authorization", f"Token {written}"), ("X-Request-ID", "1")), **more)

    return make


@pytest.mark.parametrize("written", [TOKEN, WRITTEN])
@pytest.mark.parametrize(
    "echo", [TOKEN, WRITTEN, WRITTEN.rstrip("="), TOKEN.replace("/", r"\/"), WRITTEN.replace("/", r"\/")]
)
async def test_it_is_taken_out_wherever_it_stands(partner, client, asked, written, echo):
    body = f'{{"status_code":2001,"status_message":"Authorization: Token {echo} is wrong: {echo}"}}'.encode()
    server = await partner(
        b"HTTP/1.1 400 No\r\nContent-Length: %d\r\nX-Echo: Token %s\r\nX-Other: 1\r\n\r\n%s"
        % (len(body), echo.encode(), body)
    )
    answer = await client().send(asked(server, written))
    assert echo not in answer.body.decode()
    assert answer.body.startswith(b'{"status_code":2001,"status_message":"Authorization: Token [hidden]')
    assert answer.headers.get("X-Echo") in ("Token [hidden]", "Token [hidden]=", "Token [hidden]==")
    assert answer.headers.get("X-Other") == "1"


async def test_a_credentials_object_may_hold_it(partner, client, asked):
    body = WRITTEN.encode() + TOKEN.encode()
    server = await partner(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    answer = await client().send(asked(server, credentials=True))
    assert answer.body == body


async def test_short_tokens_and_other_answers_stay_as_they_are(partner, client, ask, asked):
    body = b'{"data":[{"id":"abc","name":"abcabc"}]}'
    server = await partner(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    for request in (asked(server, "abc"), asked(server), ask(server)):
        assert (await client().send(request)).body == body
