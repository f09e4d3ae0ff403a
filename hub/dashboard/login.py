"""Logging in with a key, and out: a cookie that no script reads and no other site sends."""

from collections.abc import Callable
from urllib.parse import urlencode

import structlog
from aiohttp import web

from hub.admin.gate import Doorman
from hub.admin.problems import Problem
from hub.core.scopes import Scope
from hub.dashboard.forms import read_form
from hub.dashboard.pages import ROOT
from hub.dashboard.sessions import Sessions, give, take

log = structlog.get_logger()

START = f"{ROOT}/overview"
LOGIN = f"{ROOT}/login"
Draw = Callable[[str, Problem | None], web.Response]


class Login:
    """The login form. `draw` makes it, with where to go then, and what went wrong."""

    def __init__(self, doorman: Doorman, sessions: Sessions, draw: Draw) -> None:
        self._doorman = doorman
        self._sessions = sessions
        self._draw = draw

    async def show(self, request: web.Request) -> web.Response:
        """The form."""
        return self._draw(request.query.get("to", ""), None)

    async def enter(self, request: web.Request) -> web.Response:
        """Log in. Every login begins a new session, whatever cookie came with it."""
        form = await read_form(request)
        to = form.get("to", "")
        try:
            key = await self._doorman.admit(form.get("key", "").strip() or None, Scope.READ, request.remote or "")
        except Problem as failed:
            return self._draw(to, failed)
        token = await self._sessions.begin(key)
        log.info("logged_in", key=key.name)
        response = web.Response(status=303, headers={"Location": to if _of_dashboard(to) else START})
        give(response, token, secure=_by_tls(request))
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """Log out."""
        session, form = await self._sessions.find(request), await read_form(request)
        if session:
            if not session.made(form.get("csrf", "")):
                raise foreign_form()
            await self._sessions.end(session)
        response = web.Response(status=303, headers={"Location": LOGIN})
        take(response)
        return response


def foreign_form() -> Problem:
    """A form that this session did not make."""
    return Problem(403, "this form is not of your session", "load the page again, and send the form anew")


def to_login(request: web.Request) -> web.Response:
    """First log in, then come back."""
    to = request.path_qs if request.method == "GET" else START
    return web.Response(status=303, headers={"Location": f"{LOGIN}?{urlencode({'to': to})}"})


def _of_dashboard(to: str) -> bool:
    """A login may not be used to lead anybody away."""
    return to.startswith(f"{ROOT}/") and "\\" not in to and to.isprintable() and to.isascii()


def _by_tls(request: web.Request) -> bool:
    return request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
