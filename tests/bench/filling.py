"""A PostgreSQL database as full as that of a hub that has been at work for a month: made by the server itself, quickly.

What the hub makes of its rows later on (longer sums, sorted ids) is made by the hub's own functions.
"""

import re
import time
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database
from hub.store.sorting import sort_part
from tests.versions import location

DAY = 86_400_000
EVSES = 4
_CHUNK = 100_000
_KINDS = "(ARRAY['locations', 'sessions', 'tokens', 'cdrs', 'commands'])"
_MODULE = f"""CASE WHEN r < 0.999 THEN {_KINDS}[1 + least(4, floor(5 * r * r * r)::int)] ELSE 'chargingprofiles' END"""
_ENDED = (
    "CASE WHEN q < 0.97 THEN 'delivered' WHEN q < 0.985 THEN 'declined' WHEN q < 0.995 THEN 'failed' ELSE 'refused' END"
)

_LOCATIONS = """
INSERT INTO mirror (module, owner, object_key, object_id, version, platform_id, last_updated, updated_at, body,
                    latitude, longitude, evses, free, busy, broken)
SELECT 'locations', (CAST(:owners AS text[]))[p], 'l' || n, 'L' || n, '2.2.1', p, stamp, stamp,
       convert_to(replace(replace(replace(CAST(:body AS text), '@N', n::text), '@LAT', (lat / 1e6)::text),
                          '@LON', (lon / 1e6)::text), 'UTF8'),
       lat, lon, 4, 3, 1, 0
FROM (SELECT n, 1 + (n::bigint * :cpos / :all)::int AS p, (:end - random() * 30 * 86400000)::bigint AS stamp,
             36000000 + (random() * 24e6)::int AS lat, -9000000 + (random() * 40e6)::int AS lon
      FROM generate_series(:first, :last) AS n) AS each
"""
_TOKENS = """
INSERT INTO mirror (module, owner, object_key, object_id, version, platform_id, last_updated, updated_at, body)
SELECT 'tokens', (CAST(:owners AS text[]))[p], n || ' RFID', n::text, '2.2.1', p, stamp, stamp,
       convert_to('{"uid":"' || n || '","type":"RFID","whitelist":"ALLOWED","contract_id":"C' || n || '"}', 'UTF8')
FROM (SELECT n, 1 + :cpos + floor(random() * :emsps)::int AS p, (:end - random() * 30 * 86400000)::bigint AS stamp
      FROM generate_series(:first, :last) AS n) AS each
"""
_CONTRACTS = """
INSERT INTO token_contract (owner, object_key, contract, platform_id)
SELECT owner, object_key, 'c' || object_id, platform_id FROM mirror WHERE module = 'tokens'
"""
_HINTS = """
INSERT INTO hint (kind, object_key, asker, party, seen_at)
SELECT 'session', 's' || n, (CAST(:owners AS text[]))[1 + n % 7], (CAST(:owners AS text[]))[1 + n % 5], :end - n
FROM generate_series(1, :all) AS n
"""
_EXCHANGES = f"""
INSERT INTO exchange (id, correlation_id, request_id, sender, sender_id, receiver, receiver_id, version, module,
                      interface, method, object_id, way, why, outcome, http_status, ocpi_status, hub_us, partner_us,
                      bytes_in, bytes_out, reason, findings)
SELECT :begin + n::bigint * :apart, gen_random_uuid()::text, gen_random_uuid()::text,
       (CAST(:owners AS text[]))[s], s, (CAST(:owners AS text[]))[t], t, '2.2.1', {_MODULE}, 'RECEIVER', 'PATCH',
       'L' || floor(random() * 250000)::int, CASE WHEN q < 0.995 THEN 'direct' ELSE 'refuse' END, 'to', {_ENDED},
       200, 1000, (300 + 900 * r)::int, (2000 + 60000 * r * r)::int, 640, 98,
       CASE WHEN q > 0.97 THEN 'said so' END, 0
FROM (SELECT n, s, r, q, 1 + :cpos + (s * 7 + k * 131) % :emsps AS t
      FROM (SELECT n, 1 + floor(random() * :cpos)::int AS s, floor(random() * 20)::int AS k, random() AS r,
                   random() AS q
            FROM generate_series(:first, :last) AS n) AS drawn) AS each
"""
_DELIVERIES = """
INSERT INTO delivery (id, exchange_id, request_id, sender, receiver, platform_id, version, after_us, outcome,
                      http_status, ocpi_status, partner_us, bytes_out, bytes_in, reason, losses, module)
SELECT id + 1, id, gen_random_uuid()::text, sender, receiver, receiver_id, version, hub_us, outcome,
       200, 1000, partner_us, 640, 98, reason, 0, module
FROM exchange
WHERE way = 'direct' AND id BETWEEN :begin + CAST(:first AS bigint) * :apart AND :begin + CAST(:last AS bigint) * :apart
"""
_CAPTURED = "INSERT INTO captured SELECT id, 0, '{}', '{}' FROM exchange WHERE id % 5 = 0 LIMIT 10000"
_SUMS = (
    "INSERT INTO outcome_sum SELECT 1, id / 60000000 * 60000, outcome, count(*) FROM exchange GROUP BY 2, 3",
    """INSERT INTO pair_sum SELECT 1, exchange_id / 60000000 * 60000, sender, receiver, module, outcome, count(*),
       max(exchange_id) FROM delivery GROUP BY 2, 3, 4, 5, 6""",
    """INSERT INTO duration_sum SELECT 1, id / 60000000 * 60000, 'hub',
       round(ln(hub_us::float8) / ln(2::float8) * 8)::int, count(*) FROM exchange GROUP BY 2, 4""",
    """INSERT INTO duration_sum SELECT 1, exchange_id / 60000000 * 60000, 'partner',
       round(ln(partner_us::float8) / ln(2::float8) * 8)::int, count(*) FROM delivery GROUP BY 2, 4""",
)  # fmt: skip

_COUNTED = {
    "outcome_sum": "outcome, sum(count)",
    "duration_sum": "of, step, sum(count)",
    "pair_sum": "sender, receiver, module, outcome, sum(count), max(last)",
}
_KEYS = {"outcome_sum": "2, 3", "duration_sum": "2, 3, 4", "pair_sum": "2, 3, 4, 5, 6"}
_MINUTE = 60_000
_SPANS = ((15, 3), (60, 3), (480, 3), (1440, 400))
"""Minutes, and for how many days there are sums of them. The hub keeps more, which nothing reads that is measured."""

Tell = Callable[[str], None]


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is to be. Half of the platforms are CPOs, and their ids come first; each has one party."""

    owners: Sequence[str]
    """The parties of all platforms, in the order of the platforms' ids, which begin at 1."""
    locations: int
    exchanges: int
    days: int = 30
    end: int = msgspec.field(default_factory=lambda: int(time.time() * 1000))
    """Until when the journal goes: milliseconds since 1970."""


async def fill(database: Database, amount: Amount, tell: Tell) -> None:
    """Fill mirror, hints and journal of a database that has these platforms, and nothing else."""
    half = len(amount.owners) // 2
    common = {"owners": list(amount.owners), "cpos": half, "emsps": len(amount.owners) - half, "end": amount.end}
    journal = {**common, "begin": (amount.end - amount.days * DAY) * 1000}
    journal["apart"] = amount.days * DAY * 1000 // amount.exchanges
    mirror = {**common, "all": amount.locations, "body": _template()}
    steps = (
        ("locations", _LOCATIONS, amount.locations, mirror),
        ("tokens", _TOKENS, amount.locations, mirror),
        ("exchanges", _EXCHANGES, amount.exchanges, journal),
        ("deliveries", _DELIVERIES, amount.exchanges, journal),
    )
    for name, statement, number, values in steps:
        for first in range(0, number, _CHUNK):
            tell(f"{name}: {first:,} of {number:,}")
            here = {**values, "first": first, "last": min(first + _CHUNK, number) - 1}
            await _run(database, statement, here)
    await _run(database, _CONTRACTS, {})
    await _run(database, _HINTS, mirror)
    await _run(database, _CAPTURED, {})
    await _sum_up(database, amount.end, tell)


async def _sum_up(database: Database, now: int, tell: Tell) -> None:
    for number, statement in enumerate(_SUMS):
        tell(f"sums: {number} of {len(_SUMS)}")
        await _run(database, statement, {})
    for table, values in _COUNTED.items():
        for span, days in _SPANS:
            tell(f"{table}: {span} minutes")
            length = span * _MINUTE
            begin, end = (now - days * DAY) // length * length, now // length * length
            await _run(
                database,
                f"INSERT INTO {table} SELECT {span}, at / {length} * {length}, {values} FROM {table} "
                f"WHERE span = 1 AND at >= {begin} AND at < {end} GROUP BY {_KEYS[table]}",
                {},
            )
        await _run(database, f"DELETE FROM {table} WHERE span = 1 AND at < {now - 3 * DAY}", {})
    marks = ", ".join(f"({span}, {now // (span * _MINUTE) * span * _MINUTE})" for span, _ in _SPANS)
    await _run(database, f"INSERT INTO sum_mark VALUES {marks}", {})
    tell("ids")
    while await database.write_rows(lambda rows: sort_part(rows, now * 1000)):
        pass


async def _run(database: Database, statement: str, values: dict[str, object]) -> None:
    """Run it with those of the values that it names."""
    named = [
        # A number as it is: else it has one type for all places where it stands.
        bindparam(name, value, literal_execute=isinstance(value, int))
        for name, value in values.items()
        if re.search(rf":{name}\b", statement)
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(statement).bindparams(*named))

    await database.write(work)


def _template() -> str:
    """A location of four EVSEs and about 2.5 KB, with places for what differs."""
    whole = location("2.2.1")
    (evse,) = whole["evses"]
    (connector,) = evse["connectors"]
    evses = [
        {
            **evse,
            "uid": f"E@N-{each}",
            "evse_id": f"NL*CPO*E@N*{each}",
            "capabilities": ["REMOTE_START_STOP_CAPABLE", "RFID_READER", "RESERVABLE"],
            "physical_reference": f"{each}",
            "connectors": [connector, {**connector, "id": "2"}],
        }
        for each in range(1, EVSES + 1)
    ]
    place = {"latitude": "@LAT", "longitude": "@LON"}
    return msgspec.json.encode(
        {**whole, "id": "L@N", "name": "Place @N", "coordinates": place, "evses": evses}
    ).decode()
