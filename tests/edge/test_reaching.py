"""A demo that runs elsewhere is met at its own name, over TLS if it says so, and never at a local address."""

import asyncio
import socket
from typing import Any

import pytest

from ecatalog_edge.edge import Edge
from ecatalog_edge.reaching import Unreachable, authority_of, checked_address, is_allowed
from ecatalog_edge.upstream import Pool
from tests.edge.demos import DemoServer
from tests.edge.twins import CatalogTwin, a_launch
from tests.edge.visitors import Line


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "169.254.169.254", "fe80::1%eth0"),
        *("::ffff:169.254.169.254", "224.0.0.1", "ff02::1", "255.255.255.255", "fd00:ec2::254", "100.100.100.200"),
        *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "::127.0.0.1"),
    ],
)
def test_no_demo_is_there(address: str) -> None:
    assert not is_allowed(address, may_be_local=False)


@pytest.mark.parametrize("address", ["10.0.0.5", "192.168.1.9", "203.0.113.7", "fd12::7", "2001:db8::1"])
def test_a_demo_may_be_there(address: str) -> None:
    assert is_allowed(address, may_be_local=False)


def test_on_one_machine_a_demo_may_be_local_but_no_more_than_that() -> None:
    assert is_allowed("127.0.0.1", may_be_local=True)
    assert not is_allowed("169.254.169.254", may_be_local=True)


async def test_one_bad_address_of_a_name_spoils_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in ("203.0.113.7", "127.0.0.1")]

    class Names:
        getaddrinfo = staticmethod(found)

    monkeypatch.setattr(asyncio, "get_running_loop", lambda: Names)
    with pytest.raises(Unreachable):
        await checked_address("rebound.example", 80, may_be_local=False)
    assert await checked_address("rebound.example", 80, may_be_local=True) == "203.0.113.7"


@pytest.mark.parametrize(
    ("upstream", "authority"),
    [
        ("demo.example:80", b"demo.example"),
        ("demo.example:8080", b"demo.example:8080"),
        ("https://demo.example:443", b"demo.example"),
        ("https://[2001:db8::1]:8443", b"[2001:db8::1]:8443"),
    ],
)
def test_a_demo_is_called_by_its_own_name(upstream: str, authority: bytes) -> None:
    assert authority_of(upstream) == authority


async def test_what_is_local_is_not_reached_as_a_demo_elsewhere(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    await catalog.tell(a_launch(demo.address, is_elsewhere=True))
    assert (await line.ask("GET", "/")).status == 502
    assert demo.connections == 0
    edge.site.pool = Pool(may_be_local=True)
    assert (await line.ask("GET", "/")).status == 200
    assert demo.asked[-1].get("host") == demo.address
