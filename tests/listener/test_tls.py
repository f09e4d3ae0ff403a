"""TLS in the hub itself, on real sockets with real certificates: who gets in, and what a change of the files does."""

import asyncio
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from hub.app import App
from hub.config import Limits, Listen
from hub.listener import CannotStart
from tests.certificates import Authority, replace
from tests.cli.conftest import serving
from tests.partner import Partner
from tests.raw import request, wire
from tests.support import running

VERSIONS = request("GET", "/ocpi/versions")


class Files:
    """An authority, and the files of a hub."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca.pem")
        self.certificate, self.key = folder / "hub.pem", folder / "hub.pk"
        self.serial = self.renew()
        self.listen = Listen(port=0, certificate=self.certificate.name, key=self.key.name)

    def renew(self, **how: Any) -> int:
        """Issue new ones; their serial number."""
        return self.authority.issue(self.certificate, self.key, **how)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def secure(files: Files, **changes: Any) -> AsyncIterator[App]:
    """A hub with TLS."""
    async with running(files.key.parent, listen=changes.pop("listen", files.listen), **changes) as app:
        yield app


async def shown(app: App, tls: ssl.SSLContext) -> int:
    """The serial number of the certificate that a new connection to a hub is shown."""
    return await serial_at(_port(app), tls)


async def serial_at(port: int, tls: ssl.SSLContext) -> int:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(certificate).serial_number
    finally:
        writer.transport.abort()


def _port(app: App) -> int:
    return int(app.url.rpartition(":")[2])


async def test_a_partner_registers_and_asks_over_tls(files):
    async with secure(files) as app, Partner("NL-TST:CPO").serve() as partner:
        assert app.versions_url == f"https://127.0.0.1:{_port(app)}/ocpi/versions"
        partner.tls = files.authority.client()
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        told = await partner.ask("GET", "/ocpi/2.2.1")
        assert all(each["url"].startswith(app.url) for each in told.envelope["data"]["endpoints"])
        assert await shown(app, partner.tls) == files.serial


async def test_only_tls_12_and_later_and_nothing_but_tls(files):
    async with secure(files) as app:
        async with wire(app.url) as connection:
            await connection.send(VERSIONS)
            assert await connection.answer() is None
        old = files.authority.client()
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shown(app, old)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            modern = files.authority.client()
            modern.minimum_version = modern.maximum_version = version
            assert await shown(app, modern) == files.serial


async def test_who_says_nothing_is_cut_off_before_and_after_the_handshake(files):
    async with secure(files, limits=Limits(timeout=5.0, slow_request=0.3)) as app:
        with socket.create_connection(("127.0.0.1", _port(app))) as silent:
            silent.setblocking(False)
            async with asyncio.timeout(5):
                assert await asyncio.get_running_loop().sock_recv(silent, 1) == b""
        async with wire(app.url, tls=files.authority.client()) as connection:
            assert await connection.closed() == b""


async def test_a_reload_leaves_open_connections_and_shows_new_ones_the_new_certificate(files):
    tls = files.authority.client()
    async with secure(files) as app, wire(app.url, tls=tls) as early:
        for _ in range(3):
            await early.send(VERSIONS)
            assert (await early.answer()).status == 401
            serial = files.renew()
            assert app.tls.reload() == []
            assert await shown(app, tls) == serial
        await early.send(VERSIONS)
        assert (await early.answer()).status == 401


async def test_no_request_fails_while_certificates_change(files):
    tls = files.authority.client()

    async def client(app: App, done: asyncio.Event) -> int:
        count = 0
        while not done.is_set():
            async with wire(app.url, tls=tls, within=20) as connection:
                for _ in range(3):
                    await connection.send(VERSIONS)
                    assert (await connection.answer()).status == 401
                    count += 1
        return count

    async with secure(files) as app:
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            clients = [group.create_task(client(app, done)) for _ in range(6)]
            serials = set()
            for _ in range(15):
                files.renew()
                assert app.tls.reload() == []
                serials.add(await shown(app, tls))
            done.set()
        assert len(serials) == 15
        assert all(each.result() >= 3 for each in clients)


async def test_changed_files_are_found_and_bad_ones_change_nothing(files, monkeypatch):
    monkeypatch.setattr("hub.listener.tls.INTERVAL", 0.01)
    tls = files.authority.client()
    with capture_logs() as events:

        async def until(event: str, times: int = 1) -> list[Any]:
            async with asyncio.timeout(10):
                while len(found := [each for each in events if each["event"] == event]) < times:
                    await asyncio.sleep(0.01)
            return found

        async with secure(files) as app:
            good = files.key.read_bytes()
            replace(files.key, b"no key")
            refused = await until("certificate_not_loaded")
            assert refused[0]["reason"].startswith(
                f"key: no private key in PEM form that OpenSSL takes is in {files.key}"
            )
            assert await shown(app, tls) == files.serial
            replace(files.key, good)
            await until("certificate_loaded")
            serial = files.renew()
            await until("certificate_loaded", 2)
            assert await shown(app, tls) == serial
    assert len([each for each in events if each["event"] == "certificate_not_loaded"]) <= 2, "told once, not each time"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda files: replace(files.certificate, b"nothing"), "certificate: no certificate in PEM form is in "),
        (lambda files: files.certificate.unlink(), "certificate: {certificate} can not be read: No such file"),
        (lambda files: files.key.unlink(), "key: {key} can not be read: No such file"),
        (lambda files: files.renew(password=b"secret"), "key: the key in {key} has a password; store it without: "),
        (lambda files: files.renew(days=-1), "certificate: the certificate expired on 20"),
        (
            lambda files: Authority(files.certificate),
            "key: the key in {key} does not fit the certificate in {certificate}",
        ),
    ],
)
async def test_what_is_wrong_with_new_files_is_told(files, spoil, told):
    async with secure(files) as app:
        spoil(files)
        (problem,) = app.tls.reload()
        assert problem.startswith(told.format(certificate=files.certificate, key=files.key))
        assert await shown(app, files.authority.client()) == files.serial


async def test_an_expired_certificate_starts_and_warns_and_a_bad_one_does_not_start(files):
    files.renew(days=-1)
    with capture_logs() as events:
        async with secure(files) as app:
            assert app.tls.reload() == [], "a later expired one is no worse"
    assert {each["event"] for each in events if each["log_level"] == "warning"} == {"certificate_doubtful"}
    files.key.write_text("no key")
    with pytest.raises(CannotStart, match="no private key in PEM form"):
        async with secure(files):
            raise AssertionError


async def test_one_file_may_hold_certificate_and_key(files):
    replace(files.certificate, files.certificate.read_bytes() + files.key.read_bytes())
    async with secure(files, listen=Listen(port=0, certificate=files.certificate.name)) as app:
        assert await shown(app, files.authority.client()) == files.serial


async def test_client_certificates_are_required_or_optional_and_their_authority_can_change(files, tmp_path):
    partners, strangers = Authority(tmp_path / "partners.pem"), Authority(tmp_path / "strangers.pem")
    for authority, name in ((partners, "partner"), (strangers, "stranger")):
        authority.issue(tmp_path / f"{name}.crt", tmp_path / f"{name}.pk")
    known, unknown = (
        files.authority.client(tmp_path / f"{name}.crt", tmp_path / f"{name}.pk") for name in ("partner", "stranger")
    )
    nobody = files.authority.client()

    async def admitted(app: App, tls: ssl.SSLContext) -> bool:
        try:
            async with wire(app.url, tls=tls) as connection:
                await connection.send(VERSIONS)
                answer = await connection.answer()
                assert answer is None or answer.status == 401
                return answer is not None
        except (ssl.SSLError, ConnectionError):
            return False

    listen = {"port": 0, "certificate": "hub.pem", "key": "hub.pk", "client_ca": "partners.pem"}
    async with secure(files, listen=Listen(**listen)) as app:
        assert [await admitted(app, each) for each in (known, unknown, nobody)] == [True, False, False]
        replace(tmp_path / "partners.pem", strangers.file.read_bytes())
        assert app.tls.reload() == []
        assert [await admitted(app, each) for each in (known, unknown, nobody)] == [False, True, False]
        replace(tmp_path / "partners.pem", b"")
        assert app.tls.reload() == [f"client_ca: no certificate in PEM form is in {tmp_path / 'partners.pem'}"]
        assert await admitted(app, unknown)
    replace(tmp_path / "partners.pem", strangers.file.read_bytes())
    async with secure(files, listen=Listen(**listen, client_certificates="optional")) as app:
        assert [await admitted(app, each) for each in (known, unknown, nobody)] == [False, True, True]


async def test_large_bodies_pass_over_tls(files):
    async with secure(files) as app, Partner("NL-TST:CPO").serve() as partner:
        partner.tls = files.authority.client()
        await partner.invited(app)
        too_large = await partner.ask("POST", "/ocpi/2.2.1/credentials", body=b" " * 1_500_000)
        assert too_large.status == 413
        almost = await partner.ask("POST", "/ocpi/2.2.1/credentials", body=b" " * 1_000_000)
        assert almost.status == 400


async def test_sighup_takes_other_files_that_the_configuration_names(files, tmp_path):
    """A hub as a process of its own: the same signal that systemd sends."""
    authority, config = files.authority, tmp_path / "config.toml"
    settings = '[listen]\nport = 0\ncertificate = "{}.pem"\nkey = "{}.pk"\n[admin]\nenabled = false\n'
    config.write_text(settings.format("hub", "hub"))
    serial = authority.issue(tmp_path / "new.pem", tmp_path / "new.pk")
    tls = authority.client()
    with serving(tmp_path) as (hub, url):
        port = urlsplit(url).port
        assert (urlsplit(url).scheme, await serial_at(port, tls)) == ("https", files.serial)
        config.write_text(settings.format("hub", "new"))
        hub.signal(signal.SIGHUP)
        config.write_text(settings.format("new", "new"))
        hub.signal(signal.SIGHUP)
        async with asyncio.timeout(20):
            while await serial_at(port, tls) != serial:
                await asyncio.sleep(0.05)
