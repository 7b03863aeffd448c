"""The process: settings from the environment, signals, the lifeline, the internal listener, an orderly end."""

import asyncio
import sys
from collections.abc import Mapping

import structlog
import uvloop

from ecatalog_client.environment import BadSetting
from ecatalog_client.logs import configure_logs
from ecatalog_client.metrics import Calls
from ecatalog_client.process import ServiceId, heed_end
from ecatalog_client.services import LauncherGateway
from ecatalog_client.tls import credentials_of
from ecatalog_launcher.drivers.contract import Budget, Driver
from ecatalog_launcher.drivers.fake import FakeDriver
from ecatalog_launcher.drivers.process import ProcessDriver
from ecatalog_launcher.internal import Internal
from ecatalog_launcher.reconciler import Reconciler
from ecatalog_launcher.settings import Settings

log = structlog.get_logger("ecatalog.launcher")

STOP_SECONDS = 4.0


def main(env: Mapping[str, str]) -> int:
    """Runs the launcher until SIGTERM, SIGINT or the end of the lifeline: 0. 2 for a bad setting, 1 when it broke."""
    try:
        settings = Settings.load(env)
        configure_logs("launcher", settings.log_level, settings.log_json)
    except (BadSetting, ValueError) as error:
        sys.stderr.write(f"ecatalog launcher: {error}\n")
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings))


def driver_for(settings: Settings) -> Driver:
    """The driver that the settings name."""
    copies, memory_mb = settings.capacity, settings.memory_mb
    match settings.driver:
        case "docker":
            # Imported where it is needed: most installations have one engine, and each client takes memory.
            from ecatalog_launcher.drivers.docker import DockerDriver

            return DockerDriver(
                settings.docker_host,
                subnet=settings.demo_subnet,
                attached=settings.docker_attach,
                copies=copies,
                memory_mb=memory_mb,
            )
        case "kubernetes":
            from ecatalog_launcher.drivers.kubernetes import KubernetesDriver

            return KubernetesDriver(
                budget=Budget(copies=copies, memory_mb=memory_mb or 1 << 20), namespace=settings.namespace
            )
        case "fake":
            return FakeDriver(copies)
    return ProcessDriver(
        settings.data, settings.samples, copies=copies, memory_mb=memory_mb, lifeline=settings.lifeline_fd
    )


async def _run(settings: Settings) -> int:
    ends = asyncio.Event()
    heed_end(ends.set, settings.lifeline_fd)
    credentials = credentials_of(settings.gateway_tls)
    calls = Calls("ecatalog_launcher")
    gateway = LauncherGateway(settings.gateway, settings.token, hooks=calls.hooks(), credentials=credentials)
    with ServiceId(settings.data / "launcher_id") as launcher_id:
        reconciler = Reconciler(gateway, driver_for(settings), launcher_id, starts=settings.starts)
        copies = settings.demo_subnet if settings.driver == "docker" else None
        internal = Internal(reconciler, calls, copies=copies)
        try:
            await internal.start(settings.internal_host, settings.internal_port)
            return await _work(reconciler, ends)
        except OSError as error:
            log.error("launcher.cannot_listen", reason=str(error))
            return 1
        finally:
            await internal.stop()
            await gateway.aclose()
            log.info("launcher.stopped")


async def _work(reconciler: Reconciler, ends: asyncio.Event) -> int:
    """Reconciles until told to end: 0; 1 when reconciling itself broke, which is logged."""
    work, over = asyncio.create_task(reconciler.run()), asyncio.create_task(ends.wait())
    await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    if work.done():
        log.error("launcher.broke", exc_info=work.exception())
        return 1
    work.cancel()
    await asyncio.wait({work}, timeout=STOP_SECONDS)
    return 0
