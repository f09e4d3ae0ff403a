"""A process that forks hubs, for process.Nursery: what it has imported, no life of a hub has to import again.

It is told a folder with a config.toml, answers with the hub's process id, and with its exit status when it has ended.
"""

import os
import sys
from pathlib import Path

from hub.cli import main


def serve(folder: Path) -> None:
    log = os.open(folder / "hub.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    main(["serve", "--config", "config.toml"])


for line in sys.stdin:
    hub = os.fork()
    if hub == 0:
        serve(Path(line.rstrip("\n")))
    print(hub, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(hub, 0)[1]), flush=True)
