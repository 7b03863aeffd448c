"""The gateway as edges and launchers see it: typed calls and a watch, with deadlines, retries, a breaker.

A call raises the family of `ecatalog_client.errors`; a watch never raises, it yields `Lost` and goes on.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import grpc

from ecatalog_client.acks import AckQueue
from ecatalog_client.calls import Caller, Hooks
from ecatalog_client.channel import open_channel
from ecatalog_client.errors import CatalogError
from ecatalog_client.stub_calls import StubCaller
from ecatalog_client.types.containers import RegistryLogin
from ecatalog_client.types.launches import LaunchReport
from ecatalog_client.types.serving import EdgeUpdate, EngineStatus, LauncherUpdate, LaunchUse, Redeemed
from ecatalog_client.v1 import launches_pb2 as pb
from ecatalog_client.v1.launches_pb2_grpc import EdgeServiceStub, LauncherServiceStub
from ecatalog_client.watch import StatusSlot, watch_edges, watch_launchers
from ecatalog_client.wire import message_of, struct_of

__all__ = ["EdgeGateway", "Hooks", "LauncherGateway"]


class EdgeGateway:
    """For an edge. `acks.send(position, cuts)` acknowledges what it has applied; it never blocks.

    One watch at a time. A `deadline` is in seconds.
    """

    def __init__(
        self,
        target: str,
        token: str,
        *,
        hooks: Hooks | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self.acks = AckQueue()
        self._target = target
        self._token = token
        self._hooks = hooks or Hooks()
        self._credentials = credentials
        self._edge_id = ""
        self._channel = open_channel(target, token, credentials=credentials)
        self._caller = StubCaller(self._channel, Caller(hooks=self._hooks))
        self._stub = EdgeServiceStub(self._channel.raw)  # type: ignore[no-untyped-call]

    def watch(self, edge_id: str) -> AsyncGenerator[EdgeUpdate, None]:
        """What may be served, from now on. `edge_id` must be of one process at a time.

        Acknowledge each `Synced` and each `Change` once it is applied, with what that cut.
        """
        self._edge_id = edge_id
        return watch_edges(
            self._target,
            self._token,
            edge_id,
            self.acks,
            hooks=self._hooks,
            credentials=self._credentials,
        )

    async def redeem(self, code: str, label: str, *, deadline: float = 5.0) -> Redeemed:
        """Swaps a one-time code.

        Raises Unauthorized for a code that is used, unknown, late or of another host.

        A code works once, so this is not tried again when the gateway may have got it: then the visitor asks
        for a new one.
        """
        request = pb.RedeemRequest(code=code, label=label)
        reply = await self._caller.call("Redeem", self._stub.Redeem, request, deadline=deadline, is_safe=False)
        return struct_of(reply, Redeemed)

    async def report_use(self, uses: Sequence[LaunchUse], *, deadline: float = 5.0) -> None:
        """Tells how launches were used. May be told again: seconds are merged."""
        request = pb.UseReport(uses=[message_of(use, pb.LaunchUse) for use in uses])
        await self._caller.call("ReportUse", self._stub.ReportUse, request, deadline=deadline, is_safe=True)

    async def leave(self, *, deadline: float = 1.0) -> None:
        """Tells the last acknowledgements and gives the lease back: then no revocation waits for this edge.

        Only once nothing is served any more and the watch is closed. Best effort: a lease ends by itself too.
        """
        if not self._edge_id:
            return
        acks = [message_of(ack, pb.EdgeAck) for ack in self.acks.unconfirmed()]
        request = pb.EdgeLeave(edge_id=self._edge_id, acks=acks)
        with suppress(CatalogError):
            await self._caller.call("Leave", self._stub.Leave, request, deadline=deadline, is_safe=True)
        self._edge_id = ""

    async def aclose(self) -> None:
        """Leaves, if there was a watch, and closes the channel.

        Serve nothing any more, and close the watch first.
        """
        await self.leave()
        await self._channel.aclose()


class LauncherGateway:
    """For a launcher of one engine. One watch at a time. A `deadline` is in seconds."""

    def __init__(
        self,
        target: str,
        token: str,
        *,
        hooks: Hooks | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._target = target
        self._token = token
        self._hooks = hooks or Hooks()
        self._credentials = credentials
        self._launcher_id = ""
        self._status = StatusSlot()
        self._channel = open_channel(target, token, credentials=credentials)
        self._caller = StubCaller(self._channel, Caller(hooks=self._hooks))
        self._stub = LauncherServiceStub(self._channel.raw)  # type: ignore[no-untyped-call]

    def watch(self, launcher_id: str, engine: str) -> AsyncGenerator[LauncherUpdate, None]:
        """What should run, from now on. `launcher_id` must be of one process at a time.

        Act only while the last heartbeat said `is_active` and its lease lives.
        """
        self._launcher_id = launcher_id
        return watch_launchers(
            self._target,
            self._token,
            launcher_id,
            engine,
            self._status,
            hooks=self._hooks,
            credentials=self._credentials,
        )

    async def report(self, report: LaunchReport, *, deadline: float = 5.0) -> int:
        """Moves a launch that is where the report says; the attempt it is in then.

        Raises Stale when it is not there: also when an earlier try of this very report arrived and only the
        answer was lost. The watch tells which, so compare with it before giving up.
        """
        request = message_of(report, pb.LaunchReport)
        reply: pb.LaunchReportReply = await self._caller.call(
            "Report", self._stub.Report, request, deadline=deadline, is_safe=True
        )
        return reply.attempt

    async def login(self, launch_id: str, registry_url: str, *, deadline: float = 5.0) -> RegistryLogin | None:
        """How to pull from the registry for a launch that is starting; None when it is asked without a login."""
        request = pb.LoginRequest(launch_id=launch_id, registry_url=registry_url)
        reply: pb.LoginReply = await self._caller.call(
            "Login", self._stub.Login, request, deadline=deadline, is_safe=True
        )
        if not reply.username:
            return None
        return RegistryLogin(registry_url=registry_url, username=reply.username, password=reply.password)

    def send_status(self, status: EngineStatus) -> None:
        """What the engine has and holds. Goes with the watch; only the latest counts."""
        self._status.put(status)

    async def leave(self, *, deadline: float = 1.0) -> None:
        """Gives the engine's lease to the next launcher. Only once nothing is done any more. Best effort."""
        if not self._launcher_id:
            return
        request = pb.LauncherLeave(launcher_id=self._launcher_id)
        with suppress(CatalogError):
            await self._caller.call("Leave", self._stub.Leave, request, deadline=deadline, is_safe=True)
        self._launcher_id = ""

    async def aclose(self) -> None:
        """Leaves, if there was a watch, and closes the channel. Close the watch first."""
        await self.leave()
        await self._channel.aclose()
