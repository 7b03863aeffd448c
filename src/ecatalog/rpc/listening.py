"""How the gRPC server listens: plain, over TLS, or over TLS with callers that show a certificate; and reflection."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Files in PEM. With a `client_ca`, only callers whose certificate it signed are let in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def listen(server: grpc.aio.Server, address: str, tls: ServerTls | None) -> int:
    """The port. Raises OSError when it cannot, or the files cannot be read or used."""
    try:
        if tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, _credentials(tls))
    except RuntimeError as error:
        advice = "is another gateway running?" if tls is None else "is another gateway running, are the files PEM?"
        raise OSError(f"Cannot listen for gRPC on {address}: {advice}") from error


def _credentials(tls: ServerTls) -> grpc.ServerCredentials:
    ca = tls.client_ca.read_bytes() if tls.client_ca else None
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    return grpc.ssl_server_credentials([pair], root_certificates=ca, require_client_auth=ca is not None)


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Tells services and messages to whoever asks."""
    from grpc_reflection.v1alpha import reflection

    reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server)
