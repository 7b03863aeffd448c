"""Tokens of services: made with scopes, listed without their secret, revoked at once. For administrators."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from ecatalog.accounts import token_queries as queries
from ecatalog.accounts.actions import create_api_token
from ecatalog.kit.actor import ADMINS, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog.kit.ids import new_secret
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.kit.scopes import SCOPES
from ecatalog.web.door import Door
from ecatalog_client.types.accounts import ApiTokenInfo, NewToken, Scope
from ecatalog_client.types.paging import Page


async def new_token(
    door: Door, actor: Actor, *, name: str, scopes: list[str], expires_at: datetime | None = None
) -> NewToken:
    """A new token with its secret, which nobody can read again. Raises what `create_api_token` raises."""
    secret = new_secret()
    token_id = await door.write_secret(create_api_token, actor, name, scopes, secret, expires_at)
    info = await door.db.read(token_for, actor, token_id)
    return NewToken(**msgspec.structs.asdict(info), token=secret)


def token_for(tx: Tx, actor: Actor, token_id: str) -> ApiTokenInfo:
    """The token without its secret. Raises Forbidden, NotFound."""
    _refuse_all_but_admins(actor)
    found = queries.find_token_info(tx, token_id)
    if found is None:
        raise NotFound("There is no such token.")
    return found


def list_tokens(tx: Tx, actor: Actor, *, limit: int = PAGE_SIZE, cursor: str | None = None) -> Page[ApiTokenInfo]:
    """Every token, newest first. Raises Forbidden."""
    _refuse_all_but_admins(actor)
    (before,) = decode_cursor(cursor, ("~",))
    rows = queries.list_token_infos(tx, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda token: (token.id,))


def revoke_api_token(tx: Tx, actor: Actor, token_id: str) -> None:
    """From now on the token stands for nobody; nothing changes when it was revoked before.

    Raises Forbidden, NotFound.
    """
    token = token_for(tx, actor, token_id)
    if queries.set_revoked(tx, token_id):
        tx.touch("api_tokens")
        tx.record("token.revoked", actor, token=token_id, name=token.name)


def replace_api_token(tx: Tx, actor: Actor, name: str, scopes: list[str], token: str) -> str:
    """Makes `token` good instead of every token of this name that the catalog itself had made; answers its id."""
    for token_id in queries.list_good_tokens_named(tx, name):
        revoke_api_token(tx, actor, token_id)
    return create_api_token(tx, actor, name, scopes, token)


def note_last_used(tx: Tx, last_used: Mapping[str, datetime]) -> None:
    """Writes when these tokens were last used. No cache goes stale by it: memory knew it first."""
    for token_id, used_at in last_used.items():
        queries.set_last_used(tx, token_id, used_at)


def list_scopes(_tx: Tx, _actor: Actor) -> list[Scope]:
    """The table of scopes."""
    return [Scope(scope=scope, about=about) for scope, about in SCOPES.items()]


def _refuse_all_but_admins(actor: Actor) -> None:
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator keeps the tokens of services.")
