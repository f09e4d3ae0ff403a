"""What must hold for values beyond their type: URLs, networks, and values that have to fit each other."""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from msgspec import structs

from hub.config.model import Config, sections
from hub.config.section import Section
from hub.config.spots import KeyPath
from hub.core.custom import faults
from hub.core.party import Party

_NETWORKS = (("upstream", "allow_private"), ("listen", "trusted_proxies"), ("admin", "trusted_proxies"))
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")

Finding = tuple[tuple[KeyPath, ...], str]


def check(config: Config) -> Iterator[Finding]:
    """Pairs of the paths that a problem concerns, the likeliest first, and the reason."""
    for name in sections():
        yield from _printable(name, getattr(config, name))
    yield from _refused(("hub", "party"), config.hub.party, Party.parse)
    yield from _refused(("hub", "website"), config.hub.website, _web_url)
    yield from _refused(("listen", "host"), config.listen.host, _host)
    yield from _refused(("admin", "host"), config.admin.host, _host)
    yield from _refused(("listen", "public_url"), config.listen.public_url, _base_url)
    yield from _refused(("telemetry", "endpoint"), config.telemetry.endpoint, _web_url)
    yield from _refused(("store", "url"), config.store.url, _database)
    for index, host in enumerate(config.admin.names):
        yield from _refused(("admin", "names", index), host, _host)
    for name, key in _NETWORKS:
        for index, network in enumerate(getattr(getattr(config, name), key)):
            yield from _refused((name, key, index), network, _network)
    if config.ca_file is not None and not config.ca_file.is_file():
        yield (("upstream", "ca_file"),), f"ca_file: there is no file {config.ca_file}"
    yield from _tls(config)
    yield from _within_timeout(config)
    for name, module in config.modules.items():
        for path, reason in faults(name, module):
            yield (("modules", name, *path),), reason


def _printable(name: str, section: Section) -> Iterator[Finding]:
    for key, value in structs.asdict(section).items():
        if isinstance(value, str) and not value.isprintable():
            yield ((name, key),), f"{key} holds a character that can not be shown, as a line break"


def _within_timeout(config: Config) -> Iterator[Finding]:
    timeout = config.limits.timeout
    for key in ("connect_timeout", "dns_timeout"):
        value = getattr(config.upstream, key)
        if value > timeout:
            reason = f"{key} is {value:g}; it must be at most limits.timeout, which is {timeout:g}"
            yield (("upstream", key), ("limits", "timeout")), reason


def _tls(config: Config) -> Iterator[Finding]:
    for key in ("certificate", "key", "client_ca"):
        name = getattr(config.listen, key)
        if name is not None and not (config.folder / name).is_file():
            yield (("listen", key),), f"{key}: there is no file {config.folder / name}"
        elif name is not None and config.listen.certificate is None:
            yield (("listen", key),), f"{key}: it is of no use without listen.certificate; name that file, too"


def _refused(path: KeyPath, value: str | None, parse: Callable[[str], object]) -> Iterator[Finding]:
    """A finding when `parse` raises ValueError."""
    if value is None:
        return
    try:
        parse(value)
    except ValueError as error:
        yield (path,), f"{path[1]}: {error}"


def _web_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must be a whole URL, as https://hub.example")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must not hold a user name or password")
    if not text.isascii() or " " in text:
        raise ValueError("it must be written in ASCII, without spaces")
    _ = parts.port  # ValueError when it is no port


def _database(text: str) -> None:
    # Nothing of it is repeated: it holds a password.
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("it must begin with postgresql://; for SQLite leave it out")
    if len(urlsplit(text).path) < 2:
        raise ValueError("it must name a database, as in postgresql://hub@db.example/hub")
    if not all(_HOST_AND_PORT.fullmatch(host) for host in urlsplit(text).netloc.rpartition("@")[2].split(",")):
        raise ValueError("its host or port can not be read; in a password write / as %2F, @ as %40, # as %23, ? as %3F")


def _base_url(text: str) -> None:
    _web_url(text)
    if "?" in text or "#" in text:
        raise ValueError("it must not hold a query or a fragment; paths are appended to it")


def _host(text: str) -> None:
    if ":" in text or text.replace(".", "").isdigit():
        _address(text)
    elif not _HOST_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is neither an IP address nor a host name")


def _address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address; the port has a key of its own") from None


def _network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a network{_likely_network(text)}") from None


def _likely_network(text: str) -> str:
    try:
        return f"; did you mean {ip_network(text, strict=False)}?"
    except ValueError:
        return "; write it as 10.0.0.0/8"
