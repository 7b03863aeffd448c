"""Who asks: the proxies in front that are trusted are believed, and nobody else."""

import pytest

from ecatalog_client.environment import BadSetting
from ecatalog_edge.edge import Edge
from ecatalog_edge.proxies import Proxies
from ecatalog_edge.settings import Settings
from tests.edge.demos import DemoServer
from tests.edge.visitors import Line

OURS = Proxies(["127.0.0.1", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        ("127.0.0.1", b"203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", b"1.1.1.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", b"", "127.0.0.1"),
        ("127.0.0.1", b"nonsense", "127.0.0.1"),
        ("127.0.0.1", b"203.0.113.9, nonsense", "127.0.0.1"),
        ("203.0.113.1", b"8.8.8.8", "203.0.113.1"),
        ("10.0.0.1", b"2001:db8::5", "2001:db8::5"),
    ],
)
def test_the_last_that_is_not_ours_is_the_visitor(peer: str, forwarded: bytes, visitor: str) -> None:
    assert OURS.visitor_behind(peer, forwarded) == visitor


async def test_a_visitor_does_not_name_himself(edge: Edge, line: Line, demo: DemoServer) -> None:
    await line.ask("GET", "/", {"X-Forwarded-For": "8.8.8.8"})
    assert demo.asked[-1].get("x-forwarded-for") == "127.0.0.1"
    edge.site.proxies = OURS
    async with await Line.open(edge.port) as proxied:
        for address in ("203.0.113.9", "203.0.113.10"):
            await proxied.ask("GET", "/", {"X-Forwarded-For": address})
            assert demo.asked[-1].get("x-forwarded-for") == address


def test_what_is_no_network_is_refused_at_the_start() -> None:
    with pytest.raises(BadSetting, match="TRUSTED_PROXIES"):
        Settings.load({"ECATALOG_TOKEN": "x", "ECATALOG_TRUSTED_PROXIES": "10.0.0.1/8"})
