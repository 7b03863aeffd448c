"""Which addresses a demo may have that runs elsewhere: never ones that only this machine or its link can reach.

A name is looked up at each connection, every address of it is checked, and the checked one is connected to: a name that
is pointed elsewhere afterwards leads nowhere (threat T8).
"""

import asyncio
import ipaddress
import socket

_METADATA = frozenset({"fd00:ec2::254", "100.100.100.200", "192.0.0.192"})


class Unreachable(OSError):
    """A demo's name leads to where no demo is."""


def is_allowed(text: str, *, may_be_local: bool) -> bool:
    """Whether a demo that runs elsewhere may have this address."""
    found = ipaddress.ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    address = mapped or found
    if address.is_loopback:
        return may_be_local
    is_nowhere = address.is_unspecified or address.is_multicast or address.is_link_local
    return not is_nowhere and str(address) not in _METADATA and address != ipaddress.ip_address("255.255.255.255")


def authority_of(upstream: str) -> bytes:
    """What the demo calls itself: host, and port unless it is the usual one."""
    usual = ":443" if upstream.startswith("https://") else ":80"
    return upstream.removeprefix("https://").removesuffix(usual).encode()


async def checked_address(host: str, port: int, *, may_be_local: bool) -> str:
    """The first address of the host, all of which may be reached. Raises Unreachable, or OSError when it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_allowed(each, may_be_local=may_be_local) for each in addresses):
        raise Unreachable(f"{host} leads to where no demo is")
    return addresses[0]
