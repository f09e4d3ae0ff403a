"""The key file, and what is encrypted with the key."""

import base64
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.crypto import Keyring, load_or_create_key
from hub.store.errors import KeyFileMalformed, KeyFileUnsafe, SealBroken

KEYRING = Keyring(bytes(range(32)))


def test_a_key_is_made_once_and_read_again(tmp_path):
    path = tmp_path / "hub.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert load_or_create_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["hub.key"]


def test_many_that_make_a_key_at_once_get_the_same(tmp_path):
    with ThreadPoolExecutor(20) as pool:
        keys = set(pool.map(load_or_create_key, [tmp_path / "hub.key"] * 20))
    assert len(keys) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["hub.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o666])
def test_a_key_that_others_can_reach_is_refused(tmp_path, mode):
    path = tmp_path / "hub.key"
    load_or_create_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileUnsafe, match=f"chmod 600 {path}"):
        load_or_create_key(path)


@pytest.mark.parametrize("size", [32, 48, 64])
def test_a_key_of_ones_own_may_have_32_to_64_bytes(tmp_path, size):
    path = tmp_path / "hub.key"
    path.touch(mode=0o600)
    path.write_bytes(base64.b64encode(bytes(size)) + b"\r\n")
    assert load_or_create_key(path) == bytes(size)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"not base64!", base64.b64encode(bytes(31)), base64.b64encode(bytes(65)), b"\xff" * 44]
)
def test_a_file_that_holds_no_key_is_refused_and_not_repeated(tmp_path, content):
    path = tmp_path / "hub.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileMalformed, match="32 to 64 bytes") as raised:
        load_or_create_key(path)
    assert not content.strip() or content.decode("latin1").strip() not in str(raised.value)
    assert path.read_bytes() == content


def test_each_purpose_has_a_key_of_its_own():
    first, second = KEYRING.derive(b"sealed url", 64), KEYRING.derive(b"token", 64)
    assert len(first) == 64
    assert first != second
    assert KEYRING.derive(b"sealed url", 64) == first
    assert Keyring(bytes(32)).derive(b"sealed url", 64) != first


@given(plaintext=st.binary(max_size=200), owner=st.integers())
def test_what_was_sealed_opens(plaintext, owner):
    sealed = KEYRING.seal(plaintext, purpose="token", bound_to=f"platform {owner}")
    assert KEYRING.open(sealed, purpose="token", bound_to=f"platform {owner}") == plaintext


@given(data=st.data(), plaintext=st.binary(max_size=60))
def test_no_changed_bit_and_no_shortened_seal_opens(data, plaintext):
    sealed = KEYRING.seal(plaintext, purpose="token", bound_to="platform 1")
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[bit // 8] ^= 1 << bit % 8
    shortened = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for broken in (bytes(changed), shortened):
        with pytest.raises(SealBroken):
            KEYRING.open(broken, purpose="token", bound_to="platform 1")


@pytest.mark.parametrize(
    ("keyring", "purpose", "owner"),
    [
        (KEYRING, "token", "platform 2"),
        (KEYRING, "other", "platform 1"),
        (Keyring(bytes(32)), "token", "platform 1"),
    ],
)
def test_another_owner_purpose_or_key_does_not_open(keyring, purpose, owner):
    sealed = KEYRING.seal(b"s3cret", purpose="token", bound_to="platform 1")
    with pytest.raises(SealBroken, match=owner):
        keyring.open(sealed, purpose=purpose, bound_to=owner)


def test_sealing_twice_looks_different():
    seals = {KEYRING.seal(b"s3cret", purpose="token", bound_to="platform 1") for _ in range(100)}
    assert len(seals) == 100


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of root's, and can be somebody else")
@pytest.mark.parametrize(("mode", "good"), [(0o440, True), (0o640, True), (0o660, False), (0o444, False)])
def test_a_key_of_roots_may_be_read_by_the_group_of_a_hub_that_is_not_root(mode, good):
    """As secrets are that Kubernetes mounts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.key"
        key = load_or_create_key(path)
        path.parent.chmod(0o755)
        os.chown(path, 0, 65534)
        path.chmod(mode)
        with pytest.raises(KeyFileUnsafe):
            load_or_create_key(path)
        groups = os.getgroups()
        os.setgroups([65534])
        os.seteuid(65534)
        try:
            if good:
                assert load_or_create_key(path) == key
            else:
                with pytest.raises(KeyFileUnsafe):
                    load_or_create_key(path)
        finally:
            os.seteuid(0)
            os.setgroups(groups)
