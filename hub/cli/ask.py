"""How a command reaches the hub: through its control socket, or, where none runs, in the store. Never both."""

from pathlib import Path
from typing import Any

from hub.asking import Arguments, ask
from hub.cli.common import load_config, remark, told


def do(config_path: Path | None, verb: str, arguments: Arguments, as_json: bool) -> Any:
    """Run a verb: asked of the hub that runs, else on the store itself. Exits with 1 where it fails."""
    with told(as_json=as_json):
        config = load_config(config_path)
        # The partner's part of a handshake has the hub's time-out; the rest of the time is ours.
        patience = 4 * config.limits.timeout
        try:
            return ask(config.data_folder / "hub.sock", verb, arguments, patience)
        except ConnectionError:
            pass
        from hub.cli.offline import ask_or_open  # noqa: PLC0415 - it is the whole store, which takes long to import

        result, offline = ask_or_open(config, verb, arguments, patience)
        if offline and not as_json:
            remark(f"No hub runs: used the database in {config.database_name}.")
        return result
