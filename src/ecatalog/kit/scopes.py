"""Scopes: the one table of what an API token may be allowed. Users, tokens and sessions are people's: no scope."""

from collections.abc import Mapping
from typing import Final

SCOPES: Final[Mapping[str, str]] = {
    "edge": "Serve running demos, as an edge",
    "launcher": "Run and stop copies of demos, as a launcher",
    "clients:read": "Read clients and which demos they may open",
    "clients:write": "Create and edit clients; revoke, renew and restore access; give and withdraw demos",
    "demos:read": "Read the catalog and its images, without the environment of a demo",
    "demos:write": "Add, edit, remove and restore demos, and keep the images",
    "launches:read": "Read and follow launches",
    "launches:write": "Stop launches",
    "requests:read": "Read requests for more time or for the end of access, and hear of them beside clients:read",
    "requests:write": "Make, approve, reject and cancel requests",
    "usage:read": "Read the analytics",
    "audit:read": "Read the audit log",
    "backups:read": "List the backups",
    "backups:write": "Make and check backups, and move old use into the archive",
}
