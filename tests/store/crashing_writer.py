"""A process that forks writers which are killed at work. For test_crash.py, which explains the talk between them.

Forking from one that has everything imported makes a writer start in milliseconds.
"""

import asyncio
import os
import sys
from pathlib import Path

from sqlalchemy import insert

from hub.store.database import Database
from hub.store.lock import FolderLock
from hub.store.schema import meta


async def write(path: Path, first: int) -> None:
    FolderLock(path.with_name("hub.lock")).acquire()
    database = await Database.open(path)
    number = first
    while True:

        async def work(connection, number=number):
            await connection.execute(insert(meta).values(key=f"{number}", value="x" * 3000))
            await connection.execute(insert(meta).values(key=f"{number} twin", value=""))

        await database.write(work)
        print(number, flush=True)
        number += 1


for line in sys.stdin:
    writer = os.fork()
    if writer == 0:
        asyncio.run(write(Path(sys.argv[1]), int(line)))
    print("writer", writer, flush=True)
    os.waitpid(writer, 0)
    print("dead", flush=True)
