"""The operation of the archive, for a catalog that runs. Asking it is done on the machine."""

from ecatalog.kit.actor import Actor, Role
from ecatalog.ops.archive import Archive, archive_use
from ecatalog.web.door import Door
from ecatalog.web.operation import flow
from ecatalog_client.types.archive import ArchivedMonth, ArchiveUse


async def archive(door: Door, actor: Actor, *, months: int = 12) -> list[ArchivedMonth]:
    """Answers when the events have left the database. Raises Conflict when a file of the archive is damaged."""
    made = await archive_use(door.db, Archive(door.settings.data / "archive"), actor, door.clock(), months)
    return [ArchivedMonth(month=part.month, rows=part.rows, file=part.file) for part in made]


OPERATIONS = (
    flow(
        "POST",
        "/api/archive",
        archive,
        takes=ArchiveUse,
        gives=list[ArchivedMonth],
        may=frozenset({Role.ADMIN}),
        scope="backups:write",
        summary="Move old use out of the database into compressed files",
    ),
)
