"""What all tables of config.toml have in common."""

from msgspec import Struct


class Section(Struct, frozen=True, kw_only=True):
    """Base of every table in config.toml."""
