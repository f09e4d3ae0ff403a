"""Settings from the environment: `OCPI_HUB__LISTEN__PORT=9000`."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from msgspec import structs

from hub.config.model import sections
from hub.config.origin import Override

PREFIX = "OCPI_HUB__"
_PLUGIN = re.compile(rf"{PREFIX}PLUGINS__([A-Z0-9_]*?[A-Z0-9])__([A-Z0-9_]+)")


def read(environ: Mapping[str, str]) -> tuple[list[Override], list[str]]:
    """What the environment sets, and what is wrong with it. Variables without the prefix are left alone."""
    known = dict(_known())
    overrides: list[Override] = []
    problems: list[str] = []
    for name, text in environ.items():
        if not name.startswith(PREFIX):
            continue
        path = known.get(name) or _plugin_path(name)
        if path is None:
            problems.append(f"environment variable {name}: there is no such setting{_likely(name, known)}")
        elif not _is_unicode(text):
            problems.append(f"environment variable {name}: the value is not UTF-8 text")
        else:
            overrides.append(Override(name, path, text))
    return overrides, problems


def guess(text: str) -> object:
    """`text` as a TOML value, or as it is when it is none."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return table["value"] if table.keys() == {"value"} else text


def _known() -> Iterator[tuple[str, tuple[str, str]]]:
    for section, kind in sections().items():
        for item in structs.fields(kind):
            yield f"{PREFIX}{section}__{item.encode_name}".upper(), (section, item.encode_name)


def _plugin_path(name: str) -> tuple[str, ...] | None:
    match = _PLUGIN.fullmatch(name)
    return ("plugins", match[1].lower(), match[2].lower()) if match else None


def _likely(name: str, known: Mapping[str, object]) -> str:
    if name.startswith(f"{PREFIX}MODULES"):
        return "; modules are written into config.toml"
    if name.startswith(f"{PREFIX}PLUGINS"):
        return f"; one of a plugin is written {PREFIX}PLUGINS__<FILE STEM>__<KEY>, in capitals"
    close = get_close_matches(name.upper(), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _is_unicode(text: str) -> bool:
    """Bytes that are not UTF-8 come as surrogates, which can not be written again."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
