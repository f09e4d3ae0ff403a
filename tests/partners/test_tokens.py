"""Credentials tokens: hard to guess, and read again as they were written."""

import pytest

from hub.core.directory import Encoding, Secret
from hub.core.headers import credentials_tokens
from hub.partners.tokens import authorization, new_token


def test_a_new_token():
    tokens = [new_token().reveal() for _ in range(100)]
    assert len(set(tokens)) == 100
    assert all(len(token) == 43 and token.isascii() and token.isprintable() and " " not in token for token in tokens)


@pytest.mark.parametrize(
    ("encoding", "header"),
    [(Encoding.BASE64, "Token ZXhhbXBsZS10b2tlbg=="), (Encoding.RAW, "Token example-token")],
)
def test_the_header(encoding, header):
    made = authorization(Secret("example-token"), encoding)
    assert made.reveal() == header
    assert "example" not in f"{made} {made!r}"


def test_the_header_of_a_token_that_is_not_ascii():
    """RFC 4648 of its UTF-8, as OCPI has it; the hub makes no such tokens, but partners may."""
    assert authorization(Secret("tök"), Encoding.BASE64).reveal() == "Token dMO2aw=="


@pytest.mark.parametrize("encoding", Encoding)
def test_the_hub_reads_its_own_tokens(encoding):
    for _ in range(50):
        token = new_token()
        raw, decoded = credentials_tokens(authorization(token, encoding).reveal())
        assert (decoded if encoding is Encoding.BASE64 else raw) == token.reveal()
