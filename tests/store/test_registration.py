"""Registration is one transaction: the first to use a token wins, and a refused one changes nothing."""

import asyncio

import pytest

from hub.core.directory import Encoding, State, TokenKind
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.store.credentials import add_pending, token_digest
from hub.store.endpoints import set_endpoint
from hub.store.errors import CredentialGone, PartyNotInvited, PartyTaken, PlatformUnknown
from hub.store.platforms import create_platform, load_all, load_one, remove, resume, suspend
from hub.store.records import PartyRecord, PresentedEndpoint, PresentedRole, RoleRecord
from hub.store.registration import complete_registration, invite_again, unregister

LOCATIONS = PresentedEndpoint("locations", Interface.SENDER, "https://tiny.example/locations")


def presented(*texts, name="Tiny B.V.", website="https://tiny.example"):
    return [PresentedRole(PartyRole.parse(text), name, website) for text in texts]


def registration(platform_id, *, used="a", new="c", roles=("NL-TNM:CPO",), **changes):
    """Work that completes a registration."""
    roles = [each if isinstance(each, PresentedRole) else presented(each)[0] for each in roles]
    values = {
        "used_digest": token_digest(used),
        "new_digest": token_digest(new),
        "token_out": b"sealed",
        "token_out_encoding": Encoding.BASE64,
        "version": "2.2.1",
        "versions_url": "https://tiny.example/versions",
        "roles": roles,
        "endpoints": [LOCATIONS],
        "allow_new_parties": False,
        "now": 5,
    }
    return lambda connection: complete_registration(connection, platform_id, **(values | changes))


async def one(database, platform_id):
    return await database.read(lambda c: load_one(c, platform_id))


def tokens(record):
    return {bytes(each.digest): each.kind for each in record.credentials}


def roles_of(record):
    return {f"{p.party}:{r.role}": r.confirmed for p in record.parties for r in p.roles}


@pytest.fixture
async def tiny(database):
    named = [PartyRole.parse("NL-TNM:CPO"), PartyRole.parse("NL-TNM:EMSP")]
    return await database.write(lambda c: create_platform(c, "Tiny", named, token_digest("a"), 1))


@pytest.fixture
async def other(database):
    named = [PartyRole.parse("DE-OTH:CPO")]
    return await database.write(lambda c: create_platform(c, "Other", named, token_digest("other a"), 1))


async def test_a_registered_platform(database, tiny):
    await database.write(registration(tiny))
    record = await one(database, tiny)
    assert record.state is State.REGISTERED
    assert (record.version, record.versions_url) == ("2.2.1", "https://tiny.example/versions")
    assert (bytes(record.token_out), record.token_out_encoding) == (b"sealed", Encoding.BASE64)
    assert (record.created_at, record.updated_at) == (1, 5)
    assert tokens(record) == {token_digest("c"): TokenKind.C}
    assert record.credentials[0].encoding is None
    assert [(e.version, e.module, e.interface, e.url, e.manual) for e in record.endpoints] == [
        ("2.2.1", "locations", Interface.SENDER, "https://tiny.example/locations", False)
    ]
    confirmed = (RoleRecord(Role.CPO, True), RoleRecord(Role.EMSP, False))
    assert record.parties == (PartyRecord(Party("NL", "TNM"), confirmed, "Tiny B.V.", "https://tiny.example", 5),)


async def test_of_fifty_with_one_token_exactly_one_wins(database, tiny):
    race = (database.write(registration(tiny, new=f"c{n}", version=f"v{n}")) for n in range(50))
    results = await asyncio.gather(*race, return_exceptions=True)
    (winner,) = (n for n, result in enumerate(results) if result is None)
    assert [type(result) for result in results].count(CredentialGone) == 49
    record = await one(database, tiny)
    assert record.version == f"v{winner}"
    assert tokens(record) == {token_digest(f"c{winner}"): TokenKind.C}


async def test_renewing_replaces_token_version_endpoints_and_roles(database, tiny):
    await database.write(registration(tiny))
    cdrs = PresentedEndpoint("cdrs", Interface.SENDER, "https://tiny.example/cdrs")
    renewal = registration(
        tiny,
        used="c",
        new="c2",
        roles=("NL-TNM:EMSP",),
        version="2.3.0",
        endpoints=[cdrs],
        token_out=b"sealed 2",
        now=9,
    )
    await database.write(renewal)
    record = await one(database, tiny)
    assert tokens(record) == {token_digest("c2"): TokenKind.C}
    assert (record.version, bytes(record.token_out), record.updated_at) == ("2.3.0", b"sealed 2", 9)
    assert [(e.version, e.module) for e in record.endpoints] == [("2.3.0", "cdrs")]
    assert roles_of(record) == {"NL-TNM:CPO": False, "NL-TNM:EMSP": True}


async def test_a_pending_token_becomes_the_one(database, tiny):
    await database.write(lambda c: add_pending(c, tiny, token_digest("p"), 2))
    await database.write(registration(tiny, used="p", new="p"))
    assert tokens(await one(database, tiny)) == {token_digest("p"): TokenKind.C}


async def test_another_platforms_token_does_not_register_this_one(database, tiny, other):
    with pytest.raises(CredentialGone):
        await database.write(registration(tiny, used="other a"))
    assert tokens(await one(database, other)) == {token_digest("other a"): TokenKind.A}


async def test_a_removed_platform_can_not_register(database, tiny):
    await database.write(lambda c: remove(c, tiny))
    with pytest.raises(CredentialGone):
        await database.write(registration(tiny))


@pytest.mark.parametrize(
    ("roles", "allow", "error", "says"),
    [
        (("NL-TNM:CPO", "DE-OTH:CPO"), True, PartyTaken, "DE-OTH already belongs to the platform 'Other'"),
        (("NL-TNM:CPO", "DE-OTH:CPO"), False, PartyNotInvited, "DE-OTH:CPO is not among"),
        (("NL-TNM:CPO", "BE-TNM:CPO"), False, PartyNotInvited, "BE-TNM:CPO is not among"),
        (("NL-TNM:CPO", "NL-TNM:NSP"), False, PartyNotInvited, "NL-TNM:NSP is not among"),
    ],
)
async def test_a_refused_registration_changes_nothing(*, database, tiny, other, roles, allow, error, says):
    before = await database.read(load_all)
    with pytest.raises(error, match=says):
        await database.write(registration(tiny, roles=roles, allow_new_parties=allow))
    assert await database.read(load_all) == before


async def test_where_allowed_new_parties_and_roles_are_taken_in(database, tiny):
    await database.write(registration(tiny, roles=("NL-TNM:NSP", "BE-TNM:CPO"), allow_new_parties=True))
    assert roles_of(await one(database, tiny)) == {
        "BE-TNM:CPO": True,
        "NL-TNM:CPO": False,
        "NL-TNM:EMSP": False,
        "NL-TNM:NSP": True,
    }


async def test_thousands_of_parties_register_at_once(database, tiny):
    many = [f"{a}{b}-{n:03d}:CPO" for a in "DEFG" for b in "RSTU" for n in range(200)]
    await database.write(registration(tiny, roles=many, allow_new_parties=True))
    assert sum(roles_of(await one(database, tiny)).values()) == 3200


async def test_business_details_are_those_of_the_first_role_that_has_some(database, tiny):
    roles = presented("NL-TNM:CPO", name=None, website=None) + presented("NL-TNM:EMSP", website=None)
    roles += presented("NL-TNM:CPO", name="Later", website="https://later.example")
    await database.write(registration(tiny, roles=roles))
    (party,) = (await one(database, tiny)).parties
    assert (party.business_name, party.website) == ("Tiny B.V.", "https://later.example")


async def test_a_suspended_platform_stays_suspended_and_resumes_registered(database, tiny):
    await database.write(lambda c: suspend(c, tiny, 2))
    await database.write(registration(tiny))
    assert (await one(database, tiny)).state is State.SUSPENDED
    await database.write(lambda c: resume(c, tiny, 6))
    assert (await one(database, tiny)).state is State.REGISTERED


async def test_unregistering_leaves_the_reservation_and_what_was_set_by_hand(database, tiny):
    await database.write(registration(tiny))
    await database.write(lambda c: set_endpoint(c, tiny, "2.2.1", "commands", Interface.RECEIVER, url="by hand"))
    await database.write(lambda c: unregister(c, tiny, 7))
    record = await one(database, tiny)
    assert (record.state, record.updated_at) == (State.INVITED, 7)
    assert (record.version, record.versions_url, record.token_out, record.token_out_encoding) == (None,) * 4
    assert record.credentials == ()
    assert [each.url for each in record.endpoints] == ["by hand"]
    assert roles_of(record) == {"NL-TNM:CPO": False, "NL-TNM:EMSP": False}
    with pytest.raises(CredentialGone):
        await database.write(registration(tiny, used="c"))


async def test_unregistering_leaves_other_platforms_alone(database, tiny, other):
    await database.write(registration(other, used="other a", new="other c", roles=("DE-OTH:CPO",)))
    before = await one(database, other)
    await database.write(registration(tiny))
    await database.write(lambda c: unregister(c, tiny, 7))
    assert await one(database, other) == before


async def test_a_suspended_platform_that_unregisters_resumes_invited(database, tiny):
    await database.write(registration(tiny))
    await database.write(lambda c: suspend(c, tiny, 6))
    await database.write(lambda c: unregister(c, tiny, 7))
    assert (await one(database, tiny)).state is State.SUSPENDED
    await database.write(lambda c: resume(c, tiny, 8))
    assert (await one(database, tiny)).state is State.INVITED


async def test_invited_again_only_the_new_token_works(database, tiny):
    await database.write(registration(tiny))
    await database.write(lambda c: add_pending(c, tiny, token_digest("p"), 6))
    await database.write(lambda c: invite_again(c, tiny, token_digest("a2"), 7))
    record = await one(database, tiny)
    assert (record.state, record.token_out) == (State.INVITED, None)
    assert tokens(record) == {token_digest("a2"): TokenKind.A}
    await database.write(registration(tiny, used="a2"))
    assert (await one(database, tiny)).state is State.REGISTERED


async def test_an_unknown_platform(database):
    for work in (lambda c: unregister(c, 99, 1), lambda c: invite_again(c, 99, token_digest("a"), 1)):
        with pytest.raises(PlatformUnknown):
            await database.write(work)
