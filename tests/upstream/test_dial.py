"""Opening connections: which address is taken, that the guard judges it, and TLS."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.upstream import Fault, SendError, tls_context
from tests.ports import free_port


@contextmanager
def deaf() -> Iterator[int]:
    """A port on 127.0.0.1 where connecting hangs: a listener whose queue is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


async def test_a_private_address_is_not_called(partner, client, ask, fails):
    server = await partner()
    text = await fails(client(allow=()).send(ask(server)), Fault.FORBIDDEN, sent=False)
    assert "127.0.0.1 (loopback" in text
    assert server.connections == 0


async def test_a_name_at_a_private_address_is_not_called(partner, client, ask, fails):
    server = await partner()
    guarded = client(allow=(), resolve=lambda host, port: ["127.0.0.1", "::ffff:127.0.0.1"])
    await fails(guarded.send(ask(f"http://a.example:{server.port}")), Fault.FORBIDDEN, sent=False)
    assert server.connections == 0


async def test_a_name_that_moves_to_a_private_address_is_not_followed(partner, client, ask, fails, monkeypatch):
    monkeypatch.setattr("hub.upstream.resolver._KEEP", 0.0)
    outside, inside = await partner(), await partner()
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    guarded = client(allow=("127.0.0.1",), resolve=lambda host, port: next(answers))
    await guarded.send(ask(f"http://a.example:{outside.port}"))
    await fails(guarded.send(ask(f"http://a.example:{inside.port}")), Fault.FORBIDDEN, sent=False)
    assert (outside.connections, inside.connections) == (1, 0)


async def test_a_remembered_address_is_judged_again(partner, client, ask):
    server = await partner()
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1", "127.0.0.1", "169.254.169.254"]

    one = client(allow=("127.0.0.1",), resolve=resolve)
    for _ in range(2):
        await one.send(ask(f"http://a.example:{server.port}", headers=(("Connection", "close"),)))
    assert asked == ["a.example"]
    assert [request.headers["host"] for request in server.requests] == [f"a.example:{server.port}"] * 2


async def test_the_next_address_is_tried(partner, client, ask):
    server = await partner()
    one = client(resolve=lambda host, port: ["::1", "127.0.0.9", "127.0.0.1"])
    assert (await one.send(ask(f"http://a.example:{server.port}"))).status == 200


async def test_the_next_address_is_tried_when_the_first_hangs(partner, client, ask, monkeypatch):
    monkeypatch.setattr("hub.upstream.dial._LEAST_SHARE", 0.1)
    server = await partner()
    with deaf() as port:
        beside = await asyncio.start_server(server.serve, "127.0.0.2", port)
        one = client(resolve=lambda host, port: ["127.0.0.1", "127.0.0.2"], connect_timeout=0.2)
        response = await one.send(ask(f"http://a.example:{port}"))
        beside.close()
    assert response.status == 200


async def test_there_is_no_time_for_the_next_address(partner, client, ask, fails):
    server = await partner()
    with deaf() as port:
        beside = await asyncio.start_server(server.serve, "127.0.0.2", port)
        one = client(resolve=lambda host, port: ["127.0.0.1", "127.0.0.2"], connect_timeout=0.1)
        text = await fails(one.send(ask(f"http://a.example:{port}")), Fault.CONNECT, sent=False)
        beside.close()
    assert text == f"no connection to 127.0.0.1:{port} in time"
    assert server.connections == 0


async def test_refused(client, ask, fails):
    port = free_port()
    text = await fails(client().send(ask(f"http://127.0.0.1:{port}")), Fault.CONNECT, sent=False)
    assert text == f"connection refused by 127.0.0.1:{port}"


async def test_connecting_takes_too_long(client, ask, fails):
    with deaf() as port:
        one = client(connect_timeout=0.1)
        text = await fails(one.send(ask(f"http://127.0.0.1:{port}")), Fault.CONNECT, sent=False)
    assert text == f"no connection to 127.0.0.1:{port} in time"


async def test_the_deadline_ends_connecting(client, ask, fails):
    with deaf() as port:
        text = await fails(client().send(ask(f"http://127.0.0.1:{port}", within=0.1)), Fault.TIMEOUT, sent=False)
    assert text == f"no connection to 127.0.0.1:{port} within 0.1 s"


async def test_the_deadline_ends_looking_up(client, ask, fails, gate):
    def resolve(host: str, port: int) -> list[str]:
        gate.wait(10)
        return []

    one = client(resolve=resolve)
    await fails(one.send(ask("http://a.example", within=0.1)), Fault.TIMEOUT, sent=False)


async def test_a_hanging_name_does_not_hold_up_others(partner, client, ask, gate):
    server = await partner()

    def resolve(host: str, port: int) -> list[str]:
        if host == "hang.example":
            gate.wait(10)
        return ["127.0.0.1"]

    one = client(resolve=resolve, connections=64)
    hanging = [asyncio.create_task(one.send(ask(f"http://hang.example:{server.port}", pool="hang"))) for _ in range(40)]
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        assert (await one.send(ask(f"http://a.example:{server.port}"))).status == 200
    assert not any(task.done() for task in hanging)
    gate.set()
    assert {response.status for response in await asyncio.gather(*hanging)} == {200}


async def test_an_unknown_name(client, ask, fails):
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    text = await fails(client(resolve=resolve).send(ask("http://a.example")), Fault.RESOLVE, sent=False)
    assert text == "can not find the address of a.example: Name or service not known"


class Authority(NamedTuple):
    ca_file: Path
    server: ssl.SSLContext


def certify(folder: Path, *, name: str = "a.example", days: int = 1) -> Authority:
    """A new authority, and a server context with a certificate for `name` and 127.0.0.1."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test authority")])

    def build(subject: x509.Name, public: ec.EllipticCurvePublicKey, end: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(now + datetime.timedelta(days=end))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    authority = (
        build(ca_name, ca_key.public_key(), 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        build(x509.Name([]), key.public_key(), days)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_file, chain = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(authority.public_bytes(pem))
    chain.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["http/1.1"])
    return Authority(ca_file, context)


async def test_tls_by_name_and_by_address(partner, client, ask, tmp_path):
    authority = certify(tmp_path)
    server = await partner(tls=authority.server)
    one = client(tls=tls_context(authority.ca_file), resolve=lambda host, port: ["127.0.0.1"])
    for host in ("a.example", "127.0.0.1"):
        for _ in range(2):
            assert (await one.send(ask(f"https://{host}:{server.port}"))).body == b"{}"
    assert server.connections == 2
    chosen = server.writers[0].get_extra_info("ssl_object")
    assert chosen.selected_alpn_protocol() == "http/1.1"
    assert chosen.version() in {"TLSv1.2", "TLSv1.3"}


async def test_tls_with_an_unknown_authority(partner, client, ask, fails, tmp_path):
    server = await partner(tls=certify(tmp_path).server)
    text = await fails(client().send(ask(server)), Fault.TLS, sent=False)
    assert text.startswith(f"no TLS with 127.0.0.1:{server.port}: ")
    assert "local issuer" in text
    assert server.requests == []


async def test_tls_for_another_name(partner, client, ask, fails, tmp_path):
    authority = certify(tmp_path, name="b.example")
    server = await partner(tls=authority.server)
    one = client(tls=tls_context(authority.ca_file), resolve=lambda host, port: ["127.0.0.1"])
    text = await fails(one.send(ask(f"https://a.example:{server.port}")), Fault.TLS, sent=False)
    assert "Hostname mismatch" in text


async def test_tls_out_of_date(partner, client, ask, fails, tmp_path):
    authority = certify(tmp_path, days=-1)
    server = await partner(tls=authority.server)
    text = await fails(client(tls=tls_context(authority.ca_file)).send(ask(server)), Fault.TLS, sent=False)
    assert "expired" in text


async def test_tls_with_a_server_that_has_none(partner, client, ask, fails):
    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = await partner(talk=complain)
    text = await fails(client().send(ask(f"https://127.0.0.1:{server.port}")), Fault.TLS, sent=False)
    assert text.startswith(f"no TLS with 127.0.0.1:{server.port}: ")


async def test_tls_too_old(partner, client, ask, fails, tmp_path):
    authority = certify(tmp_path)
    authority.server.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        authority.server.maximum_version = ssl.TLSVersion.TLSv1_1
    server = await partner(tls=authority.server)
    await fails(client(tls=tls_context(authority.ca_file)).send(ask(server)), Fault.TLS, sent=False)
    assert tls_context().minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_silent_tls_server(partner, client, ask, fails):
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    url = f"https://127.0.0.1:{(await partner(talk=listen)).port}"
    text = await fails(client(connect_timeout=0.1).send(ask(url)), Fault.TLS, sent=False)
    assert "the handshake took too long" in text
    await fails(client().send(ask(url, within=0.1)), Fault.TIMEOUT, sent=False)


async def test_a_server_that_hangs_up_in_the_handshake(partner, client, ask, fails):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    server = await partner(talk=hang_up)
    text = await fails(client().send(ask(f"https://127.0.0.1:{server.port}")), Fault.TLS, sent=False)
    assert "closed during the handshake" in text


async def test_a_large_push_over_tls(partner, client, ask, tmp_path):
    authority = certify(tmp_path)
    server = await partner(tls=authority.server)
    one = client(tls=tls_context(authority.ca_file))
    await one.send(ask(server, method="PUT", body=b"x" * 3_000_000))
    assert len(server.requests[0].body) == 3_000_000
    assert one.stats()["p"].idle == 1


async def test_an_answer_over_tls_that_ends_with_the_connection(partner, client, ask, tmp_path):
    async def until_eof(request, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{}")
        await writer.drain()
        writer.close()

    authority = certify(tmp_path)
    server = await partner(until_eof, tls=authority.server)
    assert (await client(tls=tls_context(authority.ca_file)).send(ask(server))).body == b"{}"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://user@a.example/", Fault.URL),
        ("http://127.1/", Fault.URL),
        ("http://10.1.2.3/x", Fault.FORBIDDEN),
        ("https://[::1]/x", Fault.FORBIDDEN),
        ("http://nl-vlt.hosted.invalid/mine", Fault.FORBIDDEN),
        ("https://RESULTS.invalid/7", Fault.FORBIDDEN),
        ("http://127.0.0.1:1/", None),
        ("http://a.example/", None),
        ("http://invalid.example/", None),
    ],
)
async def test_what_can_be_said_of_a_url_at_once(client, url, fault):
    """Nobody is asked where a name leads: that is judged when it is called."""
    guarded = client(allow=("127.0.0.1",), resolve=lambda host, port: pytest.fail(f"{host} was asked for"))
    if fault is None:
        guarded.check(url)
        return
    with pytest.raises(SendError) as caught:
        guarded.check(url)
    assert caught.value.fault is fault


def test_authorities_are_read_again_only_where_they_are_other_ones(tmp_path):
    file = certify(tmp_path).ca_file
    first = tls_context(file)
    assert tls_context(file) is first
    other = certify(tmp_path).ca_file
    assert other == file
    second = tls_context(file)
    assert second is not first
    assert second.get_ca_certs() != first.get_ca_certs()
    assert tls_context() is tls_context()
    assert tls_context() is not second
