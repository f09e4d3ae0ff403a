"""App keys, users, their tokens, and their cards, which are OCPI tokens of the hosted eMSP."""

import hashlib
import secrets
import string
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, update

from hub.ocpi import v2_2_1 as ocpi
from hub.plugin import Connection, Party, Problem
from hub.plugin.party import Page, Paged

from .model import Card, User
from .tables import card_key, cards, cdrs, commands, keys, new_id, now, sessions, user_tokens, users

_ALPHABET = string.ascii_uppercase + string.digits
_SHOWN = 4
APP, RFID = "APP_USER", "RFID"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An app key: which app it is of, and what it opens. `expires` is None where it does not."""

    name: str
    app: str
    scopes: tuple[str, ...]
    created: int
    expires: int | None


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a card is, as far as it is somebody's."""

    id: str
    user: str | None
    valid: bool


def digest(secret: str) -> bytes:
    """What is kept of a key or token."""
    return hashlib.sha256(secret.encode()).digest()


def new_secret(prefix: str) -> str:
    """A key or token; the prefix lets people and scanners see what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


async def load_keys(own: Connection) -> dict[bytes, Key]:
    """All keys, by digest."""
    return {row["digest"]: _key(row) for row in (await own.execute(select(keys).order_by(keys.c.name))).mappings()}


async def add_key(own: Connection, key: Key, secret: str) -> None:
    """Keep a new key. Problem 409 where there is one of this name."""
    if await own.scalar(select(keys.c.name).where(keys.c.name == key.name)):
        raise Problem(409, f"there is a key {key.name!r} already", "revoke it first, or choose another name")
    row = {**msgspec.structs.asdict(key), "scopes": " ".join(key.scopes), "digest": digest(secret)}
    await own.execute(keys.insert().values(row))


async def remove_key(own: Connection, name: str) -> None:
    """Forget a key. Problem 404 where there is none of this name."""
    if not (await own.execute(delete(keys).where(keys.c.name == name))).rowcount:
        raise Problem(404, f"there is no key {name!r}", "key-list shows them all")


async def add_user(own: Connection, app: str, reference: str | None, party: Party) -> User:
    """A new user of an app. Problem 409 where the app has one with this reference."""
    taken = select(users.c.id).where(users.c.app == app, users.c.reference == reference)
    if reference is not None and await own.scalar(taken):
        raise Problem(409, "there is a user with this reference", "ask for a token of that user instead")
    contract = f"{party.id}-C{''.join(secrets.choice(_ALPHABET) for _ in range(10))}"
    row = {"id": new_id(), "app": app, "reference": reference, "contract": contract, "created": now()}
    await own.execute(users.insert().values(row))
    return _user(row)


async def user_of(own: Connection, app: str, user: str) -> User:
    """A user of an app. Problem 404 where it has none of this id."""
    query = select(users).where(users.c.id == user, users.c.app == app)
    row = (await own.execute(query)).mappings().one_or_none()
    if row is None:
        raise Problem(404, "there is no such user", "users of other apps are not shown")
    return _user(row)


async def list_users(own: Connection, app: str, after: str, limit: int) -> list[User]:
    """Users of an app, by id."""
    query = select(users).where(users.c.app == app, users.c.id > after).order_by(users.c.id).limit(limit)
    return [_user(row) for row in (await own.execute(query)).mappings()]


async def renew_token(own: Connection, user: str, secret: str) -> None:
    """A new token of a user, in the place of all others."""
    await own.execute(delete(user_tokens).where(user_tokens.c.user == user))
    row = {"digest": digest(secret), "user": user, "created": now()}
    await own.execute(user_tokens.insert().values(row))


async def opened_by(own: Connection, token: bytes, app: str) -> str | None:
    """The user of an app that a token is of, by its digest."""
    query = select(users.c.id).join(user_tokens, user_tokens.c.user == users.c.id)
    found: str | None = await own.scalar(query.where(user_tokens.c.digest == token, users.c.app == app))
    return found


async def remove_user(own: Connection, user: str) -> list[dict[str, Any]]:
    """Forget a user. What was charged stays, as nobody's; gives the cards, which are not valid any more."""
    query = select(cards).where(cards.c.user == user, cards.c.valid)
    held = [dict(row) for row in (await own.execute(query)).mappings()]
    for card in held:
        card.update(await _invalidate(own, card["id"]))
    for table in (cards, sessions, cdrs, commands):
        await own.execute(update(table).where(table.c.user == user).values(user=None))
    await own.execute(delete(user_tokens).where(user_tokens.c.user == user))
    await own.execute(delete(users).where(users.c.id == user))
    return held


async def add_card(own: Connection, user: str, kind: str, uid: str, label: str, most: int) -> dict[str, Any]:
    """A new card of a user, as its row. Problem 409 where somebody has it, or where the user has enough."""
    held = await own.scalar(select(func.count()).select_from(cards).where(cards.c.user == user, cards.c.valid))
    if held >= most:
        raise Problem(409, f"a user may have {most} cards", "remove one first")
    if await own.scalar(select(cards.c.id).where(cards.c.key == card_key(uid, kind), cards.c.valid)):
        raise Problem(409, "this card can not be registered", "it may be registered already")
    contract = await own.scalar(select(users.c.contract).where(users.c.id == user))
    row = {
        "key": card_key(uid, kind), "id": new_id(), "user": user, "uid": uid, "type": kind, "contract": contract,
        "label": label, "valid": True, "updated": now(),
    }  # fmt: skip
    await own.upsert(cards, [row])
    return row


async def remove_card(own: Connection, user: str, card: str) -> dict[str, Any]:
    """A card is not valid any more; its row. Problem 404 where the user has none of this id."""
    row = await _card(own, user, card)
    return {**row, **await _invalidate(own, card)}


async def list_cards(own: Connection, user: str) -> list[Card]:
    """The cards of a user."""
    query = select(cards).where(cards.c.user == user, cards.c.valid).order_by(cards.c.updated, cards.c.id)
    return [card_told(row) for row in (await own.execute(query)).mappings()]


async def card_to_charge_with(own: Connection, user: str, card: str | None) -> ocpi.Token:
    """The OCPI token of a card, or of the latest one of the app. Problem 404 or 409 where there is none."""
    if card is not None:
        return token_of(await _card(own, user, card))
    query = select(cards).where(cards.c.user == user, cards.c.valid, cards.c.type == APP)
    row = (await own.execute(query.order_by(cards.c.updated.desc()).limit(1))).mappings().one_or_none()
    if row is None:
        raise Problem(409, "there is no card of the app to charge with", "POST /v1/cards makes one")
    return token_of(row)


async def holder(own: Connection, uid: str, kind: str) -> Holder | None:
    """Whose a card is; None where it is none of this party."""
    query = select(cards.c.id, cards.c.user, cards.c.valid).where(cards.c.key == card_key(uid, kind))
    row = (await own.execute(query)).mappings().one_or_none()
    return Holder(**row) if row else None


async def find_token(own: Connection, uid: str, kind: str) -> ocpi.Token | None:
    """A card as an OCPI token."""
    row = (await own.execute(select(cards).where(cards.c.key == card_key(uid, kind)))).mappings().one_or_none()
    return token_of(row) if row else None


async def page_of_tokens(own: Connection, page: Page) -> Paged[ocpi.Token]:
    """All cards, those that are not valid any more as well: others have to learn that."""
    fitting = []
    if page.date_from is not None:
        fitting.append(cards.c.updated >= milliseconds(page.date_from))
    if page.date_to is not None:
        fitting.append(cards.c.updated < milliseconds(page.date_to))
    total = await own.scalar(select(func.count()).select_from(cards).where(*fitting))
    query = select(cards).where(*fitting).order_by(cards.c.updated, cards.c.key)
    rows = (await own.execute(query.offset(page.offset).limit(page.limit))).mappings()
    return Paged([token_of(row) for row in rows], total)


def token_of(row: Any) -> ocpi.Token:
    """The OCPI token of a card (2.2.1, tokens 12.3.2). That of an app is good for nothing but commands."""
    party = Party.parse(row["contract"][:6])
    return ocpi.Token(
        country_code=party.country,
        party_id=party.party_id,
        uid=row["uid"],
        type=ocpi.TokenType(row["type"]),
        contract_id=row["contract"],
        issuer=party.id,
        valid=row["valid"],
        whitelist=ocpi.WhitelistType.NEVER,
        last_updated=moment(row["updated"]),
    )


def card_told(row: Any) -> Card:
    """A card as its user sees it."""
    return Card(id=row["id"], type=row["type"], number=f"…{row['uid'][-_SHOWN:]}", label=row["label"])


def moment(milliseconds: int) -> datetime:
    """A time, of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(at: datetime) -> int:
    """A time as milliseconds since 1970; without a zone it is UTC."""
    return round((at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp() * 1000)


def known_scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    """Scopes in one order, each once."""
    return tuple(each for each in ("read", "charge", "users") if each in scopes)


async def _card(own: Connection, user: str, card: str) -> Any:
    query = select(cards).where(cards.c.id == card, cards.c.user == user, cards.c.valid)
    row = (await own.execute(query)).mappings().one_or_none()
    if row is None:
        raise Problem(404, "there is no such card", "GET /v1/cards lists them")
    return row


async def _invalidate(own: Connection, card: str) -> dict[str, Any]:
    change = {"valid": False, "updated": now()}
    await own.execute(update(cards).where(cards.c.id == card).values(change))
    return change


def _key(row: Any) -> Key:
    return Key(
        name=row["name"], app=row["app"], scopes=tuple(row["scopes"].split()), created=row["created"],
        expires=row["expires"],
    )  # fmt: skip


def _user(row: Any) -> User:
    return User(id=row["id"], reference=row["reference"], created=moment(row["created"]))
