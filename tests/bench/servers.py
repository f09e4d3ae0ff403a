"""What is compared: the backend that stands for all partners, nginx, HAProxy, a plain proxy, and the hub before it."""

import sys
from pathlib import Path

import msgspec

from tests.bench.objects import big
from tests.bench.process import Measured
from tests.deploy.proxy import HAPROXY, NGINX
from tests.ports import free_port
from tests.versions import location

ROOT = Path(__file__).resolve().parents[2]
LIST_BYTES = 50_000
_STAMP = "2026-01-01T00:00:00Z"

_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx-{port}.pid;
error_log stderr crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 4m;
    client_body_buffer_size 256k;
    sendfile on;
    tcp_nodelay on;
    open_file_cache max=100;
    client_body_temp_path {folder}/body-{port};
    proxy_temp_path {folder}/proxy-{port};
    fastcgi_temp_path {folder}/fastcgi-{port};
    uwsgi_temp_path {folder}/uwsgi-{port};
    scgi_temp_path {folder}/scgi-{port};
{http}
}}
"""
_BACKEND = """
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /count {{ stub_status; }}
        location / {{
            if ($request_method = GET) {{ rewrite ^ /list last; }}
            return 200 '{ok}';
        }}
        location = /list {{
            internal;
            add_header X-Total-Count {total};
            add_header X-Limit {total};
            alias {folder}/list.json;
        }}
    }}
"""
_FRONT = """
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 16 32k;
        }}
    }}
"""
_HAPROXY = """
global
    maxconn 8192
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 30s
    http-reuse always
frontend front
    bind 127.0.0.1:{port}
    default_backend partners
backend partners
    server partner 127.0.0.1:{backend}
"""
_HUB = """
[hub]
party = "NL-HUB"
plugins = "{plugins}"
[listen]
port = {port}
backlog = 4096
[admin]
port = {admin}
open_metrics = true
[partner_limits]
requests = 0
broadcasts = 0
parallel = 0
[upstream]
connections = 256
allow_private = ["127.0.0.0/8"]
[sync]
enabled = false
[routing]
validation = "{validation}"
broadcasts = 100000
[journal]
enabled = {journal}
[log]
level = "{level}"
format = "json"
"""
_PLUGIN = '''"""Two hooks, as most networks would have: one looks at each push, one may choose another way."""

from hub.plugin import Plugin, on_push, route


class Watch(Plugin):
    """Counts pushes, and leaves each route as it is."""

    async def start(self) -> None:
        self.pushes = 0

    @on_push("locations")
    async def count(self, push):
        self.pushes += 1

    @route("locations")
    async def leave(self, message, route):
        return route
'''


class Parts(msgspec.Struct, frozen=True):
    """What a hub has switched on beyond routing; all of it, unless said otherwise."""

    validation: str = "enforce"
    journal: bool = True
    plugin: bool = True
    log: bool = True


EVERYTHING = Parts()


def backend(folder: Path, core: int | None) -> Measured:
    """Every partner of every party: PUT is taken, GET brings a list of 50 KB."""
    rows = [
        location("2.2.1") | {"id": f"L{n}"} for n in range(LIST_BYTES // len(msgspec.json.encode(location("2.2.1"))))
    ]
    body = msgspec.json.encode({"data": rows, "status_code": 1000, "timestamp": _STAMP})
    (folder / "list.json").write_bytes(body)
    ok = msgspec.json.encode({"status_code": 1000, "timestamp": _STAMP}).decode()
    port = free_port()
    return _nginx(folder, port, core, _BACKEND.format(port=port, ok=ok, total=len(rows), folder=folder))


def nginx(folder: Path, backend_port: int, core: int | None) -> Measured:
    """nginx before the backend, with connections that are kept."""
    port = free_port()
    return _nginx(folder, port, core, _FRONT.format(port=port, backend=backend_port))


def _nginx(folder: Path, port: int, core: int | None, http: str) -> Measured:
    conf = folder / f"nginx-{port}.conf"
    conf.write_text(_NGINX.format(folder=folder, port=port, http=http))
    assert NGINX is not None
    return Measured([NGINX, "-p", folder, "-c", conf, "-e", "stderr"], port, folder, core=core)


def haproxy(folder: Path, backend_port: int, core: int | None) -> Measured:
    """HAProxy before the backend, one thread."""
    port = free_port()
    conf = folder / f"haproxy-{port}.cfg"
    conf.write_text(_HAPROXY.format(port=port, backend=backend_port))
    assert HAPROXY is not None
    return Measured([HAPROXY, "-db", "-f", conf], port, folder, core=core)


def plain(folder: Path, backend_port: int, core: int | None) -> Measured:
    """The plain proxy."""
    port = free_port()
    script = Path(__file__).with_name("plain_proxy.py")
    return Measured([sys.executable, script, str(port), f"http://127.0.0.1:{backend_port}"], port, folder, core=core)


def hub(folder: Path, core: int | None, parts: Parts = EVERYTHING) -> Measured:
    """A hub on a data folder that is seeded already."""
    plugins = folder / "plugins"
    plugins.mkdir(exist_ok=True)
    if parts.plugin:
        (plugins / "watch.py").write_text(_PLUGIN)
    port = free_port()
    (folder / "config.toml").write_text(
        _HUB.format(
            port=port,
            admin=free_port(),
            plugins=plugins,
            validation=parts.validation,
            journal=str(parts.journal).lower(),
            level="info" if parts.log else "error",
        )
    )
    command = [sys.executable, "-m", "hub", "serve", "--config", folder / "config.toml"]
    return Measured(["env", f"PYTHONPATH={ROOT}", *command], port, folder, core=core)


def pushed(version: str) -> bytes:
    """A location of 2 KB, as a CPO pushes it."""
    return big("Location", version)
