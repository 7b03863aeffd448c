"""The operations on accounts: logging in, one's own sessions and password, users, and tokens of services.

What ends demos is with `access`: logging out, ending one session, and changing a user.
"""

from ecatalog.accounts import actions, api_tokens, own_sessions, users
from ecatalog.accounts.login import log_in, show_me
from ecatalog.kit.actor import ADMINS, ANYBODY, SIGNED_IN, USERS, Actor
from ecatalog.web.door import Door
from ecatalog.web.operation import flow, read, write
from ecatalog_client.types.accounts import (
    ApiTokenInfo,
    ChangePassword,
    CreateToken,
    CreateUser,
    ListUsers,
    Login,
    Me,
    NewToken,
    Scope,
    SessionInfo,
    SignedIn,
    User,
)
from ecatalog_client.types.paging import Page, Paging


async def login(door: Door, actor: Actor, *, email: str, password: str) -> SignedIn:
    return await log_in(door, email, password)


_OWN = (
    flow(
        "POST",
        "/api/auth/login",
        login,
        takes=Login,
        gives=SignedIn,
        may=ANYBODY,
        summary="Log in, as a user or a client",
    ),
    flow("GET", "/api/auth/me", show_me, gives=Me, may=SIGNED_IN, summary="Who is logged in, and until when"),
    flow(
        "POST",
        "/api/auth/refresh",
        own_sessions.refresh_session,
        gives=SignedIn,
        may=SIGNED_IN,
        summary="Get a new token for this session, and more time",
    ),
    flow(
        "POST",
        "/api/auth/password",
        own_sessions.change_password,
        takes=ChangePassword,
        gives=None,
        may=SIGNED_IN,
        status=204,
        summary="Choose another password, and end all other sessions",
    ),
    read(
        "GET",
        "/api/auth/sessions",
        own_sessions.list_own_sessions,
        takes=Paging,
        gives=Page[SessionInfo],
        may=SIGNED_IN,
        summary="List one's own sessions, newest first",
    ),
    write(
        "DELETE",
        "/api/auth/sessions",
        own_sessions.end_other_sessions,
        gives=None,
        may=SIGNED_IN,
        status=204,
        summary="End all of one's own sessions but this one",
    ),
)
_USERS = (
    read(
        "GET",
        "/api/users",
        users.list_users,
        takes=ListUsers,
        gives=Page[User],
        may=USERS,
        summary="List users by name",
    ),
    read("GET", "/api/users/{id}", actions.user_for, gives=User, may=USERS, summary="Read a user"),
    flow(
        "POST",
        "/api/users",
        users.add_user,
        takes=CreateUser,
        gives=User,
        may=ADMINS,
        status=201,
        summary="Add a user",
    ),
)
_TOKENS = (
    read(
        "GET",
        "/api/tokens",
        api_tokens.list_tokens,
        takes=Paging,
        gives=Page[ApiTokenInfo],
        may=ADMINS,
        summary="List the tokens of services, newest first",
    ),
    flow(
        "POST",
        "/api/tokens",
        api_tokens.new_token,
        takes=CreateToken,
        gives=NewToken,
        may=ADMINS,
        status=201,
        summary="Make a token for a service; it is shown once",
    ),
    write(
        "DELETE",
        "/api/tokens/{id}",
        api_tokens.revoke_api_token,
        gives=None,
        may=ADMINS,
        status=204,
        summary="Revoke a token at once",
    ),
    read(
        "GET",
        "/api/scopes",
        api_tokens.list_scopes,
        gives=list[Scope],
        may=SIGNED_IN,
        summary="List what a token may be allowed",
    ),
)
OPERATIONS = (*_OWN, *_USERS, *_TOKENS)
