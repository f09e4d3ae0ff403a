"""TLS of the listener: certificate, key and authorities read from files, judged, and read again when they change."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, NoReturn, Self

import msgspec
import structlog
from cryptography import x509

from hub.background import background
from hub.config import TlsFiles
from hub.marks import Mark, mark

log = structlog.get_logger()

INTERVAL = 60.0
"""Seconds between two looks at the files."""
SOON = timedelta(days=14)
_REMIND = timedelta(days=1)


class TlsError(Exception):
    """The files can not be used. `key` is the one in [listen] that names the file."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key


class Identity(msgspec.Struct, frozen=True):
    """What the hub shows of itself: a context for connections, and the certificate in it."""

    context: ssl.SSLContext
    certificate: x509.Certificate

    def doubts(self, host: str | None = None) -> list[str]:
        """What is wrong with a certificate that can be used all the same: its dates, or that it is not for `host`."""
        return [*self._dates(), *([] if host is None else self._names(host))]

    @property
    def is_valid(self) -> bool:
        """Whether now is between its dates."""
        return self.certificate.not_valid_before_utc <= datetime.now(UTC) <= self.certificate.not_valid_after_utc

    def _dates(self) -> list[str]:
        now, begin, end = datetime.now(UTC), self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if now < begin:
            return [f"the certificate is valid from {begin:%Y-%m-%d %H:%M} UTC on only; partners refuse it until then"]
        if now > end:
            return [f"the certificate expired on {end:%Y-%m-%d %H:%M} UTC; partners refuse it"]
        if end - now < SOON:
            return [f"the certificate expires on {end:%Y-%m-%d %H:%M} UTC, in {(end - now).days} days; renew it"]
        return []

    def _names(self, host: str) -> list[str]:
        try:
            names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ["the certificate names no host (it has no subjectAltName); partners refuse it"]
        known: list[str | IPv4Address | IPv6Address] = [
            name.lower() for name in names.get_values_for_type(x509.DNSName)
        ]
        known += [each for each in names.get_values_for_type(x509.IPAddress) if isinstance(each, _ADDRESS)]
        wanted = _host(host)
        if wanted in known or (isinstance(wanted, str) and f"*.{wanted.partition('.')[2]}" in known):
            return []
        return [f"the certificate is for {', '.join(map(str, known)) or 'no host'}, and partners call {host}"]


_ADDRESS = (IPv4Address, IPv6Address)


def load(files: TlsFiles) -> Identity:
    """The files as a context for TLS 1.2 and later. Raises TlsError."""
    certificate = _certificate(files.certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load_key(context, files)
    if files.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED if files.client_required else ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(files.client_ca)
        except ssl.SSLError:
            raise TlsError("client_ca", f"no certificate in PEM form is in {files.client_ca}") from None
        except OSError as error:
            raise _unreadable("client_ca", files.client_ca, error) from None
    return Identity(context, certificate)


def exposed(files: TlsFiles) -> list[str]:
    """A word on a key that every user of the machine can read."""
    if files.key.stat().st_mode & 0o004:
        return [f"every user of this machine can read the key {files.key}: chmod o-r {files.key}"]
    return []


class Tls:
    """The listener's TLS. Raises TlsError where the files can not be used; later on, what was in force stays.

    `context` is for the listening socket, once and for all: each new connection takes what is in force then.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = _stamp(files)
        self.context = _Switch(load(files))
        self._task: asyncio.Task[None] | None = None
        self._reminded: datetime | None = None

    @property
    def expires(self) -> datetime:
        """When the certificate in force ends, in UTC."""
        return self.context.identity.certificate.not_valid_after_utc

    def start(self) -> None:
        """Look at the files from time to time."""
        self._remind()
        self._task = background(self._watch(), "certificates")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def reload(self, files: TlsFiles | None = None) -> list[str]:
        """Read the files again, or other ones from now on; connections that are open stay as they are.

        The result is what is wrong, which the log holds too: then nothing has changed.
        """
        files = files or self._files
        stamp = _stamp(files)
        try:
            identity = self._successor(files)
        except TlsError as refused:
            self._stamp = stamp
            until = f"{self.expires:%Y-%m-%d %H:%M}"
            log.error("certificate_not_loaded", reason=str(refused), in_force_until=until)  # noqa: TRY400 - no traceback
            return [str(refused)]
        self._files, self._stamp, self._reminded = files, stamp, None
        self.context.identity = identity
        log.info("certificate_loaded", file=str(files.certificate), valid_until=f"{self.expires:%Y-%m-%d %H:%M}")
        self._remind()
        return []

    def _successor(self, files: TlsFiles) -> Identity:
        """What the files hold, unless that would be worse than what is in force."""
        identity = load(files)
        if self.context.identity.is_valid and not identity.is_valid:
            raise TlsError("certificate", identity.doubts()[0])
        return identity

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            if _stamp(self._files) != self._stamp:
                self.reload()
            else:
                self._remind()

    def _remind(self) -> None:
        """Say once a day what is wrong with the dates."""
        now = datetime.now(UTC)
        if (doubts := self.context.identity.doubts()) and (not self._reminded or now - self._reminded > _REMIND):
            self._reminded = now
            log.warning("certificate_doubtful", reason=doubts[0])


class _Switch(ssl.SSLContext):
    """Stands for the context in force. One that is in use can not take a new certificate, key and CA in one step."""

    identity: Identity

    def __new__(cls, _: Identity) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """What event loops call for each connection."""
        return self.identity.context.wrap_bio(*args, **options)


def _certificate(path: Path) -> x509.Certificate:
    """The first one in the file: the hub's own."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except OSError as error:
        raise _unreadable("certificate", path, error) from None
    except ValueError:
        raise TlsError("certificate", f"no certificate in PEM form is in {path}") from None


def _load_key(context: ssl.SSLContext, files: TlsFiles) -> None:
    def locked() -> NoReturn:
        raise TlsError("key", f"the key in {files.key} has a password; store it without: openssl pkey -in KEY -out NEW")

    try:
        context.load_cert_chain(files.certificate, files.key, locked)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            reason = f"the key in {files.key} does not fit the certificate in {files.certificate}"
        else:
            reason = (
                f"no private key in PEM form that OpenSSL takes is in {files.key} ({error.reason or error.strerror})"
            )
        raise TlsError("key", reason) from None
    except OSError as error:
        raise _unreadable("key", files.key, error) from None


def _unreadable(key: str, path: Path, error: OSError) -> TlsError:
    return TlsError(key, f"{path} can not be read: {error.strerror}")


def _host(text: str) -> str | IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        return text.lower()


def _stamp(files: TlsFiles) -> list[Mark | None]:
    """What differs when a file differs."""
    return [mark(path) for path in (files.certificate, files.key, files.client_ca) if path is not None]
