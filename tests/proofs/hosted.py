"""A gateway with sample data on a thread of its own, for proofs that call it by blocking clients and reach into it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from ecatalog.app import Gateway, build
from ecatalog.settings import Settings

T = TypeVar("T")


class Hosted:
    """The gateway, where it listens, and a way to run actions on its database from another thread."""

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop, url: str) -> None:
        self.gateway = gateway
        self.url = url
        self._loop = loop

    def write(self, action: Callable[..., T], *args: Any, **fields: Any) -> T:
        """What `db.write` returns."""
        writing = self.gateway.db.write(action, *args, **fields)
        return asyncio.run_coroutine_threadsafe(writing, self._loop).result(timeout=30)


@contextmanager
def hosted_gateway(folder: Path) -> Iterator[Hosted]:
    """Answers on a free port of loopback until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = Settings(data=folder, grpc_port=0, jwt_secret="s" * 43, load_seed_data=True, log_level="error")
    begun: list[Hosted] = []
    is_up = threading.Event()

    async def serve() -> None:
        gateway = build(settings)
        await gateway.start()
        server = uvicorn.Server(uvicorn.Config(gateway.asgi, lifespan="off", log_config=None, access_log=False))
        serving = asyncio.create_task(server.serve([listening]))
        begun.append(Hosted(gateway, asyncio.get_running_loop(), url))
        servers.append(server)
        is_up.set()
        try:
            await serving
        finally:
            await gateway.stop()

    servers: list[uvicorn.Server] = []
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert is_up.wait(60), "not up in time"
        yield begun[0]
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(timeout=30)
        listening.close()
