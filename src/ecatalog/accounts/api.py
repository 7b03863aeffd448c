"""The operations on one's own account: logging in, and who is logged in.

Logging out is with `access`: it ends demos.
"""

from ecatalog.accounts.login import log_in, show_me
from ecatalog.kit.actor import ANYBODY, SIGNED_IN, Actor
from ecatalog.web.door import Door
from ecatalog.web.operation import flow
from ecatalog_client.types.accounts import Login, Me, SignedIn


async def login(door: Door, actor: Actor, *, email: str, password: str) -> SignedIn:
    return await log_in(door, email, password)


OPERATIONS = (
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
)
