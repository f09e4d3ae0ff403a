"""Tokens on disk: digests for those that come in, sealed bytes for those that go out."""

import base64

import pytest
from sqlalchemy import update

from hub.core.directory import Encoding, TokenKind
from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.store.credentials import (
    add_pending,
    drop_pending,
    open_token,
    seal_token,
    set_credential_encoding,
    token_digest,
)
from hub.store.crypto import Keyring
from hub.store.errors import SealBroken
from hub.store.platforms import create_platform, load_all, load_one
from hub.store.records import PresentedEndpoint, PresentedRole
from hub.store.registration import complete_registration
from hub.store.schema import platform
from tests.store.kinds import only_sqlite

KEYRING = Keyring(bytes(range(32)))


async def invited(database, name="Tiny", role="NL-TNM:CPO", token="token a"):
    roles = [PartyRole.parse(role)]
    return await database.write(lambda c: create_platform(c, name, roles, token_digest(token), 1))


async def kinds(database, platform_id):
    record = await database.read(lambda c: load_one(c, platform_id))
    return {bytes(each.digest): each.kind for each in record.credentials}


async def registered(database, platform_id, role, *, used, token_in, token_out):
    await database.write(
        lambda c: complete_registration(
            c,
            platform_id,
            used_digest=token_digest(used),
            new_digest=token_digest(token_in),
            token_out=seal_token(KEYRING, platform_id, token_out),
            token_out_encoding=Encoding.BASE64,
            version="2.2.1",
            versions_url="https://tiny.example/versions",
            roles=[PresentedRole(PartyRole.parse(role))],
            endpoints=[PresentedEndpoint("locations", Interface.SENDER, "https://tiny.example/locations")],
            allow_new_parties=False,
            now=2,
        )
    )


async def test_a_pending_token_comes_beside_the_others_and_goes_again(database):
    platform_id = await invited(database)
    await database.write(lambda c: add_pending(c, platform_id, token_digest("pending"), 2))
    assert await kinds(database, platform_id) == {
        token_digest("token a"): TokenKind.A,
        token_digest("pending"): TokenKind.PENDING,
    }
    await database.write(lambda c: drop_pending(c, token_digest("pending")))
    assert await kinds(database, platform_id) == {token_digest("token a"): TokenKind.A}


async def test_a_new_pending_token_takes_the_place_of_the_last(database):
    platform_id = await invited(database)
    for token in ("first", "second"):
        await database.write(lambda c, token=token: add_pending(c, platform_id, token_digest(token), 2))
    assert token_digest("first") not in await kinds(database, platform_id)
    assert token_digest("second") in await kinds(database, platform_id)


async def test_only_a_pending_token_is_dropped_as_pending(database):
    platform_id = await invited(database)
    await database.write(lambda c: drop_pending(c, token_digest("token a")))
    assert await kinds(database, platform_id) == {token_digest("token a"): TokenKind.A}


async def test_the_encoding_is_learned_per_token(database):
    platform_id = await invited(database)
    before = await database.read(lambda c: load_one(c, platform_id))
    await database.write(lambda c: set_credential_encoding(c, token_digest("token a"), Encoding.RAW))
    after = await database.read(lambda c: load_one(c, platform_id))
    assert [each.encoding for each in (*before.credentials, *after.credentials)] == [None, Encoding.RAW]


async def test_a_sealed_token_opens_for_its_own_platform(database):
    platform_id = await invited(database)
    await registered(database, platform_id, "NL-TNM:CPO", used="token a", token_in="c", token_out="tökén b")
    record = await database.read(lambda c: load_one(c, platform_id))
    assert open_token(KEYRING, platform_id, record.token_out) == "tökén b"
    assert record.token_out_encoding is Encoding.BASE64


async def test_swapped_rows_are_refused(database):
    for name, role in (("Tiny", "NL-TNM:CPO"), ("Other", "DE-OTH:EMSP")):
        platform_id = await invited(database, name, role, token=name)
        await registered(database, platform_id, role, used=name, token_in=f"in {name}", token_out=f"out {name}")
    one, two = await database.read(load_all)

    async def swap(connection):
        for to, of in ((one, two), (two, one)):
            change = update(platform).where(platform.c.id == to.id)
            await connection.execute(change.values(token_out=of.token_out))

    await database.write(swap)
    for record in await database.read(load_all):
        with pytest.raises(SealBroken, match=f"token of platform {record.id}"):
            open_token(KEYRING, record.id, record.token_out)


@only_sqlite
async def test_no_file_holds_a_token_in_the_clear(database):
    tokens = {"used": "token-a-7f3a91", "token_in": "token-c-55b1e0", "token_out": "token-b-0c2d44"}
    platform_id = await invited(database, token=tokens["used"])
    await database.write(lambda c: add_pending(c, platform_id, token_digest("token-p-9912ab"), 2))
    await registered(database, platform_id, "NL-TNM:CPO", **tokens)

    written = b"".join(file.read_bytes() for file in database.path.parent.iterdir())
    await database.close()
    written += database.path.read_bytes()
    assert b"https://tiny.example/locations" in written
    assert token_digest(tokens["token_in"]) in written
    for token in (*tokens.values(), "token-p-9912ab"):
        assert token.encode() not in written
        assert base64.b64encode(token.encode()) not in written
