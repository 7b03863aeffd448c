"""Trust and identity on the way to the catalog: files in PEM, for gRPC as credentials, for HTTP as a context."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecatalog_client.environment import PREFIX, BadSetting

if TYPE_CHECKING:
    import grpc

# The settings of edges and launchers, as the reference lists them.
OWN = (
    (
        "GATEWAY_CA",
        "",
        "The authority (PEM) that signed the gateway's gRPC certificate: with it, gRPC is spoken over TLS.",
    ),
    ("GATEWAY_CERTIFICATE", "", "The certificate (PEM) that a service shows to a gateway that asks for one."),
    ("GATEWAY_KEY", "", "Its private key."),
)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: whom to trust instead of the system's authorities, and the certificate and key to show."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


def tls_of(env: Mapping[str, str]) -> Tls | None:
    """What a service's settings say of the gateway; None for plain gRPC. Raises BadSetting."""
    ca, certificate, key = (env.get(f"{PREFIX}GATEWAY_{name}") or None for name in ("CA", "CERTIFICATE", "KEY"))
    if ca is None and (certificate or key):
        raise BadSetting(f"{PREFIX}GATEWAY_CERTIFICATE needs {PREFIX}GATEWAY_CA: whom the gateway is known by.")
    if bool(certificate) != bool(key):
        raise BadSetting(f"{PREFIX}GATEWAY_CERTIFICATE and {PREFIX}GATEWAY_KEY belong together: set both.")
    for name in filter(None, (ca, certificate, key)):
        if not Path(name).is_file():
            raise BadSetting(f"{name} cannot be read: {PREFIX}GATEWAY_CA, …_CERTIFICATE and …_KEY name files in PEM.")
    return None if ca is None else Tls(ca, certificate, key)


def credentials_of(tls: Tls | None) -> "grpc.ChannelCredentials | None":
    """For a channel of gRPC; None for a plain one. Raises OSError."""
    if tls is None:
        return None
    import grpc

    ca, key, certificate = (Path(name).read_bytes() if name else None for name in (tls.ca, tls.key, tls.certificate))
    return grpc.ssl_channel_credentials(ca, key, certificate)


def context_of(tls: Tls | None) -> ssl.SSLContext | bool:
    """For aiohttp; True for the system's authorities. Raises OSError."""
    if tls is None:
        return True
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key)
    return context
