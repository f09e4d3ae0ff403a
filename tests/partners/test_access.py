"""Who is calling: tokens looked up in the snapshot in force, however they are written.

OCPI 2.2.1, transport_and_format: Authorization header.
"""

import base64

import msgspec
import pytest

from hub.core.directory import Directory, Encoding, Platform, Secret, State, TokenKind
from hub.core.party import Party, Role
from hub.errors import Unauthorized
from hub.partners.access import Access
from hub.partners.tokens import authorization
from hub.store.credentials import token_digest

HUB, TNM = Party("XX", "HUB"), Party("NL", "TNM")
TOKEN_A, TOKEN_C, PENDING, OTHER = "token-a", "token-c", "token-pending", "token-other"
ONE = Platform(id=1, name="one", state=State.REGISTERED, roles={TNM: frozenset({Role.CPO})})
NEW = Platform(id=2, name="new", state=State.INVITED)
SHUT = Platform(id=3, name="shut", state=State.SUSPENDED)
DIRECTORY = Directory.of(
    HUB,
    [ONE, NEW, SHUT],
    [
        (token_digest(TOKEN_C), 1, TokenKind.C),
        (token_digest(PENDING), 1, TokenKind.PENDING),
        (token_digest(TOKEN_A), 2, TokenKind.A),
        (token_digest(OTHER), 3, TokenKind.C),
    ],
)
BOTH = pytest.mark.parametrize("encoding", Encoding)


def header(token, encoding=Encoding.BASE64):
    return authorization(Secret(token), encoding).reveal()


@BOTH
@pytest.mark.parametrize(
    ("token", "platform", "kind"),
    [(TOKEN_C, ONE, TokenKind.C), (PENDING, ONE, TokenKind.PENDING), (TOKEN_A, NEW, TokenKind.A)],
)
def test_a_token_opens_versions_and_credentials(encoding, token, platform, kind):
    caller = Access().authenticate(DIRECTORY, header(token, encoding))
    assert caller.platform is platform
    assert (caller.kind, caller.encoding, caller.digest) == (kind, encoding, token_digest(token))


@BOTH
def test_only_token_c_opens_functional_modules(encoding):
    access = Access()
    assert access.functional(DIRECTORY, header(TOKEN_C, encoding)).platform is ONE
    for token in (TOKEN_A, PENDING):
        access.authenticate(DIRECTORY, header(token, encoding))
        with pytest.raises(Unauthorized, match="this token opens only versions and credentials"):
            access.functional(DIRECTORY, header(token, encoding))


@BOTH
@pytest.mark.parametrize(
    ("token", "words"), [("token-unknown", "is not known to this hub"), (OTHER, "this platform is suspended")]
)
def test_tokens_that_open_nothing(encoding, token, words):
    access = Access()
    for _ in range(2):
        for ask in (access.authenticate, access.functional):
            with pytest.raises(Unauthorized, match=words) as caught:
                ask(DIRECTORY, header(token, encoding))
            assert token not in str(caught.value)


@pytest.mark.parametrize(
    "value", [None, "", "Token", "Bearer token-c", "Token \x00", "Token ä", "token-c", "Token a b"]
)
def test_headers_that_name_no_token(value):
    access = Access()
    for _ in range(2):
        with pytest.raises(Unauthorized, match="header Authorization"):
            access.authenticate(DIRECTORY, value)


def test_a_token_has_its_case():
    for token in (TOKEN_C.upper(), TOKEN_C.title()):
        with pytest.raises(Unauthorized):
            Access().authenticate(DIRECTORY, header(token))


def test_a_line_feed_inside_does_not_matter():
    """The specification's own example has one."""
    piped = base64.b64encode(f"{TOKEN_C}\n".encode()).decode()
    assert Access().authenticate(DIRECTORY, f"Token {piped}").platform is ONE


def test_a_token_that_could_be_base64_is_looked_up_as_it_stands_too():
    raw = "c2VjcmV0"
    directory = Directory.of(HUB, [ONE], [(token_digest(raw), 1, TokenKind.C)])
    access = Access()
    assert access.authenticate(directory, f"Token {raw}").encoding is Encoding.RAW
    assert access.authenticate(directory, header(raw)).encoding is Encoding.BASE64
    with pytest.raises(Unauthorized):
        access.authenticate(directory, header("secret", Encoding.RAW))


def test_a_new_snapshot_counts_at_once():
    """What is remembered of a header must not outlive the snapshot it was found in."""
    access = Access()
    assert access.functional(DIRECTORY, header(TOKEN_C)).platform is ONE
    renamed = msgspec.structs.replace(ONE, name="renamed")
    after = Directory.of(HUB, [renamed], [(token_digest("token-new"), 1, TokenKind.C)])
    with pytest.raises(Unauthorized):
        access.functional(after, header(TOKEN_C))
    assert access.functional(after, header("token-new")).platform is renamed
    shut = Directory.of(
        HUB, [msgspec.structs.replace(ONE, state=State.SUSPENDED)], [(token_digest(TOKEN_C), 1, TokenKind.C)]
    )
    with pytest.raises(Unauthorized, match="suspended"):
        access.functional(shut, header(TOKEN_C))
    assert access.functional(DIRECTORY, header(TOKEN_C)).platform is ONE


def test_a_header_is_remembered():
    access = Access()
    first = access.authenticate(DIRECTORY, header(TOKEN_C))
    assert access.authenticate(DIRECTORY, header(TOKEN_C)) is first
    assert access.authenticate(DIRECTORY, header(TOKEN_C, Encoding.RAW)) is not first


def test_what_is_remembered_has_an_end():
    """A platform with countless tokens, or ways to write one, does not fill the memory."""
    tokens = [f"token-{number}" for number in range(20_001)]
    access = Access()
    directory = Directory.of(HUB, [ONE], [(token_digest(token), 1, TokenKind.C) for token in tokens])
    first = [access.authenticate(directory, f"Token {token}") for token in tokens]
    again = [access.authenticate(directory, f"Token {token}") for token in tokens]
    assert sum(one is other for one, other in zip(first, again, strict=True)) == 20_000
    assert first == again
