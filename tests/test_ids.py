"""Ids that the hub gives: UUIDs of version 4, each once."""

from uuid import RFC_4122, UUID

from hub.ids import new_id


def test_ids_are_uuids_of_version_4():
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    for each in ids:
        uuid = UUID(each)
        assert (str(uuid), uuid.version, uuid.variant) == (each, 4, RFC_4122)
