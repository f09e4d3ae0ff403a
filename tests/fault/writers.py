"""Partners and operators who change what a hub keeps, in all ways that there are, one change after the other each."""

import asyncio
import hashlib
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import ANY

import msgspec

from hub.core.party import Party, PartyRole
from tests.fault.by_hand import Platform, Refused
from tests.fault.process import HubProcess
from tests.fault.promised import Book, Standing, digest, plain
from tests.fault.raw_partner import RawPartner, Received, ocpi
from tests.fault.wire import Answer, call

MEMBERS, RULES, KEYS, OBJECTS = 4, 8, 4, 4
"""How many a writer has, at most; the last is for a partner and module."""
HUB = Party("NL", "HUB")
MODULES = "locations", "tariffs", "tokens"
PARTNERS = "changes of partners by an operator"
KINDS = "registrations", "rotations", "agreements", "admin keys", "mirrored pushes", PARTNERS


class Member:
    """A partner of one writer, and what the hub offered it last, if the hub began: a token, and the one it got."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.offered = ("", "")

    @property
    def subject(self) -> tuple[str, str]:
        """What it is in the book."""
        return "partner", self.platform.key


class Scene:
    """One hub, the server of all its partners, and the book of what was acknowledged to anybody.

    `operator` is held while one does something: one thing at a time.
    """

    def __init__(self, hub: HubProcess, server: RawPartner, book: Book) -> None:
        self.hub, self.server, self.book = hub, server, book
        self.members: dict[str, Member] = {}
        self.operator = asyncio.Lock()
        server.credentials = self._renew

    async def _renew(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """The hub renews its token: it gets one, too."""
        member = self.members[request.platform]
        member.offered = msgspec.json.decode(request.body)["token"], secrets.token_hex(16)
        writer.write(ocpi(member.platform.credentials(member.offered[1])))


class Writer:
    """Changes things at random; what it changes nobody else does."""

    def __init__(self, number: int, scene: Scene) -> None:
        self.members: list[Member] = []
        self._number = number
        self._scene = scene
        self._book = scene.book
        self._random = random.Random(number)
        self._count = 0

    async def write(self) -> None:
        """One change."""
        ways: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (40, self._push), (12, self._agree), (5, self._key), (5, self._set), (4, self._suspend), (2, self._rotate),
            (12, self._handshake), (4, self._join),
        ]  # fmt: skip
        way = self._random.choices([each for _, each in ways], [weight for weight, _ in ways])[0]
        await (way if self.registered() else self._join)()

    def registered(self) -> list[Member]:
        """Those of its members that are, and are not suspended."""
        return [each for each in self.members if self._standing(each).state == "REGISTERED"]

    def knows_its_token(self, member: Member) -> bool:
        """The partner has the token that the hub knows it by."""
        return self._standing(member).tokens_in in {digest(kind, member.platform.token) for kind in "AC"}

    def is_invited(self, member: Member) -> bool:
        """It has not registered yet, or has to do so again."""
        return self._standing(member).state == "INVITED"

    async def again(self, member: Member) -> None:
        """What an operator does for a partner whose token went down with an answer."""
        await self._invited("invite-again", member, ref=member.platform.key)
        await self.handshake(member)

    async def handshake(self, member: Member) -> None:
        """Register, or renew both tokens."""
        before, platform = self._standing(member), member.platform
        registered = before.state == "REGISTERED"
        await self._book.change(
            "rotations" if registered else "registrations",
            member.subject,
            before._replace(state="REGISTERED", tokens_in=ANY, token_out=ANY),
            platform.send_credentials("PUT" if registered else "POST"),
            exact=lambda _: before._replace(
                state="REGISTERED", tokens_in=digest("C", platform.token), token_out=platform.token_out
            ),
        )

    def _standing(self, member: Member) -> Standing:
        standing = self._book.value(member.subject)
        assert isinstance(standing, Standing)
        return standing

    def _is_suspended(self, member: Member) -> bool:
        return self._standing(member).state == "SUSPENDED"

    def _some(self) -> Member:
        return self._random.choice(self.registered())

    def _next(self) -> int:
        self._count += 1
        return self._count

    async def _join(self) -> None:
        """A new partner; when there are enough, one that is there is invited once more."""
        if self.registered() and len(self.members) >= MEMBERS:
            await self.again(self._some())
            return
        number = 100 * self._number + self._next()
        role = PartyRole.parse(f"{'NL' if number < 1000 else 'BE'}-{number % 1000:03}:{('CPO', 'EMSP')[number % 2]}")
        member = Member(Platform(f"p{number}", role, self._scene.server.url, self._scene.hub.url))
        self._scene.members[member.platform.key] = member
        await self._invited("invite", member, name=member.platform.key, parties=(str(role),))
        self.members.append(member)
        await self.handshake(member)

    async def _invited(self, verb: str, member: Member, **arguments: Any) -> None:
        """Invite; once more is the end of a registration, and what is mirrored of the partner goes with that."""
        before = self._book.value(member.subject) or Standing("INVITED", ANY)
        expected = before._replace(state="INVITED", tokens_in=ANY, token_out=None)
        owner = str(member.platform.role.party)
        async with self._scene.operator:
            invitation = await self._book.change(
                PARTNERS,
                member.subject,
                expected,
                self._scene.hub.ask(verb, **arguments),
                exact=lambda answer: expected._replace(tokens_in=digest("A", answer["token_a"])),
                gone=[each for module in MODULES for each in self._book.there("mirror", module, owner)],
            )
        member.platform.token = invitation["token_a"]

    async def _handshake(self) -> None:
        await self.handshake(self._random.choice([each for each in self.members if not self._is_suspended(each)]))

    async def _rotate(self) -> None:
        """The hub begins."""
        member = self._some()
        before = self._standing(member)
        await self._operate(
            "rotations",
            member,
            before._replace(tokens_in=ANY, token_out=ANY),
            "rotate",
            exact=lambda _: before._replace(tokens_in=digest("C", member.offered[0]), token_out=member.offered[1]),
        )
        member.platform.token, member.platform.token_out = member.offered

    async def _suspend(self) -> None:
        if away := [each for each in self.members if self._is_suspended(each)]:
            await self._change_standing(away[0], "resume", state="REGISTERED")
        elif len(self.registered()) > 1:
            await self._change_standing(self._some(), "suspend", state="SUSPENDED")

    async def _set(self) -> None:
        member = self._some()
        if self._random.random() < 0.5:
            mode = self._random.choice(["off", "report", "default"])
            after = None if mode == "default" else mode
            await self._operate(PARTNERS, member,
                                self._standing(member)._replace(validation=after), "validation", mode=mode)  # fmt: skip
        else:
            most = float(self._random.randint(10_000, 1_000_000))
            await self._operate(PARTNERS, member,
                                self._standing(member)._replace(requests=most), "limits",
                                limits={"requests": most})  # fmt: skip

    async def _change_standing(self, member: Member, verb: str, state: str) -> None:
        after = self._standing(member)._replace(state=state)
        await self._operate(PARTNERS, member, after, verb)

    async def _operate(
        self,
        what: str,
        member: Member,
        after: Standing,
        verb: str,
        exact: Callable[[Any], Any] | None = None,
        **arguments: Any,
    ) -> None:
        async with self._scene.operator:
            asked = self._scene.hub.ask(verb, ref=member.platform.key, **arguments)
            await self._book.change(what, member.subject, after, asked, exact=exact)

    async def _agree(self) -> None:
        """Between parties that are not there: partners can go on."""
        one, other = f"FR-{self._number:03}", f"FR-X{self._random.randrange(RULES):02}"
        module = self._random.choice(["locations", "tariffs"])
        subject = ("agreement", one, other, module)
        verbs = {"agreement-allow": True, "agreement-deny": False, "agreement-remove": None}
        there = [verb for verb, after in verbs.items() if after is not None or self._book.value(subject) is not None]
        verb = self._random.choice(there)
        async with self._scene.operator:
            asked = self._scene.hub.ask(verb, name=one, ref=other, module=module)
            await self._book.change("agreements", subject, verbs[verb], asked)

    async def _key(self) -> None:
        name = f"key {self._number} {self._random.randrange(KEYS)}"
        subject = ("key", name)
        async with self._scene.operator:
            if self._book.value(subject) is not None:
                await self._book.change("admin keys", subject, None, self._scene.hub.ask("key-revoke", name=name))
            else:
                asked = self._scene.hub.ask("key-create", name=name, scope="read")
                await self._book.change(
                    "admin keys", subject, ANY, asked, exact=lambda new: hashlib.sha256(new["key"].encode()).hexdigest()
                )

    async def _push(self) -> None:
        """A push that the hub keeps, and hands to everybody."""
        member = self._some()
        party, role = member.platform.role.party, member.platform.role.role
        module = "tokens" if role == "EMSP" else self._random.choice(["locations", "tariffs"])
        name = f"{module[:2]}{self._random.randrange(OBJECTS)}"
        subject = ("mirror", module, str(party), f"{name} RFID" if module == "tokens" else name)
        held = self._book.value(subject)
        methods = ["PUT", "DELETE" if module == "tariffs" else "PATCH"]
        method = "PUT" if held is None else self._random.choice(methods)
        number = self._next()
        new = {
            "country_code": party.country,
            "party_id": party.party_id,
            "uid" if module == "tokens" else "id": name,
            "type": "RFID",
            "note": secrets.token_hex(self._random.choice([8, 60, 800])),
            "last_updated": f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        }
        body: dict[str, Any] | None
        match method:
            case "PUT":
                body, after = new, plain(new)
            case "PATCH":
                body = {"note": new["note"], "last_updated": new["last_updated"]}
                after = plain(msgspec.json.decode(held) | body)
            case _:
                body, after = None, None
        path = f"{self._scene.hub.url}/ocpi/2.2.1/receiver/{module}/{party.country}/{party.party_id}/{name}"
        await self._book.change("mirrored pushes", subject, after, self._pushed(method, path, member.platform, body))

    @staticmethod
    async def _pushed(method: str, url: str, platform: Platform, body: Any) -> Answer:
        answer = await call(method, url, platform.token, body, sender=platform.role.party, to=HUB)
        if answer.code != 1000:
            raise Refused(method, answer)
        return answer
