"""How a command reaches the hub: through its control socket, or, where none runs, in the store. Never both."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from hub.asking import Arguments, ask, ask_any, sockets
from hub.cli.common import load_config, remark, told


def do(config_path: Path | None, verb: str, arguments: Arguments, as_json: bool) -> Any:
    """Run a verb: asked of the hub that runs, else on the store itself. Exits with 1 where it fails."""
    with told(as_json=as_json):
        config = load_config(config_path)
        # The partner's part of a handshake has the hub's time-out; the rest of the time is ours.
        patience = 4 * config.limits.timeout
        try:
            return ask_any(config.data_folder, verb, arguments, patience)
        except ConnectionError:
            pass
        from hub.cli.offline import ask_or_open  # noqa: PLC0415 - it is the whole store, which takes long to import

        result, offline = ask_or_open(config, verb, arguments, patience)
        if offline and not as_json:
            remark(f"No hub runs: used the database in {config.database_name}.")
        return result


def of_each(config_path: Path | None, verb: str, as_json: bool) -> list[Any]:
    """The result of a verb in each process of the hub that runs, where there are several; else as `do` has it."""
    found = []
    with told(as_json=as_json):
        config = load_config(config_path)
        for path in sockets(config.data_folder):
            with suppress(ConnectionError):
                found.append(ask(path, verb, Arguments(), 4 * config.limits.timeout))
    return found or [do(config_path, verb, Arguments(), as_json)]
