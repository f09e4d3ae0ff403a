"""A private PostgreSQL for a test run: a cluster in a temporary folder, and a fresh database for each test.

Its data need not survive a power cut, so it does not wait for the disk.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

HOW_TO_GET_IT = "PostgreSQL is not installed (apt-get install postgresql)"
_PROGRAMS = ("initdb", "pg_ctl", "postgres", "psql")
_TEMPLATE = "migrated"
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
}
_EMPTY = """
DO $$
DECLARE name text; used boolean;
BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('SELECT exists(SELECT FROM %I)', name) INTO used;
    IF name LIKE 'plugin~_%' ESCAPE '~' THEN EXECUTE format('DROP TABLE %I', name);
    ELSIF used THEN EXECUTE format('TRUNCATE %I RESTART IDENTITY CASCADE', name);
    END IF;
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', name);
  END LOOP;
END $$
"""


def programs() -> Path | None:
    """Where initdb and postgres are; Debian does not put them into the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name), reverse=True)
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((each for each in folders if all((each / name).exists() for name in _PROGRAMS)), None)


class Cluster:
    """A server on a port of its own. Everybody on this machine may log in, but `guarded` needs a password."""

    def __init__(self, folder: Path, port: int, bin_folder: Path, settings: Mapping[str, str] = _SETTINGS) -> None:
        self.folder = folder
        self.settings = settings
        self.port = port
        self.bin = bin_folder
        # As root it refuses to run.
        self.user = {} if os.geteuid() else {"user": _somebody(), "group": _somebody(), "extra_groups": []}

    def run(self, program: str, *arguments: str, timeout: float = 60) -> str:
        """Run a program of PostgreSQL to its end."""
        done = subprocess.run(
            [self.bin / program, *arguments],
            check=False, capture_output=True, text=True, timeout=timeout, cwd=self.folder, **self.user,
        )  # fmt: skip
        assert done.returncode == 0, (program, arguments, done.stdout, done.stderr)
        return done.stdout

    def start(self) -> None:
        settings = {**self.settings, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.run(
            "pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-o", options
        )

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "stop", "-w", "-D", str(self.folder / "data"), "-m", mode)

    def sql(self, statement: str, database: str = "postgres") -> str:
        return self.run(
            "psql", "-XAtq", "-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-c", statement, database
        )  # fmt: skip

    def url(self, name: str, user: str = "hub") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    @property
    def template(self) -> str:
        """The database whose copies are what `migrated` gives. Nobody may be connected to it then."""
        return self.url(_TEMPLATE)

    def make(self, template: str = "template0") -> str:
        """A new database, and its URL."""
        name = f"hub_{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name} OWNER hub TEMPLATE {template} ENCODING UTF8")
        return self.url(name)

    def migrated(self) -> str:
        """A new database with the newest schema."""
        return self.make(_TEMPLATE)

    def empty(self, url: str) -> None:
        """Delete every row, which takes less long than to make another database; drop what plugins made."""
        self.sql(_EMPTY, url.rpartition("/")[2])

    def drop(self, url: str) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")


@contextmanager
def cluster(**settings: str) -> Iterator[Cluster]:
    """A server that runs, gone with all its data at the end. Settings are those of a test, unless given."""
    bin_folder = programs()
    assert bin_folder, HOW_TO_GET_IT
    folder = Path(tempfile.mkdtemp(prefix="ocpi-hub-postgresql-"))
    server = Cluster(folder, free_port(), bin_folder, {**_SETTINGS, **settings})
    try:
        if not os.geteuid():
            shutil.chown(folder, _somebody(), _somebody())
        server.run(
            "initdb", "--no-sync", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
            "--locale=C",
        )  # fmt: skip
        hba = folder / "data/pg_hba.conf"
        hba.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{hba.read_text()}")
        server.start()
        try:
            server.sql("CREATE ROLE hub LOGIN; CREATE ROLE guarded LOGIN PASSWORD 's3cret'")
            server.sql(f"CREATE DATABASE {_TEMPLATE} OWNER hub")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _somebody() -> str:
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


class Databases:
    """Which database a hub of tests/support.py gets: SQLite, unless a test is on PostgreSQL."""

    def __init__(self) -> None:
        self._server: Cluster | None = None
        self._urls: dict[Path, str] = {}
        self._spare: list[str] = []

    def url_of(self, folder: Path) -> str | None:
        """The database of the hub that has its data in this folder, the same each time; None for SQLite."""
        if self._server is None:
            return None
        if folder not in self._urls:
            self._urls[folder] = self._spare.pop() if self._spare else self._server.migrated()
        return self._urls[folder]

    @contextmanager
    def on(self, server: Cluster) -> Iterator[None]:
        """Give each folder a database of this server; at the end they are empty again, for the next test."""
        self._server = server
        try:
            yield
        finally:
            for folder in list(self._urls):
                self.release(folder)
            self._server = None

    def release(self, below: Path) -> None:
        """Empty the databases of all hubs below a folder; they are over."""
        for folder in [each for each in self._urls if each.is_relative_to(below)]:
            url = self._urls.pop(folder)
            if self._server:
                self._server.empty(url)
            self._spare.append(url)


databases = Databases()
