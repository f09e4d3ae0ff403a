"""`ocpi-hub stats` and `ocpi-hub preset`: with a hub that runs and has the plugins."""

import csv
import io
import stat

import pytest

from tests.plugin.shipped import installed
from tests.plugin.test_statistics import fill

TABLES = "\n[plugins.statistics]\nenabled = true\nsnapshot_every = 86400\n[plugins.presets]\nenabled = true\n"


@pytest.fixture
def charged(configured, request):
    """The commands beside a hub with 2,500 CDRs."""
    for stem in ("statistics", "presets"):
        installed(configured.folder, stem)
    config = configured.folder / "config.toml"
    config.write_text(config.read_text() + TABLES)
    app = request.getfixturevalue("hub")
    request.getfixturevalue("background").call(fill(app, 2500))
    return configured


def test_sums_as_table_json_and_csv(charged):
    shown = charged.done("stats", "--by", "cpo,emsp")
    assert shown.split() == [
        "cpo", "emsp", "count", "kWh", "hours", "cost", "currency",
        "NL-CPO", "DE-MSP", "2500", "19062.38", "2500.00", "6250.00", "EUR",
    ]  # fmt: skip
    (only,) = charged.json(
        "stats", "--by", "location", "--location", "LOC1", "--from", "2026-01-01", "--to", "2026-01-02"
    )
    assert only["group"] == {"location": "NL-CPO LOC1"}
    assert only["count"] == len(range(1, 1440, 7))
    lines = list(csv.DictReader(io.StringIO(charged.done("stats", "--by", "contract", "--csv"))))
    assert len(lines) == 50
    assert lines[0].keys() == {"contract", "count", "kWh", "hours", "cost", "currency"}
    assert charged.done("stats", "--cpo", "XX-YYY") == "Nothing was charged, as far as this hub has seen.\n"
    assert "choose from hour, day" in charged.fails("stats", "--by", "weekday")


def test_export(charged):
    whole = list(csv.DictReader(io.StringIO(charged.done("stats", "export"))))
    assert [each["id"] for each in whole] == [f"S{number:05}" for number in range(2500)]
    target = charged.folder / "log.csv"
    target.write_text("old")
    charged.done("stats", "export", "--token", "card7", "--output", str(target))
    assert target.read_text().count("\n") == 1 + 50
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    charged.done("stats", "export", "--format", "pdf", "--to", "2026-01-02", "--output", "log.pdf")
    assert (charged.folder / "log.pdf").read_bytes().startswith(b"%PDF-")
    target.write_text("old")
    assert "it is no time" in charged.fails("stats", "export", "--from", "soon", "--output", str(target))
    assert target.read_text() == "old"
    assert not list(charged.folder.glob(".*.part"))


def test_presets(charged):
    assert "There is no preset." in charged.done("preset", "list")
    words = (
        "--card",
        "0412AB",
        "--profile",
        "GREEN",
        "--departure",
        "07:30",
        "--energy",
        "30",
        "--hours",
        "20:00-06:00",
    )
    assert charged.done("preset", "set", "car", *words) == (
        "Preset car: GREEN, leaves at 07:30, needs 30 kWh, begins 20:00-06:00. It is sent when a session begins.\n"
    )
    assert "0412AB" in charged.done("preset", "list")
    assert [each["name"] for each in charged.json("preset", "list")] == ["car"]
    assert "Nothing was sent for it yet." in charged.done("preset", "show", "car")
    assert charged.json("preset", "show", "car")["outcomes"] == []
    assert "give one: uid or contract" in charged.fails("preset", "set", "none", "--limit-kw", "3")
    assert charged.done("preset", "remove", "car") == "Preset car is removed.\n"
    assert "there is no preset 'car'" in charged.fails("preset", "show", "car")


def test_without_the_plugin(configured, hub):
    assert "no plugin 'statistics' is running" in configured.fails("stats")
    assert "no plugin 'presets' is running" in configured.fails("preset", "list")
