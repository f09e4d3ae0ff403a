"""What tells that a file is another one than before, without reading it."""

from pathlib import Path

Mark = tuple[int, int, int]


def mark(path: str | Path) -> Mark | None:
    """What differs where a file differs: its place on the disk, its size, its time. None where there is none."""
    try:
        state = Path(path).stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
