"""Makes what runs agree with what is wanted: watched rows on one side, the driver's list on the other.

A round looks at both and does at most one thing per launch; steps of different launches run side by side. Rounds come
when the watch or the engine says that something changed, and by a slow clock in case both kept silent.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog

from ecatalog_client.errors import CatalogError
from ecatalog_client.types.launches import LaunchState
from ecatalog_client.types.serving import Begin, Heartbeat, LauncherUpdate, Lost, Synced, WantedChange, WantedLaunch
from ecatalog_launcher.drivers.contract import CannotStart, Driver, Instance
from ecatalog_launcher.steps import Probe, Report, Start, Step, Stop, next_step, spec_of

log = structlog.get_logger("ecatalog.launcher")

GRACE_SECONDS = 3.0
_QUIET_SECONDS = 1.0
_AFTER_FAILURE_SECONDS = 0.25
_AT_ONCE = 8
# The first looks at a starting copy come quickly, since most are ready within a second.
_PROBE_PAUSES = (0.025, 0.025, 0.05, 0.05, 0.1)


class Gateway(Protocol):
    """What is needed of `ecatalog_client.services.LauncherGateway`."""

    def watch(self, launcher_id: str, engine: str) -> AsyncIterator[LauncherUpdate]: ...

    async def report(
        self,
        launch_id: str,
        attempt: int,
        was: LaunchState,
        state: LaunchState,
        *,
        phase: str = "",
        reason: str = "",
        upstream: str = "",
        log_tail: str = "",
    ) -> int: ...

    def send_status(self, capacity: int, running: int) -> None: ...


def _progress(row: WantedLaunch) -> tuple[int, int]:
    """How far a launch has come: within an attempt, states only follow each other."""
    return row.attempt, ("queued", "starting", "running", "stopping").index(row.state)


class Reconciler:
    """One per launcher. `boottime` is CLOCK_BOOTTIME in seconds, an argument so that tests own it."""

    def __init__(
        self,
        gateway: Gateway,
        driver: Driver,
        launcher_id: str,
        *,
        boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self.moves: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.rows: dict[str, WantedLaunch] = {}
        self.is_synced = False
        self._gateway = gateway
        self._driver = driver
        self._launcher_id = launcher_id
        self._boottime = boottime
        self._lease_until = float("-inf")
        self._offset = 0.0
        self._over: set[str] = set()
        self._wake = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._probes: Counter[str] = Counter()
        self._places = asyncio.Semaphore(_AT_ONCE)

    @property
    def is_ready(self) -> bool:
        """Whether it knows what is wanted and may act."""
        return self.is_synced and self._boottime() < self._lease_until

    async def run(self) -> None:
        """Until cancelled; the steps under way are ended too, each at a point from which the next start goes on."""
        await self._driver.open(self._wake.set)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._go_round())
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            await self._driver.close()

    async def _follow(self) -> None:
        async for update in self._gateway.watch(self._launcher_id, self._driver.engine):
            self.take(update)

    def take(self, update: LauncherUpdate) -> None:
        """Applies one update of the watch."""
        match update:
            case Begin():
                self.is_synced = False
                if update.is_snapshot:
                    self.rows = {}
                    self._over = set()
            case WantedChange():
                for row in update.launches:
                    self._learn(row)
                for launch_id in update.gone:
                    self.rows.pop(launch_id, None)
                    self._over.discard(launch_id)
                self._wake.set()
            case Synced():
                self.is_synced = True
                log.info("watch.synced", position=update.position, launches=len(self.rows))
                self._wake.set()
            case Heartbeat():
                self._heard(update)
            case Lost():
                self.is_synced = False
                log.warning("watch.lost", reason=update.reason)

    def _learn(self, row: WantedLaunch) -> None:
        """Takes a row over, unless we know better: it may have been read before a report of ours was accepted."""
        known = self.rows.get(row.id)
        if row.id in self._over:
            return
        if known is not None and _progress(row) < _progress(known):
            row = msgspec.structs.replace(known, wanted=row.wanted, reason=row.reason)
        self.rows[row.id] = row

    def _heard(self, heartbeat: Heartbeat) -> None:
        was_ready = self.is_ready
        self._offset = heartbeat.now.timestamp() - heartbeat.received_at_boottime
        left = (heartbeat.lease_until - heartbeat.now).total_seconds() if heartbeat.is_active else float("-inf")
        self._lease_until = heartbeat.received_at_boottime + left
        if self.is_ready and not was_ready:
            self._wake.set()

    async def _go_round(self) -> None:
        while True:
            # Not wait_for: in Python 3.11 it can swallow a cancellation that comes together with the wake-up.
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            if self.is_ready:
                await self._round()

    async def _round(self) -> None:
        try:
            instances = {instance.launch_id: instance for instance in await self._driver.list()}
        except Exception as error:
            self._count_error("list", error)
            return
        self._gateway.send_status(self._driver.capacity, len(instances))
        free = self._driver.capacity - len(instances)
        for launch_id in sorted(self.rows.keys() | instances.keys()):
            if launch_id in self._busy:
                continue
            row, instance = self.rows.get(launch_id), instances.get(launch_id)
            step = next_step(row, instance, self._now())
            if step is None:
                self._probes.pop(launch_id, None)
                continue
            if row is not None and row.state == "queued" and isinstance(step, Report) and step.state == "starting":
                if free <= 0:
                    continue
                free -= 1
            self._begin(launch_id, row, step)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._offset + self._boottime(), UTC)

    def _begin(self, launch_id: str, row: WantedLaunch | None, step: Step) -> None:
        task = asyncio.create_task(self._take_step(launch_id, row, step))
        self._busy[launch_id] = task
        task.add_done_callback(lambda _: self._done(launch_id))

    def _done(self, launch_id: str) -> None:
        del self._busy[launch_id]
        self._wake.set()

    async def _take_step(self, launch_id: str, row: WantedLaunch | None, step: Step) -> None:
        async with self._places:
            try:
                await self._act(launch_id, row, step)
                return
            except CatalogError as error:
                # Stale: somebody moved it, and the watch tells. Unavailable: the breaker says when to try again.
                log.info("step.put_off", launch=launch_id, step=type(step).__name__, because=error.message)
            except Exception as error:
                self._count_error(type(step).__name__.lower(), error)
        await asyncio.sleep(_AFTER_FAILURE_SECONDS)

    async def _act(self, launch_id: str, row: WantedLaunch | None, step: Step) -> None:
        if isinstance(step, Stop):
            await self._driver.stop(launch_id, GRACE_SECONDS)
            log.info("copy.ended", launch=launch_id)
        elif row is None:
            raise AssertionError("without a row there is nothing but to stop")
        elif isinstance(step, Start):
            await self._start(row)
        elif isinstance(step, Probe):
            await self._probe(row, step.instance)
        else:
            await self._report(row, step)

    async def _start(self, row: WantedLaunch) -> None:
        try:
            await self._driver.start(spec_of(row))
        except CannotStart as refusal:
            await self._report(row, Report("failed", reason=str(refusal)))
            return
        await self._report(row, Report(row.state, phase="starting"))

    async def _probe(self, row: WantedLaunch, instance: Instance) -> None:
        if await self._driver.is_ready(instance):
            await self._report(row, Report("running", phase="ready", upstream=instance.upstream))
            return
        self._probes[row.id] += 1
        await asyncio.sleep(_PROBE_PAUSES[min(self._probes[row.id], len(_PROBE_PAUSES)) - 1])

    async def _report(self, row: WantedLaunch, report: Report) -> None:
        """Tells the gateway, and notes at once what it accepted: the watch will say the same a moment later."""
        attempt = await self._gateway.report(
            row.id,
            row.attempt,
            row.state,
            report.state,
            phase=report.phase,
            reason=report.reason,
            upstream=report.upstream,
            log_tail=report.log_tail,
        )
        if report.state != row.state:
            self.moves[report.state] += 1
            log.info("launch.moved", launch=row.id, was=row.state, state=report.state, reason=report.reason or None)
        if self.rows.get(row.id) is row:
            since = self._now() if report.state != row.state else row.state_since
            self.rows[row.id] = msgspec.structs.replace(row, state=report.state, attempt=attempt, state_since=since)
        if report.state in ("stopped", "failed"):
            self.rows.pop(row.id, None)
            self._over.add(row.id)

    def _count_error(self, what: str, error: Exception) -> None:
        self.errors[what] += 1
        log.error("driver.failed", call=what, exc_info=error)
