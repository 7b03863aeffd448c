"""The operations on users and sessions that end demos."""

from ecatalog.access import users
from ecatalog.accounts.users import editable_user_for
from ecatalog.kit.actor import ADMINS, SIGNED_IN
from ecatalog.web.operation import flow, write
from ecatalog_client.types.accounts import PatchUser, User

OPERATIONS = (
    flow(
        "PATCH",
        "/api/users/{id}",
        users.patch_user,
        takes=PatchUser,
        gives=User,
        may=ADMINS,
        matches=editable_user_for,
        summary="Change a user; close or open the account",
    ),
    write(
        "DELETE",
        "/api/auth/sessions/{id}",
        users.end_own_session,
        gives=None,
        may=SIGNED_IN,
        status=204,
        summary="End one of one's own sessions",
    ),
)
