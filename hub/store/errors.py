"""Every error of the store. Messages are for people; none holds a token, a digest or a key."""

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


class SchemaTooNew(StoreError):
    """A newer hub has changed the schema."""

    def __init__(self, path: Path, revision: str) -> None:
        super().__init__(
            f"{path} was written by a newer version of the hub (schema {revision}). "
            "Install that version again, or restore a backup from before the upgrade."
        )
        self.revision = revision


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

    def __init__(self, key: Path, database: Path) -> None:
        super().__init__(
            f"{key} is not there, and {database} can not be read without it. Restore it from your backup. To begin "
            f"anew, with every partner to be registered again, move {database} away."
        )


class KeyFileMalformed(StoreError):
    """The key file does not hold a key."""


class WrongKey(StoreError):
    """The key file is not the one this database was made with."""

    def __init__(self, key: Path, database: Path) -> None:
        super().__init__(
            f"{key.name} does not belong to {database.name}: the tokens in {database} were encrypted with another "
            f"key. Put the {key.name} that was saved together with this database at {key}."
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


class PartyNotInvited(StoreError):
    """A platform presents a party or role that its invitation does not name."""

    def __init__(self, role: PartyRole) -> None:
        super().__init__(f"{role} is not among the parties that were invited.")
        self.role = role
