"""A process that forks hubs, for process.Nursery: what it has imported, no life of a hub has to import again.

It is told a folder with a config.toml, and a network namespace or nothing, and answers with the hub's process id. When
that hub has ended, its exit status is in the folder's file `ended-` with that id.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from hub.cli import main

_NETWORK = 0x40000000


def serve(folder: Path, namespace: str) -> None:
    log = os.open(folder / "hub.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    if namespace and ctypes.CDLL(None).setns(os.open(f"/run/netns/{namespace}", os.O_RDONLY), _NETWORK):
        raise OSError(f"no such network namespace: {namespace}")
    main(["serve", "--config", "config.toml"])


def look_after(folder: Path, namespace: str) -> None:
    """Fork a hub, and wait for its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    hub = os.fork()
    if hub == 0:
        serve(folder, namespace)
    print(hub, flush=True)
    status = os.waitstatus_to_exitcode(os.waitpid(hub, 0)[1])
    draft = folder / "draft"
    draft.write_text(str(status))
    draft.rename(folder / f"ended-{hub}")
    os._exit(0)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    told, _, name = line.rstrip("\n").partition("\t")
    if os.fork() == 0:
        look_after(Path(told), name)
