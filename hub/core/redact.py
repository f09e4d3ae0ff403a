"""Bodies as they are kept for people: without tokens, cards, contracts and what tells of a person."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from hub.core.message import decode_json
from hub.errors import BadRequest

HIDDEN = "[hidden]"
_LONGEST = 64 * 1024
_LARGEST = 2_000_000
_SECRETS = frozenset(("token", "access_token", "authorization", "password", "secret", "api_key", "access_code", "pin"))
_CARDS = frozenset(("auth_id", "contract_id", "visual_number", "group_id", "card_number", "pan", "iban"))
_PERSONS = frozenset(
    (
        "customer_reference",
        "date_of_birth",
        "driver_name",
        "e_mail",
        "email",
        "first_name",
        "full_name",
        "last_name",
        "licence_plate",
        "license_plate",
        "mobile",
        "phone",
        "phone_number",
        "vehicle_id",
        "vin",
    )
)
_ALWAYS = _SECRETS | _CARDS | _PERSONS
_EVSE = frozenset(("evse_id", "connectors", "status", "physical_reference"))
"""What an EVSE has beside its `uid` and a card has not."""


def redacted(body: bytes) -> str:
    """A body as text. One that is not JSON is not kept: nobody knows what is in it."""
    if not body:
        return ""
    if len(body) > _LARGEST:
        return f"[not kept: {len(body)} bytes]"
    try:
        text = msgspec.json.encode(redact(decode_json(body))).decode()
    except (BadRequest, RecursionError):
        return f"[not JSON: {len(body)} bytes]"
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… [cut, of {len(body)} bytes]"


def redact(value: Any, *, personal: bool = True) -> Any:
    """Decoded JSON without what is secret, and, where `personal`, without cards and what tells of a person.

    RecursionError where it is nested too deeply.
    """
    if isinstance(value, list):
        return [redact(each, personal=personal) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _of(name.lower(), each, value, personal=personal) for name, each in value.items()}


def _of(name: str, value: Any, holder: dict[str, Any], *, personal: bool) -> Any:
    hidden = _ALWAYS if personal else _SECRETS
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (dict, list)) and (name not in hidden or (name == "token" and isinstance(value, dict))):
        return redact(value, personal=personal)
    if name in hidden or (personal and _is_card(name, holder)):
        return HIDDEN
    if isinstance(value, str) and name.endswith("url"):
        return without_query(value)
    return value


def _is_card(name: str, holder: dict[str, Any]) -> bool:
    return (name == "value" and "method" in holder) or (name == "uid" and not _EVSE & holder.keys())


def without_query(url: str) -> str:
    """A URL without what may open something: its query, and the name and password before its host."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, HIDDEN if parts.query else "", ""))
    except ValueError:
        return HIDDEN


def database_at(url: str) -> str:
    """A URL of a database for people: without its password, and without its query, which may hold one, too."""
    try:
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        return f"postgresql://{user.partition(':')[0]}{at}{hosts}{parts.path}"
    except ValueError:
        return HIDDEN
