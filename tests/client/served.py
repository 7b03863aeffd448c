"""A gateway that listens: HTTP by the listener of the product, gRPC by its own server, both in the test's loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ecatalog.app import Gateway
from ecatalog.run import Listener, listener_config


@dataclass(frozen=True)
class Served:
    """Where the gateway is reached."""

    gateway: Gateway
    http_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_url(self) -> str:
        return f"grpc://127.0.0.1:{self.gateway.grpc_port}"


@asynccontextmanager
async def served(gateway: Gateway, port: int = 0) -> AsyncIterator[Served]:
    """Listens for HTTP inside the block."""
    listening = socket.create_server(("127.0.0.1", port))
    listener = Listener(listener_config(gateway.asgi, []))
    serving = asyncio.create_task(listener.serve(sockets=[listening]))
    while not listener.started:
        await asyncio.sleep(0)
    try:
        yield Served(gateway, listening.getsockname()[1])
    finally:
        gateway.end_streams()
        listener.should_exit = True
        await serving
        listening.close()
