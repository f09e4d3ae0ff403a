"""The client towards partners, made from the configuration, and what can be wrong with the files it needs."""

import asyncio
import ssl

from hub.config import Config
from hub.flow.settings import client_limits
from hub.listener import CannotStart, checked_tls
from hub.upstream import Client, Guard, tls_context


def open_client(config: Config) -> Client:
    """The hub's own client, with the limits of the configuration."""
    return Client(client_limits(config), Guard(config.upstream.allow_private), partners_tls(config))


async def follow_client(client: Client, config: Config) -> None:
    """Have a client that is in use follow another configuration."""
    tls = await asyncio.to_thread(partners_tls, config)  # it reads many certificates
    client.reconfigure(client_limits(config), Guard(config.upstream.allow_private), tls)


def file_problems(config: Config) -> list[str]:
    """What is wrong with files that the configuration names."""
    try:
        partners_tls(config)
    except CannotStart as error:
        return [str(error)]
    return checked_tls(config)[0]


def partners_tls(config: Config) -> ssl.SSLContext:
    """TLS towards partners. CannotStart where the file with authorities holds none."""
    try:
        return tls_context(config.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = f"ca_file: no certificates in PEM form can be read from {config.ca_file} ({error.strerror or error})"
        raise CannotStart(config.origin.problem(("upstream", "ca_file"), reason)) from None
