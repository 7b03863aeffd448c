"""The load: wrk for requests, curl for a download, sockets of our own; each checks that it got what it asked for."""

import asyncio
import base64
import json
import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.servers import ask
from bench.world import Caller
from bench_edge.place import HERE, SMALL_BODY, Place, Way

_KEY = base64.b64encode(b"0123456789abcdef").decode()


class Untrue(Exception):
    """A measurement that is none; the message says why."""


@dataclass(frozen=True)
class Rate:
    """Requests a second, and the times of the middle and the slowest hundredth, in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float


def gets(way: Way, core: int, seconds: float, *, path: str = "/small", pace: int = 0) -> Rate:
    """Small GETs of 64 connections, as fast as they go or at a pace; Untrue unless each got all its bytes.

    Under `/new/` no two requests have the same head, nor two answers.
    """
    fields = "\n".join(f"{name}: {value}" for name, value in way.fields.items())
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(fields)
        file.flush()
        command = ["taskset", "-c", str(core), "wrk", "--threads", "1", "--connections", "64", "--timeout"]
        command += ["10s", "--duration", f"{seconds:.0f}s", "--script", str(HERE / "load.lua")]
        command += [f"http://127.0.0.1:{way.port}{path}", "--", file.name, str(pace)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Untrue(f"wrk ended with status {done.returncode}: {done.stdout}{done.stderr}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["failed"] or found["bytes"] < found["answers"] * len(SMALL_BODY):
        raise Untrue(f"{way.name} gave {found}")
    return Rate(found["answers"] / found["seconds"], found["p50_ms"], found["p99_ms"])


def download(way: Way, core: int, mib: int) -> float:
    """MiB a second of the large file."""
    command = ["taskset", "-c", str(core), "curl", "--silent", "--fail", "--output", "/dev/null", "--write-out"]
    command += ["%{size_download} %{time_total}", *(f"-H{name}: {value}" for name, value in way.fields.items())]
    done = subprocess.run([*command, f"http://127.0.0.1:{way.port}/large"], capture_output=True, text=True, check=False)
    size, seconds = done.stdout.split()
    if done.returncode != 0 or int(size) != mib * 1024 * 1024:
        raise Untrue(f"{way.name} gave {size} bytes, status {done.returncode}")
    return mib / float(seconds)


class Socket:
    """A WebSocket as a browser opens it on a page of the demo's own host."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, way: Way) -> "Socket":
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        fields = way.fields | {"Origin": f"http://{way.host}", "Upgrade": "websocket", "Connection": "Upgrade"}
        fields |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": _KEY}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"GET /ws HTTP/1.1\r\n{head}\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 101"):
            raise Untrue(f"{way.name} opens no WebSocket: {answer[:80]!r}")
        return cls(reader, writer)

    async def echo(self, text: bytes) -> float:
        """Seconds for there and back."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
        began = time.perf_counter()
        self.writer.write(bytes((0x81, 0x80 | len(text))) + mask + masked)
        first, size = struct.unpack("BB", await self.reader.readexactly(2))
        if first != 0x81 or await self.reader.readexactly(size) != text:
            raise Untrue("an echo was not what was said")
        return time.perf_counter() - began

    async def close_code(self) -> int:
        """Waits for the close frame."""
        first, size = struct.unpack("BB", await self.reader.readexactly(2))
        payload = await self.reader.readexactly(size)
        return int.from_bytes(payload[:2], "big") if first == 0x88 else 0


async def echoes(way: Way, connections: int, seconds: float) -> list[float]:
    """The times of echoes over that many sockets, each said anew ten times a second; sorted."""
    sockets = [await Socket.open(way) for _ in range(connections)]
    ends, times = time.monotonic() + seconds, list[float]()

    async def chat(socket: Socket, at: int) -> None:
        await asyncio.sleep(0.1 * at / connections)
        while time.monotonic() < ends:
            times.append(await socket.echo(b"hello, how are you today?"))
            await asyncio.sleep(0.1)

    await asyncio.gather(*(chat(socket, at) for at, socket in enumerate(sockets)))
    for socket in sockets:
        socket.writer.close()
    return sorted(times)


@dataclass(frozen=True)
class Cut:
    """Seconds from sending the revocation until the last socket heard of it, and until the answer was there."""

    last_closed: float
    answered: float


async def cut(place: Place, caller: Caller, sockets: int, others: int) -> Cut:
    """Revokes a client with that many sockets. Untrue when one of them ends otherwise, or another client's does."""
    way = place.enter(caller)
    held = [await Socket.open(way) for _ in range(sockets)]
    bystanders = [await Socket.open(place.bystander) for _ in range(others)]
    path = f"/api/clients/{caller.client_id}/revoke"
    closing = [asyncio.create_task(each.close_code()) for each in held]
    answered: list[float] = []
    began = time.monotonic()
    answering = asyncio.create_task(asyncio.to_thread(ask, place.gateway_port, "PATCH", path, caller.admin_token))
    answering.add_done_callback(lambda _: answered.append(time.monotonic() - began))
    codes = await asyncio.gather(*closing)
    last = time.monotonic() - began
    status, body = await answering
    if status != 200 or set(codes) != {4403} or json.loads(body)["cut"]["connections"] != sockets:
        raise Untrue(f"the cut was not one: {status}, {set(codes)}, {body[-300:]!r}")
    for each in bystanders:
        await each.echo(b"still here")
        each.writer.close()
    for each in held:
        each.writer.close()
    return Cut(last, answered[0])


def resident_mib(pid: int) -> float:
    """What the process has in memory."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * share))]
