"""What people fill in: read from a request that may have come from another site, and made a struct."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from hub.admin.problems import Problem
from hub.plugin.forms import fitted

_OWN = "same-origin", "none"


async def read_form(request: web.Request) -> dict[str, str]:
    """What was filled in. Problem 403 where another site made the form, 415 or 400 where it is none."""
    if not _of_this_site(request):
        raise Problem(403, "this form came from another site", "use the one of the dashboard")
    if request.content_type != "application/x-www-form-urlencoded":
        raise Problem(415, "this is no form")
    form: dict[str, str] = {}
    for name, value in (await request.post()).items():
        if name in form or not isinstance(value, str):
            raise Problem(400, f"{name}: it came twice")
        form[name] = value
    return form


def convert_form(form: Mapping[str, str], kind: Any) -> Any:
    """The form as its struct; what was left empty is as if it were not there. Problem 400 names the field."""
    return fitted({name: value.strip() for name, value in form.items() if value.strip()}, kind)


def _of_this_site(request: web.Request) -> bool:
    """As the browser says it: newer ones plainly (but only by TLS or on one machine), older ones by the origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in _OWN
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2].lower() == request.host.lower()
