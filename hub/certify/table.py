"""All checks: one row each, with what it is about and the section of the specification that it follows."""

from collections.abc import Awaitable, Callable

import msgspec

from hub.certify import commands, handshake, lists, pushes, refusals
from hub.certify.model import Subject
from hub.certify.probe import Probe
from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.modules import Interface

Run = Callable[[Probe, str, Interface], Awaitable[str]]
Place = tuple[str, Interface]

_S, _R = Interface.SENDER, Interface.RECEIVER
_WHOLE: tuple[Place, ...] = (("", _S),)
_LISTS: tuple[Place, ...] = tuple((module, _S) for module in lists.LISTS)
_PUSHED: tuple[Place, ...] = tuple((module, _R) for module in refusals.RECEIVERS)
_KEPT: tuple[Place, ...] = tuple(place for place in _PUSHED if place != ("cdrs", _R))
_PATCHED: tuple[Place, ...] = tuple((module, _R) for module in pushes.CHANGED)
_VERSIONS = "version_information_endpoint: Version information endpoint"
_DETAILS = "version_information_endpoint: Version details endpoint"
_CREDENTIALS = "credentials: GET method"
_HEADER = "transport_and_format: Authorization header"
_FORMAT = "transport_and_format: Response format"
_IDS = "transport_and_format: Unique message IDs"
_ROUTING = "transport_and_format: Message Routing Headers"
_PAGING = "transport_and_format: Paginated Response"
_ASKING = "transport_and_format: Paginated Request"
_CODES = "status_codes: Status codes"
_PUSH = "transport_and_format: Client Owned Object Push"
_MODULE = "mod_{module}: Object description"
_SENDER = "mod_{module}: Sender interface"


class Check(msgspec.Struct, frozen=True, eq=False):
    """One row. `places` are the modules and interfaces that it is made on, where the platform has them.

    `transport`: it is about what a party inside the hub does not do itself. `writes`: it leaves something behind.
    """

    id: str
    run: Run
    section: str
    places: tuple[Place, ...] = _WHOLE
    transport: bool = False
    writes: bool = False

    @property
    def title(self) -> str:
        """What is checked, in a sentence."""
        return (self.run.__doc__ or "").strip()

    def section_of(self, version: str, module: str) -> str:
        """The section, in a version: as people find it there."""
        name = "charging_profiles" if module == "chargingprofiles" else module
        return f"OCPI {version}, {self.section.format(module=name)}"


CHECKS: tuple[Check, ...] = (
    Check("versions-list", handshake.versions_list, _VERSIONS),
    Check("version-details", handshake.version_details, _DETAILS, transport=True),
    Check("modules-advertised", handshake.all_advertised, _DETAILS, transport=True),
    Check("credentials", handshake.credentials_get, _CREDENTIALS, transport=True),
    Check("tls", handshake.tls, "transport_and_format: Security and authentication", transport=True),
    Check("token-missing", handshake.token_missing, _HEADER, transport=True),
    Check("token-wrong", handshake.token_wrong, _HEADER, transport=True),
    Check("token-base64", handshake.token_encoding, _HEADER, transport=True),
    Check("error-body", handshake.refusal_body, _FORMAT, transport=True),
    Check("response-format", handshake.envelope, _FORMAT, transport=True),
    Check("message-ids", handshake.ids_echoed, _IDS, transport=True),
    Check("routing-headers", handshake.routing_echoed, _ROUTING, transport=True),
    Check("unknown-module", handshake.unknown_module, _CODES, transport=True),
    Check("list", lists.listed, _SENDER, _LISTS),
    Check("list-headers", lists.page_headers, _PAGING, _LISTS),
    Check("list-limit", lists.limit_honoured, _ASKING, _LISTS),
    Check("list-pages", lists.paged_through, _PAGING, _LISTS),
    Check("list-dates", lists.filtered, _ASKING, _LISTS),
    Check("list-bad-date", lists.bad_date, _CODES, _LISTS),
    Check("list-order", lists.oldest_first, _PAGING, _LISTS),
    Check("objects", lists.objects_valid, _MODULE, _LISTS),
    Check("owners", lists.owners, _MODULE, _LISTS),
    Check("last-updated", lists.stamps, "types: DateTime type", _LISTS),
    Check("one-object", lists.single, "mod_locations: Sender interface, GET method", (("locations", _S),)),
    Check("unknown-object", lists.unknown_id, _CODES, (("locations", _S),)),
    Check("unknown-object", refusals.unknown_object, _CODES, _KEPT),
    Check("unknown-method", refusals.wrong_method, _CODES, _LISTS),
    Check("bad-json", refusals.malformed, _CODES, (*_PUSHED, ("commands", _R))),
    Check("missing-fields", refusals.incomplete, _CODES, (*_PUSHED, ("commands", _R))),
    Check("unknown-token", commands.unknown_token, "mod_tokens: Real-time authorization", (("tokens", _S),)),
    Check("authorize", commands.authorized, "mod_tokens: Real-time authorization", (("tokens", _S),)),
    Check("start-session", commands.start_unknown, "mod_commands: StartSession", (("commands", _R),)),
    Check("stop-session", commands.stop_unknown, "mod_commands: StopSession", (("commands", _R),)),
    Check("unlock-connector", commands.unlock_unknown, "mod_commands: UnlockConnector", (("commands", _R),)),
    Check("cancel-reservation", commands.cancel_unknown, "mod_commands: CancelReservation", (("commands", _R),)),
    Check(
        "charging-profile", commands.profile_unknown, "mod_charging_profiles: Receiver interface",
        (("chargingprofiles", _R),),
    ),
    Check("put", pushes.put_and_get, _PUSH, _KEPT, writes=True),
    Check("put-again", pushes.put_again, "status_codes: Status codes", _KEPT, writes=True),
    Check("put-other-id", pushes.other_id, _PUSH, _KEPT, transport=True, writes=True),
    Check("patch", pushes.patched, "transport_and_format: PATCH", _PATCHED, writes=True),
    Check("delete", pushes.deleted, "mod_tariffs: DELETE method", (("tariffs", _R),), writes=True),
    Check("post-cdr", pushes.cdr_posted, "mod_cdrs: POST method", (("cdrs", _R),), writes=True),
    Check("reserve-now", commands.reserved, "mod_commands: ReserveNow", (("commands", _R),), writes=True),
)  # fmt: skip


def places(check: Check, subject: Subject) -> list[Place]:
    """Where a check is made on a platform: its own endpoints, and in OCPI 2.1.1 those of its roles."""
    if check.places is _WHOLE:
        return list(_WHOLE)
    return [place for place in check.places if place in subject.endpoints and _has(subject, place)]


def _has(subject: Subject, place: Place) -> bool:
    """Endpoints of OCPI 2.1.1 do not say which interface they are: the role does."""
    if subject.version not in WITHOUT_INTERFACES:
        return True
    module, side = place
    held = {role.value for roles in subject.roles.values() for role in roles}
    is_cpo = (side is _R) == (module in ("tokens", "commands", "chargingprofiles"))
    return "CPO" in held if is_cpo else held != {"CPO"}
