"""A way to write config.toml and read what is wrong with it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hub.config import Config, ConfigError, load

Loads = Callable[..., Config]
Refuses = Callable[..., list[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def loads(file: Path) -> Loads:
    """Writes `text` to config.toml and loads it."""

    def run(text: str | bytes = "", environ: Mapping[str, str] = {}) -> Config:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return load(file, environ)

    return run


@pytest.fixture
def refuses(loads: Loads, file: Path) -> Refuses:
    """The problems in `text`, without the folder of the file."""

    def run(text: str | bytes = "", environ: Mapping[str, str] = {}) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loads(text, environ)
        assert str(caught.value) == "\n\n".join(caught.value.problems)
        return [problem.replace(f"{file.parent}/", "") for problem in caught.value.problems]

    return run
