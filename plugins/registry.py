"""A directory of certified parties: listings, certificates, and a public API to read them. Off until switched on.

    [plugins.registry]
    enabled = true
    port = 8090

Everything about it stands in docs/registry.md.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from msgspec import Meta
from sqlalchemy import delete, select

from hub.plugin import (
    Call,
    Connection,
    Figure,
    Figures,
    Plugin,
    Problem,
    Query,
    Rows,
    Scope,
    Settings,
    admin_route,
    panel,
    verb,
)
from hub.plugin.web import Access, Api, ApiCall, Pace

from . import made_up, queries
from .answers import (
    Certificate,
    CertificateQuery,
    Certificates,
    Class,
    Entry,
    Issue,
    Issued,
    KeyName,
    Listing,
    ListingQuery,
    Listings,
    NewKey,
    Revoke,
)
from .tables import certificates, keys, listings, tables

_DAY = 86_400_000
_SOON = 30
_ROWS = 200
_BURST = 5.0
_KEY_PREFIX = "reg_"
_ABOUT = "Parties that were checked, and what they can do. Every request needs a read key in the header `x-api-key`."
_SCHEME = {"key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A read key."}}
_WORDS = {"party": ("Country and party id.", "NL-TNM"), "id": ("Id of a certificate.", "019aa4f2c1e8a3b4c5d6e7f8")}
_READ = Access("read", ("key",))


class RegistrySettings(Settings):
    """The `[plugins.registry]` table."""

    host: Annotated[str, Meta(description="Address of the public API.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port of the public API; 0 takes a free one.")] = 8090
    days: Annotated[int, Meta(ge=1, le=3660, description="Days that a certificate is valid.")] = 365
    rate: Annotated[float, Meta(gt=0, le=10_000, description="Requests per second of one read key.")] = 10.0
    development: Annotated[bool, Meta(description="Whether made-up parties are listed, for development.")] = False
    origins: Annotated[list[str], Meta(description="Origins whose web pages may call the API.")] = []
    trusted_proxies: Annotated[list[str], Meta(description="Networks whose X-Forwarded-For is believed.")] = []


class Registry(Plugin[RegistrySettings]):
    """Certificates come from `ocpi-hub partner certify --issue`; listings and keys from verbs."""

    enabled_by_default = False
    tables = tables

    async def start(self) -> None:
        settings = self.settings
        self.keys: Mapping[str, str] = {}
        self.paces: dict[str, Pace] = {}
        self.strangers = Pace(settings.rate, _BURST)
        api = Api(
            "Registry of certified OCPI parties", _ABOUT, version="1", admit=self.admit, schemes=_SCHEME, words=_WORDS,
            origins=settings.origins, proxies=settings.trusted_proxies,
        )  # fmt: skip
        api.add("GET", "/v1/parties", self.get_parties, access=_READ)
        api.add("GET", "/v1/parties/{party}", self.get_party, access=_READ)
        api.add("GET", "/v1/certificates", self.get_certificates, access=_READ)
        api.add("GET", "/v1/certificates/{id}", self.get_certificate, access=_READ)
        self.url = self.listen(api.application, host=settings.host, port=settings.port)
        await self.read_keys()
        await self.store.write(self.make_up)
        self.log.info("registry", url=self.url, docs=f"{self.url}/docs")

    async def changed_elsewhere(self) -> None:
        await self.read_keys()

    async def admit(self, request: web.Request, access: Access) -> str:
        """The name of the read key. Problem 401 without a good one, 429 where it asks too often."""
        name = self.keys.get(_digest(request.headers.get("x-api-key", "")))
        pace = self.strangers if name is None else self.paces.setdefault(name, Pace(self.settings.rate, _BURST))
        wait = pace.wait(asyncio.get_running_loop().time())
        if wait:
            raise Problem(429, "too many requests", "come back later", {"Retry-After": str(int(wait) + 1)})
        if name is None:
            raise Problem(401, "the header x-api-key holds no read key", "ask the operator of this registry for one")
        return name

    async def get_parties(self, call: ApiCall[str, ListingQuery, None]) -> Listings:
        """List parties, with their classes and active certificates."""
        return await self.store.read(lambda own: queries.find_listings(own, call.query, _now()))

    async def get_party(self, call: ApiCall[str, Query, None]) -> Listing:
        """Tell all about one party."""
        found = await self.store.read(lambda own: queries.one_listing(own, call.path["party"], _now()))
        if found is None:
            raise Problem(404, "this party is not listed", "see /v1/parties")
        return found

    async def get_certificates(self, call: ApiCall[str, CertificateQuery, None]) -> Certificates:
        """List certificates, active and past."""
        return await self.store.read(lambda own: queries.find_certificates(own, call.query, _now()))

    async def get_certificate(self, call: ApiCall[str, Query, None]) -> Certificate:
        """Tell one certificate, active or past."""
        return await self.certificate(call.path["id"])

    @admin_route("GET", "/parties", scope=Scope.READ)
    async def list_parties(self, call: Call[ListingQuery, None]) -> Listings:
        """List parties, with their classes and active certificates."""
        return await self.store.read(lambda own: queries.find_listings(own, call.query, _now()))

    @admin_route("GET", "/certificates", scope=Scope.READ)
    async def list_certificates(self, call: Call[CertificateQuery, None]) -> Certificates:
        """List certificates, active and past."""
        return await self.store.read(lambda own: queries.find_certificates(own, call.query, _now()))

    @verb("issue")
    async def issue(self, given: Issue) -> Issued:
        """Issue a certificate for each party and role, valid from now on; it replaces the one that is active."""
        now = _now()
        checked = _read_time(given.checked_at)
        days = given.days or self.settings.days
        rows = []
        for number, each in enumerate(given.parties):
            party, _, role = each.partition(":")
            rows.append(
                {
                    "id": _new_id(now, number),
                    "party": party,
                    "kind": "DEVICE" if given.model else role,
                    "model": given.model,
                    "checked": checked,
                    "valid_from": now,
                    "valid_until": now + days * _DAY,
                    "ended": None,
                    "ended_why": "",
                }
            )

        async def write(own: Connection) -> None:
            for row in rows:
                listing = {"party": row["party"], "country": row["party"][:2], "name": given.name, "synthetic": False}
                listing |= {"website": "", "email": "", "phone": "", "updated": now}
                await own.upsert(listings, [listing], keeping=("name", "website", "email", "phone", "country"))
                await queries.add_class(own, row["party"], Class(row["kind"], given.model))
                await queries.add_certificate(own, row, given.capabilities)

        await self.store.write(write)
        self.log.info("certificates_issued", parties=given.parties, ids=[row["id"] for row in rows])
        return Issued([await self.certificate(row["id"]) for row in rows])

    @verb("revoke")
    async def revoke(self, given: Revoke) -> Certificate:
        """End a certificate now, for a reason that others read."""
        found = await self.certificate(given.id)
        if found.state == "past":
            raise Problem(409, f"this certificate is past already: {found.ended_why}")
        ended = {"ended": _now(), "ended_why": f"revoked: {given.reason}"}
        change = certificates.update().where(certificates.c.id == given.id).values(**ended)
        await self.store.write(lambda own: own.execute(change))
        self.log.info("certificate_revoked", id=given.id, party=found.party)
        return await self.certificate(given.id)

    @verb("put-party")
    async def put_party(self, given: Entry) -> Listing:
        """Write a listing with its classes, in the place of the one that is there."""
        await self.store.write(lambda own: queries.put_listing(own, given, _now()))
        found = await self.store.read(lambda own: queries.one_listing(own, given.party, _now()))
        if found is None:
            raise Problem(409, "this party was removed just now")
        return found

    @verb("remove-party")
    async def remove_party(self, given: str) -> bool:
        """Forget a party with its certificates, as "NL-TNM"; whether it was there."""
        return await self.store.write(lambda own: queries.remove_listing(own, given.upper()))

    @verb("key-create")
    async def create_key(self, given: Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$")]) -> NewKey:
        """Make a read key with this name, and tell it this once."""
        key = _KEY_PREFIX + secrets.token_urlsafe(32)
        if given in self.keys.values():
            raise Problem(409, f"there is a key {given!r} already", "revoke it, or take another name")
        row = {"name": given, "digest": _digest(key), "created": _now()}
        await self.store.write(lambda own: own.upsert(keys, [row]), tell=True)
        await self.read_keys()
        return NewKey(given, key)

    @verb("key-list")
    async def list_keys(self, given: None) -> list[KeyName]:
        """List the names of all read keys."""
        rows = await self.store.read(lambda own: own.execute(select(keys).order_by(keys.c.name)))
        return [KeyName(row["name"], queries.written(row["created"])) for row in rows.mappings()]

    @verb("key-revoke")
    async def revoke_key(self, given: str) -> bool:
        """End a read key; whether it was there."""
        gone = delete(keys).where(keys.c.name == given)
        done = await self.store.write(lambda own: own.execute(gone), tell=True)
        await self.read_keys()
        return bool(done.rowcount)

    @panel("Registry")
    async def show_counts(self) -> Figures:
        now = _now()
        parties, active, ending = await self.store.read(lambda own: queries.counts(own, now, now + _SOON * _DAY))
        figures = (
            Figure("parties", parties), Figure("active certificates", active), Figure(f"end in {_SOON} days", ending),
            Figure("read keys", len(self.keys)),
        )  # fmt: skip
        return Figures(figures)

    @panel("Certificates")
    async def show_certificates(self) -> Rows:
        asked = CertificateQuery(limit=_ROWS, state="active")
        found = await self.store.read(lambda own: queries.find_certificates(own, asked, _now()))
        rows = tuple(
            (
                each.party,
                each.model or each.kind,
                _sum(each),
                each.valid_until[:10],
                "made up" if each.synthetic else "",
            )
            for each in found.items
        )
        return Rows(("party", "class", "covers", "valid until", ""), rows)

    async def certificate(self, certificate_id: str) -> Certificate:
        found = await self.store.read(lambda own: queries.one_certificate(own, certificate_id, _now()))
        if found is None:
            raise Problem(404, "there is no such certificate", "see /v1/certificates")
        return found

    async def read_keys(self) -> None:
        rows = await self.store.read(lambda own: own.execute(select(keys)))
        self.keys = {row["digest"]: row["name"] for row in rows.mappings()}

    async def make_up(self, own: Connection) -> None:
        """Take away what was made up before, and in development make it anew."""
        old = await own.execute(select(listings.c.party).where(listings.c.synthetic))
        for party in list(old.scalars()):
            await queries.remove_listing(own, party)
        taken = set((await own.execute(select(listings.c.party))).scalars())
        for number, entry in enumerate(made_up.entries() if self.settings.development else []):
            if entry.party not in taken:
                await self.make_one_up(own, number, entry)

    async def make_one_up(self, own: Connection, number: int, entry: Entry) -> None:
        begin = _now() // _DAY * _DAY - (400 if made_up.expired(number) else 100) * _DAY
        await queries.put_listing(own, entry, begin, synthetic=True)
        for place, each in enumerate(entry.classes):
            if covers := made_up.covers(number, each.kind):
                row = {
                    "id": f"madeup-{number:02d}-{place}", "party": entry.party, "kind": each.kind, "model": each.model,
                    "checked": begin, "valid_from": begin, "valid_until": begin + 365 * _DAY, "ended": None,
                    "ended_why": "",
                }  # fmt: skip
                await queries.add_certificate(own, row, covers)


def _sum(certificate: Certificate) -> str:
    return ", ".join(dict.fromkeys(f"{each.module} {each.version}" for each in certificate.capabilities))


def _digest(key: str) -> str:
    """Keys are long and made by chance: a plain digest of one tells nothing."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _new_id(now: int, number: int) -> str:
    """Ids sort by the time at which they were made."""
    return f"{now:012x}{number:02x}{secrets.token_hex(5)}"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _read_time(text: str) -> int:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
        raise Problem(400, "checked_at: a DateTime in UTC is needed, as 2026-01-31T12:00:00Z")
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
