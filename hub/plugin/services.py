"""What a plugin offers to the operator: routes, pages, verbs, panels and forms."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from hub.core.scopes import Scope
from hub.plugin.forms import Field, fields
from hub.plugin.serving import Call, Query

MARKS = "__hub_services__"
RESERVED = {"panels": "GET, HEAD, OPTIONS", "reset": "POST, OPTIONS"}
"""First words of a path that the hub has itself, with the methods that it has there."""
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"(/([a-z0-9._-]+|{[a-z_]+}))+")
_NAME = re.compile(r"[a-z][a-z0-9-]*")

F = TypeVar("F", bound=Callable[..., Any])


class Mark(msgspec.Struct, frozen=True):
    """What a decorator notes on a method. `title` is that of a panel, or the name of a verb."""

    kind: str
    title: str = ""
    method: str = ""
    path: str = ""
    scope: Scope = Scope.READ
    status: int = 200


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One method of a plugin that the operator can call, and its types: those of JSON where it has them."""

    mark: Mark
    name: str
    line: int | None
    summary: str
    about: str
    query: type[Query] = Query
    body: Any = None
    answer: Any = None
    fields: tuple[Field, ...] = ()

    def fits(self, path: Sequence[str]) -> dict[str, str] | None:
        """The parts of a decoded path that this is for, by name; None where it is for another."""
        steps = self.mark.path.split("/")[1:]
        if len(steps) != len(path):
            return None
        found = {}
        for step, part in zip(steps, path, strict=True):
            if step.startswith("{") and part:
                found[step[1:-1]] = part
            elif step != part:
                return None
        return found


def admin_route(method: str, path: str, *, scope: Scope, status: int = 200) -> Callable[[F], F]:
    """A route of the admin API below `/api/v1/plugins/<plugin>`: `(call: Call[Query, Body]) -> Answer`, as JSON.

    `path` begins with a slash and may hold `{parts}`. The types stand in the OpenAPI document.
    """
    return _marked(Mark("admin_route", method=method, path=path, scope=scope, status=status))


def web_route(method: str, path: str, *, scope: Scope) -> Callable[[F], F]:
    """A page of the admin listener below `/plugins/<plugin>`: `(request: web.Request) -> web.StreamResponse`."""
    return _marked(Mark("web_route", method=method, path=path, scope=scope))


def verb(name: str) -> Callable[[F], F]:
    """What `ocpi-hub plugin call PLUGIN NAME JSON` calls: `(given: Type) -> Answer`; `given: None` takes no JSON."""
    return _marked(Mark("verb", title=name))


def panel(title: str) -> Callable[[F], F]:
    """A panel on the plugin's page of the dashboard: `() -> Figures | Rows | Chart`."""
    return _marked(Mark("panel", title=title))


def form(title: str, *, scope: Scope = Scope.OPERATE) -> Callable[[F], F]:
    """A form on the plugin's page of the dashboard: `(given: Struct) -> str`, which says what was done."""
    return _marked(Mark("form", title=title, scope=scope))


def _marked(mark: Mark) -> Callable[[F], F]:
    def decorate(method: F) -> F:
        setattr(method, MARKS, (*getattr(method, MARKS, ()), mark))
        return method

    return decorate


_PARAMETERS = {"admin_route": ("call",), "web_route": ("request",), "verb": ("given",), "panel": (), "form": ("given",)}


def parameters(mark: Mark) -> tuple[str, ...]:
    """What the method is given, beside self."""
    return _PARAMETERS[mark.kind]


def wrong(mark: Mark) -> str | None:
    """What is wrong with the words of a decorator."""
    if mark.kind == "verb":
        fits = _NAME.fullmatch(mark.title)
        return None if fits else f"verb {mark.title!r}: use small letters, digits and dashes"
    if mark.kind in ("panel", "form"):
        return None if mark.title.strip() else f"a {mark.kind} needs a title"
    if mark.method not in _METHODS:
        return f"{mark.kind} {mark.method!r}: the method is one of {', '.join(_METHODS)}"
    if not _PATH.fullmatch(mark.path):
        return f"{mark.kind} {mark.path!r}: write the path as /stats or /stats/{{party}}, in small letters"
    if mark.kind == "admin_route" and mark.path.split("/")[1] in RESERVED:
        return f"admin_route {mark.path!r}: the hub itself has {' and '.join(RESERVED)} there; choose another word"
    return None


def service(name: str, method: Any, mark: Mark) -> Service:
    """A method with its types. TypeError says what is wrong with them."""
    about = inspect.getdoc(method) or ""
    if not about and mark.kind != "panel":
        raise TypeError(f"{name} needs a docstring: people read there what it is for")
    plain = Service(
        mark=mark, name=name, line=method.__code__.co_firstlineno, summary=about.partition("\n")[0], about=about
    )
    if mark.kind in ("web_route", "panel"):
        return plain
    hints = get_type_hints(method)
    if "return" not in hints or parameters(mark)[0] not in hints:
        raise TypeError(f"{name} needs types: what it is given, and what it returns")
    query: Any = Query
    body = hints[parameters(mark)[0]]
    if mark.kind == "admin_route":
        if get_origin(body) is not Call:
            raise TypeError(f"{name} is given a Call; write: async def {name}(self, call: Call[Query, None]) -> ...")
        query, body = get_args(body)
    body = None if body is type(None) else body
    asked: tuple[Field, ...] = ()
    if mark.kind == "form":
        try:
            asked = fields(body)
        except TypeError as reason:
            raise TypeError(f"{name}: {reason}") from None
    _describable(name, [query, hints["return"], *([body] if body else [])])
    return msgspec.structs.replace(plain, query=query, body=body, answer=hints["return"], fields=asked)


def doubles(services: list[Service]) -> Iterator[Service]:
    """Those that an earlier one leaves no room for."""
    seen = set()
    for each in services:
        mark = each.mark
        shape = re.sub(r"{\w+}", "{}", mark.path)
        key = (mark.kind, mark.method, shape) if mark.path else (mark.kind, mark.title)
        if key in seen:
            yield each
        seen.add(key)


def _describable(name: str, types: list[Any]) -> None:
    try:
        msgspec.json.schema_components(types)
    except (TypeError, NameError) as error:
        reason = str(error).splitlines()[-1]
        raise TypeError(f"{name} has a type that can not be told as JSON: {reason}") from None
