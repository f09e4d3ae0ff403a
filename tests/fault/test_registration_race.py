"""Registrations that happen at the same time: one wins, the others learn that they lost (OCPI 2.2.1, chapter 7)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable

import msgspec
import pytest

from hub.app import App
from hub.core.directory import Secret, State
from hub.core.party import Party, PartyRole
from hub.errors import OcpiError
from hub.partners.directory import DirectoryKeeper
from hub.store.crypto import Keyring
from hub.store.migrations import upgrade
from hub.store.platforms import change_platform, create_platform, suspend
from hub.store.sqlite import SqliteDatabase
from tests.fault.by_hand import Platform
from tests.fault.raw_partner import RawPartner, Received, accept, ocpi
from tests.fault.wire import Answer, authorization, call
from tests.support import running

ROUNDS = 15


class House:
    """A hub, the server of all partners, and the tokens that the hub showed it, by platform."""

    def __init__(self, app: App, server: RawPartner) -> None:
        self.app = app
        self.server = server
        self.shown: dict[str, str] = {}
        server.behaviour = self._note

    async def invited(self, number: int) -> Platform:
        """A platform that has its TOKEN_A and no more."""
        role = PartyRole.parse(f"NL-P{number:02}:CPO")
        platform = Platform(f"p{number}", role, self.server.url, self.app.url)
        platform.token = (await self.app.partners.invite(platform.key, [str(role)])).token_a
        return platform

    async def registered(self, number: int) -> Platform:
        platform = await self.invited(number)
        await platform.send_credentials("POST")
        return platform

    async def credentials(self, method: str, platform: Platform) -> tuple[Answer, str]:
        """One request with the platform's token, and the token that it hands the hub."""
        fresh = secrets.token_hex(16)
        body = None if method == "DELETE" else platform.credentials(fresh)
        return await call(method, f"{self.app.url}/ocpi/2.2.1/credentials", platform.token, body), fresh

    async def check_works(self, platform: Platform, caller: Platform, token_out: str) -> None:
        """The platform's token opens everything, and the hub calls the platform with `token_out`."""
        assert (await platform.versions()).status == 200
        assert (await platform.get_locations(caller)).code == 1000
        assert (await caller.get_locations(platform)).code == 1000
        assert self.shown[platform.key] == authorization(token_out)

    async def check_shut(self, platform: Platform) -> None:
        """The platform's token opens nothing."""
        assert (await platform.versions()).status == 401
        assert (await platform.get_locations(platform)).status == 401

    async def _note(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self.shown[request.platform] = request.headers["authorization"]
        await accept(request, writer)


@pytest.fixture
async def house(tmp_path) -> AsyncIterator[House]:
    async with RawPartner() as server, running(tmp_path) as app:
        yield House(app, server)


def won(answer: Answer) -> bool:
    return answer.status == 200 and answer.code == 1000


async def outcomes(*calls: Awaitable[object]) -> tuple[int, list[OcpiError]]:
    """How many calls went well, and how the others were refused."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in results if isinstance(each, OcpiError)]
    strange = [each for each in results if isinstance(each, BaseException) and not isinstance(each, OcpiError)]
    assert strange == []
    return len(results) - len(refused), refused


async def test_one_token_a_registers_once(house):
    caller = await house.registered(1)
    platform = await house.invited(2)
    answers = await asyncio.gather(*(house.credentials("POST", platform) for _ in range(50)))
    [(winner, token_out)] = [each for each in answers if won(each[0])]
    assert {answer.status for answer, _ in answers if answer is not winner} <= {401, 405}
    await house.check_shut(platform)
    platform.token = winner.data["token"]
    await house.check_works(platform, caller, token_out)


async def test_one_of_many_renewals_wins(house):
    caller, platform = await house.registered(1), await house.registered(2)
    for _ in range(ROUNDS):
        answers = await asyncio.gather(*(house.credentials("PUT", platform) for _ in range(5)))
        [(winner, token_out)] = [each for each in answers if won(each[0])]
        assert {answer.status for answer, _ in answers if answer is not winner} <= {401, 405}
        await house.check_shut(platform)
        platform.token = winner.data["token"]
        await house.check_works(platform, caller, token_out)


async def test_renewal_or_end_but_not_both(house):
    caller = await house.registered(1)
    ended = 0
    for number in range(2, 2 + ROUNDS):
        platform = await house.registered(number)
        first, second = ("PUT", "DELETE") if number % 2 else ("DELETE", "PUT")
        both = await asyncio.gather(house.credentials(first, platform), house.credentials(second, platform))
        (put, token_out), (delete, _) = both if first == "PUT" else reversed(both)
        assert {won(put), won(delete)} == {True, False}
        await house.check_shut(platform)
        if won(put):
            platform.token = put.data["token"]
            await house.check_works(platform, caller, token_out)
        else:
            ended += 1
            assert (await caller.get_locations(platform)).code == 4003
    assert 0 < ended < ROUNDS


async def test_a_suspension_is_in_force_when_it_returns(house):
    """The platform's first request with a token is noted in the store, at the same time as its suspension is."""
    for number in range(1, 1 + ROUNDS):
        platform = await house.registered(number)
        noted, _ = await asyncio.gather(platform.get_locations(platform), house.app.partners.suspend(platform.key))
        assert noted.status in (200, 401)
        await house.check_shut(platform)
        assert house.app.partners.show(platform.key).state is State.SUSPENDED


@pytest.mark.parametrize("change", ["remove", "suspend", "invite_again"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_the_operator_is_quicker(house, method, change):
    """While the hub calls the platform back, its operator changes the platform: whatever the answer, that stands."""
    platform = await (house.invited if method == "POST" else house.registered)(1)
    house.server.gate.clear()
    before = house.server.called_back
    handshake = asyncio.create_task(house.credentials(method, platform))
    await house.server.until(lambda: house.server.called_back > before)
    result = await getattr(house.app.partners, change)(platform.key)
    house.server.gate.set()
    answer, _ = await handshake
    assert won(answer) == (change == "suspend")
    assert won(answer) or answer.status in (401, 405)
    await house.check_shut(platform)
    if won(answer):
        platform.token = answer.data["token"]
        await house.check_shut(platform)
    if change == "invite_again":
        platform.token = result.token_a
        await platform.send_credentials("POST")


async def test_a_partner_is_removed_while_the_hub_registers_there(house):
    house.server.gate.clear()
    connect = house.app.partners.connect("p1", f"{house.server.url}/p1/versions", Secret("a" * 20), ["NL-P01:CPO"])
    connecting = asyncio.create_task(connect)
    await house.server.until(lambda: house.server.called_back == 1)
    await house.app.partners.remove("p1")
    house.server.gate.set()
    with pytest.raises(OcpiError, match="removed"):
        await connecting
    assert house.app.partners.all() == []


async def test_the_answer_to_a_renewal_by_the_hub_is_lost(house):
    """Both tokens open credentials then, since nobody knows which one the partner has; its own PUT settles it."""
    caller, platform = await house.registered(1), await house.registered(2)
    presented = []

    async def lose(request: Received, writer: asyncio.StreamWriter) -> None:
        presented.append(msgspec.json.decode(request.body)["token"])
        writer.close()

    house.server.credentials = lose
    with pytest.raises(OcpiError):
        await house.app.partners.rotate(platform.key)
    await house.check_works(platform, caller, platform.token_out)
    old, [platform.token] = platform.token, presented
    assert ((await platform.versions()).status, (await platform.get_locations(caller)).status) == (200, 401)
    await platform.send_credentials("PUT")
    await house.check_works(platform, caller, platform.token_out)
    for platform.token in (old, *presented):
        await house.check_shut(platform)


class SlowRead(SqliteDatabase):
    """A database whose next read is slow to return, as when a busy machine forgets a thread for a moment."""

    delay = 0.0

    async def read(self, work):
        delay, self.delay = self.delay, 0.0
        result = await super().read(work)
        await asyncio.sleep(delay)
        return result


async def test_what_was_read_first_is_not_swapped_in_last(tmp_path):
    database = await SlowRead.at(tmp_path / "hub.db")
    try:
        await upgrade(database)
        keeper = DirectoryKeeper(database, Keyring(secrets.token_bytes(32)), Party("NL", "HUB"))
        roles = [PartyRole.parse("NL-P01:CPO")]
        platform_id = await keeper.create(lambda connection: create_platform(connection, "p1", roles, None, 0))
        database.delay = 0.1
        await asyncio.gather(
            keeper.write(platform_id, lambda connection: change_platform(connection, platform_id, 1)),
            keeper.write(platform_id, lambda connection: suspend(connection, platform_id, 2)),
        )
        assert keeper.current.platforms[platform_id].state is State.SUSPENDED
    finally:
        await database.close()


async def test_a_party_is_invited_once(house):
    invite = house.app.partners.invite
    went_well, refused = await outcomes(*(invite(f"Name {number}", ["NL-ONE:CPO"]) for number in range(20)))
    assert (went_well, len(refused)) == (1, 19)
    assert len(house.app.partners.all()) == len(house.app.keeper.current.platforms) == 1


async def test_a_name_is_given_once(house):
    invite = house.app.partners.invite
    went_well, refused = await outcomes(*(invite("Same Name", [f"NL-P{number:02}:CPO"]) for number in range(20)))
    assert (went_well, len(refused)) == (1, 19)
    assert len(house.app.partners.all()) == 1


async def test_two_platforms_present_one_party(house):
    """The hub registers at both at the same time, and takes back the registration of the one that comes second."""
    deleted = []

    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        if request.method == "DELETE":
            deleted.append(request.platform)
            writer.write(ocpi())
        else:
            platform = Platform(request.platform, PartyRole.parse("NL-ONE:CPO"), house.server.url, "")
            writer.write(ocpi(platform.credentials("b" * 20)))

    house.server.credentials = answer
    keys = [f"p{number}" for number in range(10)]
    connect = house.app.partners.connect
    went_well, refused = await outcomes(
        *(connect(key, f"{house.server.url}/{key}/versions", Secret("a" * 20), []) for key in keys)
    )
    assert (went_well, len(refused)) == (1, 9)
    [partner] = house.app.partners.all()
    assert partner.parties == ("NL-ONE:CPO",)
    assert house.app.keeper.current.parties[Party.parse("NL-ONE")].id == partner.id
    assert sorted([*deleted, partner.name]) == keys
