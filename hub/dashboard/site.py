"""Serves the dashboard: who may look, pages as HTML, as JSON and live, and what is done with forms."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
from aiohttp import web

from hub import __version__
from hub.admin.gate import HEADER, Doorman
from hub.admin.problems import Problem, problem
from hub.admin.server import json_response
from hub.control import Operations, needed
from hub.core.scopes import Scope
from hub.dashboard.forms import convert_form, read_form
from hub.dashboard.live import Live
from hub.dashboard.login import LOGIN, START, Login, foreign_form, to_login
from hub.dashboard.pages import ROOT, Action, Checked, Done, Download, Page, Visit
from hub.dashboard.render import Renderer
from hub.dashboard.sessions import Session, Sessions
from hub.plugin.requests import read_query
from hub.store.keys import KeyRecord

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATIC = Path(__file__).with_name("static")
_KINDS = (".css", ".js", ".svg")
_JSON = ".json"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With `no-referrer`, browsers would not say either which site a form came from.
    "Referrer-Policy": "same-origin",
}


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an action: `failed` where nothing did, with what was filled in."""

    done: Done | None = None
    failed: Problem | None = None
    form: Mapping[str, str] = {}


class Site:
    """The dashboard of a hub that runs."""

    def __init__(
        self,
        operations: Operations,
        doorman: Doorman,
        sessions: Sessions,
        live: Live,
        pages: Sequence[Page],
        actions: Sequence[Action],
        downloads: Sequence[Download],
    ) -> None:
        self._do = operations
        self._doorman = doorman
        self._sessions = sessions
        self._pages = {page.name: page for page in pages}
        self._actions = actions
        self._downloads = downloads
        self._renderer = Renderer()
        self._live = live

    def routes(self) -> list[web.RouteDef]:
        """What to serve, and where."""
        login = Login(self._doorman, self._sessions, self._login_form)
        found = [
            *(web.get(path, _to_start) for path in ("/", ROOT, f"{ROOT}/")),
            web.get(LOGIN, login.show),
            web.post(LOGIN, self._careful(login.enter)),
            web.post(f"{ROOT}/logout", self._careful(login.leave)),
            web.get(f"{ROOT}/static/{{name}}", _static),
        ]
        for page in self._pages.values():
            found += [
                web.get(ROOT + page.path + _JSON, self._twin(page)),
                web.get(ROOT + page.path, self._careful(self._page(page))),
            ]
        found += [web.get(ROOT + each.path, self._careful(self._download(each))) for each in self._downloads]
        return found + [web.post(ROOT + each.path, self._careful(self._action(each))) for each in self._actions]

    def close(self) -> None:
        """End the pages that are kept live."""
        self._live.close()

    def _page(self, page: Page) -> Handler:
        async def show(request: web.Request) -> web.StreamResponse:
            session = await self._sessions.find(request)
            if "text/event-stream" in request.headers.get("Accept", ""):
                return await self._send(request, page)
            if session is None:
                return to_login(request)
            given = read_query(request, page.query)
            return await self._show(page, Visit(self._do, request.match_info, given, session.key), session, request)

        return show

    async def _show(
        self, page: Page, visit: Visit[Any], session: Session, request: web.Request, came: Came | None = None
    ) -> web.Response:
        came = came or Came()
        data = await page.load(visit)
        query = request.query_string
        known = self._known(page, visit, data, session) | {
            "done": came.done, "failed": came.failed, "form": came.form,
            "twin": page.url(visit.path) + _JSON + (f"?{query}" if query else ""),
        }  # fmt: skip
        status = came.failed.status if came.failed else _status(data)
        return _html(self._renderer.page(page.name, known), status)

    def _known(self, page: Page, visit: Visit[Any], data: object, session: Session) -> dict[str, Any]:
        """What templates see."""
        return _OUTSIDE | {
            "page": page,
            "here": page.url(visit.path),
            "pages": [each for each in self._pages.values() if each.listed],
            "asked": visit.given,
            "data": data,
            "key": session.key,
            "csrf": session.csrf,
            "may": {scope.value: session.key.scope.opens(scope) for scope in Scope},
            "hub": needed(self._do.overview).party,
        }

    def _twin(self, page: Page) -> Handler:
        """What a page shows, as JSON: for whoever is logged in, and for programs with a key."""

        async def tell(request: web.Request) -> web.Response:
            session = await self._sessions.find(request)
            key = session.key if session else await self._admit(request)
            given = read_query(request, page.query)
            data = await page.load(Visit(self._do, request.match_info, given, key))
            return json_response(_status(data), data)

        return tell

    def _download(self, download: Download) -> Handler:
        async def send(request: web.Request) -> web.StreamResponse:
            session = await self._sessions.find(request)
            if session is None and HEADER not in request.headers:
                return to_login(request)
            key = session.key if session else await self._admit(request)
            visit = Visit(self._do, request.match_info, read_query(request, download.query), key)
            lines = download.lines(visit)
            first = await anext(lines)
            response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{download.name}"'})
            response.content_type, response.charset = download.kind, "utf-8"
            await response.prepare(request)
            await response.write(first.encode())
            async for each in lines:
                if not self._sessions.holds(key) and request.transport:
                    request.transport.abort()  # no proper end: what came is not all
                    break
                await response.write(each.encode())
            return response

        return send

    async def _send(self, request: web.Request, page: Page) -> web.StreamResponse:
        """Keep a page live, for as long as its session and key are good."""
        given = read_query(request, page.query)

        async def look() -> Iterable[tuple[str, str]] | None:
            session = await self._sessions.find(request)
            if session is None:
                return None
            visit = Visit(self._do, request.match_info, given, session.key)
            return self._renderer.live(page.name, self._known(page, visit, await page.load(visit), session))

        return await self._live.send(request, look, page.every)

    def _action(self, action: Action) -> Handler:
        async def act(request: web.Request) -> web.Response:
            session = await self._sessions.find(request)
            if session is None:
                return to_login(request)
            form = await read_form(request)
            if not session.made(form.pop("csrf", "")):
                raise foreign_form()
            try:
                done = await self._run(action, request, form, session)
            except Exception as error:  # noqa: BLE001 - `problem` logs what nobody expected
                came = Came(failed=problem(error), form=form)
                return await self._again(self._pages[action.page], request.match_info, session, request, came)
            return await self._again(self._pages[done.page], done.path, session, request, Came(done=done))

        return act

    async def _run(self, action: Action, request: web.Request, form: Mapping[str, str], session: Session) -> Done:
        if not session.key.scope.opens(action.scope):
            raise Problem(403, f"this needs a key of scope {action.scope}", "log in with one")
        given = convert_form(form, action.form)
        done = await action.act(Visit(self._do, request.match_info, given, session.key))
        log.info("done_in_dashboard", action=action.act.__name__, key=session.key.name)
        return done

    async def _again(
        self, page: Page, path: Mapping[str, str], session: Session, request: web.Request, came: Came
    ) -> web.Response:
        given = read_query(request, page.query) if request.query_string else page.query()
        return await self._show(page, Visit(self._do, path, given, session.key), session, request, came)

    def _login_form(self, to: str, failed: Problem | None) -> web.Response:
        response = _html(
            self._renderer.page("_login", {**_OUTSIDE, "to": to, "failed": failed}), failed.status if failed else 200
        )
        response.headers.update(failed.headers if failed else {})
        return response

    def _careful(self, handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Handler:
        """Errors as a page."""

        async def careful(request: web.Request) -> web.StreamResponse:
            try:
                return await handle(request)
            except Exception as error:  # noqa: BLE001 - `problem` logs what nobody expected
                found = problem(error)
                response = _html(self._renderer.page("_error", {**_OUTSIDE, "found": found}), found.status)
                response.headers.update(found.headers)
                return response

        return careful

    async def _admit(self, request: web.Request) -> KeyRecord:
        keys = request.headers.getall(HEADER, [])
        return await self._doorman.admit(keys[0] if len(keys) == 1 else None, Scope.READ, request.remote or "")


_OUTSIDE: dict[str, Any] = {"version": __version__, "root": ROOT, "page": None, "failed": None}
"""What templates see where nobody is logged in."""


def _status(data: object) -> int:
    return 400 if isinstance(data, Checked) and data.wrong else 200


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)


async def _to_start(_: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": START})


async def _static(request: web.Request) -> web.FileResponse:
    file = _STATIC / request.match_info["name"]
    if file.parent != _STATIC or file.suffix not in _KINDS or not file.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={"Cache-Control": "max-age=3600"})
