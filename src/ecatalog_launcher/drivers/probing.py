"""Whether a copy answers HTTP: the one question by which every driver knows that it is ready."""

import asyncio

PROBE_SECONDS = 1.0


async def answers_http(upstream: str) -> bool:
    """Whether `host:port` answers a request within a second; whatever it answers counts."""
    host, _, port = upstream.rpartition(":")
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await _ask(host, int(port))
    except (OSError, TimeoutError, ValueError):
        return False


async def _ask(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host.strip("[]"), port)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return (await reader.readexactly(5)) == b"HTTP/"
    except asyncio.IncompleteReadError:
        return False
    finally:
        writer.close()
