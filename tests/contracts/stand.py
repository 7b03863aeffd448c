"""The catalogs of the role matrix: one per phase of Acme's window, copied where a call would change it."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import grpc.aio
import msgspec

from ecatalog.access.invitations import invite
from ecatalog.access.requests import create_request
from ecatalog.accounts import actions as accounts
from ecatalog.accounts.passwords import Hasher
from ecatalog.app import Gateway, build
from ecatalog.clients.model import window
from ecatalog.demos.images import add_image
from ecatalog.demos.registries import keep_login
from ecatalog.kit.actor import SYSTEM, Role
from ecatalog.kit.clock import to_text
from ecatalog.kit.db import Tx
from ecatalog.kit.ids import new_id
from ecatalog.kit.scopes import SCOPES
from ecatalog.kit.secrets import Secrets
from ecatalog.launches.actions import end_overdue
from ecatalog.launches.opening import open_demo
from ecatalog.launches.planning import add_warm_plan
from ecatalog.notices import queries as outbox
from ecatalog.notices.channels import Draft
from ecatalog.notices.planning import MAIL
from ecatalog.notices.webhook_keeping import add_webhook
from ecatalog.notices.webhook_model import WEBHOOK, secret_of
from ecatalog.notices.webhooks import purpose_of
from ecatalog.settings import Settings
from ecatalog.web.operation import Operation
from ecatalog_client.errors import FAMILY
from ecatalog_client.status import CODE, FIELDS
from ecatalog_client.v1 import catalog_pb2 as pb
from ecatalog_client.v1.catalog_pb2_grpc import CatalogServiceStub
from tests.asgi import Answer as StrangersAnswer
from tests.asgi import Caller as Stranger
from tests.asgi import Exchange
from tests.cast import PASSWORD, PASSWORD_HASH, Answer, Caller, Cast, SettableClock, load_cast, start_session
from tests.contracts.matrix import INPUTS, Input

WINDOWS = {
    "before": ("2026-03-16", "2026-03-31"),
    "inside": ("2026-03-01", "2026-03-31"),
    "after": ("2026-02-01", "2026-03-05"),
}
ENCRYPTION_KEY = "e" * 43
_HTTP_STATUS = {kind.grpc_status: kind.status for kind in FAMILY}


@dataclass(frozen=True)
class Worlds:
    """Folders with a catalog each, by phase; the things in them by the words of inputs; the callers' tokens."""

    folder: Path
    things: Mapping[str, str]
    tokens: Mapping[str, str]
    emails: Mapping[str, str]

    def token_of(self, caller: str, operation: Operation) -> str:
        """The token that a column of the matrix stands for, empty for nobody."""
        if caller == "scoped":
            return f"token-of-{operation.scope or 'everything'}"
        if caller == "other":
            return f"token-of-{'audit:read' if operation.scope == 'usage:read' else 'usage:read'}"
        return self.tokens[caller]

    def input_of(self, caller: str, name: str) -> Input:
        """What the operation is tried with, its words replaced by the things of this catalog."""
        words = {**self.things, "email": self.emails.get(caller, self.emails["acme"]), "password": PASSWORD}
        given = INPUTS.get(name, Input())
        path = tuple(value.format_map(words) for value in given.path)
        return Input(path, {key: _filled(value, words) for key, value in given.given.items()})


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    return value.format_map(words) if isinstance(value, str) else value


@dataclass(frozen=True)
class Told:
    """What a door answered: the status, and of a refusal its code, message and fields."""

    status: int
    code: str = ""
    message: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", compare=False)


# making the catalogs ------------------------------------------------------------------------------------------


async def make_worlds(folder: Path) -> Worlds:
    """The three catalogs, each in a folder of its phase."""
    async with _running(folder / "inside") as gateway:
        cast, things = await gateway.db.write(_load)
    for phase in ("before", "after"):
        shutil.copytree(folder / "inside", folder / phase)
        async with _running(folder / phase) as gateway:
            await gateway.db.write(_move_window, cast.acme.id, *WINDOWS[phase])
    acme = cast.acme
    people = {
        "bolt": cast.bolt,
        "before": acme,
        "acme": acme,
        "after": acme,
        "revoked": cast.revoked,
        "viewer": cast.viewer,
        "owner": cast.seller,
        "admin": cast.admin,
    }
    tokens = {name: person.token for name, person in people.items()}
    emails = {name: person.email for name, person in people.items()}
    return Worlds(
        folder,
        things,
        {"nobody": "", "seller": "token-of-the-second-seller"} | tokens,
        {"seller": "second@ecatalog.test"} | emails,
    )


def _load(tx: Tx) -> tuple[Cast, dict[str, str]]:
    cast = load_cast(tx)
    colleague = accounts.create_user(tx, SYSTEM, "second@ecatalog.test", "Second", Role.SALES, PASSWORD_HASH)
    start_session(tx, "token-of-the-second-seller", user_id=colleague.id)
    session = start_session(tx, "token-of-another-browser", client_id=cast.acme.id)
    tokens = {scope: _add_token(tx, [scope], scope) for scope in SCOPES}
    _add_token(tx, sorted(SCOPES), "everything")
    tx.run(
        "UPDATE demos SET status = 'removed', updated_at = :now, version = version + 1 WHERE id = :id",
        id=cast.draft,
        now=to_text(tx.now),
    )
    tx.touch("demos")
    things = {
        "acme": cast.acme.id,
        "colleague": colleague.id,
        "session": session,
        "token": tokens["edge"],
        "invitation": invite(tx, SYSTEM, "an-invitation", client_id=cast.acme.id).id,
        "remote": cast.remote,
        "desk": cast.desk,
        "removed": cast.draft,
        "image": add_image(tx, SYSTEM, "vendor/unused"),
        "launch": open_demo(tx, cast.acme.actor, cast.remote).id,
        "plan": add_warm_plan(tx, SYSTEM, cast.desk, weekdays=["mon"], from_time="09:00", until_time="18:00").id,
        "registry": keep_login(tx, SYSTEM, "registry.test:5000", "us", "sealed").registry_url,
        **put_webhook(tx),
        "message": put_dead_message(tx, cast.viewer.id),
        "request": create_request(tx, cast.acme.actor, request_type="renewal", requested_end_date="2026-04-30").id,
    }
    return cast, things


def put_webhook(tx: Tx) -> dict[str, str]:
    """A webhook that leads nowhere, and a message that was not delivered to it."""
    webhook_id, message_id = new_id(), new_id()
    sealed = Secrets(ENCRYPTION_KEY).seal(secret_of(b"s" * 32), purpose_of(webhook_id))
    url = "https://127.0.0.1:9/"
    add_webhook(tx, SYSTEM, webhook_id, url=url, kinds=["never.told"], form="standard", sealed=sealed)
    payload = {"type": "never.told", "timestamp": to_text(tx.now), "data": {}, "text": "Never told."}
    draft = Draft(channel=WEBHOOK, recipient=webhook_id, kind="never.told", payload=payload, message_id=message_id)
    outbox.add_row(tx, 0, draft)
    [row] = outbox.lease_due(tx, WEBHOOK, "a lease", tx.now, 1)
    outbox.set_dead(tx, row.id, "a lease", "It answered 410, not 200 to 299.")
    return {"webhook": webhook_id, "delivery": message_id}


def put_dead_message(tx: Tx, user_id: str) -> str:
    """A message that could not be sent, the only one by that channel name."""
    draft = Draft(
        channel=MAIL, recipient=f"user:{user_id}", kind="invitation", payload={"client": None}, message_id=new_id()
    )
    outbox.add_row(tx, 0, draft)
    [row] = outbox.lease_due(tx, MAIL, "a lease", tx.now, 1)
    outbox.set_dead(tx, row.id, "a lease", "The mail server said 550: no such user.")
    return str(row.id)


def _add_token(tx: Tx, scopes: list[str], name: str) -> str:
    return accounts.create_api_token(tx, SYSTEM, name, scopes, f"token-of-{name}")


def _move_window(tx: Tx, client_id: str, start: str, end: str) -> None:
    """Gives the client another window, and ends what is over then, as the job would a moment later."""
    span = window(start, end, "Europe/Berlin")
    tx.run(
        "UPDATE clients SET access_start_date = :start, access_end_date = :end, access_starts_at = :starts_at, "
        "access_ends_at = :ends_at, updated_at = :now, version = version + 1 WHERE id = :id",
        id=client_id,
        start=start,
        end=end,
        starts_at=to_text(span.starts_at),
        ends_at=to_text(span.ends_at),
        now=to_text(tx.now),
    )
    tx.touch("clients")
    end_overdue(tx, SYSTEM)


# calling them -------------------------------------------------------------------------------------------------


class Doors:
    """A running catalog, by both of its doors."""

    def __init__(self, gateway: Gateway, worlds: Worlds, channel: grpc.aio.Channel) -> None:
        self.gateway = gateway
        self._worlds = worlds
        self._stub = CatalogServiceStub(channel)  # type: ignore[no-untyped-call]

    async def tell(self, door: str, caller: str, operation: Operation) -> Told:
        """What the door, `rest` or `grpc`, answers this caller."""
        ask = self._over_rest if door == "rest" else self._over_grpc
        token = self._worlds.token_of(caller, operation)
        return await ask(token, operation, self._worlds.input_of(caller, operation.name))

    async def _over_rest(self, token: str, operation: Operation, ask: Input) -> Told:
        path = operation.path.format(
            **{name: quote(value) for name, value in zip(operation.params, ask.path, strict=True)}
        )
        body = dict(ask.given) if operation.has_body and ask.given else None
        query = "?" + urlencode(ask.given) if ask.given and not operation.has_body else ""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if operation.kind == "stream":
            return await self._begin_over_rest(token, path + query)
        answer = await Caller(self.gateway.asgi, headers=headers).ask(operation.method, path + query, body)
        return _told(answer)

    async def _begin_over_rest(self, token: str, url: str) -> Told:
        """A stream up to its first event: some have no end."""
        exchange = Exchange(Stranger(self.gateway.asgi, token), "GET", url)
        asking = exchange.start()
        while not exchange.body:
            exchange.grew.clear()
            await exchange.grew.wait()
        exchange.stop()
        await asking
        return _told(exchange.answer())

    async def _over_grpc(self, token: str, operation: Operation, ask: Input) -> Told:
        raw = msgspec.json.encode(ask.given) if ask.given else b""
        request = pb.CallRequest(operation=operation.name, path=ask.path, input=raw)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        try:
            if operation.kind == "stream":
                events = self._stub.Follow(request, timeout=5, metadata=metadata)
                await events.read()
                events.cancel()
                return Told(200)
            reply = await self._stub.Call(request, timeout=5, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return _refusal(error)
        return Told(reply.status, body=reply.answer)


def _told(answer: Answer | StrangersAnswer) -> Told:
    if answer.status < 400:
        return Told(answer.status, body=answer.body)
    problem = answer.json()
    return Told(answer.status, problem["code"], problem["detail"], problem.get("fields", {}))


def _refusal(error: grpc.aio.AioRpcError) -> Told:
    trailers: dict[str, Any] = dict(error.trailing_metadata() or ())  # type: ignore[arg-type]
    fields = msgspec.json.decode(trailers.get(FIELDS, b"{}"))
    status = _HTTP_STATUS.get(error.code().name, 0)
    return Told(status, trailers.get(CODE, error.code().name), error.details() or "", fields)


@asynccontextmanager
async def opened(worlds: Worlds, phase: str, folder: Path) -> AsyncIterator[Doors]:
    """A fresh copy of the catalog in that phase, which is gone afterwards."""
    copy = folder / new_id()
    shutil.copytree(worlds.folder / phase, copy)
    async with _running(copy) as gateway, grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        yield Doors(gateway, worlds, channel)
    shutil.rmtree(copy)


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Gateway]:
    settings = Settings(
        data=folder, grpc_port=0, log_level="warning", jwt_secret="s" * 43, encryption_key=ENCRYPTION_KEY
    )
    gateway = build(settings, clock=SettableClock(), hasher=Hasher(memory_kib=64))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
