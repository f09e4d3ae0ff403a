"""Loads plugins in a thread of its own, and goes on without it where one never comes to its end."""

import asyncio
import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from hub.plugin.errors import PluginError
from hub.plugin.watchdog import HeldUp, place

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(seconds: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises: it loads plugins. PluginError after so many seconds; it is broken off then.

    Not in a thread of the event loop's: the hub would wait for that at its end.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((value, error))

    def run() -> None:
        value, error = None, None
        try:
            value = work(*args, **kwargs)
        except BaseException as failed:  # noqa: BLE001 - it is raised where it is waited for
            error = failed
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, value, error)

    thread = threading.Thread(target=run, name="plugins: load", daemon=True)
    thread.start()
    await asyncio.wait({ended}, timeout=seconds)
    if not ended.done():
        ended.cancel()
        number = thread.ident or 0
        at = place(sys._current_frames().get(number)) or "plugins"  # noqa: SLF001 - there is no other way to look
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(number), ctypes.py_object(HeldUp))
        raise PluginError(
            [f"{at}: it takes longer than {seconds:g} s to load; do what takes long in a task of start()"]
        )
    value, error = ended.result()
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]
