"""The numbered findings of `ecatalog doctor`: what each means and what to do. The reference page is made of it."""

from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """How bad it is; also the exit status of `ecatalog doctor`."""

    WARNING = 1
    ERROR = 2


class Finding(NamedTuple):
    level: Level
    what: str
    advice: str


class Found(NamedTuple):
    """A finding on this machine; `detail` is a sentence with the names and numbers."""

    code: str
    detail: str

    @property
    def finding(self) -> Finding:
        return FINDINGS[self.code]


_W, _E = Level.WARNING, Level.ERROR
FINDINGS = {
    "D001": Finding(
        _E, "Too little disk space", "Make room: 2.2 times the database is wanted for a copy, its log and a margin."
    ),
    "D002": Finding(_W, "The write-ahead log is large", "Look for a program that reads the database without an end."),
    "D003": Finding(
        _E, "There is no database", "Name its directory with --data or DB_PATH, or start the gateway once."
    ),
    "D004": Finding(_E, "The database cannot be read", "Stop the gateway, and restore it: `ecatalog backup restore`."),
    "D005": Finding(
        _E, "The schema is newer than this program", "Install the newer version again, or restore a backup."
    ),
    "D006": Finding(_W, "The schema is older than this program", "Start the gateway, which migrates it after a copy."),
    "D007": Finding(
        _E, "SQLite can lose changes", "Install the locked requirements, which bring a version without this bug."
    ),
    "D008": Finding(_E, "The data is on a network filesystem", "Move the data directory to a local disk."),
    "D009": Finding(
        _W,
        "The data is in a container's own layer",
        "Mount a volume as the data directory, or it goes with the container.",
    ),
    "D010": Finding(
        _W, "No backups are made", "Set BACKUP_PASSWORD, or ECATALOG_BACKUP_RECIPIENTS, and start the gateway again."
    ),
    "D011": Finding(
        _W,
        "The last good backup is older than 26 hours",
        "Run `ecatalog backup create`, and see what the log says of 02:00.",
    ),
    "D012": Finding(
        _E,
        "The last good backup is older than 50 hours",
        "Run `ecatalog backup create`, and see what the log says of 02:00.",
    ),
    "D013": Finding(
        _E, "The last try to make a backup failed", "Do what its message says, then run `ecatalog backup create`."
    ),
    "D014": Finding(
        _W, "Backups are on the disk of the data", "Name another disk, or s3://bucket/prefix, in ECATALOG_BACKUPS."
    ),
    "D015": Finding(
        _E,
        "The place for backups cannot be used",
        "Do what its message says: without it there is no journal of revocations either.",
    ),
    "D016": Finding(
        _W,
        "Clients' access is on hold after a restore",
        "Look at who may open what, then run `ecatalog backups confirm`, or `backup confirm` with the gateway stopped.",
    ),
    "D017": Finding(_E, "The clock is behind", "Set the clock, and keep it by NTP: access ends by it."),
    "D018": Finding(
        _W,
        "The clock is not kept by NTP",
        "Run an NTP service on the machine, such as chrony: access ends by the clock.",
    ),
    "D019": Finding(
        _E,
        "Others can read a secret",
        "Run `chmod 600` on the file, and make the secret anew where others have accounts.",
    ),
    "D020": Finding(_W, "Others can look into the data directory", "Run `chmod 700` on it."),
    "D021": Finding(
        _W, "Catalog and demos share a domain", "Give the demos a registrable domain of their own (ECATALOG_DEMOS_URL)."
    ),
    "D022": Finding(
        _W,
        "Browsers reach the catalog without TLS",
        "Put a proxy with a certificate in front, and set ECATALOG_CATALOG_URL to https.",
    ),
    "D023": Finding(_W, "No mail is sent", "Set ECATALOG_SMTP_URL: invitations are only shown in the log until then."),
    "D024": Finding(
        _W,
        "Stored secrets cannot be kept",
        "Set ENCRYPTION_KEY: passwords of registries and webhooks are sealed with it.",
    ),
    "D025": Finding(
        _E, "The container engine does not answer", "Start it, or set DOCKER_HOST for the account of the launcher."
    ),
    "D026": Finding(
        _W,
        "Demos can reach services of this machine",
        "Run edge and launcher as containers, and name them in ECATALOG_DOCKER_ATTACH.",
    ),
    "D027": Finding(
        _W,
        "The sample logins are in the database",
        "Everybody knows their password: take a new data directory for real clients.",
    ),
    "D028": Finding(
        _W,
        "The schema is not only the catalog's",
        "Remove by `sqlite3`, with the gateway stopped, what others added: a replica with it is not restored.",
    ),
    "D029": Finding(
        _E,
        "Litestream is behind",
        "See whether it runs, and what its log says: what changed since is in no copy before the next backup.",
    ),
}
