"""Children of our services, which have gRPC and uvloop: what they are to run is all that happens in them."""

import os
import subprocess
import sys

STARTS_CHILDREN = """
import asyncio
import ecatalog
import grpc.aio, uvloop

async def start_children():
    server = grpc.aio.server()
    server.add_insecure_port("127.0.0.1:0")
    await server.start()
    for _ in range(20):
        child = await asyncio.create_subprocess_exec("/bin/true")
        assert await child.wait() == 0
    await server.stop(None)

uvloop.run(start_children())
"""


def test_grpc_does_nothing_in_a_child() -> None:
    env = {**os.environ, "GRPC_VERBOSITY": "INFO"}
    env.pop("GRPC_ENABLE_FORK_SUPPORT", None)
    told = subprocess.run([sys.executable, "-c", STARTS_CHILDREN], capture_output=True, text=True, check=False, env=env)

    assert told.returncode == 0, told.stderr
    assert "fork() handlers" not in told.stderr
