"""What a changed configuration changes at once, and what waits for a restart."""

from pathlib import Path

import msgspec
import pytest

from hub.config import Config, Hub, Listen, Routing
from hub.config.compare import LIVE, TLS, compare
from hub.config.model import sections
from hub.core.custom import CustomModule

BASE = Config(folder=Path("/x"))
ROOT = Path(__file__).parents[2]


def changed(value):
    """Another value of the same kind; nothing checks it."""
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int | float) else f"{value}x"


def other(section, key):
    table = getattr(BASE, section)
    return msgspec.structs.replace(
        BASE, **{section: msgspec.structs.replace(table, **{key: changed(getattr(table, key))})}
    )


EVERY = [(section, key) for section, kind in sections().items() for key in kind.__struct_fields__]


@pytest.mark.parametrize(("section", "key"), EVERY)
def test_every_key_changes_at_once_or_waits(section, key):
    new = other(section, key)
    change = compare(BASE, new)
    live = LIVE.get(section, frozenset())
    name = f"{section}.{key}"
    if not (section == "listen" and key in TLS) and (live is None or key in live):
        assert (change.changed, change.restart) == ((name,), ())
        assert change.config == new
    else:
        assert (change.changed, change.restart) == ((), (name,))
        assert change.config == BASE, "what is in force stays what it was"


def test_nothing_that_does_not_exist_is_said_to_be_live():
    for section, keys in LIVE.items():
        assert set(keys or ()) <= set(sections()[section].__struct_fields__)


def test_certificates_change_while_the_listener_has_tls():
    old = msgspec.structs.replace(BASE, listen=Listen(certificate="a.pem"))
    new = msgspec.structs.replace(BASE, listen=Listen(certificate="b.pem", key="k.pem", port=9))
    change = compare(old, new)
    assert (change.changed, change.restart) == (("listen.certificate", "listen.key"), ("listen.port",))
    assert change.config.listen == Listen(certificate="b.pem", key="k.pem")
    assert compare(old, BASE).restart == ("listen.certificate",)
    assert compare(BASE, old).restart == ("listen.certificate",)


def test_plugins_change_and_modules_wait():
    old = msgspec.structs.replace(BASE, plugins={"a": {"x": 1}, "b": {}})
    new = msgspec.structs.replace(BASE, plugins={"a": {"x": 2}, "c": {}}, modules={"m": CustomModule()})
    change = compare(old, new)
    assert change.changed == ("plugins.a", "plugins.b", "plugins.c")
    assert change.restart == ("modules.m",)
    assert (change.config.plugins, change.config.modules) == (new.plugins, {})


def test_both_at_once():
    new = msgspec.structs.replace(BASE, hub=Hub(name="New", party="BE-NEW"), routing=Routing(page_limit=7))
    change = compare(BASE, new)
    assert (change.changed, change.restart) == (("hub.name", "routing.page_limit"), ("hub.party",))
    assert (change.config.hub, change.config.routing.page_limit) == (Hub(name="New"), 7)


def test_the_page_for_operators_names_what_waits():
    page = (ROOT / "docs/operations.md").read_text()
    part = page.partition("### What needs a restart")[2].partition("\n## ")[0]
    for section, key in EVERY:
        live = LIVE.get(section, frozenset())
        if live is not None and key not in live:
            assert f"`{section}.{key}`" in part or f"`[{section}]`" in part, f"{section}.{key}"
