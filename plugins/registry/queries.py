"""What the registry asks of its tables, and how rows become answers."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, insert, or_, select

from hub.plugin import Connection

from .answers import (
    Capability,
    Certificate,
    CertificateQuery,
    Certificates,
    Class,
    Entry,
    Listing,
    ListingQuery,
    Listings,
)
from .tables import capabilities, certificates, classes, listings

_L, _K, _C, _A = listings.c, classes.c, certificates.c, capabilities.c


async def find_listings(own: Connection, asked: ListingQuery, now: int) -> Listings:
    """The parties that were asked for, by party id."""
    wanted = select(listings).order_by(_L.party).limit(asked.limit + 1)
    if asked.after is not None:
        wanted = wanted.where(_L.party > asked.after)
    if asked.country is not None:
        wanted = wanted.where(_L.country == asked.country.upper())
    if asked.kind is not None:
        wanted = wanted.where(exists().where(_K.party == _L.party, _K.kind == asked.kind))
    if asked.search:
        wanted = wanted.where(
            or_(
                func.lower(_L.name).contains(asked.search.lower(), autoescape=True),
                _L.party == asked.search.upper().replace("*", "-"),
            )
        )
    covered = _covered(asked)
    active = exists().where(_C.party == _L.party, _active(now), *covered)
    if covered or asked.certified:
        wanted = wanted.where(active)
    elif asked.certified is False:
        wanted = wanted.where(~active)
    rows = list((await own.execute(wanted)).mappings())
    found = [await _listing(own, row, now) for row in rows[: asked.limit]]
    return Listings(found, found[-1].party if len(rows) > asked.limit else None)


async def one_listing(own: Connection, party: str, now: int) -> Listing | None:
    """A party; None where it is not listed."""
    row = (await own.execute(select(listings).where(_L.party == party.upper()))).mappings().first()
    return None if row is None else await _listing(own, row, now)


async def find_certificates(own: Connection, asked: CertificateQuery, now: int) -> Certificates:
    """The certificates that were asked for, in the order in which they were issued."""
    wanted = _with_listing().order_by(_C.id).limit(asked.limit + 1)
    if asked.after is not None:
        wanted = wanted.where(_C.id > asked.after)
    if asked.party is not None:
        wanted = wanted.where(_C.party == asked.party.upper())
    if asked.kind is not None:
        wanted = wanted.where(_C.kind == asked.kind)
    if asked.state is not None:
        wanted = wanted.where(_active(now) if asked.state == "active" else ~_active(now))
    wanted = wanted.where(*_covered(asked))
    rows = list((await own.execute(wanted)).mappings())
    found = await _certificates(own, rows[: asked.limit], now)
    return Certificates(found, found[-1].id if len(rows) > asked.limit else None)


async def one_certificate(own: Connection, certificate_id: str, now: int) -> Certificate | None:
    """A certificate, active or past; None where there is none of this id."""
    rows = list((await own.execute(_with_listing().where(_C.id == certificate_id))).mappings())
    return next(iter(await _certificates(own, rows, now)), None)


async def counts(own: Connection, now: int, soon: int) -> tuple[int, int, int]:
    """How many parties there are, how many active certificates, and how many of them end before `soon`."""
    parties = await own.scalar(select(func.count()).select_from(listings))
    active = await own.scalar(select(func.count()).select_from(certificates).where(_active(now)))
    ending = await own.scalar(select(func.count()).select_from(certificates).where(_active(now), _C.valid_until < soon))
    return int(parties), int(active), int(ending)


async def put_listing(own: Connection, entry: Entry, now: int, *, synthetic: bool = False) -> None:
    """Write a listing with its classes, in the place of what is there."""
    party = entry.party.upper()
    row = {
        "party": party, "country": party[:2], "name": entry.name, "website": entry.website, "email": entry.email,
        "phone": entry.phone, "synthetic": synthetic, "updated": now,
    }  # fmt: skip
    await own.upsert(listings, [row])
    await own.execute(delete(classes).where(_K.party == party))
    for each in entry.classes:
        await add_class(own, party, each)


async def add_class(own: Connection, party: str, each: Class) -> None:
    """Write a class of a party, where it is not there."""
    same = select(_K.party).where(_K.party == party, _K.kind == each.kind, _K.model == each.model)
    if await own.scalar(same) is None:
        await own.execute(insert(classes), [class_row(party, each)])


def class_row(party: str, each: Class) -> dict[str, Any]:
    """A class as a row."""
    return {"party": party, "kind": each.kind, "model": each.model, "maker": each.maker}


async def add_certificate(own: Connection, row: dict[str, Any], covers: list[Capability]) -> None:
    """Write a certificate. One that was active for the same party and class is replaced by it."""
    same = and_(_C.party == row["party"], _C.kind == row["kind"], _C.model == row["model"])
    await own.execute(
        certificates.update()
        .where(same, _active(row["valid_from"]))
        .values(ended=row["valid_from"], ended_why=f"replaced by {row['id']}")
    )
    await own.execute(insert(certificates), [row])
    unique = {(each.version, each.module, each.interface) for each in covers}
    names = ("version", "module", "interface")
    await own.execute(
        insert(capabilities),
        [{"certificate": row["id"], **dict(zip(names, each, strict=True))} for each in sorted(unique)],
    )


async def remove_listing(own: Connection, party: str) -> bool:
    """Forget a party with all that is about it; whether it was there."""
    ids = select(_C.id).where(_C.party == party)
    await own.execute(delete(capabilities).where(_A.certificate.in_(ids)))
    await own.execute(delete(certificates).where(_C.party == party))
    await own.execute(delete(classes).where(_K.party == party))
    return bool((await own.execute(delete(listings).where(_L.party == party))).rowcount)


def _active(now: int) -> Any:
    return and_(_C.ended.is_(None), _C.valid_from <= now, _C.valid_until > now)


def _covered(asked: ListingQuery | CertificateQuery) -> list[Any]:
    """What a certificate has to cover; nothing where it does not matter."""
    wanted = {_A.version: asked.version, _A.module: asked.module, _A.interface: asked.interface}
    named = [column == value for column, value in wanted.items() if value is not None]
    return [exists().where(_A.certificate == _C.id, *named)] if named else []


def _with_listing() -> Select[Any]:
    return select(certificates, _L.synthetic).join(listings, _L.party == _C.party)


async def _listing(own: Connection, row: Any, now: int) -> Listing:
    party = row["party"]
    kinds = (await own.execute(select(classes).where(_K.party == party).order_by(_K.kind, _K.model))).mappings()
    rows = list((await own.execute(_with_listing().where(_C.party == party).order_by(_C.id))).mappings())
    held = await _certificates(own, rows, now)
    active = [each for each in held if each.state == "active"]
    return Listing(
        party=party, country=row["country"], name=row["name"], website=row["website"], email=row["email"],
        phone=row["phone"], classes=[Class(each["kind"], each["model"], each["maker"]) for each in kinds],
        active_certificates=active, past_certificates=len(held) - len(active), synthetic=row["synthetic"],
        updated_at=written(row["updated"]),
    )  # fmt: skip


async def _certificates(own: Connection, rows: list[Any], now: int) -> list[Certificate]:
    ids = [row["id"] for row in rows]
    covers: dict[str, list[Capability]] = {each: [] for each in ids}
    found = await own.execute(
        select(capabilities).where(_A.certificate.in_(ids)).order_by(_A.version, _A.module, _A.interface)
    )
    for row in found.mappings():
        covers[row["certificate"]].append(Capability(row["version"], row["module"], row["interface"]))
    return [_certificate(row, covers[row["id"]], now) for row in rows]


def _certificate(row: Any, covers: list[Capability], now: int) -> Certificate:
    expired = row["ended"] is None and row["valid_until"] <= now
    ended = row["valid_until"] if expired else row["ended"]
    return Certificate(
        id=row["id"], party=row["party"], kind=row["kind"], model=row["model"], capabilities=covers,
        checked_at=written(row["checked"]), valid_from=written(row["valid_from"]),
        valid_until=written(row["valid_until"]), state="active" if ended is None else "past",
        ended_at=None if ended is None else written(ended), ended_why="expired" if expired else row["ended_why"],
        synthetic=row["synthetic"],
    )  # fmt: skip


def written(milliseconds: int) -> str:
    """A moment in UTC, as OCPI writes it."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
