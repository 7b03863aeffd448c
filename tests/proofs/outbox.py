"""The outbox as its file holds it, for proofs that kill whoever writes it."""

from contextlib import closing
from pathlib import Path

from ecatalog.kit.connections import open_reader


def states(data: Path) -> dict[str, int]:
    """How many rows of the outbox are in each state."""
    with closing(open_reader(data / "ltplabs.db", 5000)) as connection:
        found = connection.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall()
    return {str(state): int(str(count)) for state, count in found}


def message_ids(data: Path, channel: str = "mail") -> set[str]:
    """Those of every message over this channel."""
    with closing(open_reader(data / "ltplabs.db", 5000)) as connection:
        found = connection.execute("SELECT message_id FROM outbox WHERE channel = ?", (channel,)).fetchall()
    return {str(message_id) for (message_id,) in found}
