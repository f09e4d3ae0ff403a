"""URLs that partners hand out for later use, replaced by sealed URLs of the hub and opened again.

OCPI 2.2.1: `Link` (transport_and_format: Pagination), `Location` (cdrs 10.2.2), `response_url` (commands 13,
chargingprofiles 14). Only URLs on the partner's own origins are sealed: the hub's token for that partner goes there.
"""

from urllib.parse import parse_qsl, quote, unquote_plus, urljoin, urlsplit

import msgspec

from hub.core.directory import Platform
from hub.core.message import Message, decode_as
from hub.core.modules import Interface, UrlIn
from hub.core.pages import PageHeaders, next_page, query_name
from hub.core.party import Party
from hub.core.paths import join, origin
from hub.core.sealed import Sealed, Sealer, Use
from hub.errors import InvalidParameters, NotFound
from hub.upstream import SendError, split_url

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
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
        if message.operation.bare and not _holds_url(message):
            return message.query, message.body
        if message.operation.url is UrlIn.BODY:
            return message.query, self._body(message, to, party)
        if message.operation.url is UrlIn.QUERY:
            return self._query(message, to, party), message.body
        return message.query, message.body

    def link(self, message: Message, by: Platform, party: Party, endpoint: str, headers: PageHeaders) -> str | None:
        """The Link header for the next page of a list, sealed; None on the last page.

        A partner's own link is kept where it leads to the list it came from. Where it does not (a wrong scheme,
        host or path is common), its query or the counts say which page is next, on the endpoint that works.
        """
        following = next_page(message.url or join(endpoint, message.segments, message.query), headers)
        if following is None:
            return None
        asking = (message.platform, message.sender)
        return f'<{self._seal(message, Use.PAGE, following, holder=asking, target=(by, party))}>; rel="next"'

    def location(self, message: Message, by: Platform, party: Party, endpoint: str, location: str) -> str | None:
        """The Location header of a created object, sealed; None where the partner's leads to nowhere it owns.

        Behind a proxy the scheme is often wrong: on the host of its endpoint, that of the endpoint is taken.
        """
        try:
            here, there = urlsplit(endpoint), urlsplit(urljoin(endpoint, location))
            absolute = (there._replace(scheme=here.scheme) if there.netloc == here.netloc else there).geturl()
            if origin(absolute) not in by.origins:
                return None
            split_url(absolute)
        except (InvalidParameters, SendError, ValueError):
            return None
        return self._seal(message, Use.OBJECT, absolute, holder=(message.platform, message.sender), target=(by, party))

    def open(self, segment: str, holder: Platform, method: str) -> Sealed:
        """What a sealed segment stands for. NotFound where it is not the holder's, or not for this method."""
        inner = self._sealer.open(segment, holder.id)
        if method != ("POST" if inner.use is Use.RESULT else "GET"):
            raise NotFound("this URL does not exist here for this method")
        return inner

    @staticmethod
    def expand(inner: Sealed, target: Platform) -> str:
        """The full URL of what was sealed. NotFound where it no longer belongs to the target platform."""
        url: str | None = inner.url
        if inner.url.startswith(_SHORT):
            base = _base(target, inner.module, inner.use)
            url = base and base + inner.url[1:]
        if url is None or origin(url) not in target.origins or inner.target_party not in target.parties:
            raise NotFound("this URL does not exist any more")
        return url

    def _body(self, message: Message, to: Platform, party: Party) -> bytes:
        try:
            fields: dict[str, msgspec.Raw] = decode_as(message.body, _OBJECT)
            url: str = decode_as(fields[_NAME], _TEXT)
        except (msgspec.ValidationError, KeyError):
            raise InvalidParameters(f"body: {_NAME} is missing, or is not a string") from None
        if any(name.lower() == _NAME for name in fields if name != _NAME):
            # A receiver that does not mind the case would call the other one, with its token.
            raise InvalidParameters(f"body: {_NAME} must be there once")
        fields[_NAME] = msgspec.Raw(_ENCODER.encode(self._result(message, to, party, url)))
        return _ENCODER.encode(fields)

    def _query(self, message: Message, to: Platform, party: Party) -> str:
        parts = message.query.split("&")
        found = [index for index, part in enumerate(parts) if query_name(part).lower() == _NAME]
        if len(found) != 1:
            raise InvalidParameters(f"query: {_NAME} must be there once")
        url = unquote_plus(parts[found[0]].partition("=")[2])
        parts[found[0]] = f"{_NAME}={quote(self._result(message, to, party, url), safe='')}"
        return "&".join(parts)

    def _result(self, message: Message, to: Platform, party: Party, url: str) -> str:
        """A response_url for the receiver of this message; the roles are turned round: it will be the one to call."""
        try:
            there = origin(url)
            split_url(url)
        except InvalidParameters as error:
            raise InvalidParameters(f"{_NAME}: {error.message}") from None
        except SendError as error:
            raise InvalidParameters(f"{_NAME}: {error}") from None
        if there not in message.platform.origins:
            raise InvalidParameters(f"{_NAME} is on a host that this platform did not register; use one of its own")
        return self._seal(message, Use.RESULT, url, holder=(to, party), target=(message.platform, message.sender))

    def _seal(
        self,
        message: Message,
        use: Use,
        url: str,
        *,
        holder: tuple[Platform, Party],
        target: tuple[Platform, Party],
    ) -> str:
        sealed = Sealed(
            use=use,
            version=holder[0].version or message.version,
            module=message.module,
            holder=holder[0].id,
            holder_party=holder[1],
            target=target[0].id,
            target_party=target[1],
            url=_shorten(url, target[0], message.module, use),
        )
        return self._prefix.format(version=sealed.version) + self._sealer.seal(sealed)


def _holds_url(message: Message) -> bool:
    """Whether a request that may hold a response_url does."""
    if message.operation.url is UrlIn.QUERY:
        return any(name.lower() == _NAME for name, _ in parse_qsl(message.query, keep_blank_values=True))
    if message.operation.url is not UrlIn.BODY or not message.body:
        return False
    try:
        fields: dict[str, msgspec.Raw] = decode_as(message.body, _OBJECT)
    except msgspec.ValidationError:
        return False
    return any(name.lower() == _NAME for name in fields)


def _interface(use: Use) -> Interface:
    return Interface.RECEIVER if use is Use.OBJECT else Interface.SENDER


def _base(platform: Platform, module: str, use: Use) -> str | None:
    """The endpoint that a URL of this use is most likely under, without the slash that comes and goes."""
    endpoint = platform.endpoints.get((module, _interface(use)))
    return endpoint.partition("?")[0].rstrip("/") if endpoint else None


def _shorten(url: str, platform: Platform, module: str, use: Use) -> str:
    """Leave out what the directory knows: OCPI gives a URL 255 characters, and sealing makes them more."""
    base = _base(platform, module, use)
    if base and url.startswith((f"{base}/", f"{base}?")):
        return _SHORT + url[len(base) :]
    return url
