"""Forms of URLs with which a partner could try to look around in the hub's own network, and a watch on connections.

`{port}` listens on every address of this machine, `{good}` is host and port of a partner that may be called.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

NETWORK = "127.77.0.0/16"
"""Where hub and partners of these tests live; all else is forbidden ground."""
HUB, GOOD = "127.77.0.5", "127.77.0.1"

_HOSTS = """
127.0.0.1 127.255.255.254 127.1 127.0.1 127.0.0.1. 127.0.0.1.. .127.0.0.1 127.0.0.01 0127.0.0.1 127.0.0.1.5 127.0.0.256
2130706433 0x7f000001 0X7F000001 0x7f.0.0.1 0x7f.1 127.0.0.0x1 017700000001 0177.0.0.1 0177.1 0 00 0.0.0.0 0x0
127.0.0.1%00.example.org %31%32%37.0.0.1 127%2e0%2e0%2e1 127.0.0.1%2f.example.org localhost%2eexample.org
①②⑦.⓪.⓪.① １２７.0.0.1 127。0。0。1 127．0．0．1 ١٢٧.٠.٠.١ 127.0.0.1\u200b 127.0.0.1\u00ad 1\u00ad27.0.0.1
ⓛocalhost loc\u00adalhost
10.0.0.1 172.16.0.1 172.31.255.254 192.168.0.1 100.64.0.1 169.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200
0.1.2.3 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.254 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250
240.0.0.1 255.255.255.255
[::1] [0:0:0:0:0:0:0:1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:0:127.0.0.1] [::127.0.0.1] [64:ff9b::127.0.0.1]
[64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::1] [2001:db8::1] [3fff::1] [100::1] [fec0::1]
[fc00::1] [fd00:ec2::254] [fe80::1] [fe80::1%25lo] [fe80::1%lo] [::1%25lo] [ff02::1] [4000::1] [::ffff:169.254.169.254]
[127.0.0.1] [::1 ::1 [v1.fe] []
"""
_WHOLE = {
    "file": "file:///etc/passwd", "gopher": "gopher://127.0.0.1:{port}/_x", "ftp": "ftp://127.0.0.1:{port}/",
    "javascript": "javascript:alert(1)", "data": "data:application/json,[]", "dict": "dict://127.0.0.1:{port}/",
    "ws": "ws://127.0.0.1:{port}/", "jar": "jar:http://127.0.0.1:{port}!/", "unix": "unix:///run/hub.sock",
    "scheme in quotes": '"http://127.0.0.1:{port}/"', "no scheme": "127.0.0.1:{port}/", "no host": "http:///x",
    "http: alone": "http:", "one slash": "http:/127.0.0.1:{port}/", "no slash": "http:127.0.0.1:{port}/",
    "backslashes": "http:\\\\127.0.0.1:{port}\\", "three slashes": "http:///127.0.0.1:{port}/",
    "user": "http://user@127.0.0.1:{port}/", "password": "http://user:pw@127.0.0.1:{port}/",
    "good@bad": "http://{good}@127.0.0.1:{port}/", "bad@good": "http://127.0.0.1:{port}@{good}/",
    "empty user": "http://@127.0.0.1:{port}/", "good#@bad": "http://{good}#@127.0.0.1:{port}/",
    "bad#@good": "http://127.0.0.1:{port}#@{good}/", "good\\@bad": "http://{good}\\@127.0.0.1:{port}/",
    "bad\\@good": "http://127.0.0.1:{port}\\@{good}/", "good%40bad": "http://{good}%40127.0.0.1:{port}/",
    "good,bad": "http://{good},127.0.0.1:{port}/", "good bad": "http://{good} 127.0.0.1:{port}/",
    "good&@bad": "http://{good}&@127.0.0.1:{port}#@{good}/", "good;bad": "http://{good};127.0.0.1:{port}/",
    "space before": " http://127.0.0.1:{port}/", "space in it": "http://127.0.0.1 :{port}/",
    "tab in it": "http://127.0.0\t.1:{port}/", "line feed in it": "http://127.0.0.1\n:{port}/",
    "line feed before": "\nhttp://127.0.0.1:{port}/", "header": "http://127.0.0.1:{port}/\r\nX-Y: z",
    "NUL": "http://127.0.0.1\x00.example.org:{port}/", "NUL before": "\x00http://127.0.0.1:{port}/",
    "fragment": "http://127.0.0.1:{port}/#x", "not ASCII": "http://127.0.0.1:{port}/ü",
    "port 0": "http://127.0.0.1:0/", "port 22": "http://127.0.0.1:22/", "port 65536": "http://{host}:65536/",
    "port 0 of a partner": "http://{host}:0/", "negative port": "http://{host}:-1/", "no port": "http://{host}:/",
    "plus": "http://{host}:+80/", "two ports": "http://{host}:80:{port}/", "port that wraps": "http://{host}:4295032832/",
    "port in words": "http://{host}:http/", "port in other digits": "http://{host}:٨٠/", "TLS": "https://127.0.0.1:{port}/",
    "long path": "http://127.0.0.1:{port}/" + "a" * 20_000, "long name": "http://" + "a." * 5000 + "127.0.0.1:{port}/",
    "long label": "http://" + "a" * 300 + ":{port}/", "long user": "http://" + "a" * 5000 + "@127.0.0.1:{port}/",
    "a party in the hub": "http://nl-vlt.hosted.invalid/mine/ocpi/versions", "in no case": "http://NL-VLT.Hosted.INVALID/",
    "results of the hub": "https://results.invalid/7", "a name in the hub": "http://anything.invalid:{port}/",
}  # fmt: skip
FORMS = {
    **{each: f"http://{each}:{{port}}/versions" for each in _HOSTS.split()},
    **_WHOLE,
}
"""What is seen to be forbidden before any name is looked up."""
NAMES: dict[str, list[str]] = {
    "loopback.test": ["127.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "six.test": ["::1"],
    "any.test": ["0.0.0.0"],
    "private.test": ["10.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "zone.test": ["fe80::1%lo"],
    "several.test": ["127.0.0.1", "::1", "192.168.0.1"],
    "nonsense.test": ["not-an-address"],
    "localhost": ["127.0.0.1", "::1"],
}
"""Names, and what the resolver of these tests knows of them: nothing that may be called."""


class Watch:
    """What was dialled and looked up in this process while it was on. `hits` are accepted on forbidden ground."""

    def __init__(self) -> None:
        self.dialled: list[Any] = []
        self.hits = 0
        self.port = 0

    @property
    def forbidden(self) -> list[Any]:
        """What is not a partner's, nor the hub's own."""
        return [each for each in self.dialled if not str(each[0]).startswith("127.77.") or each[1] == self.port]

    def write(self, form: str, good: str) -> str:
        """A form, with the places filled in."""
        return form.replace("{port}", str(self.port)).replace("{good}", good).replace("{host}", good.partition(":")[0])


@asynccontextmanager
async def watching() -> AsyncIterator[Watch]:
    """A server on all addresses of the machine, and an eye on every socket that is connected."""
    watch = Watch()

    async def hit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watch.hits += 1
        writer.close()

    everywhere = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    watch.port = everywhere.getsockname()[1]
    async with await asyncio.start_server(hit, sock=everywhere):
        with _audited(watch):
            yield watch


@contextmanager
def _audited(watch: Watch) -> Iterator[None]:
    """Python tells of every connect, whoever asks for it. A hook can not be taken back, so it is switched off."""
    on = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if on and event == "socket.connect" and isinstance(arguments[1], tuple):
            watch.dialled.append(arguments[1])

    sys.addaudithook(hook)
    try:
        yield
    finally:
        on = False


def resolver(names: Mapping[str, Sequence[str]] = NAMES) -> Callable[..., list[Any]]:
    """A resolver for the place of the system's: it knows these names, and plain addresses."""
    system = socket.getaddrinfo

    def lookup(host: str, port: int, *more: Any, **options: Any) -> list[Any]:
        if host in names:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in names[host]]
        return system(host, port, *more, **{**options, "flags": options.get("flags", 0) | socket.AI_NUMERICHOST})

    return lookup
