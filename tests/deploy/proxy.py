"""The real nginx and HAProxy with the files of deploy/: only ports, paths and the address of the hub are others."""

import asyncio
import os
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
needs_nginx = pytest.mark.skipif(
    NGINX is None and os.environ.get("CI") != "true", reason="nginx is not installed: apt-get install nginx"
)
needs_haproxy = pytest.mark.skipif(
    HAPROXY is None and os.environ.get("CI") != "true", reason="HAProxy is not installed: apt-get install haproxy"
)
_MAIN = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr notice;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/*.conf;
}}
"""


class Proxy:
    """A proxy at `url`; `tls` is for its clients, `log` is what it wrote."""

    def __init__(self, port: int, tls: ssl.SSLContext, log: Path) -> None:
        self.url = f"https://127.0.0.1:{port}"
        self.tls = tls
        self.log = log


@asynccontextmanager
async def nginx(folder: Path, port: int, hub: int | str, *, without: str = "", more: str = "") -> AsyncIterator[Proxy]:
    """nginx at `port` before what listens at port `hub`, or where these lines say. `without` is taken out of its
    configuration.

    `more` are further servers, with `{folder}` where their certificates are.
    """
    assert NGINX is not None, "nginx is not installed: apt-get install nginx"
    folder.mkdir()
    authority = Authority(folder / "ca.pem")
    authority.issue(folder / "fullchain.pem", folder / "privkey.pem")
    (folder / "conf.d").mkdir()
    if isinstance(hub, int):
        _configure(folder, "upstream.conf", [("127.0.0.1:8000", f"127.0.0.1:{hub}")])
    else:
        (folder / "conf.d/upstream.conf").write_text(hub)
    _configure(
        folder,
        "ocpi-hub.conf",
        [
            ("    listen [::]:443 ssl;\n", ""),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/ocpi-hub/tls/", f"{folder}/"),
            *([(without, "")] if without else []),
        ],
    )
    (folder / "conf.d" / "more.conf").write_text(more.replace("{folder}", str(folder)))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
    command = NGINX, "-p", folder, "-c", folder / "nginx.conf"
    async with _process(command, port, folder / "log"):
        yield Proxy(port, authority.client(), folder / "log")
    warnings = [each for each in (folder / "log").read_text().splitlines() if "[warn]" in each]
    assert [each for each in warnings if "upstream server temporarily disabled" not in each] == []


def upstream(file: str, *ports: int) -> str:
    """The lines of a file for containers, which are at these ports. Without its resolver: Debian's nginx is too old."""
    text, found = re.subn(r"^resolver .*\n", "", (DEPLOY / "nginx" / file).read_text(), flags=re.MULTILINE)
    assert found == 1
    for port in ports:
        text, found = re.subn(r"server [\w-]+:8000 resolve", f"server 127.0.0.1:{port}", text, count=1)
        assert found == 1
    assert ":8000" not in text
    return text


@asynccontextmanager
async def haproxy(folder: Path, port: int, hub: int) -> AsyncIterator[Proxy]:
    """HAProxy at `port` before what listens at port `hub`."""
    assert HAPROXY is not None, "HAProxy is not installed: apt-get install haproxy"
    folder.mkdir()
    authority = Authority(folder / "ca.pem")
    authority.issue(folder / "certificate.pem", folder / "key.pem")
    (folder / "hub.pem").write_text((folder / "certificate.pem").read_text() + (folder / "key.pem").read_text())
    text = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    for old, new in (
        ("    user haproxy\n    group haproxy\n", ""),
        ("log /dev/log local0", "log stdout format raw local0"),
        ("    bind :::443 v6only ssl crt /etc/haproxy/ocpi-hub.pem alpn http/1.1\n", ""),
        ("bind :443 ssl crt /etc/haproxy/ocpi-hub.pem", f"bind 127.0.0.1:{port} ssl crt {folder}/hub.pem"),
        ("server hub 127.0.0.1:8000", f"server hub 127.0.0.1:{hub}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (folder / "haproxy.cfg").write_text(text)
    command = HAPROXY, "-db", "-f", folder / "haproxy.cfg"
    async with _process(command, port, folder / "log"):
        yield Proxy(port, authority.client(), folder / "log")
    assert not {b"[WARNING]", b"[ALERT]"} & set((folder / "log").read_bytes().split())


@asynccontextmanager
async def _process(command: Sequence[str | Path], port: int, log: Path) -> AsyncIterator[None]:
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*command, stdout=file, stderr=file)
    try:
        await _listens(process, port, log)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _configure(folder: Path, name: str, changes: list[tuple[str, str]]) -> None:
    text = (DEPLOY / "nginx" / name).read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "conf.d" / name).write_text(text)


async def _listens(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
