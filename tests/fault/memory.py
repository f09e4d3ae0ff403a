"""The most memory that a hub which is a process ever had in use at a time, as Linux counts it."""

from pathlib import Path

from tests.fault.process import HubProcess


def watch(hub: HubProcess) -> int:
    """Begin anew to watch for the peak; bytes that are in use now."""
    Path(f"/proc/{hub.pid}/clear_refs").write_text("5")
    return peak(hub)


def peak(hub: HubProcess) -> int:
    """The most bytes that were in use at a time since `watch`."""
    return 1024 * int(Path(f"/proc/{hub.pid}/status").read_text().partition("VmHWM:")[2].split()[0])


def resident(hub: HubProcess) -> int:
    """Bytes that are in use."""
    return 1024 * int(Path(f"/proc/{hub.pid}/status").read_text().partition("VmRSS:")[2].split()[0])
