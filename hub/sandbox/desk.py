"""The desk of a sandbox: a page with a button for each action, and the same as JSON for programs.

It has no key, so it listens on this machine alone, and takes no request that a page of another site has made.
"""

from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from hub.core.plain import lines, seen
from hub.errors import OcpiError
from hub.reporting import html_report
from hub.sandbox.actions import ACTIONS, Sandbox

_HOST = "127.0.0.1"
_LONGEST = 5000
_JSON = "application/json"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_HOSTS = ("127.0.0.1", "localhost")


class Desk:
    """Serves the page of one sandbox. `async with` opens and closes it; `url` is where it is."""

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self.url = ""
        self._sandbox = sandbox
        self._port = port
        environment = Environment(
            loader=PackageLoader("hub.sandbox", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._page = environment.get_template("desk.html")
        application = web.Application(middlewares=[_careful])
        application.add_routes(
            [
                web.get("/", self._show),
                web.get("/state", self._state),
                web.post("/do/{action}", self._do),
                web.get("/report.html", self._report),
                web.get("/report.json", self._report_json),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, _HOST, self._port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self.url = f"http://{_HOST}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _show(self, _: web.Request) -> web.Response:
        return self._rendered("", "")

    async def _state(self, _: web.Request) -> web.Response:
        return _answer(self._sandbox.state())

    async def _do(self, request: web.Request) -> web.Response:
        name, as_json = request.match_info["action"], request.content_type == _JSON
        status = 200
        try:
            given = await _given(request)
            result = await self._sandbox.do(name, given)
        except OcpiError as error:
            status, result = 400, {"error": error.message}
        if as_json:
            return _answer(result, status)
        return self._rendered(name, msgspec.json.format(msgspec.json.encode(result)).decode(), status)

    async def _report(self, _: web.Request) -> web.Response:
        if self._sandbox.report is None:
            raise web.HTTPNotFound(text="nothing was checked yet\n")
        return web.Response(text=html_report(self._sandbox.report), content_type="text/html")

    async def _report_json(self, _: web.Request) -> web.Response:
        if self._sandbox.report is None:
            raise web.HTTPNotFound(text="nothing was checked yet\n")
        return _answer(self._sandbox.report)

    def _rendered(self, done: str, result: str, status: int = 200) -> web.Response:
        state = msgspec.json.format(msgspec.json.encode(self._sandbox.state())).decode()
        page = self._page.render(
            actions=ACTIONS, done=done, result=lines(result, _LONGEST), state=lines(state, _LONGEST),
            versions_url=self._sandbox.app.versions_url, reported=self._sandbox.report is not None,
        )  # fmt: skip
        return web.Response(
            text=page, content_type="text/html", status=status, headers={"Content-Security-Policy": _POLICY}
        )


class _Given(msgspec.Struct):
    given: str = ""


async def _given(request: web.Request) -> str:
    if request.content_type == _JSON:
        try:
            return msgspec.json.decode(await request.read() or b"{}", type=_Given).given
        except msgspec.MsgspecError:
            raise web.HTTPBadRequest(text='the body has to read {"given": "..."}\n') from None
    return str((await request.post()).get("given", ""))


@web.middleware
async def _careful(request: web.Request, handler: Any) -> web.StreamResponse:
    """What comes by another name than that of this machine, or from a page of another site, is refused."""
    if urlsplit(f"//{request.host}").hostname not in _HOSTS:
        raise web.HTTPForbidden(text="this desk is for this machine alone\n")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="this desk takes nothing from other sites\n")
    answer: web.StreamResponse = await handler(request)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["X-Frame-Options"] = "DENY"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=seen(msgspec.json.encode(value)), content_type=_JSON, status=status)
