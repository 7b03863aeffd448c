"""Makes what runs agree with what is wanted: watched rows on one side, the driver's list on the other.

A round looks at both and does at most one thing per launch; steps of different launches run side by side. Rounds come
when the watch or the engine says that something changed, and by a slow clock in case both kept silent.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from ecatalog_client.errors import CatalogError
from ecatalog_client.types.containers import RegistryLogin
from ecatalog_client.types.launches import LaunchReport
from ecatalog_client.types.serving import (
    Begin,
    EngineStatus,
    Heartbeat,
    LauncherUpdate,
    Lost,
    Synced,
    WantedChange,
    WantedLaunch,
)
from ecatalog_launcher.drivers.contract import CannotStart, Driver, Home, Instance
from ecatalog_launcher.greeting import greet
from ecatalog_launcher.lease import Lease
from ecatalog_launcher.steps import Probe, Report, Start, Step, Stop, next_step, spec_of

log = structlog.get_logger("ecatalog.launcher")

GRACE_SECONDS = 3.0
_QUIET_SECONDS = 1.0
_ENGINE_AWAY_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
_AT_ONCE = 8
# The first looks at a starting copy come quickly, since most are ready within a second.
_PROBE_PAUSES = (0.025,) * 8 + (0.05,) * 8 + (0.1,)
# So long one step looks again and again; then comes another look at the engine, since the copy may have ended.
_PROBING_SECONDS = 0.25


class Gateway(Protocol):
    """What is needed of `ecatalog_client.services.LauncherGateway`."""

    def watch(self, launcher_id: str, engine: str) -> AsyncIterator[LauncherUpdate]: ...

    async def report(self, report: LaunchReport) -> int: ...

    async def login(self, launch_id: str, registry_url: str) -> RegistryLogin | None: ...

    def send_status(self, status: EngineStatus) -> None: ...


def _progress(row: WantedLaunch) -> tuple[int, bool, int]:
    """How far a launch has come: within an attempt, states only follow each other, until a warm copy is somebody's."""
    return row.attempt, row.kind != "warm", ("queued", "starting", "running", "stopping").index(row.state)


class Reconciler:
    """One per launcher. `starts` is how many copies may start at once.

    `boottime` is CLOCK_BOOTTIME in seconds, an argument so that tests own it.
    """

    def __init__(
        self,
        gateway: Gateway,
        driver: Driver,
        launcher_id: str,
        *,
        starts: int = 4,
        boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self.moves: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.rounds = 0
        self.rows: dict[str, WantedLaunch] = {}
        self.is_synced = False
        self._gateway = gateway
        self._driver = driver
        self._launcher_id = launcher_id
        self._starts = starts
        self._lease = Lease(boottime)
        self._end_of_lease: asyncio.TimerHandle | None = None
        self._is_open = False
        self._installation: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._started: dict[str, datetime] = {}
        self._over: set[str] = set()
        self._wake = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._probes: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._places = asyncio.Semaphore(_AT_ONCE)

    @property
    def is_ready(self) -> bool:
        """Whether it knows what is wanted and may act."""
        return self.is_synced and self._lease.is_held

    @property
    def steps(self) -> int:
        """How many steps are under way. None after a round: what runs is what is wanted."""
        return len(self._busy)

    async def run(self) -> None:
        """Until cancelled; the steps under way are ended too, each at a point from which the next start goes on."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._go_round())
        finally:
            if self._end_of_lease is not None:
                self._end_of_lease.cancel()
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            if self._is_open:
                await self._driver.close()

    async def _open(self) -> None:
        """Once the gateway has said whose copies these are. An engine that is away is asked again."""
        installation = await self._installation
        home = Home(
            installation=installation,
            changed=self._wake.set,
            is_ours=lambda: self._lease.is_held,
            login=self._gateway.login,
        )
        while not self._is_open:
            try:
                await self._driver.open(home)
                self._is_open = True
            except OSError as error:
                self.errors["open"] += 1
                log.error("engine.not_reached", engine=self._driver.engine, reason=str(error))
                await asyncio.sleep(_ENGINE_AWAY_SECONDS)

    async def _follow(self) -> None:
        async for update in self._gateway.watch(self._launcher_id, self._driver.engine):
            self.take(update)

    def take(self, update: LauncherUpdate) -> None:
        """Applies one update of the watch."""
        match update:
            case Begin():
                self.is_synced = False
                if not self._installation.done():
                    self._installation.set_result(update.installation)
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
        self._lease.heard(heartbeat)
        if self._end_of_lease is not None:
            self._end_of_lease.cancel()
        if not self._lease.is_held:
            self._let_go()
            return
        # By a timer, which is due before anything else when this process was held up and goes on.
        self._end_of_lease = asyncio.get_running_loop().call_later(self._lease.seconds_left, self._let_go)
        if self.is_ready and not was_ready:
            self._wake.set()

    def _let_go(self) -> None:
        """Another launcher may have the engine now: what is under way ends, and its step is left to that one."""
        if self._busy:
            log.warning("lease.lost", steps=len(self._busy))
        for task in self._busy.values():
            task.cancel()

    async def _go_round(self) -> None:
        await self._open()
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
        if not self.is_ready:
            return
        budget = self._driver.budget
        self._gateway.send_status(
            EngineStatus(
                capacity=budget.copies, running=len(instances), memory_mb=budget.memory_mb, starts=self._starts
            )
        )
        self._started = {launch_id: at for launch_id, at in self._started.items() if launch_id in self.rows}
        for launch_id in sorted(self.rows.keys() | instances.keys()):
            if launch_id in self._busy:
                continue
            row, instance = self.rows.get(launch_id), instances.get(launch_id)
            step = next_step(row, instance, self._lease.now(), self._started.get(launch_id))
            if step is None:
                self._probes.pop(launch_id, None)
            else:
                self._begin(launch_id, row, step)
        self.rounds += 1

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
                self._faults.pop(launch_id, None)
                return
            except CatalogError as error:
                # Stale: somebody moved it, and the watch tells. Unavailable: the breaker says when to try again.
                log.info("step.put_off", launch=launch_id, step=type(step).__name__, because=error.message)
            except Exception as error:
                self._count_error(type(step).__name__.lower(), error)
        self._faults[launch_id] += 1
        await asyncio.sleep(_pause_after(self._faults[launch_id]))

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
        async def tell(phase: str, percent: int) -> None:
            await self._report(row, Report(row.state, phase=phase, progress=percent))

        try:
            await self._driver.start(spec_of(row), tell)
        except CannotStart as refusal:
            await self._report(row, Report("failed", reason=str(refusal)))
            return
        self._started[row.id] = self._lease.now()
        await self._report(row, Report(row.state, phase="waiting"))

    async def _probe(self, row: WantedLaunch, instance: Instance) -> None:
        if not await self._comes_ready(row, instance):
            return
        refusal = await greet(row, instance.upstream) if row.claim_path else ""
        if refusal:
            await self._report(row, Report("failed", reason=refusal))
            return
        await self._report(
            row, Report("running", phase="ready", upstream=instance.upstream, digests=list(instance.digests))
        )

    async def _comes_ready(self, row: WantedLaunch, instance: Instance) -> bool:
        """Whether it answers within a moment, as long as nobody wants anything else of it."""
        clock = asyncio.get_running_loop().time
        ends = clock() + _PROBING_SECONDS
        while not await self._driver.is_ready(instance):
            self._probes[row.id] += 1
            await asyncio.sleep(_PROBE_PAUSES[min(self._probes[row.id], len(_PROBE_PAUSES)) - 1])
            if self.rows.get(row.id) is not row or clock() >= ends:
                return False
        return True

    async def _report(self, row: WantedLaunch, report: Report) -> None:
        """Tells the gateway, and notes at once what it accepted: the watch will say the same a moment later."""
        told = LaunchReport(launch_id=row.id, attempt=row.attempt, was=row.state, **msgspec.structs.asdict(report))
        attempt = await self._gateway.report(told)
        if report.state != row.state:
            self.moves[report.state] += 1
            log.info("launch.moved", launch=row.id, was=row.state, state=report.state, reason=report.reason or None)
        if self.rows.get(row.id) is row:
            since = self._lease.now() if report.state != row.state else row.state_since
            self.rows[row.id] = msgspec.structs.replace(row, state=report.state, attempt=attempt, state_since=since)
        if report.state in ("stopped", "failed"):
            self.rows.pop(row.id, None)
            self._over.add(row.id)

    def _count_error(self, what: str, error: Exception) -> None:
        self.errors[what] += 1
        log.error("driver.failed", call=what, exc_info=error)


def _pause_after(faults: int) -> float:
    """After each fault in a row twice as long, with jitter, so that a sick engine is not asked all at once."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(faults - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads load, and protects nothing
