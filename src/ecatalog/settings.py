"""The settings of the gateway: one frozen dataclass, read once from the environment. Every secret may also be a file.

Variables begin with `ECATALOG_`, except the six that the database image shares (DB_PATH, LOAD_SEED_DATA,
SQLITE_TIMEOUT, ENCRYPTION_KEY, JWT_SECRET, BACKUP_PASSWORD). How text becomes values is in `settings_text.py`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from ecatalog.settings_backups import Keep, keep_of, time_of
from ecatalog.settings_hosts import host_of, is_local, is_loopback, is_origin, shared_domain
from ecatalog.settings_mail import refuse_bad_mail, refuse_bad_zone
from ecatalog.settings_secrets import refuse_weak_secret
from ecatalog.settings_text import BadSetting, kept_secret, parse, text_of, variable

__all__ = ["BadSetting", "Settings", "describe_settings", "variable"]

_TOKENS = ("edge", "launcher", "backup")
SECRETS = frozenset(
    {"encryption_key", "jwt_secret", "backup_password", "backup_test_key", "smtp_password"}
    | {f"{service}_token" for service in _TOKENS}
)
_SHORTEST_LEASE = timedelta(seconds=5)


def _about(text: str) -> dict[str, str]:
    return {"about": text}


@dataclass(frozen=True)
class Settings:
    """What an operator can choose. Ports are TCP ports, durations are timedeltas, addresses are what listeners bind."""

    data: Path = field(default=Path("var"), metadata=_about("The data directory: database, secrets, tokens."))
    db_path: Path | None = field(
        default=None, metadata=_about("The database file; wins over `ltplabs.db` in the data directory.")
    )
    host: str = field(default="127.0.0.1", metadata=_about("The address that the catalog listens on."))
    port: int = field(default=8080, metadata=_about("The port of the catalog."))
    edge_host: str = field(default="127.0.0.1", metadata=_about("The address that the demos are served on."))
    edge_port: int = field(default=8081, metadata=_about("The port of the demos."))
    grpc_host: str = field(
        default="127.0.0.1", metadata=_about("The address for edges, launchers and neighbouring services.")
    )
    grpc_port: int = field(default=9090, metadata=_about("The port for edges, launchers and neighbouring services."))
    grpc_tls_certificate: Path | None = field(
        default=None, metadata=_about("The certificate chain (PEM) to speak gRPC over TLS; without it gRPC is plain.")
    )
    grpc_tls_key: Path | None = field(default=None, metadata=_about("Its private key (PEM)."))
    grpc_tls_client_ca: Path | None = field(
        default=None,
        metadata=_about("The authority (PEM) that signs callers' certificates; without it none is asked for."),
    )
    grpc_reflection: bool = field(
        default=False, metadata=_about("Whether gRPC tells its services and messages to whoever asks (reflection).")
    )
    internal_host: str = field(default="127.0.0.1", metadata=_about("The address of health and metrics."))
    internal_port: int = field(
        default=9100,
        metadata=_about("The port of health and metrics; under `serve`, edge and launcher take the next two."),
    )
    catalog_url: str = field(
        default="",
        metadata=_about("Where browsers find the catalog: scheme, host, port. Without it: localhost and the port."),
    )
    demos_url: str = field(
        default="",
        metadata=_about(
            "Where browsers find the demos; each gets a host name below it. Without it: demos.localhost and the port."
        ),
    )
    sqlite_timeout_ms: int = field(
        default=5000, metadata=_about("How long to wait for a lock of the database, in milliseconds.")
    )
    load_seed_data: bool = field(default=False, metadata=_about("Whether to fill an empty database with sample data."))
    allow_sample_logins: bool = field(
        default=False,
        metadata=_about("Whether sample data may be served beyond this machine: everybody knows its passwords."),
    )
    jwt_secret: str = field(
        default="",
        repr=False,
        metadata=_about("Signs sessions: 32 or more random characters. Without it, one is made and kept."),
    )
    encryption_key: str = field(
        default="", repr=False, metadata=_about("Protects stored credentials of others: 32 or more random characters.")
    )
    edge_token: str = field(
        default="",
        repr=False,
        metadata=_about(
            "The token that edges show: 32 or more random characters. Without it, one is made in `tokens/`."
        ),
    )
    launcher_token: str = field(default="", repr=False, metadata=_about("The same for launchers."))
    backup_token: str = field(
        default="", repr=False, metadata=_about("The token of whoever asks for backups. Without it there is none.")
    )
    backups: str = field(
        default="",
        metadata=_about(
            "Where backups are kept: a folder, or s3://bucket/prefix. Without it: `backups` beside the data."
        ),
    )
    backup_password: str = field(
        default="",
        repr=False,
        metadata=_about("Opens backups: 12 or more characters. Without it and without recipients none are made."),
    )
    backup_recipients: str = field(
        default="",
        metadata=_about(
            "Public keys (age1…), with commas between, whose owners can open backups. Without a password, this machine "
            "cannot open its own."
        ),
    )
    backup_test_key: str = field(
        default="",
        repr=False,
        metadata=_about("The secret key of one recipient (AGE-SECRET-KEY-…), where backups are tested or restored."),
    )
    backup_signed_by: str = field(
        default="",
        metadata=_about("The public key that backups must be signed with, or its file. Without it: our own."),
    )
    backup_at: str = field(
        default="02:00", metadata=_about("When the gateway makes a backup each day, in UTC; `off` for never.")
    )
    backup_keep: str = field(
        default="7d 4w 3m",
        metadata=_about("Of how many days, weeks and months the newest backup is kept; others are removed."),
    )
    litestream: str = field(
        default="",
        metadata=_about(
            "Where Litestream replicates to, file:///folder or another URL of its own: it makes the checkpoints then."
        ),
    )
    session_idle: timedelta = field(
        default=timedelta(minutes=30), metadata=_about("A session ends after so many seconds without a request.")
    )
    session_lifetime: timedelta = field(
        default=timedelta(hours=8), metadata=_about("A session ends after so many seconds in any case.")
    )
    edge_lease: timedelta = field(
        default=timedelta(seconds=60),
        metadata=_about("An edge that hears nothing from the gateway for so many seconds serves nothing more."),
    )
    hash_concurrency: int = field(
        default=2, metadata=_about("How many passwords are checked at a time; each takes 19 MiB.")
    )
    max_launches_per_client: int = field(default=3, metadata=_about("How many demos a client may have open at a time."))
    check_demos_every: timedelta = field(
        default=timedelta(hours=6),
        metadata=_about("Each active demo is started and asked after so many seconds; 0 for never."),
    )
    trusted_proxies: str = field(
        default="",
        metadata=_about(
            "Addresses and networks, with commas between, of the proxies in front of catalog and demos. Only from them "
            "X-Forwarded-For is believed: without it, all who come through a proxy share one limit on wrong passwords."
        ),
    )
    smtp_url: str = field(
        default="",
        metadata=_about(
            "The mail server: smtp://user@host:587 (STARTTLS is demanded), smtps://user@host:465 (TLS), or "
            "smtp://localhost:25?starttls=never. Without it, mails are shown in the log."
        ),
    )
    smtp_password: str = field(default="", repr=False, metadata=_about("The password at the mail server."))
    mail_from: str = field(
        default="", metadata=_about("Who mails are from, such as `Demos <demos@example.com>`. Needed for mail.")
    )
    office_timezone: str = field(
        default="UTC", metadata=_about("The time zone of the team: weekly digests are sent on Mondays at nine.")
    )
    webhooks_allow_private: str = field(
        default="",
        metadata=_about(
            "Private networks, with commas between, that webhooks may reach, also without TLS: 10.0.0.0/8. Without it, "
            "they reach the public internet only, by https."
        ),
    )
    log_level: str = field(default="info", metadata=_about("What is logged: debug, info, warning, error or critical."))
    log_json: bool | None = field(
        default=None, metadata=_about("Whether log lines are JSON. Without it: JSON unless stderr is a terminal.")
    )

    def __post_init__(self) -> None:
        """Fills in what follows from the rest. Raises BadSetting."""
        self._put("catalog_url", (self.catalog_url or f"http://localhost:{self.port}").rstrip("/"))
        self._put("demos_url", (self.demos_url or f"http://demos.localhost:{self.edge_port}").rstrip("/"))
        self._put("db_path", self.db_path or self.data / "ltplabs.db")
        self._refuse_bad_numbers()
        self._refuse_bad_urls()
        time_of(self.backup_at)
        keep_of(self.backup_keep)
        self._refuse_bad_networks()
        refuse_bad_mail(self.smtp_url, self.mail_from)
        refuse_bad_zone(self.office_timezone)
        self._refuse_half_of_tls()
        self._refuse_open_samples()

    @classmethod
    def read(cls, env: Mapping[str, str], **overrides: Any) -> Settings:
        """Settings from the environment; `overrides` (the command line) win where they are not None.

        Touches nothing but the files that `…_FILE` names. Raises BadSetting.
        """
        given: dict[str, Any] = {}
        for each in fields(cls):
            text = text_of(each.name, env, may_be_file=each.name in SECRETS)
            if overrides.get(each.name) is not None:
                given[each.name] = overrides[each.name]
            elif text is not None:
                given[each.name] = parse(each.name, str(each.type), text)
        return cls(**given)

    @classmethod
    def load(cls, env: Mapping[str, str], **overrides: Any) -> Settings:
        """The same, for a gateway that is to run: weak secrets are refused, and without JWT_SECRET one is made.

        It is then kept in `DIR/secrets/jwt_secret`, mode 600. Raises BadSetting.
        """
        settings = cls.read(env, **overrides)
        for name in ("jwt_secret", "encryption_key", "backup_password", *(f"{each}_token" for each in _TOKENS)):
            refuse_weak_secret(name, getattr(settings, name))
        if settings.jwt_secret:
            return settings
        return replace(settings, jwt_secret=kept_secret(settings.data / "secrets" / "jwt_secret"))

    @property
    def database(self) -> Path:
        """The database file: DB_PATH, else `ltplabs.db` in the data directory."""
        assert self.db_path is not None
        return self.db_path

    @property
    def service_tokens(self) -> dict[str, str]:
        """The tokens that were chosen, by service."""
        return {service: found for service in _TOKENS if (found := getattr(self, f"{service}_token"))}

    @property
    def backup_place(self) -> str:
        """Where backups are kept: a folder, or `s3://bucket/prefix`."""
        return self.backups or str(self.data / "backups")

    @property
    def recipients(self) -> list[str]:
        """The public keys that backups are sealed for."""
        return [each.strip() for each in self.backup_recipients.split(",") if each.strip()]

    @property
    def makes_backups(self) -> bool:
        """Whether somebody could open a backup, so that it is worth making one."""
        return bool(self.backup_password or self.recipients)

    @property
    def backup_time(self) -> time | None:
        """When in the UTC day a backup is made, None for never."""
        return time_of(self.backup_at)

    @property
    def backups_kept(self) -> Keep:
        """Of how many days, weeks and months backups are kept."""
        return keep_of(self.backup_keep)

    @property
    def proxies(self) -> list[str]:
        """The trusted proxies, each an address or a network."""
        return _listed(self.trusted_proxies)

    @property
    def webhook_networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The private networks that webhooks may reach."""
        return [ipaddress.ip_network(each) for each in _listed(self.webhooks_allow_private)]

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the catalog by https."""
        return self.catalog_url.startswith("https://")

    @property
    def is_open(self) -> bool:
        """Whether other machines reach the catalog or the demos."""
        return not (is_loopback(self.host) and is_loopback(self.edge_host))

    @cached_property
    def edge_cookie_key(self) -> bytes:
        """32 bytes that sign the cookies of demo hosts, derived from JWT_SECRET (HKDF-SHA256, RFC 5869)."""
        # Imported here because the command line reads settings too, and its `--help` is to be quick.
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(hashes.SHA256(), 32, None, b"demo-host cookies").derive(self.jwt_secret.encode())

    def warnings(self) -> list[str]:
        """What an operator should know before strangers come."""
        catalog, demos = host_of(self.catalog_url), host_of(self.demos_url)
        shared = None if is_local(catalog) or is_local(demos) else shared_domain(catalog, demos)
        if shared is None:
            return []
        return [
            f"The catalog ({catalog}) and the demos ({demos}) share the domain {shared}: a page of a demo can act with "
            f"the catalog's cookies. Give the demos a domain of their own ({variable('demos_url')})."
        ]

    def _put(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _refuse_bad_urls(self) -> None:
        for name in ("catalog_url", "demos_url"):
            url = getattr(self, name)
            if not is_origin(url):
                raise BadSetting(
                    f"{variable(name)} is {url!r}: write scheme and host, such as https://catalog.example.com."
                )

    def _refuse_bad_networks(self) -> None:
        for name in ("trusted_proxies", "webhooks_allow_private"):
            for each in _listed(getattr(self, name)):
                try:
                    ipaddress.ip_network(each)
                except ValueError as error:
                    raise BadSetting(f"{variable(name)} has {each!r} ({error}): write 10.0.0.0/8.") from None

    def _refuse_bad_numbers(self) -> None:
        for name in ("port", "edge_port", "grpc_port", "internal_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise BadSetting(f"{variable(name)} is {getattr(self, name)}: write a port, at most 65535.")
        for name in ("session_idle", "session_lifetime"):
            if getattr(self, name) <= timedelta():
                raise BadSetting(f"{variable(name)}: write more than 0 seconds.")
        for name in ("hash_concurrency", "max_launches_per_client"):
            if getattr(self, name) < 1:
                raise BadSetting(f"{variable(name)} is {getattr(self, name)}: write 1 or more.")
        if self.edge_lease < _SHORTEST_LEASE:
            raise BadSetting(f"{variable('edge_lease')}: write 5 or more; a shorter lease ends between two heartbeats.")
        if self.log_level.lower() not in {"debug", "info", "warning", "error", "critical"}:
            raise BadSetting(
                f"{variable('log_level')} is {self.log_level!r}: write debug, info, warning, error or critical."
            )

    def _refuse_half_of_tls(self) -> None:
        certificate, key, client_ca = self.grpc_tls_certificate, self.grpc_tls_key, self.grpc_tls_client_ca
        if (certificate is None) != (key is None):
            raise BadSetting(
                f"{variable('grpc_tls_certificate')} and {variable('grpc_tls_key')} belong together: set both."
            )
        if client_ca is not None and certificate is None:
            raise BadSetting(
                f"{variable('grpc_tls_client_ca')} asks for certificates, which needs TLS: "
                f"set {variable('grpc_tls_certificate')} too."
            )

    def _refuse_open_samples(self) -> None:
        if self.load_seed_data and self.is_open and not self.allow_sample_logins:
            raise BadSetting(OPEN_SAMPLES)


OPEN_SAMPLES = (
    "The sample data has logins whose password everybody knows, and this would listen beyond this machine. "
    "Set LOAD_SEED_DATA=false and take a new data directory, bind to 127.0.0.1, or say --allow-sample-logins."
)


def describe_settings() -> list[tuple[str, str, str]]:
    """Every variable, its default as one writes it, and what it is for: the reference page and the tests read this."""
    return [(variable(each.name), _as_text(each.default), each.metadata["about"]) for each in fields(Settings)]


def _as_text(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, timedelta):
        return f"{default.total_seconds():g}"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
