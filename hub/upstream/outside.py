"""The HTTP client that plugins get: the hub's own with its guard, and connections apart from those to partners."""

import asyncio
from collections.abc import Sequence

from hub.plugin.parts import HttpAnswer, HttpFailed
from hub.upstream.client import Client
from hub.upstream.request import Request, SendError
from hub.upstream.url import split_url

LARGEST = 1024 * 1024
"""Bytes of an answer, at most."""


class Outside:
    """See `hub.plugin.parts.Http`. Connections are counted for each plugin and host by itself."""

    def __init__(self, client: Client, plugin: str) -> None:
        self._client = client
        self._plugin = plugin

    async def send(
        self, method: str, url: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", seconds: float
    ) -> HttpAnswer:
        """Send a request once. Raises HttpFailed."""
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            self._client.check(url)
            request = Request(
                method=method,
                url=url,
                headers=tuple(headers),
                body=body,
                pool=f"plugin {self._plugin}: {split_url(url)[0].authority}",
                deadline=deadline,
                max_body=LARGEST,
                follow=False,
            )
            response = await self._client.send(request)
        except SendError as error:
            raise HttpFailed(error.fault, str(error), sent=error.sent) from None
        return HttpAnswer(response.status, tuple(response.headers.items()), response.body)
