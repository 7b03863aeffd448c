"""The composition root: the only module that knows every room. Builds one gateway, starts it and stops it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry

from ecatalog.access import api as access
from ecatalog.access import catalog_api, invitations_api, requests_api, users_api
from ecatalog.access import pages as access_pages
from ecatalog.accounts import actions as accounts
from ecatalog.accounts import api as accounts_api
from ecatalog.accounts import jobs as accounts_jobs
from ecatalog.accounts import pages as accounts_pages
from ecatalog.accounts.model import ClientReader, MailSwitch
from ecatalog.accounts.passwords import Hasher
from ecatalog.accounts.queries import count_users
from ecatalog.accounts.service_tokens import ServiceTokens
from ecatalog.accounts.sessions import Sessions
from ecatalog.accounts.standing import refuse_unless_standing
from ecatalog.accounts.throttle import Throttle
from ecatalog.analytics import api as analytics
from ecatalog.branding import api as branding
from ecatalog.branding import pages as branding_pages
from ecatalog.branding.looks import Looks
from ecatalog.clients import api as clients
from ecatalog.clients.actions import client_for
from ecatalog.console import api as console_api
from ecatalog.console import pages as console_pages
from ecatalog.console.frame import spoken_by
from ecatalog.console.month import MonthMemory, keep_month
from ecatalog.console.words import FILTERS
from ecatalog.demos import api as demos
from ecatalog.kit.actor import Actor
from ecatalog.kit.clock import Clock, utc_now
from ecatalog.kit.db import Database, RefusedToStart
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.ids import new_secret
from ecatalog.kit.secrets import Secrets
from ecatalog.launches import api as launches
from ecatalog.launches import jobs as launches_jobs
from ecatalog.launches.edges import EdgeHub
from ecatalog.launches.launchers import LauncherHub
from ecatalog.launches.rpc import keep_epoch, services
from ecatalog.launches.serving import ensure_identity
from ecatalog.launches.use import forgive_silence
from ecatalog.notices import api as notices
from ecatalog.notices import jobs as notices_jobs
from ecatalog.notices import pages as notices_pages
from ecatalog.notices import webhook_api
from ecatalog.notices.channels import Channel, Planner
from ecatalog.notices.console import ConsoleChannel
from ecatalog.notices.links import Links
from ecatalog.notices.mails import Mails
from ecatalog.notices.metrics import PostCollector
from ecatalog.notices.planning import MailPlanner
from ecatalog.notices.post import Post
from ecatalog.notices.rendering import Renderer
from ecatalog.notices.smtp import MailServer, SmtpChannel
from ecatalog.notices.webhook_planning import WebhookPlanner
from ecatalog.notices.webhooks import Webhooks
from ecatalog.ops import api as ops
from ecatalog.ops import archive_api, backup_api, events_api, samples
from ecatalog.ops import jobs as ops_jobs
from ecatalog.ops import pages as ops_pages
from ecatalog.ops.backup_runs import keep_backups
from ecatalog.ops.backup_work import BackupWork
from ecatalog.ops.health import check_readiness
from ecatalog.ops.journaling import RevocationJournal
from ecatalog.ops.metrics import GatewayCollector
from ecatalog.ops.service_tokens import ensure_service_tokens
from ecatalog.ops.upkeep import keep_database
from ecatalog.rpc.catalog import CatalogDoor
from ecatalog.rpc.listening import ServerTls
from ecatalog.rpc.server import RpcServer
from ecatalog.settings import Settings
from ecatalog.web import docs
from ecatalog.web.api import with_shell_operations
from ecatalog.web.callers import Callers
from ecatalog.web.dispatch import Dispatch
from ecatalog.web.door import Door
from ecatalog.web.internal import Internal
from ecatalog.web.layout import Layout
from ecatalog.web.measures import MeasureCollector, Measures
from ecatalog.web.operation import Operation
from ecatalog.web.pages import PageShell
from ecatalog.web.streams import Places

T = TypeVar("T")
Job = Callable[[Door], Coroutine[Any, Any, None]]

OPERATIONS: tuple[Operation, ...] = (
    *accounts_api.OPERATIONS,
    *clients.OPERATIONS,
    *demos.OPERATIONS,
    *launches.OPERATIONS,
    *access.OPERATIONS,
    *catalog_api.OPERATIONS,
    *requests_api.OPERATIONS,
    *users_api.OPERATIONS,
    *invitations_api.OPERATIONS,
    *analytics.OPERATIONS,
    *branding.OPERATIONS,
    *notices.OPERATIONS,
    *webhook_api.OPERATIONS,
    *ops.OPERATIONS,
    *events_api.OPERATIONS,
    *backup_api.OPERATIONS,
    *archive_api.OPERATIONS,
)
PAGES = (
    *docs.PAGES,
    *branding_pages.PAGES,
    *accounts_pages.PAGES,
    *access_pages.PAGES,
    *notices_pages.PAGES,
    *console_pages.PAGES,
    *ops_pages.PAGES,
)
JOBS: tuple[Job, ...] = (
    accounts_jobs.keep_sessions,
    launches_jobs.end_launches_that_are_over,
    launches_jobs.keep_copies_warm,
    launches_jobs.check_demos,
    keep_epoch,
    notices_jobs.write_messages,
    notices_jobs.deliver_messages,
    notices_jobs.forget_old_messages,
    ops_jobs.forget_old_keys,
    keep_database,
    keep_backups,
    keep_month,
)

_log = structlog.get_logger("ecatalog")


def build(settings: Settings, *, clock: Clock = utc_now, hasher: Hasher | None = None) -> "Gateway":
    """A gateway with these settings, not started: nothing is opened, bound or written yet.

    `hasher` is for tests, which cannot pay for good hashes each time.
    """
    return Gateway(settings, clock, hasher or Hasher(concurrency=settings.hash_concurrency))


class Gateway:
    """The control plane: `asgi` answers everybody, `internal` answers operators, `door` is what jobs are given.

    `start` opens the database and begins to serve gRPC; whoever runs it brings the HTTP listeners.
    """

    def __init__(self, settings: Settings, clock: Clock, hasher: Hasher) -> None:
        self.settings = settings
        self.db = Database(
            settings.database,
            clock=clock,
            busy_timeout_ms=settings.sqlite_timeout_ms,
            is_replicated=bool(settings.litestream),
        )
        self.setup_link: str | None = None
        self.grpc_port = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._rpc: RpcServer | None = None
        self._rpc_measures = Measures()
        self._sessions = Sessions(self.db, clock, settings.session_idle)
        self._services = ServiceTokens(self.db, clock)
        self._looks = Looks(self.db)
        self._places = Places()
        self.door = Door(self.db, settings, clock, self._build_parts(clock, hasher), stands=refuse_unless_standing)
        self.operations = with_shell_operations(OPERATIONS, version=version("ecatalog"), url=settings.catalog_url)
        self._journal = RevocationJournal(self.door)
        callers = Callers(self._identify, settings.catalog_url, settings.demos_url, settings.session_lifetime)
        pages = PageShell(
            PAGES,
            door=self.door,
            callers=callers,
            layout=Layout(FILTERS, self._looks),
            form_targets=[_any_demo_host(settings.demos_url)],
            speaks=spoken_by,
        )
        # What pages follow is answered as operations are, and is none of the API.
        answered = (*self.operations, *console_api.STREAMS)
        self.asgi = Dispatch(answered, door=self.door, callers=callers, places=self._places, pages=pages)
        self.internal = Internal(self._find_problems, self._build_registry())

    def _build_parts(self, clock: Clock, hasher: Hasher) -> dict[type, Any]:
        settings = self.settings
        parts = (
            self._sessions,
            self._services,
            self._looks,
            hasher,
            Throttle(clock),
            ClientReader(client_for),
            MailSwitch(is_on=bool(settings.smtp_url)),
            MonthMemory(self.db, clock),
            BackupWork(clock),
            EdgeHub(self.db, settings.edge_lease, clock=clock),
            LauncherHub(self.db, clock=clock),
            *self._build_post(clock, Secrets(settings.encryption_key)),
        )
        return {type(part): part for part in parts}

    def _build_post(self, clock: Clock, secrets: Secrets) -> tuple[Secrets, Mails, Webhooks, Post]:
        settings = self.settings
        links = Links(settings.jwt_secret, settings.catalog_url)
        mails = Mails(self.db, Renderer(links, self._looks))
        webhooks = Webhooks(self.db, secrets, clock, settings.webhook_networks)
        channels: list[Channel] = [_mail_channel(settings, mails), webhooks]
        planners: list[Planner] = [MailPlanner(links), WebhookPlanner(self.db)]
        return secrets, mails, webhooks, Post(self.db, clock, settings.database.parent, channels, planners)

    def _build_registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(MeasureCollector("ecatalog_http", self.asgi.measures))
        registry.register(MeasureCollector("ecatalog_rpc", self._rpc_measures.values()))
        registry.register(
            GatewayCollector(
                self.db,
                self.settings.data,
                self.door.clock,
                litestream=self.settings.litestream,
                is_journal_kept=lambda: self._journal.is_kept,
            )
        )
        registry.register(PostCollector(self.db, self.part(Post)))
        return registry

    def part(self, kind: type[T]) -> T:
        """The one object of that type, as operations get it by `door.part`."""
        return self.door.part(kind)

    async def start(self) -> str | None:
        """Opens the database, prepares it, and begins the jobs and the gRPC server.

        Returns the one-time link for the set-up when there are no users yet. Raises RefusedToStart.
        """
        await self.db.start()
        try:
            await ensure_identity(self.db)
            await ensure_service_tokens(self.db, self.settings.data / "tokens", self.settings.service_tokens)
            if self.settings.load_seed_data:
                await self._load_samples()
            self.setup_link = await self._offer_setup()
            await self.part(Post).start()
            await self.db.write(forgive_silence)
            await self._journal.start()
            await self.part(EdgeHub).start()
            await self._serve_rpc()
        except BaseException:
            await self._journal.stop()
            await self.db.stop()
            raise
        self._tasks = [asyncio.create_task(job(self.door), name=job.__name__) for job in JOBS]
        return self.setup_link

    async def stop(self) -> None:
        """Ends streams, gRPC and jobs, writes what only memory knows, and closes the database. Twice does no harm."""
        self.end_streams()
        if self._rpc is not None:
            await self._rpc.stop()
            self._rpc = None
        await self._end_jobs()
        await self.part(BackupWork).stop()
        for hub in (self.part(EdgeHub), self.part(LauncherHub)):
            await hub.stop()
        with suppress(Unavailable):  # A start that failed, or a second stop: the database is closed.
            await accounts_jobs.write_last_seen(self.door)
            await accounts_jobs.write_last_used(self.door)
        await self._journal.stop()
        await self.db.stop()
        self.part(Post).stop()
        self.part(Hasher).close()

    def end_streams(self) -> None:
        """Ends every stream of events, so that the listener can close."""
        self.asgi.end_streams()

    async def _serve_rpc(self) -> None:
        settings = self.settings
        served = services(
            self.db,
            self.part(EdgeHub),
            self.part(LauncherHub),
            cookie_key=settings.edge_cookie_key,
            catalog_url=settings.catalog_url,
            secrets=self.part(Secrets),
            clock=self.door.clock,
        )
        door = CatalogDoor(self.operations, self.door, self._places)
        server = RpcServer(
            (*served, door.service()),
            self._identify,
            on_call=self._rpc_measures.add,
            tls=_grpc_tls(settings),
            reflects=settings.grpc_reflection,
        )
        try:
            self.grpc_port = await server.start(settings.grpc_host, settings.grpc_port)
        except OSError as error:
            raise RefusedToStart(str(error)) from error
        self._rpc = server

    def _identify(self, token: str, *, is_use: bool = True) -> Actor | None:
        """Whom a token stands for: the session of a person, or a service.

        Tokens of sessions have dots, those of services none; the likely one is asked first, and from memory.
        """
        if "." in token:
            return self._sessions.authenticate(token, is_use=is_use) or self._services.authenticate(
                token, is_use=is_use
            )
        return self._services.authenticate(token, is_use=is_use) or self._sessions.authenticate(token, is_use=is_use)

    async def _end_jobs(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _load_samples(self) -> None:
        if await self.db.read(count_users):
            return  # The samples are for an empty catalog; hashing their password would only slow the start.
        await samples.load_samples(self.db, await self.part(Hasher).hash(samples.PASSWORD))

    async def _offer_setup(self) -> str | None:
        """The link is told in the log, once: whoever can read that owns the machine. It works for 15 minutes."""
        code = new_secret()
        if not await self.db.write(accounts.offer_setup, code, accounts_pages.SETUP_LIFETIME):
            return None
        link = f"{self.settings.catalog_url}/setup?code={code}"
        _log.warning("setup_needed", open_within_15_minutes=link)
        return link

    async def _find_problems(self) -> list[str]:
        return await check_readiness(self.db)


def _mail_channel(settings: Settings, mails: Mails) -> Channel:
    if not settings.smtp_url:
        return ConsoleChannel(mails)
    return SmtpChannel(mails, MailServer.of(settings.smtp_url, settings.smtp_password), settings.mail_from)


def _grpc_tls(settings: Settings) -> ServerTls | None:
    if settings.grpc_tls_certificate is None or settings.grpc_tls_key is None:
        return None
    return ServerTls(settings.grpc_tls_certificate, settings.grpc_tls_key, settings.grpc_tls_client_ca)


def _any_demo_host(demos_url: str) -> str:
    """The source expression of Content-Security-Policy for every host below the demos' domain."""
    parts = urlsplit(demos_url)
    return f"{parts.scheme}://*.{parts.netloc}"
