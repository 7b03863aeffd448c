"""The gRPC doors for edges and launchers: their watches, redeeming a way in, reporting on a launch."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from ecatalog.kit.actor import Actor
from ecatalog.kit.clock import Clock, utc_now
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Conflict, Invalid
from ecatalog.kit.secrets import Secrets
from ecatalog.launches import actions, logins
from ecatalog.launches.edges import EdgeHub, Seat
from ecatalog.launches.launchers import LauncherHub, Post
from ecatalog.launches.serving import (
    FOR_EDGES,
    FOR_LAUNCHERS,
    Beat,
    begin_epochs_after_foreign_writes,
    follow,
)
from ecatalog.launches.use import take_use
from ecatalog.rpc.service import Service, Stream, Unary
from ecatalog.web.door import Door
from ecatalog_client.acks import Ack
from ecatalog_client.types.launches import LaunchReport
from ecatalog_client.types.serving import Begin, Change, EngineStatus, LaunchUse, Synced, WantedChange
from ecatalog_client.v1 import launches_pb2 as pb
from ecatalog_client.wire import message_of, ms_of, struct_of

log = structlog.get_logger("ecatalog.launches.rpc")

HELLO_SECONDS = 3.0
# The longest texts that a report leaves in the catalog.
PHASE, REASON, LOG_TAIL = 64, 500, 32_768
MOST_DIGESTS = 32
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def services(
    db: Database,
    edges: EdgeHub,
    launchers: LauncherHub,
    *,
    cookie_key: bytes,
    catalog_url: str,
    secrets: Secrets,
    clock: Clock = utc_now,
) -> tuple[Service, Service]:
    """What the gRPC server serves. The database has its identity and the hub of the edges is started."""
    return (
        EdgeDoor(db, edges, cookie_key, catalog_url, clock).service(),
        LauncherDoor(db, launchers, secrets, clock).service(),
    )


async def keep_epoch(door: Door) -> None:
    """A job: whenever somebody edits the database by hand, every watcher is made to take a snapshot."""
    while True:
        try:
            await begin_epochs_after_foreign_writes(door.db)
        except Exception:
            log.exception("epoch_not_begun")
        await asyncio.sleep(1)


@dataclass(frozen=True, slots=True)
class EdgeDoor:
    """Scope `edge`."""

    db: Database
    hub: EdgeHub
    cookie_key: bytes
    catalog_url: str
    clock: Clock

    def service(self) -> Service:
        return Service(
            "ecatalog.v1.EdgeService",
            (
                Stream("Watch", pb.EdgeMessage, pb.EdgeEvent, "edge", self.watch),
                Unary("Redeem", pb.RedeemRequest, pb.RedeemReply, "edge", self.redeem),
                Unary("ReportUse", pb.UseReport, pb.UseReply, "edge", self.report_use),
                Unary("Leave", pb.EdgeLeave, pb.LeaveReply, "edge", self.leave),
            ),
        )

    async def watch(self, messages: AsyncIterator[Any], actor: Actor) -> AsyncGenerator[pb.EdgeEvent, None]:
        hello = (await _first(messages)).hello
        seat = self.hub.sit(_id(hello.edge_id, "edge_id"))
        reading = asyncio.create_task(_take_acks(messages, seat))
        updates = follow(self.db, FOR_EDGES, epoch=hello.epoch, since=hello.since_position, nudge=seat.nudge)
        try:
            async with aclosing(updates):
                async for update in updates:
                    if seat.is_taken:
                        raise Conflict("Another stream of this edge has begun: one id is for one process.")
                    _raise_from(reading)
                    yield self._event(update, seat)
        finally:
            reading.cancel()
            seat.rise()

    def _event(self, update: Begin | Change | Synced | Beat, seat: Seat) -> pb.EdgeEvent:
        match update:
            case Begin():
                if update.is_snapshot:
                    seat.begin_snapshot()
                begin = message_of(update, pb.EdgeBegin)
                begin.cookie_key, begin.catalog_url = self.cookie_key, self.catalog_url
                return pb.EdgeEvent(begin=begin)
            case Change():
                return pb.EdgeEvent(change=message_of(update, pb.EdgeChange))
            case Synced():
                seat.synced(update.position)
                return pb.EdgeEvent(synced=message_of(update, pb.Synced))
            case Beat():
                lease_until, sequence = seat.beat(update.position)
                return pb.EdgeEvent(
                    heartbeat=pb.Heartbeat(
                        now_ms=ms_of(self.clock()),
                        position=update.position,
                        lease_until_ms=ms_of(lease_until),
                        is_active=True,
                        acked_sequence=sequence,
                    )
                )

    async def redeem(self, request: pb.RedeemRequest, actor: Actor) -> pb.RedeemReply:
        redeemed = await self.db.write(actions.redeem_entry, actor, request.code, request.label)
        return message_of(redeemed, pb.RedeemReply)

    async def report_use(self, request: pb.UseReport, actor: Actor) -> pb.UseReply:
        await self.db.write(take_use, actor, [struct_of(use, LaunchUse) for use in request.uses])
        return pb.UseReply()

    async def leave(self, request: pb.EdgeLeave, actor: Actor) -> pb.LeaveReply:
        acks = [struct_of(ack, Ack) for ack in request.acks]
        await self.hub.leave(_id(request.edge_id, "edge_id"), acks)
        return pb.LeaveReply()


@dataclass(frozen=True, slots=True)
class LauncherDoor:
    """Scope `launcher`."""

    db: Database
    hub: LauncherHub
    secrets: Secrets
    clock: Clock

    def service(self) -> Service:
        return Service(
            "ecatalog.v1.LauncherService",
            (
                Stream("Watch", pb.LauncherMessage, pb.LauncherEvent, "launcher", self.watch),
                Unary("Report", pb.LaunchReport, pb.LaunchReportReply, "launcher", self.report),
                Unary("Login", pb.LoginRequest, pb.LoginReply, "launcher", self.login),
                Unary("Leave", pb.LauncherLeave, pb.LeaveReply, "launcher", self.leave),
            ),
        )

    async def watch(self, messages: AsyncIterator[Any], actor: Actor) -> AsyncGenerator[pb.LauncherEvent, None]:
        hello = (await _first(messages)).hello
        post = self.hub.take_post(_id(hello.launcher_id, "launcher_id"), _id(hello.engine, "engine"))
        reading = asyncio.create_task(_take_status(messages, self.hub, post))
        updates = follow(self.db, FOR_LAUNCHERS, epoch=hello.epoch, since=hello.since_position, nudge=post.nudge)
        try:
            async with aclosing(updates):
                async for update in updates:
                    if post.is_relieved:
                        raise Conflict("Another stream of this launcher has begun: one id is for one process.")
                    _raise_from(reading)
                    yield self._event(update, post)
        finally:
            reading.cancel()
            self.hub.quit_post(post)

    def _event(self, update: Begin | WantedChange | Synced | Beat, post: Post) -> pb.LauncherEvent:
        match update:
            case Begin():
                return pb.LauncherEvent(begin=message_of(update, pb.LauncherBegin))
            case WantedChange():
                return pb.LauncherEvent(change=message_of(update, pb.LauncherChange))
            case Synced():
                return pb.LauncherEvent(synced=message_of(update, pb.Synced))
            case Beat():
                lease_until, is_active = self.hub.beat(post)
                return pb.LauncherEvent(
                    heartbeat=pb.Heartbeat(
                        now_ms=ms_of(self.clock()),
                        position=update.position,
                        lease_until_ms=ms_of(lease_until),
                        is_active=is_active,
                    )
                )

    async def report(self, request: pb.LaunchReport, actor: Actor) -> pb.LaunchReportReply:
        attempt = await self.db.write(actions.report_launch, actor, _report(request))
        return pb.LaunchReportReply(position=self.db.position, attempt=attempt)

    async def login(self, request: pb.LoginRequest, actor: Actor) -> pb.LoginReply:
        kept = await self.db.read(logins.login_for, actor, request.launch_id, request.registry_url)
        if kept is None:
            return pb.LoginReply()
        return pb.LoginReply(
            username=kept.username, password=self.secrets.open(kept.password_encrypted, kept.registry_url)
        )

    async def leave(self, request: pb.LauncherLeave, actor: Actor) -> pb.LeaveReply:
        await self.hub.leave(_id(request.launcher_id, "launcher_id"))
        return pb.LeaveReply()


async def _first(messages: AsyncIterator[Any]) -> Any:
    """The hello that every watch begins with."""
    with suppress(StopAsyncIteration, TimeoutError):
        async with asyncio.timeout(HELLO_SECONDS):
            message = await anext(messages)
        if message.WhichOneof("message") == "hello":
            return message
    raise Invalid("A watch begins with a hello.")


def _id(text: str, field: str) -> str:
    if not 1 <= len(text) <= 128:
        raise Invalid(f"Send {field}: 1 to 128 characters.", fields={field: "1 to 128 characters"})
    return text


async def _take_acks(messages: AsyncIterator[Any], seat: Seat) -> None:
    async for message in messages:
        if message.WhichOneof("message") == "ack":
            seat.take(struct_of(message.ack, Ack))


async def _take_status(messages: AsyncIterator[Any], hub: LauncherHub, post: Post) -> None:
    async for message in messages:
        if message.WhichOneof("message") == "status":
            hub.take_status(post, struct_of(message.status, EngineStatus))


def _raise_from(reading: asyncio.Task[None]) -> None:
    """A fault while reading ends the watch: an edge that is not heard must not believe that it is."""
    if reading.done() and not reading.cancelled():
        reading.result()


def _report(request: pb.LaunchReport) -> LaunchReport:
    """Raises Invalid for states that do not exist. Texts are cut to what is kept of them."""
    cut: dict[str, Any] = {
        "phase": request.phase[:PHASE],
        "reason": request.reason[:REASON],
        "log_tail": request.log_tail[-LOG_TAIL:],
    }
    cut["progress"] = max(0, min(100, request.progress))
    if len(request.digests) > MOST_DIGESTS or not all(map(_DIGEST.fullmatch, request.digests)):
        raise Invalid(
            "A digest is sha256: and 64 hexadecimal digits, one for each container.", fields={"digests": "other"}
        )
    report = msgspec.structs.asdict(struct_of(request, LaunchReport)) | cut
    try:
        return msgspec.convert(report, LaunchReport)
    except msgspec.ValidationError as error:
        raise Invalid(f"This report cannot be taken: {error}.") from None
