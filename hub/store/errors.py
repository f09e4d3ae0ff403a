"""Every error of the store. Messages are for people; none holds a token, a digest or a key."""

from collections.abc import Collection
from pathlib import Path

from hub.core.party import Party, PartyRole


class StoreError(Exception):
    """Something is wrong with what the hub keeps on disk, or may not be written there."""


class StoreLocked(StoreError):
    """Another process works on this data folder. `pid` is None when that process has not said who it is yet."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = f"the hub with process id {pid}" if pid else "another hub"
        super().__init__(f"{path.parent} is in use by {holder}. Stop that one first, or use another data folder.")
        self.pid = pid


class StoreUnsuitable(StoreError):
    """The database can not be kept here, or not safely."""


class StoreDamaged(StoreError):
    """The database file is not what it was when it was written."""


class StoreClosed(StoreError):
    """The database was closed before this call."""

    def __init__(self) -> None:
        super().__init__("The database is closed: the hub is stopping.")


class StoreUnavailable(StoreError):
    """The database can not be used right now. `brief` says why in a few words, without where it is."""

    brief = "the database can not be used"


class StillAway(StoreUnavailable):
    """It could not be had a moment ago, and nobody waits to find that out once more."""

    def __init__(self, found: StoreUnavailable) -> None:
        super().__init__(str(found))
        self.brief = found.brief


class NoConnection(StoreUnavailable):
    """Nobody answers, or the connection broke off."""

    brief = "there is no connection to the database"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"There is no connection to {where}: {reason}. Is PostgreSQL running, and is the way to it open?"
        )


class LoginRefused(StoreUnavailable):
    """The user or the password is wrong, or pg_hba.conf keeps the hub out."""

    brief = "the database does not let the hub in"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"PostgreSQL does not let the hub in at {where}: {reason}. Mend user and password in store.url, "
            "or the server's pg_hba.conf."
        )


class DatabaseMissing(StoreUnavailable):
    """The server has no such database."""

    brief = "there is no such database"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where} is not there: {reason}. Make it with createdb, or mend the name in store.url.")


class TooManyConnections(StoreUnavailable):
    """The server takes no more connections."""

    brief = "the database takes no more connections"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"{where} takes no more connections: {reason}. Raise max_connections of the server, "
            "or lower store.connections."
        )


class DatabaseReadOnly(StoreUnavailable):
    """It is a standby, or was set to be read only."""

    brief = "the database can only be read"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"{where} can only be read: {reason}. Is it a standby? Let store.url lead to the primary: with several "
            "hosts, target_session_attrs=read-write finds it."
        )


class DatabaseFull(StoreUnavailable):
    """The server lacks disk or memory."""

    brief = "the database server has no room left"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where} has no room left: {reason}. Give the server more disk or memory.")


class DatabaseSlow(StoreUnavailable):
    """It took too long, or somebody held a lock for too long. What was under way was not done."""

    brief = "the database does not answer in time"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"{where} does not answer in time: {reason}. Is the server at its limits, or does somebody hold a lock? "
            "pg_stat_activity there tells."
        )


class SharedSession(StoreUnavailable):
    """A pooler between the hub and the server gives one session to several connections."""

    brief = "a pooler in front of the database mixes sessions"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"Something before {where} gives one session to several connections: {reason}. Set pool_mode = session "
            "in PgBouncer, or let store.url lead to PostgreSQL itself."
        )


class NotAllowed(StoreUnavailable):
    """The hub's user may not do what it has to."""

    brief = "the hub's user of the database lacks rights"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"The hub's user lacks rights in {where}: {reason}. Let it own the database: ALTER DATABASE.")


class NoSeat(StoreUnavailable):
    """As many nodes share the database as can."""

    brief = "too many nodes share the database"

    def __init__(self, where: str, seats: int) -> None:
        super().__init__(f"All {seats} seats of nodes at {where} are taken. Stop one of the nodes first.")


class SchemaTooNew(StoreError):
    """A newer hub has changed the schema, and this one can not work with it."""

    def __init__(self, where: Path | str, revision: str, own: str, works_from: str | None) -> None:
        needed = f" needs a hub for schema {works_from} or newer" if works_from else ""
        super().__init__(
            f"{where} was written by a newer version of the hub: its schema {revision}{needed}, and this hub is for "
            f"{own}. Install the newer version again, or restore a backup from before the upgrade."
        )
        self.revision = revision


class OldNodesRun(StoreError):
    """The schema can not be changed yet: hubs are at work that could not work on."""

    def __init__(self, where: str, works_from: str, found: Collection[str]) -> None:
        super().__init__(
            f"{where} has to be changed so that only hubs for schema {works_from} and newer can use it, and older ones "
            f"are connected ({', '.join(sorted(found))}). Stop all of those first; or install the release between."
        )


class StoreOld(StoreError):
    """The schema of a database is not that of this version of the hub."""

    def __init__(self, where: str, revision: str) -> None:
        super().__init__(
            f"{where} has another schema ({revision}) than this version of the hub needs to copy it. Start this "
            "version on it once, then stop it and copy."
        )


class StoreNotEmpty(StoreError):
    """A copy would be mixed with what is there."""

    def __init__(self, where: str, table: str) -> None:
        super().__init__(f"{where} is not empty: there is something in {table}. Copy into a new, empty database.")


class BackupExists(StoreError):
    """A backup would take the place of a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already. Choose another name, or overwrite it with --force.")


class KeyFileUnsafe(StoreError):
    """Others than the owner can read the key file."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} can be read by other users. Run: chmod 600 {path}")


class KeyFileMissing(StoreError):
    """There is a database, and no key for it."""

    def __init__(self, key: Path, database: Path | str) -> None:
        away = f"move {database} away" if isinstance(database, Path) else "let store.url lead to an empty database"
        super().__init__(
            f"{key} is not there, and {database} can not be read without it. Restore it from your backup. To begin "
            f"anew, with every partner to be registered again, {away}."
        )


class KeyFileMalformed(StoreError):
    """The key file does not hold a key."""


class WrongKey(StoreError):
    """The key file is not the one this database was made with."""

    def __init__(self, key: Path, database: Path | str) -> None:
        super().__init__(
            f"{key.name} does not belong to {Path(database).name}: the tokens in {database} were encrypted with "
            f"another key. Put the {key.name} that was saved together with this database at {key}."
        )


class SealBroken(StoreError):
    """Encrypted bytes that this key did not make, or not for this row."""

    def __init__(self, purpose: str, bound_to: str) -> None:
        super().__init__(
            f"The encrypted {purpose} of {bound_to} was changed or moved from elsewhere. "
            "Restore the database from a backup, or register the platform again."
        )


class PlatformUnknown(StoreError):
    """There is no platform with this id."""

    def __init__(self, platform_id: int) -> None:
        super().__init__(f"There is no platform {platform_id}; it may have been removed.")
        self.platform_id = platform_id


class CredentialGone(StoreError):
    """The token of this request was used up or replaced while the request was under way."""

    def __init__(self) -> None:
        super().__init__("This token was used or replaced in the meantime. Use the newest one.")


class PartyTaken(StoreError):
    """A party belongs to exactly one platform, and this one belongs to another."""

    def __init__(self, party: Party, by_platform_name: str) -> None:
        super().__init__(f"{party} already belongs to the platform {by_platform_name!r}.")
        self.party = party
        self.by_platform_name = by_platform_name


class NameTaken(StoreError):
    """Another platform has this name; letters may be large or small."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a partner {name!r} already; see: ocpi-hub partner list")
        self.name = name


class PartyNotInvited(StoreError):
    """A platform presents a party or role that its invitation does not name."""

    def __init__(self, role: PartyRole) -> None:
        super().__init__(f"{role} is not among the parties that were invited.")
        self.role = role
