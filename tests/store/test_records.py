"""Records do not show what they hold in secret."""

import json
from hashlib import sha256

from hub.core.directory import TokenKind
from hub.store.records import CredentialRecord, Hidden

DIGEST = sha256(b"token").digest()


def test_a_hidden_value_shows_nowhere():
    hidden = Hidden(DIGEST)
    record = CredentialRecord(hidden, TokenKind.C, None, 0)
    shown = [
        repr(hidden),
        str(hidden),
        f"{hidden} {hidden!r} {hidden!s}",
        repr(record),
        json.dumps([hidden], default=repr),
    ]
    for text in shown:
        assert "hidden" in text
        assert repr(DIGEST)[2:-1] not in text
        assert DIGEST.hex() not in text


def test_a_hidden_value_is_still_its_bytes():
    assert {Hidden(DIGEST): 1}[DIGEST] == 1
    assert Hidden(DIGEST) == DIGEST
