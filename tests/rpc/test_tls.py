"""gRPC over TLS: whom the caller trusts, whom the server lets in, and which settings go together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from ecatalog.app import Gateway, build
from ecatalog.kit.db import RefusedToStart
from ecatalog.settings import BadSetting, Settings
from ecatalog_client import AsyncCatalog
from ecatalog_client.environment import BadSetting as BadServiceSetting
from ecatalog_client.errors import Unavailable
from ecatalog_client.services import EdgeGateway
from ecatalog_client.tls import Tls, credentials_of, tls_of
from ecatalog_client.types.serving import Begin
from tests.cast import SettableClock
from tests.rpc.certificates import Authority, Pair


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "theirs")


@asynccontextmanager
async def running(folder: Path, server: Pair, client_ca: Path | None = None) -> AsyncIterator[Gateway]:
    settings = Settings(
        data=folder / "gateway",
        grpc_port=0,
        log_level="warning",
        jwt_secret="s" * 43,
        grpc_tls_certificate=server.certificate,
        grpc_tls_key=server.key,
        grpc_tls_client_ca=client_ca,
    )
    gateway = build(settings, clock=SettableClock())
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def alive(gateway: Gateway, tls: Tls | None) -> bool:
    """Whether a caller with these files is answered."""
    scheme = "grpc" if tls is None else "grpcs"
    async with AsyncCatalog(f"{scheme}://127.0.0.1:{gateway.grpc_port}", tls=tls, deadline=3) as catalog:
        try:
            return await catalog.service.livez() == {"status": "ok"}
        except Unavailable:
            return False


async def test_who_trusts_the_authority_is_answered_and_nobody_else(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    async with running(tmp_path, ours.issue("server")) as gateway:
        assert await alive(gateway, Tls(ca=str(ours.file)))
        assert not await alive(gateway, Tls(ca=str(theirs.file)))
        assert not await alive(gateway, None)


async def test_with_mutual_tls_only_callers_with_a_signed_certificate_come_in(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    known, unknown = ours.issue("caller"), theirs.issue("stranger")
    async with running(tmp_path, ours.issue("server"), ours.file) as gateway:
        assert await alive(gateway, Tls(str(ours.file), str(known.certificate), str(known.key)))
        assert not await alive(gateway, Tls(str(ours.file), str(unknown.certificate), str(unknown.key)))
        assert not await alive(gateway, Tls(ca=str(ours.file)))


async def test_an_edge_watches_over_mutual_tls_by_its_settings(tmp_path: Path, ours: Authority) -> None:
    known = ours.issue("caller")
    env = {
        "ECATALOG_GATEWAY_CA": str(ours.file),
        "ECATALOG_GATEWAY_CERTIFICATE": str(known.certificate),
        "ECATALOG_GATEWAY_KEY": str(known.key),
    }
    async with running(tmp_path, ours.issue("server"), ours.file) as gateway:
        token = (gateway.settings.data / "tokens" / "edge").read_text()
        target = f"127.0.0.1:{gateway.grpc_port}"
        edge = EdgeGateway(target, token, credentials=credentials_of(tls_of(env)))
        watch = edge.watch("edge-1")
        assert isinstance(await anext(watch), Begin)
        await watch.aclose()
        await edge.aclose()


async def test_reflection_answers_only_when_it_is_asked_for(gateway: Gateway) -> None:
    assert await _services(gateway.grpc_port) is None
    settings = replace(gateway.settings, data=gateway.settings.data / "other", db_path=None, grpc_reflection=True)
    other = build(settings, clock=SettableClock())
    await other.start()
    try:
        told = await _services(other.grpc_port)
    finally:
        await other.stop()
    assert told is not None
    assert {"ecatalog.v1.CatalogService", "grpc.health.v1.Health"} <= told


async def _services(port: int) -> set[str] | None:
    """What reflection tells; None without it."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = ServerReflectionStub(channel)
        asked = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=5)
        try:
            answer = await asked.read()
        except grpc.aio.AioRpcError as error:
            return None if error.code() is grpc.StatusCode.UNIMPLEMENTED else set()
        return {each.name for each in answer.list_services_response.service}


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"grpc_tls_certificate": "server.pem"}, "set both"),
        ({"grpc_tls_key": "server.key"}, "set both"),
        ({"grpc_tls_client_ca": "ca.pem"}, "needs TLS"),
    ],
)
def test_half_of_the_settings_is_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        Settings(**{name: Path(value) for name, value in given.items()})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "told"), [("GATEWAY_CERTIFICATE", "GATEWAY_CA"), ("GATEWAY_CA", "cannot be read")])
def test_half_of_a_services_settings_is_refused(name: str, told: str) -> None:
    with pytest.raises(BadServiceSetting, match=told):
        tls_of({f"ECATALOG_{name}": "nowhere.pem"})


async def test_files_that_are_no_certificates_keep_the_gateway_from_starting(tmp_path: Path, ours: Authority) -> None:
    pair = ours.issue("server")
    pair.key.write_text("no key")

    with pytest.raises(RefusedToStart, match="PEM"):
        async with running(tmp_path, pair):
            pass
