"""Runs the keeper: the process of a database pod, which answers the health of the file and never writes it."""

from functools import partial

import structlog
import uvloop

from ecatalog.listening import bind
from ecatalog.ops.health import file_problems
from ecatalog.run import Listener, listener_config
from ecatalog.settings import Settings
from ecatalog.web.keeper import Keeper
from ecatalog_client.logs import configure_logs
from ecatalog_client.process import heed_end

log = structlog.get_logger("ecatalog.keeper")


def main(settings: Settings) -> int:
    """Answers until SIGTERM or SIGINT: 0. Raises BadSetting when it cannot listen."""
    configure_logs("keeper", settings.log_level, settings.log_json)
    return uvloop.run(_run(settings))


async def _run(settings: Settings) -> int:
    bound = bind(settings.host, settings.port)
    listener = Listener(listener_config(Keeper(partial(file_problems, settings.database)), settings.proxies))
    heed_end(partial(setattr, listener, "should_exit", True), None)
    log.info("keeper.ready", database=str(settings.database), port=settings.port)
    await listener.serve(sockets=[bound])
    bound.close()
    log.info("keeper.stopped")
    return 0
