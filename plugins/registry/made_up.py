"""Parties that do not exist, for those who write programs against the registry. Always the same ones."""

from .answers import Capability, Class, Entry

_COUNTRIES = ("AT", "BE", "CH", "DE", "DK", "ES", "FR", "IT", "NL", "NO", "PL", "SE")
_WORDS = ("Aurora", "Borealis", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbour", "Indigo", "Juniper")
_MODELS = (("Wallbox 11", "Acme Chargers"), ("Street 22", "Acme Chargers"), ("Highway 150", "Ohm & Sons"))
_MODULES = {
    "CPO": (
        ("locations", "SENDER"), ("sessions", "SENDER"), ("cdrs", "SENDER"), ("tariffs", "SENDER"),
        ("tokens", "RECEIVER"), ("commands", "RECEIVER"),
    ),
    "EMSP": (
        ("tokens", "SENDER"), ("locations", "RECEIVER"), ("sessions", "RECEIVER"), ("cdrs", "RECEIVER"),
        ("tariffs", "RECEIVER"),
    ),
    "NSP": (("locations", "RECEIVER"), ("tariffs", "RECEIVER")),
}  # fmt: skip
_VERSIONS = ("2.2.1", "2.3.0", "2.1.1")
MOST = 40


def entries() -> list[Entry]:
    """The listings: CPOs, eMSPs, some that are both, NSPs, and some CPOs with models of devices."""
    return [_entry(number) for number in range(MOST)]


def covers(number: int, kind: str) -> list[Capability]:
    """What the certificate of the n-th is about; nothing where it has none."""
    if number % 7 == 6 or kind not in _MODULES:
        return []
    version = _VERSIONS[number % 3]
    return [Capability(version, module, side) for module, side in _MODULES[kind]]


def expired(number: int) -> bool:
    """Whether the certificate of the n-th is a past one."""
    return number % 5 == 4


def _entry(number: int) -> Entry:
    kinds = (("CPO",), ("EMSP",), ("CPO", "EMSP"), ("NSP",))[number % 4]
    word = _WORDS[number % len(_WORDS)]
    devices = [Class("DEVICE", *_MODELS[number % 3])] if number % 4 == 0 else []
    return Entry(
        party=f"{_COUNTRIES[number % len(_COUNTRIES)]}-X{number:02d}",
        name=f"{word} Charging {number:02d} (made up)",
        website=f"https://{word.lower()}{number:02d}.example",
        email=f"ocpi@{word.lower()}{number:02d}.example",
        classes=[*(Class(kind) for kind in kinds), *devices],
    )
