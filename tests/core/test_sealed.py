"""Sealed URLs: what was sealed is opened by its holder, and nothing else opens at all.

They stand for what OCPI 2.2.1 lets a partner hand out: Link (transport_and_format: Pagination), Location (cdrs 10.2.2)
and response_url (commands 13, chargingprofiles 14).
"""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.party import Party
from hub.core.sealed import KEY_BYTES, Sealed, Sealer, Use
from hub.errors import NotFound

KEY, OTHER_KEY = bytes(range(KEY_BYTES)), bytes(KEY_BYTES)
SEALER = Sealer(KEY)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MSP, CPO = Party("NL", "MSP"), Party("DE", "CPO")
RESULT = Sealed(
    use=Use.RESULT,
    version="2.2.1",
    module="commands",
    holder=34,
    holder_party=CPO,
    target=12,
    target_party=MSP,
    url="https://msp.example.com/results/4711?x=ü",
)
# RESULT, sealed with KEY by version 0.1 for each use.
OLDER = {
    Use.PAGE: (
        "E9VI5GPJzJa4e_xaCSj8W5o7w6h78Q-s3C9rgDDHPid_KYVQJZIzvtnA-aM_"
        "kpCdHS3y07vM6mfQqGDmo4-cMaCpOY2gf1IbfRych3vLQnS9Zvn-RLBaFgPf"
    ),
    Use.OBJECT: (
        "Git8ACINKNJqKFbb4cGfJSvGXsgM_r9mlNDJ3CbGY2GmD8q57b6KcVn9l_G2"
        "9Ch2Hj6GEDj5mvmv-j0YWV1CKMNyFGYVC7UzSnlBJ898Zdn05FU7UraHhXsE"
    ),
    Use.RESULT: (
        "5x22zRqt1P-cHYe8Ix7AvliKDlJhKVHoHAWrPugNkhwYGKmrGqQQ_KP8kJPM"
        "76cp5jeBOQsJaRh1LlkYSRB1aOIn6CHt0pHfE9K4xyxQMInno1eIVPEDAnJ4"
    ),
}
parties = st.builds(Party.of, st.from_regex(r"[A-Z]{2}", fullmatch=True), st.from_regex(r"[A-Z0-9]{3}", fullmatch=True))
ids = st.integers(0, 2**63 - 1)
contents = st.builds(
    Sealed,
    use=st.sampled_from(Use),
    version=st.sampled_from(["2.1.1", "2.2.1", "2.3.0"]),
    module=st.text(max_size=40),
    holder=ids,
    holder_party=parties,
    target=ids,
    target_party=parties,
    url=st.text(st.characters(exclude_categories=["Cs"])),
)


@given(contents)
def test_what_is_sealed_is_opened(inner):
    segment = SEALER.seal(inner)
    assert SEALER.open(segment, inner.holder) == inner
    assert SEALER.seal(inner) == segment
    assert set(segment) <= set(ALPHABET)


@given(contents, ids)
def test_only_the_holder_opens(inner, other):
    segment = SEALER.seal(inner)
    if other != inner.holder:
        with pytest.raises(NotFound, match="this URL does not exist here"):
            SEALER.open(segment, other)
    with pytest.raises(NotFound):
        Sealer(OTHER_KEY).open(segment, inner.holder)


def test_no_other_spelling_opens():
    """Every character replaced by every other one: the last may hold bits that Base64 does not use."""
    for length in range(3):
        inner = msgspec.structs.replace(RESULT, url=RESULT.url + "x" * length)
        segment = SEALER.seal(inner)
        changed = [
            segment[:at] + other + segment[at + 1 :]
            for at in range(len(segment))
            for other in ALPHABET + "+/=."
            if other != segment[at]
        ]
        for damaged in [*changed, segment + "=", segment + "==", segment + "A", " " + segment, segment.lower()]:
            with pytest.raises(NotFound, match="this URL does not exist here"):
                SEALER.open(damaged, inner.holder)
        assert SEALER.open(segment, inner.holder) == inner


def test_no_flipped_bit_opens():
    raw = base64.urlsafe_b64decode(SEALER.seal(RESULT) + "===")
    for at in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(NotFound):
            SEALER.open(base64.urlsafe_b64encode(flipped).rstrip(b"=").decode(), RESULT.holder)


@given(st.text() | st.text(ALPHABET) | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_nothing_else_opens(segment):
    with pytest.raises(NotFound, match="this URL does not exist here"):
        SEALER.open(segment, RESULT.holder)


@pytest.mark.parametrize(
    "change",
    [
        {"use": Use.PAGE},
        {"version": "2.3.0"},
        {"module": "tokens"},
        {"holder": 35},
        {"holder_party": MSP},
        {"target": 13},
        {"target_party": CPO},
        {"url": "~"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_inside_counts(change):
    assert SEALER.seal(msgspec.structs.replace(RESULT, **change)) != SEALER.seal(RESULT)


def test_the_inside_does_not_show():
    """Neither the sealed nor its error tells the partner's host."""
    raw = base64.urlsafe_b64decode(SEALER.seal(RESULT) + "===")
    assert b"msp" not in raw.lower()
    with pytest.raises(NotFound) as caught:
        SEALER.open(SEALER.seal(RESULT), 35)
    assert caught.value.http == 404
    assert "msp" not in str(caught.value)


def test_what_an_older_hub_sealed_is_opened():
    """Partners keep these URLs, as that of a CDR, for years."""
    for use, segment in OLDER.items():
        assert SEALER.open(segment, RESULT.holder) == msgspec.structs.replace(RESULT, use=use)


def test_every_length_and_ending():
    for number in range(300):
        inner = msgspec.structs.replace(RESULT, url="u" * (number % 7), target=number)
        assert SEALER.open(SEALER.seal(inner), inner.holder) == inner


def test_sealing_adds_little():
    assert len(SEALER.seal(RESULT)) <= 1.4 * (len(RESULT.url.encode()) + 50)
