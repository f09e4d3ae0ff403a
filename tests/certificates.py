"""A certificate authority for one test, and what it signs: files in PEM form, as an operator has them."""

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


class Authority:
    """An authority; its own certificate is in `file`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {file.name}")])
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        own = (
            self._build(self._name, self._key.public_key(), 30)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        file.write_bytes(own.public_bytes(_PEM))

    def issue(
        self,
        certificate: Path,
        key: Path,
        *,
        names: Sequence[str] = ("hub.example", "127.0.0.1"),
        days: float = 60,
        password: bytes | None = None,
    ) -> int:
        """Write a certificate that ends in `days` and its key, both in place of what was there. The serial number."""
        private = ec.generate_private_key(ec.SECP256R1())
        builder = self._build(x509.Name([]), private.public_key(), days)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=True)
        signed = builder.sign(self._key, hashes.SHA256())
        how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        replace(certificate, signed.public_bytes(_PEM))
        replace(key, private.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, how))
        return signed.serial_number

    def client(self, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        """For a client that trusts this authority, and has a certificate of its own or none."""
        context = ssl.create_default_context(cafile=self.file)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return context

    def _build(self, subject: x509.Name, public: ec.EllipticCurvePublicKey, days: float) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=90))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def replace(path: Path, content: bytes) -> None:
    """A new file in place of the old, in one step."""
    new = path.with_name(f".{path.name}")
    new.write_bytes(content)
    new.chmod(0o600)
    new.replace(path)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
