"""Platforms from invitation to removal."""

import time

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import IntegrityError

from hub.core.directory import State, TokenKind
from hub.core.party import Party, PartyRole, Role
from hub.store.credentials import token_digest
from hub.store.errors import PartyTaken, PlatformUnknown
from hub.store.platforms import (
    add_parties,
    create_platform,
    load_all,
    load_one,
    remove,
    resume,
    suspend,
)
from hub.store.records import CredentialRecord, Hidden, PartyRecord, RoleRecord
from hub.store.schema import credential, endpoint, party, party_role, platform


def roles(*texts):
    return [PartyRole.parse(text) for text in texts]


async def create(database, name, *texts, token=None):
    digest = token and token_digest(token)
    return await database.write(lambda c: create_platform(c, name, roles(*texts), digest, 1))


async def one(database, platform_id):
    return await database.read(lambda c: load_one(c, platform_id))


async def test_an_invited_platform(database):
    platform_id = await create(database, "Tiny", "NL-TNM:EMSP", "NL-TNM:CPO", "BE-TNM:CPO", token="a")
    record = await one(database, platform_id)
    assert (record.id, record.name, record.state) == (platform_id, "Tiny", State.INVITED)
    assert (record.version, record.token_out, record.endpoints) == (None, None, ())
    assert (record.created_at, record.updated_at) == (1, 1)
    assert record.parties == (
        PartyRecord(Party("BE", "TNM"), (RoleRecord(Role.CPO, False),), None, None, 1),
        PartyRecord(Party("NL", "TNM"), (RoleRecord(Role.CPO, False), RoleRecord(Role.EMSP, False)), None, None, 1),
    )
    assert record.credentials == (CredentialRecord(Hidden(token_digest("a")), TokenKind.A, None, 1),)
    assert await database.read(load_all) == [record]


async def test_without_token_a_nothing_lets_it_in(database):
    assert (await one(database, await create(database, "Tiny", "NL-TNM:CPO"))).credentials == ()


async def test_a_party_has_one_platform_and_the_refused_leaves_nothing(database):
    await create(database, "Tiny", "NL-TNM:CPO")
    with pytest.raises(PartyTaken, match="NL-TNM already belongs to the platform 'Tiny'") as raised:
        await create(database, "Other", "DE-OTH:CPO", "NL-TNM:EMSP", token="b")
    assert (raised.value.party, raised.value.by_platform_name) == (Party("NL", "TNM"), "Tiny")
    assert [record.name for record in await database.read(load_all)] == ["Tiny"]
    assert list(await database.read(lambda c: c.scalars(select(credential.c.digest)))) == []
    await create(database, "Other", "DE-OTH:CPO")


async def test_more_parties_and_roles_are_added_to_those_it_has(database):
    platform_id = await create(database, "Tiny", "NL-TNM:CPO")
    await create(database, "Other", "DE-OTH:CPO")
    more = roles("NL-TNM:CPO", "NL-TNM:EMSP", "BE-TNM:CPO")
    await database.write(lambda c: add_parties(c, platform_id, more, 5))
    record = await one(database, platform_id)
    assert [(str(p.party), [r.role for r in p.roles]) for p in record.parties] == [
        ("BE-TNM", ["CPO"]),
        ("NL-TNM", ["CPO", "EMSP"]),
    ]
    assert record.updated_at == 5
    with pytest.raises(PartyTaken):
        await database.write(lambda c: add_parties(c, platform_id, roles("FR-TNM:CPO", "DE-OTH:EMSP"), 6))
    assert await one(database, platform_id) == record


async def test_suspend_and_resume_an_invited_platform(database):
    platform_id = await create(database, "Tiny", "NL-TNM:CPO", token="a")
    await database.write(lambda c: suspend(c, platform_id, 2))
    await database.write(lambda c: suspend(c, platform_id, 3))
    suspended = await one(database, platform_id)
    assert (suspended.state, suspended.updated_at, len(suspended.credentials)) == (State.SUSPENDED, 3, 1)
    await database.write(lambda c: resume(c, platform_id, 4))
    assert (await one(database, platform_id)).state is State.INVITED


async def test_removing_frees_everything_but_the_id(database):
    platform_id = await create(database, "Tiny", "NL-TNM:CPO", token="a")
    await database.write(lambda c: remove(c, platform_id))

    async def left(connection):
        return [
            await connection.scalar(select(func.count()).select_from(table))
            for table in (platform, party, party_role, credential, endpoint)
        ]

    assert await database.read(left) == [0, 0, 0, 0, 0]
    assert await create(database, "Next", "NL-TNM:CPO", token="a") > platform_id


@pytest.mark.parametrize(
    "work",
    [
        lambda c: load_one(c, 99),
        lambda c: suspend(c, 99, 1),
        lambda c: resume(c, 99, 1),
        lambda c: remove(c, 99),
        lambda c: add_parties(c, 99, roles("NL-TNM:CPO"), 1),
    ],
)
async def test_an_unknown_platform(database, work):
    with pytest.raises(PlatformUnknown, match="no platform 99"):
        await database.write(work)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (party, {"country_code": "nl", "party_id": "TNM", "updated_at": 1}),
        (party, {"country_code": "NL", "party_id": "Tnm", "updated_at": 1}),
        (credential, {"digest": b"short", "kind": "A", "created_at": 1}),
        (credential, {"digest": bytes(32), "kind": "B", "created_at": 1}),
        (endpoint, {"version": "2.2.1", "module": "cdrs", "interface": "BOTH", "url": "u", "manual": True}),
    ],
)
async def test_the_database_itself_refuses_what_can_not_be(database, table, row):
    platform_id = await create(database, "Tiny", "DE-TNM:CPO")
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        await database.write(lambda c: c.execute(insert(table).values(platform_id=platform_id, **row)))


@pytest.mark.parametrize("state", ["REGISTERED", "GONE"])
async def test_a_registered_platform_has_a_token(database, state):
    row = {"name": "Tiny", "state": state, "created_at": 1, "updated_at": 1}
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        await database.write(lambda c: c.execute(insert(platform).values(row)))


async def test_ten_thousand_platforms_load_with_one_query_per_table(database):
    many = range(1, 10_001)
    modules = ["cdrs", "commands", "locations", "sessions", "tariffs", "tokens"]
    codes = ["AT", "BE", "CH", "DE", "DK", "ES", "FR", "GB", "IT", "NL", "NO"]

    async def fill(connection):
        state = {"state": "INVITED", "created_at": 1, "updated_at": 1}
        await connection.execute(insert(platform), [{"id": n, "name": f"p{n}", **state} for n in many])
        keys = [{"country_code": codes[n // 1000], "party_id": f"{n % 1000:03}"} for n in many]
        await connection.execute(
            insert(party), [{**k, "platform_id": n, "updated_at": 1} for n, k in zip(many, keys, strict=True)]
        )
        await connection.execute(insert(party_role), [{**k, "role": "CPO", "confirmed": True} for k in keys])
        await connection.execute(
            insert(credential),
            [{"digest": token_digest(str(n)), "platform_id": n, "kind": "C", "created_at": 1} for n in many],
        )
        await connection.execute(
            insert(endpoint),
            [
                {"platform_id": n, "version": "2.2.1", "module": m, "interface": "SENDER", "url": "u", "manual": False}
                for n in many
                for m in modules
            ],
        )

    await database.write(fill)
    queries = []
    event.listen(database._readers.sync_engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
    begun = time.monotonic()
    records = await database.read(load_all)
    took = time.monotonic() - begun

    assert [record.id for record in records] == list(many)
    assert all(len(r.parties) == len(r.parties[0].roles) == len(r.credentials) == 1 for r in records)
    assert all(len(record.endpoints) == len(modules) for record in records)
    assert len([query for query in queries if query.startswith("SELECT")]) == 7
    assert took < 5
