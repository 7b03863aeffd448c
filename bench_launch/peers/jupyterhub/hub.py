"""JupyterHub with DockerSpawner and its proxy, as the peer of a launch: started, asked for a server, timed, stopped.

What it is told to be quick is in `jupyterhub_config.py`. Both processes and their files live in a folder of the run.
"""

import asyncio
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiodocker
import aiohttp

from bench import peers
from bench.servers import free_ports

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PROXY = HERE / "node_modules" / ".bin" / "configurable-http-proxy"
_SECONDS_TO_START = 60.0
_SECONDS_TO_STOP = 60.0
_SECONDS_TO_ANSWER = 120.0


@dataclass(frozen=True)
class Hub:
    """A running hub: where its proxy listens, an API client's token, and what its containers' names begin with."""

    url: str
    token: str
    prefix: str
    session: aiohttp.ClientSession
    engine: aiodocker.Docker

    @property
    def fields(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def api(self, path: str) -> str:
        return f"{self.url}/hub/api/{path}"


def install() -> None:
    """Installs what the locks pin, unless it is there: half a minute. Raises RuntimeError with what npm or pip said."""
    peers.install(HERE)
    lock = HERE / "requirements.lock"
    stamp, wanted = VENV / ".installed", hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pip = (str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for command in (
        (sys.executable, "-m", "venv", "--clear", str(VENV)),
        (*pip, "--require-hashes", "-r", str(lock)),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    stamp.write_text(wanted)


@asynccontextmanager
async def running_hub(docker_host: str, image: str, folder: Path) -> AsyncIterator[Hub]:
    """A hub that spawns `image` on the engine at `docker_host` (as in DOCKER_HOST), while the block lasts.

    `folder` exists and is empty: database, pid file and `hub.log` go there. Raises RuntimeError when it does not start.
    """
    url, hub_url, proxy_api_url = (f"http://127.0.0.1:{port}" for port in free_ports(3))
    prefix, token = f"jhub-{secrets.token_hex(4)}", secrets.token_hex(32)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DOCKER_HOST": docker_host,
        "BENCH_URL": url,
        "BENCH_HUB_URL": hub_url,
        "BENCH_PROXY_API_URL": proxy_api_url,
        "BENCH_PROXY": str(PROXY),
        "BENCH_TOKEN": token,
        "BENCH_IMAGE": image,
        "BENCH_PREFIX": prefix,
    }
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(aiodocker.Docker(url=docker_host))
        stack.push_async_callback(_remove_all, engine, prefix)
        process = await _start(folder, env)
        stack.push_async_callback(_stop, process, folder)
        limit = aiohttp.ClientTimeout(total=_SECONDS_TO_ANSWER)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=limit))
        hub = Hub(url, token, prefix, session, engine)
        await _wait_until_it_answers(hub, process, folder)
        yield hub


async def open_cold(hub: Hub, user: str) -> float:
    """Seconds from the POST that asks for the user's server to the first byte of the sample through the proxy.

    The user is made before, outside of that time. Waits as JupyterHub documents it for clients of its API: the
    progress stream says that the server is ready, and where. Raises RuntimeError when the sample does not come.
    The first open of a hub also loads what it needs: open once before measuring.
    """
    await _make_user(hub, user)
    started = time.perf_counter()
    async with hub.session.post(hub.api(f"users/{user}/server"), headers=hub.fields) as answer:
        if answer.status not in (201, 202):
            raise RuntimeError(f"the hub refuses a server: {answer.status} {await answer.text()}")
    path = await _path_when_ready(hub, user)
    async with hub.session.get(f"{hub.url}{path}", allow_redirects=False) as answer:
        seconds = time.perf_counter() - started
        if not _is_from_sample(answer):
            raise RuntimeError(f"not the sample answers: {answer.status} {await answer.text()}")
    return seconds


async def close(hub: Hub, user: str) -> None:
    """Stops the user's server, and returns when its container is gone. Raises RuntimeError when the hub refuses.

    The hub has a minute for it, as `slow_stop_timeout` in its configuration says; so has the engine.
    """
    async with hub.session.delete(hub.api(f"users/{user}/server"), headers=hub.fields) as answer:
        if answer.status != 204:
            raise RuntimeError(f"the hub does not stop a server: {answer.status} {await answer.text()}")
    # The hub is content when the engine has begun to remove it. 404: it is gone already.
    try:
        async with asyncio.timeout(_SECONDS_TO_STOP):
            await hub.engine.containers.container(f"{hub.prefix}-{user}").wait(condition="removed")
    except aiodocker.DockerError as error:
        if error.status != 404:
            raise


async def _make_user(hub: Hub, user: str) -> None:
    async with hub.session.post(hub.api(f"users/{user}"), headers=hub.fields) as answer:
        if answer.status not in (201, 409):
            raise RuntimeError(f"the hub refuses a user: {answer.status} {await answer.text()}")


async def _path_when_ready(hub: Hub, user: str) -> str:
    """The path of the server, as the last event of the progress stream (server-sent events) names it."""
    async with hub.session.get(hub.api(f"users/{user}/server/progress"), headers=hub.fields) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if not line.startswith(b"data:"):
                continue
            event = json.loads(line.removeprefix(b"data:"))
            if event.get("ready"):
                return str(event["url"])
            if event.get("failed"):
                raise RuntimeError(f"the server does not start: {event['message']}")
    raise RuntimeError("the progress ends and the server is not ready")


def _is_from_sample(answer: aiohttp.ClientResponse) -> bool:
    """By the name that Python's http.server gives; the hub is a TornadoServer, the proxy itself names nothing."""
    return answer.headers.get("Server", "").startswith("BaseHTTP/")


async def _start(folder: Path, env: dict[str, str]) -> asyncio.subprocess.Process:
    with (folder / "hub.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            str(VENV / "bin" / "jupyterhub"),
            f"--config={HERE / 'jupyterhub_config.py'}",
            cwd=folder,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


async def _wait_until_it_answers(hub: Hub, process: asyncio.subprocess.Process, folder: Path) -> None:
    """Through the proxy, as everybody asks. Raises RuntimeError with the hub's log when it does not come up."""
    ends = time.monotonic() + _SECONDS_TO_START
    while process.returncode is None and time.monotonic() < ends:
        with suppress(aiohttp.ClientError):
            async with hub.session.get(hub.api(""), headers=hub.fields) as answer:
                if answer.status == 200:
                    return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"JupyterHub does not start:\n{(folder / 'hub.log').read_text()}")


async def _stop(process: asyncio.subprocess.Process, folder: Path) -> None:
    """The hub stops its servers and its proxy when it is asked to end. Where it does not, the proxy is ended here."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _SECONDS_TO_STOP)
    except TimeoutError:
        process.kill()
        await process.wait()
    pid_file = folder / "jupyterhub-proxy.pid"
    if pid_file.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGTERM)


async def _remove_all(engine: aiodocker.Docker, prefix: str) -> None:
    """What a hub left that was killed. The engine reads the name as a regular expression."""
    names = json.dumps({"name": [f"^/{prefix}-"]})
    for container in await engine.containers.list(all=True, filters=names):
        with suppress(aiodocker.DockerError):
            await container.delete(force=True, v=True)
