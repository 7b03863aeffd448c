"""Messages after a restore: what waited may have been sent since, and what the restore itself does is no news."""

from ecatalog.kit.db import Tx
from ecatalog.notices import decision_queries, queries

RESTORED = "The catalog was restored from a backup."


def forget_what_waited(tx: Tx) -> int:
    """Ends every message that waits, makes the links to decide useless, and begins after the last fact; how many."""
    ended = queries.end_all_waiting(tx, RESTORED)
    decision_queries.use_all_codes(tx)
    queries.skip_to_the_end(tx)
    tx.touch("outbox")
    return ended
