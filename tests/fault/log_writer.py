"""A process that writes with the event log, and says in a file beside it what was written. For test_power_cut.py."""

import importlib.util
import os
import sys
from pathlib import Path

root, plugin, lines = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
spec = importlib.util.spec_from_file_location("event_log", plugin)
assert spec is not None
assert spec.loader is not None
event_log = importlib.util.module_from_spec(spec)
spec.loader.exec_module(event_log)

settings = event_log.EventLogSettings(fsync="always", megabytes=0.001, keep=lines)
files = event_log.Files(root / "events", settings)
said = os.open(root / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
files.open()
for number in range(lines):
    files.append(iter([b"%d %s end\n" % (number, b"x" * 90)]))
    os.write(said, b"%d\n" % number)
