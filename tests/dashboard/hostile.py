"""Every page of the dashboard, drawn with the worst text in every place where there is text, and what of it got in.

The data is made from the types of the pages: what a partner, a plugin or a user of an API can bring in is somewhere
among it, and so is what they can not. A page or a field that is added is covered by itself.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from itertools import count
from typing import Any, get_type_hints

import msgspec
from msgspec import inspect

from hub.admin.problems import Problem
from hub.core.scopes import Scope
from hub.dashboard.pages import ROOT, Done, Page
from hub.dashboard.render import Renderer
from hub.dashboard.site import _OUTSIDE
from hub.dashboard.table import PAGES
from hub.store.keys import KeyRecord

EVIL = (
    "\"'><x-in a=1 onclick=x-in()>{{ 7*191 }}</x-in></title></textarea></script><script>x-in()</script>"
    "<img src=x onerror=x-in()><a href=javascript:x-in()>-->]]>&lt;x-in&gt;\u202e\x00\x1b[31m\r\n\u2028=1+1"
)
URL = "javascript:document.title='x-in'//"
VARIANTS = 3
"""Of each page: with another one of several types and of several words, and without what may be left out."""
_BARE = 1
"""In this one nothing was asked for, and nothing of it is wrong: pages show more then."""
_OWN_TAGS = re.compile(
    "a|body|button|circle|code|datalist|dd|defs|details|div|dl|dt|em|figcaption|figure|footer|form|g|h1|h2|h3|head"
    "|header|html|input|label|legend|li|line|link|main|marker|meta|nav|ol|option|p|path|pre|progress|rect|script"
    "|section|select|span|strong|summary|svg|table|tbody|td|text|textarea|th|thead|time|title|tr|tspan|ul"
)
_LINKS = frozenset(("href", "src", "action", "formaction", "data", "xlink:href", "poster", "srcset"))


class Drawn(msgspec.Struct, frozen=True):
    """One page. `parts` are its live parts by their ids, as they are sent to browsers that keep it open."""

    name: str
    html: str
    parts: Mapping[str, str]


class _Form(Mapping[str, str]):
    """A form in which every field was filled in."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getitem__(self, _: str) -> str:
        return self._text

    def __contains__(self, _: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def drawn(text: str, variants: int = VARIANTS) -> Iterator[Drawn]:
    """Every page in so many variants."""
    renderer = Renderer()
    for page in PAGES:
        for variant in range(variants):
            known = _known(page, text, variant)
            yield Drawn(page.name, renderer.page(page.name, known), dict(renderer.live(page.name, known)))
    for name, known in (
        ("_login", {"to": text, "failed": Problem(401, text, text)}),
        ("_error", {"found": Problem(400, text, text)}),
    ):
        yield Drawn(name, renderer.page(name, {**_OUTSIDE, **known}), {})


def _known(page: Page, text: str, variant: int) -> dict[str, Any]:
    make = Maker(text, variant)
    here = page.url(dict.fromkeys(("partner", "plugin", "id", "module", "owner"), text))
    told = {"one": text, "two": f"{text}\n{text}"}
    return _OUTSIDE | {
        "page": page, "here": here, "twin": f"{here}.json", "pages": [page], "hub": "NL-HUB", "csrf": "c",
        "asked": page.query() if variant == _BARE else make(page.query),
        "data": make(get_type_hints(page.load)["return"]),
        "key": KeyRecord(b"", text, Scope.ADMIN, 1, None), "may": {scope.value: True for scope in Scope},
        "form": _Form(text), "done": Done("overview", text, told=told), "failed": Problem(400, text, text),
    }  # fmt: skip


class Maker:
    """Makes a value of a type, with `text` wherever there is text."""

    def __init__(self, text: str, variant: int) -> None:
        self._text = text
        self._variant = variant
        self._numbers = count(1)

    def __call__(self, kind: Any) -> Any:
        return self.value(inspect.type_info(kind))

    def value(self, info: Any) -> Any:
        """A value of a type, as msgspec describes it."""
        return self._MADE[type(info)](self, info)

    def _struct(self, info: inspect.StructType) -> Any:
        return info.cls(**{each.name: self.value(each.type) for each in info.fields})

    def _tuple(self, info: inspect.NamedTupleType) -> Any:
        return info.cls(*(self.value(each.type) for each in info.fields))

    def _mapping(self, info: inspect.DictType) -> Any:
        return {} if self._variant == _BARE else {self.value(info.key_type): self.value(info.value_type)}

    def _union(self, info: inspect.UnionType) -> Any:
        """What may be left out is left out in the last variant."""
        bare = self._variant == VARIANTS - 1
        return self.value(self._one([each for each in info.types if bare == isinstance(each, inspect.NoneType)]))

    def _one(self, several: list[Any]) -> Any:
        return several[self._variant % len(several)]

    _MADE: Mapping[type, Callable[["Maker", Any], Any]] = {
        inspect.StructType: _struct,
        inspect.NamedTupleType: _tuple,
        inspect.DictType: _mapping,
        inspect.UnionType: _union,
        inspect.Metadata: lambda own, info: own.value(info.type),
        inspect.EnumType: lambda own, info: own._one(list(info.cls)),
        inspect.LiteralType: lambda own, info: own._one(sorted(info.values)),
        inspect.ListType: lambda own, info: [own.value(info.item_type)],
        inspect.VarTupleType: lambda own, info: (own.value(info.item_type),),
        inspect.TupleType: lambda own, info: tuple(map(own.value, info.item_types)),
        inspect.StrType: lambda own, _: own._text,
        inspect.AnyType: lambda own, _: {"request": own._text, "answer": own._text},  # bodies, as a trace has them
        inspect.RawType: lambda own, _: msgspec.Raw(msgspec.json.encode({own._text: own._text})),
        inspect.IntType: lambda own, _: next(own._numbers),  # what begins ends later
        inspect.FloatType: lambda own, _: next(own._numbers) + 0.5,
        inspect.BoolType: lambda own, _: own._variant % 2 == 0,
        inspect.NoneType: lambda *_: None,
    }


class Found(HTMLParser):
    """What a page has that its templates have not: elements, attributes that run something, links that lead away."""

    def __init__(self, html: str, text: str = EVIL) -> None:
        """`texts` counts where this text is, or its beginning."""
        super().__init__(convert_charrefs=True)
        self.texts = 0
        self.bad: list[str] = []
        self._begin = text[1:7]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not _OWN_TAGS.fullmatch(tag) or (tag == "script" and "src" not in dict(attrs)):
            self.bad.append(f"<{tag}>")
        for name, given in attrs:
            value = given or ""
            self.texts += self._begin in value
            away = name in _LINKS and not value.startswith((f"{ROOT}/", f"{ROOT}?", "#", "/docs"))
            if away or name.startswith("on") or name in ("style", "srcdoc", "a"):
                self.bad.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        self.texts += data.count(self._begin)

    def handle_comment(self, data: str) -> None:
        self.bad.append(f"<!--{data[:40]}-->")

    def unknown_decl(self, data: str) -> None:
        self.bad.append(f"<![{data[:40]}]>")
