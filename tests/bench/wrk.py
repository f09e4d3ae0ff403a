"""wrk, the load generator: closed loop, or held to a rate; and what it measured."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping

import msgspec

from tests.deploy.proxy import HAPROXY, NGINX

WRK = shutil.which("wrk")
_SCRIPT = """
wrk.method = {method}
wrk.body = {body}
{headers}
local pause = {pause}
if pause > 0 then
  function delay() return pause end
end
function done(summary, latency, requests)
  io.stderr:write(string.format(
    '{{"requests": %d, "microseconds": %d, "bad": %d, "p50": %f, "p99": %f}}\\n',
    summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
      + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class Request(msgspec.Struct, frozen=True):
    """One request that is sent again and again."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Load(msgspec.Struct, frozen=True):
    """What came of it. Times are seconds; `bad` are answers that were no 2xx or 3xx, and those that did not come."""

    requests: int
    seconds: float
    bad: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def wrk(url: str, request: Request, *, seconds: int, connections: int, core: int | None, pause: float = 0.0) -> Load:
    """Send for so long over so many connections, from one processor. `pause`: seconds between answer and request."""
    assert WRK is not None, "wrk is not installed: apt-get install wrk"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            _SCRIPT.format(
                method=_lua(request.method),
                body=_lua(request.body.decode()) if request.body else "nil",
                headers="\n".join(
                    f"wrk.headers[{_lua(key)}] = {_lua(value)}" for key, value in request.headers.items()
                ),
                pause=round(pause * 1000),
            )
        )
        script.flush()
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        options = [f"-c{connections}", "-t1", f"-d{seconds}s", "--timeout", "10s", "-s", script.name]
        done = subprocess.run([*pinned, WRK, *options, url + request.path], capture_output=True, text=True, check=True)
    said = json.loads(done.stderr.strip().splitlines()[-1])
    return Load(said["requests"], said["microseconds"] / 1e6, said["bad"], said["p50"] / 1e6, said["p99"] / 1e6)


def _lua(text: str) -> str:
    return json.dumps(text)


def missing() -> list[str]:
    """The programs that a comparison needs and that are not here."""
    found = {"wrk": WRK, "nginx": NGINX, "haproxy": HAPROXY, "taskset": shutil.which("taskset")}
    return [name for name, path in found.items() if path is None]
