"""The SQL of the reports."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx

_MOST = 50


class FailedLaunches(msgspec.Struct, frozen=True):
    """How many launches failed for one reason, and when the last of them did."""

    reason: str
    times: int
    last: datetime


def list_failed_launches(tx: Tx, since: datetime) -> list[FailedLaunches]:
    """By reason, the most frequent 50."""
    return tx.all(
        FailedLaunches,
        """SELECT reason, count(*) AS times, max(updated_at) AS last FROM launches
           WHERE updated_at >= :since AND state = 'failed'
           GROUP BY reason ORDER BY times DESC, reason LIMIT :limit""",
        since=since,
        limit=_MOST,
    )
