"""How a command reaches the hub: through its control socket, or, where none runs, in the store. Never both."""

import asyncio
from pathlib import Path
from typing import Any

from hub.app import identity
from hub.cli.common import load_config, quiet_log, remark, run, told
from hub.config import Config
from hub.control import Arguments, ControlError, Operations, ask, run_verb
from hub.partners.agreements import AgreementBook
from hub.partners.counts import CountBook
from hub.partners.journal import JournalBook
from hub.partners.opening import Store
from hub.partners.operations import Partners
from hub.store.errors import StoreLocked

PATIENCE = 5.0
"""Seconds that a hub gets which is just starting or stopping."""


def do(config_path: Path | None, verb: str, arguments: Arguments, as_json: bool) -> Any:
    """Run a verb: asked of the hub that runs, else on the store itself. Exits with 1 where it fails."""
    with told(as_json=as_json):
        config = load_config(config_path)
        quiet_log(config)
        result, offline = run(config, _ask_or_open(config, verb, arguments))
        if offline and not as_json:
            remark(f"No hub runs: used the database in {config.data_folder}.")
        return result


async def _ask_or_open(config: Config, verb: str, arguments: Arguments) -> tuple[Any, bool]:
    """The result, and whether no hub was there to give it.

    A hub that is just starting or stopping is waited for.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while True:
        try:
            # The partner's part of a handshake has the hub's time-out; the rest of the time is ours.
            return await ask(config.data_folder / "hub.sock", verb, arguments, 4 * config.limits.timeout), False
        except ConnectionError:
            pass
        _check_offline(config, verb)
        try:
            async with Store(config) as store:
                url = config.listen.base_url(config.listen.port)
                partners = Partners(store.keeper, identity(config, url), config.catalogue, None)
                agreements = AgreementBook(store.keeper, config.catalogue)
                counts = CountBook(store.database, store.keeper, config.routing.validation)
                journal = JournalBook(store.database, store.keeper)
                operations = Operations(partners, agreements, counts, store.keys, journal=journal)
                return await run_verb(operations, verb, arguments), True
        except StoreLocked as locked:
            if loop.time() > until:
                raise ControlError(f"{locked} It does not answer at {config.data_folder / 'hub.sock'}.") from None
            await asyncio.sleep(0.1)


def _check_offline(config: Config, verb: str) -> None:
    """Refuse what would give a wrong answer where no hub runs."""
    if verb != "invite" and not (config.data_folder / "hub.db").exists():
        raise ControlError(
            f"there is no hub's database in {config.data_folder}. Go to the folder of the hub's config.toml, or name "
            "that file with --config. A new hub begins with: ocpi-hub serve"
        )
    if verb.startswith("invite") and config.listen.port == 0 and config.listen.public_url is None:
        raise ControlError(
            "the versions URL is not known: listen.port is 0, so the port is chosen when the hub starts. "
            "Start it first: ocpi-hub serve"
        )
