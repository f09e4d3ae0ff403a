"""URLs that partners hand out for later use, replaced by sealed URLs of the hub and opened again.

OCPI 2.2.1: `Link` (transport_and_format: Pagination), `Location` (cdrs 10.2.2), `response_url` (commands 13,
chargingprofiles 14). Only URLs on the partner's own origins are sealed: the hub's token for that partner goes there.
"""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from hub.core.directory import Platform
from hub.core.message import Message, decode_as
from hub.core.modules import Interface, UrlIn
from hub.core.party import Party
from hub.core.paths import join, origin
from hub.core.sealed import Sealed, Sealer, Use
from hub.errors import InvalidParameters, NotFound

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()
_NAME = "response_url"
_SHORT = "~"


class Indirect:
    """Seals what goes out, opens what comes in. `prefix` is the hub's URL of sealed segments, `{version}` in it."""

    def __init__(self, sealer: Sealer, prefix: str) -> None:
        self._sealer = sealer
        self._prefix = prefix

    def request(self, message: Message, to: Platform, party: Party) -> tuple[str, bytes]:
        """Query and body of a message, with its response_url sealed for the receiver."""
        if message.operation.url is UrlIn.BODY:
            return message.query, self._body(message, to, party)
        if message.operation.url is UrlIn.QUERY:
            return self._query(message, to, party), message.body
        return message.query, message.body

    def link(self, message: Message, by: Platform, party: Party, endpoint: str, headers: "PageHeaders") -> str | None:
        """The Link header for the next page of a list, sealed; None on the last page.

        A partner's own link is kept where it leads to the list it came from. Where it does not (a wrong scheme,
        host or path is common), its query or the counts say which page is next, on the endpoint that works.
        """
        following = next_page(message, endpoint, headers)
        if following is None:
            return None
        return f'<{self._seal(message, Use.PAGE, following, target=by, target_party=party)}>; rel="next"'

    def location(self, message: Message, by: Platform, party: Party, endpoint: str, location: str) -> str | None:
        """The Location header of a created object, sealed; None where the partner's leads to nowhere it owns."""
        try:
            absolute = location if "://" in location else origin(endpoint) + location
            if not _same_host(absolute, by):
                return None
        except InvalidParameters:
            return None
        return self._seal(message, Use.OBJECT, absolute, target=by, target_party=party)

    def open(self, segment: str, holder: Platform, method: str) -> Sealed:
        """What a sealed segment stands for. NotFound where it is not the holder's, or not for this method."""
        inner = self._sealer.open(segment, holder.id)
        if method != ("POST" if inner.use is Use.RESULT else "GET"):
            raise NotFound("this URL does not exist here for this method")
        return inner

    @staticmethod
    def expand(inner: Sealed, target: Platform) -> str:
        """The full URL of what was sealed. NotFound where it no longer belongs to the target platform."""
        url = inner.url
        if url.startswith(_SHORT):
            endpoint = target.endpoints.get((inner.module, _interface(inner.use)))
            if endpoint is None:
                raise NotFound("this URL does not exist any more")
            url = endpoint + url[1:]
        if origin(url) not in target.origins:
            raise NotFound("this URL does not exist any more")
        return url

    def _body(self, message: Message, to: Platform, party: Party) -> bytes:
        try:
            fields: dict[str, msgspec.Raw] = decode_as(message.body, _OBJECT)
            url = msgspec.json.decode(fields[_NAME], type=str)
        except (msgspec.ValidationError, KeyError):
            raise InvalidParameters(f"body: {_NAME} is missing, or is not a string") from None
        fields[_NAME] = msgspec.Raw(_ENCODER.encode(self._result(message, to, party, url)))
        return _ENCODER.encode(fields)

    def _query(self, message: Message, to: Platform, party: Party) -> str:
        pairs = parse_qsl(message.query, keep_blank_values=True)
        urls = [value for name, value in pairs if name == _NAME]
        if len(urls) != 1:
            raise InvalidParameters(f"query: {_NAME} must be there once")
        sealed = self._result(message, to, party, urls[0])
        return urlencode([(name, sealed if name == _NAME else value) for name, value in pairs], quote_via=quote)

    def _result(self, message: Message, to: Platform, party: Party, url: str) -> str:
        """A response_url for the receiver of this message; the roles are turned round: it will be the one to call."""
        if origin(url) not in message.platform.origins:
            raise InvalidParameters(f"{_NAME} is on a host that this platform did not register; use one of its own")
        return self._prefix.format(version=message.version) + self._sealer.seal(
            Sealed(
                use=Use.RESULT,
                version=message.version,
                module=message.module,
                holder=to.id,
                holder_party=party,
                target=message.platform.id,
                target_party=message.sender,
                url=_shorten(url, message.platform, message.module, Use.RESULT),
            )
        )

    def _seal(self, message: Message, use: Use, url: str, *, target: Platform, target_party: Party) -> str:
        return self._prefix.format(version=message.version) + self._sealer.seal(
            Sealed(
                use=use,
                version=message.version,
                module=message.module,
                holder=message.platform.id,
                holder_party=message.sender,
                target=target.id,
                target_party=target_party,
                url=_shorten(url, target, message.module, use),
            )
        )


class PageHeaders(msgspec.Struct, frozen=True):
    """What a partner's paged answer says of its pages, as it came."""

    link: str | None = None
    total: str | None = None
    limit: str | None = None


def next_page(message: Message, endpoint: str, headers: PageHeaders) -> str | None:
    """The URL of the next page at the partner, or None. Pure; see `Indirect.link`."""
    asked = message.url or join(endpoint, (), message.query)
    target = _link_target(headers.link)
    if target is not None:
        parts = urlsplit(target)
        here = urlsplit(asked)
        if (parts.scheme, parts.netloc, parts.path) == (here.scheme, here.netloc, here.path):
            return target
        paging = {
            name: value for name, value in parse_qsl(parts.query) if name in ("offset", "limit") and value.isdigit()
        }
        return _with_paging(asked, paging) if "offset" in paging else None
    if headers.link is None or not (_number(headers.total) and _number(headers.limit)):
        return None
    # An empty Link is what some send on the last page, and others on every page: the counts decide.
    query = dict(parse_qsl(urlsplit(asked).query))
    following = (_number(query.get("offset")) or 0) + (_number(headers.limit) or 0)
    if following >= (_number(headers.total) or 0):
        return None
    return _with_paging(asked, {"offset": str(following), "limit": str(_number(headers.limit))})


def _link_target(link: str | None) -> str | None:
    for part in (link or "").split(","):
        url, _, parameters = part.partition(";")
        if url.strip().startswith("<") and "next" in parameters.replace('"', "").lower():
            return url.strip().strip("<>").strip()
    return None


def _with_paging(url: str, paging: dict[str, str]) -> str:
    base, _, query = url.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in paging]
    return f"{base}?{urlencode([*kept, *paging.items()], quote_via=quote, safe=':')}"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else None


def _same_host(url: str, platform: Platform) -> bool:
    return origin(url) in platform.origins


def _interface(use: Use) -> Interface:
    return Interface.RECEIVER if use is Use.OBJECT else Interface.SENDER


def _shorten(url: str, platform: Platform, module: str, use: Use) -> str:
    """Leave out what the directory knows: OCPI gives a URL 255 characters, and sealing makes them more."""
    endpoint = platform.endpoints.get((module, _interface(use)))
    return _SHORT + url[len(endpoint) :] if endpoint and url.startswith(endpoint) else url
