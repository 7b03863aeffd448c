"""Who acts. Made by a door from a session or a token, checked by the actions, named in every fact."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is. `anonymous` is nobody, `system` is the catalog itself (a deadline, a job, the command line)."""

    ADMIN = "admin"
    SALES = "sales"
    VIEWER = "viewer"
    CLIENT = "client"
    SERVICE = "service"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"

    # An Enum computes its hash in Python, and roles are looked up in sets with every request.
    __hash__ = str.__hash__


USERS = frozenset({Role.ADMIN, Role.SALES, Role.VIEWER})
SALES = frozenset({Role.ADMIN, Role.SALES, Role.SYSTEM})
ADMINS = frozenset({Role.ADMIN, Role.SYSTEM})
ANYBODY = frozenset(Role)
SIGNED_IN = USERS | {Role.CLIENT}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user or client by id (and the session it came with), a service by token id and scopes."""

    role: Role
    id: str = ""
    session_id: str = ""
    scopes: frozenset[str] = frozenset()

    @property
    def is_user(self) -> bool:
        return self.role in USERS

    @property
    def is_client(self) -> bool:
        return self.role is Role.CLIENT

    @property
    def user_id(self) -> str | None:
        """The id if a user acts, None for everybody else: what columns such as `created_by` hold."""
        return self.id if self.is_user else None

    def reads(self, room: str) -> bool:
        """Whether the actor may read all of a room: users, the catalog itself, a service with a scope of it."""
        return self.is_user or self.role is Role.SYSTEM or not self.scopes.isdisjoint((f"{room}:read", f"{room}:write"))

    def manages(self, room: str) -> bool:
        """Whether the actor may change all of a room: administrators, the catalog, a service with `room:write`."""
        return self.role in ADMINS or f"{room}:write" in self.scopes

    def __str__(self) -> str:
        return f"{self.role}:{self.id}" if self.id else str(self.role)


ANONYMOUS = Actor(Role.ANONYMOUS)
SYSTEM = Actor(Role.SYSTEM)
