"""Whereto webhooks go and where they never go: deadlines, odd answers, names that lie, certificates."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ecatalog.kit.db import Database
from tests.cast import SettableClock
from tests.notices.hooks import Receiver, Stand, receiving


async def silence(writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def half_a_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-")
    await writer.wait_closed()


async def without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@pytest.mark.parametrize("answer", [silence, half_a_head])
async def test_who_does_not_answer_in_time_is_not_waited_for(
    db: Database, clock: SettableClock, tmp_path: Path, receiver: Receiver, answer: Any
) -> None:
    stand = Stand(db, clock, tmp_path, deadline_seconds=0.2)
    await stand.start()
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(answer)
    assert await stand.failure(webhook_id) == "It did not answer within 0.2 seconds."
    await stand.stop()


async def test_an_endless_answer_is_read_to_a_bound(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(without_end)
    await stand.tell(1, 2)
    await stand.until(webhook_id, "sent", "sent")
    assert receiver.connections == 2, "the first one was closed"


async def test_redirects_are_not_followed(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(
        f"HTTP/1.1 307 There\r\nLocation: {receiver.url('/there')}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert "redirects are not followed" in await stand.failure(webhook_id)
    assert receiver.at("/there") == []


@pytest.mark.parametrize("answer", [b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n"])
async def test_what_is_no_answer_is_a_failure(stand: Stand, receiver: Receiver, answer: bytes) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(answer)
    assert "no HTTP" in await stand.failure(webhook_id)


async def test_who_is_not_there_is_told_so(stand: Stand, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    webhook_id, _ = await stand.add(f"http://127.0.0.1:{port}/", kinds=["test.told"])
    assert await stand.failure(webhook_id) == "It could not be connected to: Connection refused."


# whereto ------------------------------------------------------------------------------------------------------


class Names:
    """Names of a test: for each the addresses that it has at the first, second, … time."""

    def __init__(self, **names: list[list[str]]) -> None:
        self._names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        answers = self._names.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def standing(db: Database, clock: SettableClock, folder: Path, names: Names, **how: Any) -> Stand:
    stand = Stand(db, clock, folder, look_up=names, **how)
    await stand.start()
    return stand


async def test_the_checked_address_is_the_one_that_is_connected_to(
    db: Database, clock: SettableClock, tmp_path: Path, receiver: Receiver
) -> None:
    """The system knows no such name: had it been asked again, nothing would have arrived."""
    names = Names(hook_example=[["127.0.0.1"]])
    stand = await standing(db, clock, tmp_path, names)
    await stand.add(receiver.url(host="hook.example"), kinds=["test.told"])
    await stand.tell(1)
    (got,) = await receiver.until(1)
    assert got.headers["host"] == f"hook.example:{receiver.port}"
    assert names.asked == ["hook.example"]
    await stand.stop()


async def test_a_name_that_answers_otherwise_the_second_time_leads_nowhere(
    db: Database, clock: SettableClock, tmp_path: Path, receiver: Receiver
) -> None:
    names = Names(rebound_example=[["127.0.0.1"], ["127.0.0.2"]])
    stand = await standing(db, clock, tmp_path, names)
    async with receiving(host="127.0.0.2", port=receiver.port) as inside:
        webhook_id, _ = await stand.add(receiver.url(host="rebound.example"), kinds=["test.told"])
        receiver.will_answer(b"HTTP/1.1 204 Said\r\nConnection: close\r\n\r\n")
        await stand.tell(1)
        await stand.until(webhook_id, "sent")
        assert "rebound.example (127.0.0.2) is not" in await stand.failure(webhook_id)
        assert (inside.connections, receiver.connections) == (0, 1)
    await stand.stop()


@pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.7"], ["10.0.0.7", "127.0.0.1"], ["::ffff:10.0.0.7"]])
async def test_one_bad_address_of_a_name_spoils_it(
    db: Database, clock: SettableClock, tmp_path: Path, receiver: Receiver, addresses: list[str]
) -> None:
    stand = await standing(db, clock, tmp_path, Names(mixed_example=[addresses]))
    webhook_id, _ = await stand.add(receiver.url(host="mixed.example"), kinds=["test.told"])
    assert "ECATALOG_WEBHOOKS_ALLOW_PRIVATE" in await stand.failure(webhook_id)
    assert receiver.connections == 0
    await stand.stop()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost"]
)
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_nothing_local_is_reached_however_it_is_written(
    db: Database, clock: SettableClock, tmp_path: Path, receiver: Receiver, host: str, scheme: str
) -> None:
    stand = Stand(db, clock, tmp_path, networks=())
    await stand.start()
    webhook_id, _ = await stand.add(receiver.url(host=host, scheme=scheme), kinds=["test.told"])
    await stand.failure(webhook_id)
    assert receiver.connections == 0
    await stand.stop()


async def test_without_tls_only_listed_networks_are_reached(
    db: Database, clock: SettableClock, tmp_path: Path, receiver: Receiver
) -> None:
    stand = await standing(db, clock, tmp_path, Names(public_example=[["203.0.114.7"]]))
    webhook_id, _ = await stand.add("http://public.example/", kinds=["test.told"])
    assert "is not reached without TLS" in await stand.failure(webhook_id)
    await stand.stop()


async def test_a_name_without_an_address_is_told(db: Database, clock: SettableClock, tmp_path: Path) -> None:
    stand = await standing(db, clock, tmp_path, Names())
    webhook_id, _ = await stand.add("https://nowhere.example/", kinds=["test.told"])
    assert await stand.failure(webhook_id) == "Its name has no address."
    await stand.stop()


# TLS ----------------------------------------------------------------------------------------------------------


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "hook.pem", folder / "hook.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.mark.parametrize(
    ("host", "is_trusted", "arrives"),
    [
        ("hook.example", True, True),
        ("other.example", True, False),
        ("hook.example", False, False),
    ],
)
async def test_the_certificate_must_be_of_the_host_and_of_a_known_authority(
    db: Database, clock: SettableClock, tmp_path: Path, host: str, is_trusted: bool, arrives: bool
) -> None:
    certificate, key = certificate_for("hook.example", tmp_path)
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate)) if is_trusted else None
    names = Names(hook_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    stand = await standing(db, clock, tmp_path, names, tls=trusting)
    async with receiving(tls=served) as receiver:
        webhook_id, _ = await stand.add(receiver.url(host=host, scheme="https"), kinds=["test.told"])
        if arrives:
            await stand.tell(1)
            assert len(await receiver.until(1)) == 1
        else:
            assert "certificate was not accepted" in await stand.failure(webhook_id)
            assert receiver.got == []
        await stand.stop()
