"""The directory snapshot, and secrets that nothing shows."""

import json
import traceback

import msgspec
import pytest

from hub.core.agreements import Agreements
from hub.core.directory import THE_HUB, Credential, Directory, Encoding, Platform, Secret, State, TokenKind
from hub.core.limits import OwnLimits
from hub.core.party import Party, Role
from hub.log import clean

HUB, TNM, BEC, RES = Party("XX", "HUB"), Party("NL", "TNM"), Party("BE", "BEC"), Party("AT", "RES")
TEXT = "tok3n-v4lue"
SECRET = Secret(TEXT)


def platform(number, *roles, reserved=(), **more):
    return Platform(
        id=number,
        name=f"platform {number}",
        state=State.REGISTERED,
        roles={party: frozenset({Role.CPO}) for party in roles},
        reserved={party: frozenset({Role.CPO}) for party in reserved},
        **more,
    )


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        ascii,
        lambda secret: f"{secret} {secret!r} {secret!s} {secret!a} {secret=}",
        lambda secret: f"{secret:}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - how old libraries log
        "{0} {0!r}".format,
        lambda secret: str([secret, {"a": (secret,)}]),
        lambda secret: repr(platform(1, authorization=secret)),
        lambda secret: repr(Directory.of(HUB, [platform(1, authorization=secret)])),
        lambda secret: str(ValueError(secret)),
        lambda secret: "".join(traceback.format_exception(ValueError("no", secret))),
        lambda secret: json.dumps({"a": secret}, default=str),
        lambda secret: str(clean(None, "", {"event": "x", "value": secret, "deep": [{"a": secret}]})),
    ],
)
def test_a_secret_does_not_show(show):
    shown = show(SECRET)
    assert "[hidden]" in shown
    assert TEXT not in shown


@pytest.mark.parametrize(
    "take",
    [
        lambda secret: "".join([secret]),  # noqa: FLY002 - this is what it is about
        lambda secret: "Token " + secret,
        lambda secret: secret + "",
        lambda secret: secret[1:],
        list,
        lambda secret: secret.encode(),
        lambda secret: f"{secret:>20}",
        json.dumps,
        lambda secret: json.dumps({secret: 1}),
        msgspec.json.encode,
        msgspec.msgpack.encode,
        lambda secret: msgspec.json.encode(platform(1, authorization=secret)),
        vars,
    ],
)
def test_a_secret_is_nothing_that_could_be_used_by_mistake(take):
    with pytest.raises((TypeError, AttributeError)) as caught:
        take(SECRET)
    assert TEXT not in str(caught.value)


def test_a_secret_is_there_for_those_who_ask():
    assert SECRET.reveal() == TEXT
    assert repr(SECRET) == "[hidden]"


def test_parties_are_found_presented_or_not():
    one, two = platform(1, TNM, reserved=(TNM, RES)), platform(2, BEC)
    directory = Directory.of(HUB, [one, two], [(b"digest", 2, TokenKind.C)])
    assert directory.parties == {TNM: one, RES: one, BEC: two}
    assert directory.platforms == {1: one, 2: two}
    assert directory.credentials == {b"digest": Credential(two, TokenKind.C)}
    assert one.parties == {TNM, RES}
    assert platform(3).parties == frozenset()


def test_a_snapshot_can_not_be_changed():
    directory = Directory.of(HUB, [platform(1, TNM)])
    with pytest.raises(AttributeError):
        directory.hub = TNM
    with pytest.raises(AttributeError):
        directory.parties[TNM].state = State.SUSPENDED


def test_words_and_numbers_that_stand_in_databases_stay():
    """A hub opens what an older one kept."""
    assert [*State] == ["INVITED", "REGISTERED", "SUSPENDED"]
    assert [*TokenKind] == ["A", "C", "PENDING"]
    assert [*Encoding] == ["BASE64", "RAW"]
    assert THE_HUB == 0  # the store counts platforms from 1 on


def test_a_platform_that_was_just_invited():
    new = Platform(id=1, name="new", state=State.INVITED)
    assert (new.version, new.versions_url, new.authorization, new.validation) == (None, None, None, None)
    assert (new.roles, new.reserved, new.endpoints, new.origins) == ({}, {}, {}, frozenset())
    assert new.limits == OwnLimits()
    assert not new.is_hub


def test_a_hub_that_nobody_has_joined():
    empty = Directory(HUB)
    assert (empty.platforms, empty.parties, empty.credentials, empty.offline) == ({}, {}, {}, frozenset())
    assert empty.agreements == Agreements()
