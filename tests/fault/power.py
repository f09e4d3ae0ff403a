"""A power cut: how a process is recorded, and how what is left of its files is laid out for a hub to find."""

from pathlib import Path

from tests.fault.disk import MEMORY
from tests.fault.preload import compiled


def recording(folder: Path, root: Path, record: Path) -> dict[str, str]:
    """What makes a process write a record of all that it does to files below `root`."""
    return {"LD_PRELOAD": str(compiled("recorder", folder)), "FAULT_ROOT": str(root), "FAULT_RECORD": str(record)}


def write_down(files: dict[Path, bytes], root: Path, folder: Path) -> None:
    """Everything but temporary files, as nobody looks for them."""
    for path, content in files.items():
        if path.parent == root / "tmp":
            continue
        there = folder / path.relative_to(root)
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there.write_bytes(content)
        there.chmod(0o600)


def files_of(root: Path) -> dict[Path, bytes]:
    """What is there, but for what is no file on a disk, and the log, which the test itself has opened."""
    return {
        path: path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "hub.log" and not path.name.endswith(MEMORY)
    }
