"""What a changed configuration changes: at once, or only at the next start."""

from collections.abc import Iterator, Mapping

from msgspec import Struct, structs

from hub.config.model import Config, sections

TLS = frozenset(("certificate", "key", "client_ca", "client_certificates"))
LIVE = {
    "hub": frozenset(("name", "website", "list_parties", "plugins")),
    "listen": TLS | {"trusted_proxies"},
    "limits": None,
    "partner_limits": None,
    "upstream": None,
    "routing": None,
    "sync": None,
    "liveness": None,
    "admin": frozenset(("open_metrics", "trusted_proxies", "names")),
    "journal": frozenset(("days", "rows", "sums_days")),
    "store": frozenset(),
    "node": frozenset(("alone",)),
    "telemetry": None,
    "log": None,
}
"""What a hub that runs takes over: of each section these keys, or all (None). The tables of plugins, too.

Everything else is for the next start, so that a new key is never said to be in force when it is not.
"""


class Change(Struct, frozen=True):
    """A configuration to put in force, the keys that differ in it, and those that differ but need a restart."""

    config: Config
    changed: tuple[str, ...]
    restart: tuple[str, ...]


def compare(old: Config, new: Config) -> Change:
    """`new`, but with what `old` has where that can not change while the hub runs."""
    changed: list[str] = []
    restart: list[str] = []
    kept = {}
    for name in sections():
        before, after = getattr(old, name), getattr(new, name)
        differ = set(_differences(before, after))
        late = {key for key in differ if not _is_live(name, key, old, new)}
        kept[name] = structs.replace(after, **{key: getattr(before, key) for key in late})
        restart += (f"{name}.{key}" for key in sorted(late))
        changed += (f"{name}.{key}" for key in sorted(differ - late))
    restart += (f"modules.{name}" for name in _other(old.modules, new.modules))
    changed += (f"plugins.{stem}" for stem in _other(old.plugins, new.plugins))
    return Change(structs.replace(new, **kept, modules=old.modules), tuple(changed), tuple(restart))


def _is_live(section: str, key: str, old: Config, new: Config) -> bool:
    if section == "listen" and key in TLS and (old.tls_files is None or new.tls_files is None):
        return False  # a listener can not begin with TLS, or end it
    keys = LIVE.get(section, frozenset())
    return keys is None or key in keys


def _differences(before: Struct, after: Struct) -> Iterator[str]:
    for key in before.__struct_fields__:
        if getattr(before, key) != getattr(after, key):
            yield key


def _other(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
