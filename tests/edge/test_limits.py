"""One launch takes so many connections, requests and bytes, and no more; others are untouched. And https by itself."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ecatalog_client.environment import BadSetting
from ecatalog_edge.edge import Edge
from ecatalog_edge.limits import Limits, Pace
from ecatalog_edge.settings import Settings
from tests.edge.demos import DemoServer
from tests.edge.twins import CatalogTwin, SettableTime, everything, settle
from tests.edge.visitors import HOST, Line, request

FEW = Limits(connections=3, requests_per_second=5, body_bytes=1000)


@pytest.fixture
async def strict(catalog: CatalogTwin, edge_time: SettableTime, demo: DemoServer) -> AsyncIterator[Edge]:
    edge = Edge(catalog, "edge-1", "http://demos.localhost:8081", clock=edge_time.clock(), limits=FEW)
    await edge.start("127.0.0.1", 0)
    await catalog.begin(*everything(demo.address))
    yield edge
    await edge.stop()


def test_a_pace_gives_two_seconds_at_once_and_then_the_rate() -> None:
    pace = Pace(10, now=0.0)
    assert [pace.allows(0.0) for _ in range(21)] == [True] * 20 + [False]
    assert [pace.allows(0.1), pace.allows(0.1)] == [True, False]
    assert sum(pace.allows(100.0) for _ in range(30)) == 20


async def test_more_requests_than_allowed_are_told_to_wait(strict: Edge, demo: DemoServer) -> None:
    async with await Line.open(strict.port) as line:
        replies = [await line.ask("GET", f"/{number}") for number in range(12)]
    assert [reply.status for reply in replies] == [200] * 10 + [429] * 2
    assert replies[-1].get("retry-after") == "1"
    assert len(demo.asked) == 10


async def test_more_connections_than_allowed_are_refused(strict: Edge) -> None:
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(await Line.open(strict.port)) for _ in range(5)]
        answers = [(await line.upgrade()).status for line in lines[:4]]
        assert answers == [101, 101, 101, 429]
        lines[0].writer.transport.abort()
        await settle(lambda: strict.registry.counts()["websocket"] == 2)
        assert (await lines[4].upgrade()).status == 101


async def test_a_body_that_is_too_large_is_refused(strict: Edge, demo: DemoServer) -> None:
    async with await Line.open(strict.port) as line:
        assert (await line.ask("POST", "/", body=b"x" * 1001)).status == 413
    async with await Line.open(strict.port) as line:
        line.send(request("POST", "/mirror", {"Transfer-Encoding": "chunked"}))
        for _ in range(3):
            line.send(b"1f4\r\n" + b"x" * 500 + b"\r\n")
        assert b"413" in (await line.ended())[:20] or demo.asked[-1].get("host")
    async with await Line.open(strict.port) as line:
        assert (await line.ask("POST", "/mirror", body=b"x" * 1000)).status == 200


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for this test, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "demos.localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "edge.pem", folder / "edge.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


async def test_the_edge_speaks_https_by_itself(tmp_path: Path, catalog: CatalogTwin, edge_time: SettableTime) -> None:
    certificate, key = self_signed(tmp_path)
    settings = Settings.load(
        {
            "ECATALOG_TOKEN": "x",
            "ECATALOG_EDGE_TLS_CERTIFICATE": str(certificate),
            "ECATALOG_EDGE_TLS_KEY": str(key),
        }
    )
    edge = Edge(catalog, "edge-1", "https://demos.localhost:8081", clock=edge_time.clock(), tls=settings.tls)
    await edge.start("127.0.0.1", 0)
    try:
        trusting = ssl.create_default_context(cafile=str(certificate))
        trusting.check_hostname = False
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port, ssl=trusting)
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 ")
        writer.close()
    finally:
        await edge.stop()


def test_a_certificate_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    settings = Settings.load({"ECATALOG_TOKEN": "x", "ECATALOG_EDGE_TLS_CERTIFICATE": str(tmp_path / "bad.pem")})
    with pytest.raises(BadSetting, match="TLS"):
        _ = settings.tls


@pytest.mark.parametrize("name", ["MOST_CONNECTIONS", "REQUESTS_PER_SECOND", "MOST_BODY_MIB"])
def test_a_limit_is_at_least_one(name: str) -> None:
    with pytest.raises(BadSetting, match=name):
        Settings.load({"ECATALOG_TOKEN": "x", f"ECATALOG_EDGE_{name}": "0"})
