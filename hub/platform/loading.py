"""The one file that a platform runs, and the configuration that it runs with."""

from pathlib import Path

import msgspec

from hub.config import Config
from hub.plugin.errors import PluginError, problem
from hub.plugin.loader import Loaded, Loader
from hub.plugin.party.offer import Offer


class OneFile(Loader):
    """Loads one plugin, which has to be a party. `offer` is what it offers, once it is loaded."""

    def __init__(self, config: Config, file: Path) -> None:
        super().__init__(config, ())
        self._file = file.absolute()
        self.offer: Offer

    def scan(self) -> tuple[dict[str, Path], list[str]]:
        """The file, as long as it is there."""
        return ({self._file.stem: self._file} if self._file.is_file() else {}), []

    def load_all(self) -> list[Loaded]:
        """Load the file. Raises PluginError with all that is wrong with it."""
        if not self._file.is_file():
            raise PluginError([problem(self._file, None, "there is no such file")])
        (loaded,) = super().load_all()
        if loaded.offer is None:
            loaded.unload()
            advice = "write: from hub.plugin.party import Cpo; class Mine(Cpo): ..."
            raise PluginError([problem(self._file, None, f"the plugin is no party; {advice}")])
        self.offer = loaded.offer
        return [loaded]


def platform_config(config: Config, file: Path, data: Path | None = None) -> Config:
    """The configuration of a hub, for one party: its own plugin alone, its own data folder, no admin API."""
    stem = file.stem
    table = {**config.plugins.get(stem, {}), "enabled": True}
    folder = (data or file.with_name(f"{stem}.data")).absolute()
    hub = msgspec.structs.replace(config.hub, data=str(folder))
    admin = msgspec.structs.replace(config.admin, enabled=False)
    return msgspec.structs.replace(config, hub=hub, admin=admin, plugins={stem: table})
