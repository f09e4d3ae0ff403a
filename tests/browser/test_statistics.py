"""What the statistics and the presets show, in a real browser."""

import time

import msgspec
from playwright.async_api import expect

from tests.plugin.shipped import SHIPPED, installed, plugin

CDRS = 400


async def test_charts_of_what_was_charged(desk, page, tmp_path):
    for stem in ("statistics", "presets"):
        installed(tmp_path, stem)
        on = (SHIPPED / f"{stem}.py").read_text().replace("enabled_by_default = False", "enabled_by_default = True")
        (desk.app.config.plugins_folder / f"{stem}.py").write_text(on)
    await desk.app.plugins.refresh()
    await charge(desk)
    await page.get_by_role("link", name="Plugins").click()
    await page.get_by_role("link", name="statistics").click()
    await expect(page.get_by_role("region", name="The last 30 days", exact=True)).to_contain_text("kWh")
    for name in ("Energy by day, 90 days", "Cost by day, 90 days, without VAT"):
        await expect(page.get_by_role("img", name=name).locator("path.series-1")).to_be_attached()
    await expect(page.get_by_role("row", name="DE-MSP").first).to_contain_text("NL-CPO")
    assert "CARD" not in await page.content()
    given = {"name": "car", "preset": {"uid": "0412ABCD", "profile_type": "GREEN", "departure": "07:30"}}
    await desk.app.plugins.reception.call("presets", "set", msgspec.json.encode(given))
    await page.goto("/dashboard/plugins/presets")
    await expect(page.get_by_role("row", name="…CD").first).to_contain_text("GREEN, leaves at 07:30")
    assert "0412ABCD" not in await page.content()


async def charge(desk):
    """CDRs and running sessions of the last weeks, sent through the hub."""
    mine = plugin(desk.app, "statistics")
    charges, snapshots = (mine.tables.tables[f"plugin_statistics_{name}"] for name in ("charge", "snapshot"))
    now = time.time_ns() // 1_000_000
    rows = []
    for number in range(CDRS):
        started = now - number * 3 * 3_600_000
        hour = time.strftime("%Y-%m-%dT%H", time.gmtime(started / 1000))
        whole = {
            "kind": "cdr", "cpo": "NL-CPO", "key": f"C{number}", "id": f"C{number}", "emsp": "DE-MSP",
            "location": "LOC1", "place": "Town hall", "zone": "Europe/Amsterdam", "token": f"CARD{number}",
            "contract": f"CARD-C{number}", "started": started, "ended": started + 1, "updated": started, "hour": hour,
            "sign": 1, "seconds": 3600,
            "currency": "EUR" if number % 3 else "CHF", "energy": 70_000 + number * 211, "cost": 20_000 + number * 97,
            "cost_vat": None, "status": "FINAL", "power": None,
        }  # fmt: skip
        rows.append(whole)
    rows.append({**rows[0], "kind": "session", "key": "S1", "id": "S1", "status": "ACTIVE", "power": 11_000})
    moments = [
        {
            "at": now - minute * 60_000,
            "cpo": "NL-CPO",
            "key": "S1",
            "energy": 1,
            "power": 7000 + minute,
            "status": "ACTIVE",
        }
        for minute in range(300)
    ]

    async def write(own):
        await own.upsert(charges, rows)
        await own.upsert(snapshots, moments)

    await mine.store.write(write)
