"""The gRPC server: a token becomes an actor, an error of the family a status, a stop the end of all streams.

Reflection is off unless it is asked for.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from time import perf_counter
from typing import Any, Protocol
from urllib.parse import unquote

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from ecatalog.kit.actor import ANONYMOUS, Actor, Role
from ecatalog.kit.errors import CatalogError, Forbidden, Invalid, Unauthorized, Unavailable
from ecatalog.kit.ids import new_id
from ecatalog.rpc.listening import ServerTls, add_reflection, listen
from ecatalog.rpc.service import Caller, Method, OpenStream, OpenUnary, Service, Stream, Unary
from ecatalog.web.problems import WireError
from ecatalog_client.channel import MESSAGE_LIMIT
from ecatalog_client.status import BUG, CODE, status_of, trailers_of

log = structlog.get_logger()

OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    # Two gateways on one port would split the calls between them: the second one must fail to start.
    ("grpc.so_reuseport", 0),
    # Our clients ping an idle connection to find one whose packets vanish.
    ("grpc.http2.min_ping_interval_without_data_ms", 2000),
    ("grpc.keepalive_permit_without_calls", 1),
)
# No call takes longer: what is sent may wait for a second, and the longest read is given up after half a minute.
LONGEST_DEADLINE = 300.0
_HEALTH = "grpc.health.v1.Health"
# How often a stream looks whether its token still stands.
CHECK_SECONDS = 5.0
# How long somebody who is refused is listened to.
HEARD_SECONDS = 1.0
SECONDS_BETWEEN_LOOKS = 1.0
# How long calls that have begun may go on when the server stops.
GRACE_SECONDS = 1.0


class Identify(Protocol):
    """Whom a token stands for, None for nobody: sessions of people and tokens of services alike. A use keeps a session
    from going idle.
    """

    def __call__(self, token: str, *, is_use: bool = True) -> Actor | None: ...


# What metrics hear of each call: method, "OK" or the status, seconds.
OnCall = Callable[[str, str, float], None]


class RpcServer:
    """Serves `services` from `start` to `stop`.

    `identify` makes an actor of a token; `tls` is what to listen with, `reflects` whether to tell what is served.
    """

    def __init__(
        self,
        services: Iterable[Service],
        identify: Identify,
        *,
        on_call: OnCall | None = None,
        tls: ServerTls | None = None,
        reflects: bool = False,
    ) -> None:
        self._services = tuple(services)
        self._identify = identify
        self._on_call = on_call or (lambda method, status, seconds: None)
        self._tls = tls
        self._reflects = reflects
        self._stopping = asyncio.Event()
        self.port = 0
        self._health = HealthServicer()

    async def start(self, host: str, port: int) -> int:
        """Listens; the port, for 0 one that was free. Raises OSError when it cannot."""
        self._server = grpc.aio.server(options=OPTIONS)
        for service in self._services:
            handlers = {method.name: self._handler(service, method) for method in service.methods}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.name, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self._reflects:
            add_reflection(self._server, (_HEALTH, *(service.name for service in self._services)))
        self.port = listen(self._server, address, self._tls)
        await self._server.start()
        return self.port

    async def stop(self) -> None:
        """Ends the streams with UNAVAILABLE, lets calls finish for a moment, closes."""
        await self._health.enter_graceful_shutdown()
        self._stopping.set()
        await self._server.stop(GRACE_SECONDS)

    def _handler(self, service: Service, method: Method) -> Any:
        name = f"{service.name}/{method.name}"
        codec: dict[str, Any] = {
            "request_deserializer": method.takes.FromString,
            "response_serializer": method.gives.SerializeToString,
        }
        if isinstance(method, OpenStream):
            return grpc.unary_stream_rpc_method_handler(self._open_stream(name, method), **codec)
        if not isinstance(method, Stream):
            return grpc.unary_unary_rpc_method_handler(self._unary(name, method), **codec)
        return grpc.stream_stream_rpc_method_handler(self._stream(name, method), **codec)

    def _unary(self, name: str, method: Unary | OpenUnary) -> Any:
        async def answer(request: Any, context: Any) -> Message:
            started, status = perf_counter(), "CANCELLED"
            caller = self._caller(context)
            try:
                if isinstance(method, Unary):
                    self._refuse_unless(caller.actor, method.scope)
                _refuse_endless(context.time_remaining())
                reply = await _answer(method, request, caller)
                status = "OK"
                return reply
            except Exception as error:
                code, details, trailers = _refusal(name, error)
                status = code.name
                await context.abort(code, details, trailers)
                raise  # abort has raised already; this line is for readers and for the type checker
            finally:
                self._note(caller.operation or name, status, perf_counter() - started)

        return answer

    def _open_stream(self, name: str, method: OpenStream) -> Any:
        async def follow(request: Any, context: Any) -> AsyncIterator[Message]:
            started, status = perf_counter(), "CANCELLED"
            caller = self._caller(context)
            try:
                async with aclosing(self._while_identified(method, request, caller, context)) as events:
                    async for event in events:
                        yield event
                status = "OK"
            except Exception as error:
                code, details, trailers = _refusal(name, error)
                status = code.name
                await context.abort(code, details, trailers)
                raise  # abort has raised already; this line is for readers and for the type checker
            finally:
                self._note(caller.operation or name, status, perf_counter() - started)

        return follow

    async def _while_identified(
        self, method: OpenStream, request: Any, caller: Caller, context: Any
    ) -> AsyncGenerator[Message, None]:
        """The method's own messages, until the server stops or the token stands for somebody else or nobody."""

        def look() -> None:
            if self._caller(context, is_use=False).actor != caller.actor:
                raise Unauthorized("Your session has ended. Log in again.")

        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            async with aclosing(method.follow(request, caller)) as events:
                while (event := await _next_unless(stopping, events, look)) is not None:
                    look()
                    yield event
        finally:
            stopping.cancel()

    def _stream(self, name: str, method: Stream) -> Any:
        async def follow(messages: Any, context: Any) -> AsyncIterator[Message]:
            started, status = perf_counter(), "CANCELLED"
            try:
                actor = await self._admitted(messages, context, method.scope)
                async with aclosing(self._while_allowed(method, messages, actor, context)) as events:
                    async for event in events:
                        yield event
                status = "OK"
            except Exception as error:
                code, details, trailers = _refusal(name, error)
                status = code.name
                await context.abort(code, details, trailers)
                raise  # abort has raised already; this line is for readers and for the type checker
            finally:
                self._note(name, status, perf_counter() - started)

        return follow

    async def _admitted(self, messages: Any, context: Any, scope: str) -> Actor:
        """Who may call this stream. Who may not is heard before that is said.

        grpcio tells its caller INTERNAL, and not our status, when the first message meets a stream that is over.
        """
        try:
            return self._actor_for(context, scope)
        except CatalogError:
            with suppress(StopAsyncIteration, TimeoutError):
                async with asyncio.timeout(HEARD_SECONDS):
                    await anext(messages)
            raise

    async def _while_allowed(
        self, method: Stream, messages: Any, actor: Actor, context: Any
    ) -> AsyncGenerator[Message, None]:
        """The stream's own messages, until the server stops or the token no longer stands."""
        loop = asyncio.get_running_loop()
        stopping = asyncio.ensure_future(self._stopping.wait())
        check_at = loop.time() + CHECK_SECONDS
        try:
            async with aclosing(method.follow(messages, actor)) as events:
                while (event := await _next_unless(stopping, events)) is not None:
                    if loop.time() >= check_at:
                        check_at = loop.time() + CHECK_SECONDS
                        self._actor_for(context, method.scope)
                    yield event
        finally:
            stopping.cancel()

    def _caller(self, context: Any, *, is_use: bool = True) -> Caller:
        """Who calls, by the bearer token in the metadata; nobody without one, or with one that is not good."""
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        kind, _, token = metadata.get("authorization", "").partition(" ")
        actor = self._identify(token.strip(), is_use=is_use) if kind.lower() == "bearer" and token else None
        return Caller(actor or ANONYMOUS, _address(context.peer()), metadata.get("user-agent", ""), metadata)

    def _actor_for(self, context: Any, scope: str) -> Actor:
        """The service that calls. Raises Unauthorized, Forbidden."""
        actor = self._caller(context).actor
        self._refuse_unless(actor, scope)
        return actor

    @staticmethod
    def _refuse_unless(actor: Actor, scope: str) -> None:
        if actor is ANONYMOUS:
            raise Unauthorized("Send `authorization: Bearer` with a service token that is good.")
        if actor.role is not Role.SERVICE or scope not in actor.scopes:
            raise Forbidden(f"This needs a token with the scope {scope!r}.")

    def _note(self, name: str, status: str, seconds: float) -> None:
        log.info("rpc.call", method=name, status=status, ms=round(seconds * 1000, 1))
        self._on_call(name, status, seconds)


def _refuse_endless(seconds: float | None) -> None:
    """Raises Invalid for a call that could hold its place for ever, or nearly so."""
    if seconds is None:
        raise Invalid("Set a deadline: a call without one may hang for ever.")
    if seconds > LONGEST_DEADLINE:
        raise Invalid(f"Set a deadline of at most {LONGEST_DEADLINE:.0f} s: nothing here takes longer.")


async def _next_unless(
    stopping: asyncio.Future[Any], events: AsyncGenerator[Message, None], look: Callable[[], None] | None = None
) -> Message | None:
    """The next event, None after the last one. Raises Unavailable when the server stops first, and what `look` raises,
    which is called once a second until then.
    """
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while not (coming.done() or stopping.done()):
            timeout = None if look is None else SECONDS_BETWEEN_LOOKS
            await asyncio.wait((coming, stopping), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if look is not None:
                look()
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.wait((coming,))
    if coming.cancelled():
        raise Unavailable("The gateway is stopping. Connect again in a moment.")
    return coming.result()


async def _answer(method: Unary | OpenUnary, request: Any, caller: Caller) -> Message:
    if isinstance(method, Unary):
        return await method.answer(request, caller.actor)
    return await method.answer(request, caller)


def _address(peer: str) -> str:
    """`ipv4:10.0.0.7:50000` and `ipv6:%5B::1%5D:50000` as the address alone; empty for what is neither."""
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else ""


def _refusal(name: str, error: Exception) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]:
    """What the caller is told: an error of the family as it is, a fault by an id that the log has too."""
    if isinstance(error, CatalogError):
        return status_of(error), error.message, trailers_of(error)
    if isinstance(error, WireError):
        return grpc.StatusCode.INVALID_ARGUMENT, error.detail, ((CODE, error.code),)
    error_id = new_id()
    log.error("rpc.fault", method=name, id=error_id, exc_info=error)
    return grpc.StatusCode.INTERNAL, f"Something went wrong here. The log tells more under {error_id}.", ((CODE, BUG),)
