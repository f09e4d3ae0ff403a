"""A partner that sends as fast as it can, as a process of its own: `python flood.py PORT CONNECTIONS`, one request in.

It floods until its standard input is closed, and then tells how often it got which HTTP status.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from contextlib import suppress

_STATUS = re.compile(rb"HTTP/1\.1 (\d+)")
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")


async def flood(port: int, data: bytes, told: Counter[str]) -> None:
    """One connection after another, each with one request after another."""
    while True:
        with suppress(OSError, EOFError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                writer.write(data)
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                status = _STATUS.match(head)
                told[status[1].decode() if status else "none"] += 1


async def main(port: int, connections: int) -> None:
    size = int(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read(size)
    told: Counter[str] = Counter()
    flooding = [asyncio.create_task(flood(port, data, told)) for _ in range(connections)]
    await asyncio.to_thread(sys.stdin.buffer.read)
    print(json.dumps(told), flush=True)
    for each in flooding:
        each.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
