"""A verb where no hub runs: on the store itself, as far as that can be."""

import time
from pathlib import Path
from typing import Any

from hub.asking import Arguments, ControlError, ask_any
from hub.cli.running import quiet_log, run
from hub.config import Config
from hub.control import Operations, run_verb
from hub.flow.settings import identity
from hub.partners.agreements import AgreementBook
from hub.partners.counts import CountBook
from hub.partners.journal import JournalBook
from hub.partners.opening import Store
from hub.partners.operations import Partners
from hub.store.errors import StoreLocked

PATIENCE = 5.0
"""Seconds that a hub gets which is just starting or stopping."""
_PAUSE = 0.1


def ask_or_open(config: Config, verb: str, arguments: Arguments, seconds: float) -> tuple[Any, bool]:
    """The result, and whether no hub was there to give it.

    A hub that is just starting or stopping is waited for.
    """
    quiet_log(config)
    until = time.monotonic() + PATIENCE
    while True:
        _check_offline(config, verb)
        try:
            return run(config, _on_store(config, verb, arguments)), True
        except StoreLocked as locked:
            if time.monotonic() > until:
                raise ControlError(f"{locked} It does not answer at {config.data_folder / 'hub.sock'}.") from None
        time.sleep(_PAUSE)
        try:
            return ask_any(config.data_folder, verb, arguments, seconds), False
        except ConnectionError:
            pass


async def _on_store(config: Config, verb: str, arguments: Arguments) -> Any:
    async with Store(config) as store:
        url = config.listen.base_url(config.listen.port)
        partners = Partners(store.keeper, identity(config, url), config.catalogue, None)
        agreements = AgreementBook(store.keeper, config.catalogue)
        counts = CountBook(store.database, store.keeper, config.routing.validation)
        journal = JournalBook(store.database, store.keeper)
        operations = Operations(partners, agreements, counts, store.keys, journal=journal)
        return await run_verb(operations, verb, arguments)


def _check_offline(config: Config, verb: str) -> None:
    """Refuse what would give a wrong answer where no hub runs."""
    if verb != "invite" and isinstance(config.database, Path) and not config.database.exists():
        raise ControlError(
            f"there is no hub's database in {config.data_folder}. Go to the folder of the hub's config.toml, or name "
            "that file with --config. A new hub begins with: ocpi-hub serve"
        )
    if verb.startswith("invite") and config.listen.port == 0 and config.listen.public_url is None:
        raise ControlError(
            "the versions URL is not known: listen.port is 0, so the port is chosen when the hub starts. "
            "Start it first: ocpi-hub serve"
        )
