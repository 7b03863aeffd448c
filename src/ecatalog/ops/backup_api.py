"""The operations of backups. Restoring is none: it replaces what serves them, and is done on the machine."""

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.ops.backup_runs import check_backup, make_backup, stored_backups
from ecatalog.ops.holding import confirm_access
from ecatalog.web.operation import flow, write
from ecatalog_client.types.backups import Backup, BackupList

_ADMIN = frozenset({Role.ADMIN})


def confirm(tx: Tx, actor: Actor) -> None:
    """Confirming twice does no harm."""
    confirm_access(tx, actor)


OPERATIONS = (
    flow(
        "GET",
        "/api/backups",
        stored_backups,
        gives=BackupList,
        may=_ADMIN,
        scope="backups:read",
        summary="List the backups, newest first, by their signed manifests",
    ),
    flow(
        "POST",
        "/api/backups",
        make_backup,
        gives=Backup,
        may=_ADMIN,
        scope="backups:write",
        status=201,
        summary="Make a backup; answers when it is stored and tested",
    ),
    flow(
        "POST",
        "/api/backups/{name}/check",
        check_backup,
        gives=Backup,
        may=_ADMIN,
        scope="backups:write",
        summary="Open a backup and compare all that is in it; `problem` says what is wrong",
    ),
    write(
        "POST",
        "/api/backups/confirm",
        confirm,
        gives=None,
        may=_ADMIN,
        status=204,
        summary="End the hold on clients' access after a restore",
    ),
)
