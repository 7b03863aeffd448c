"""Where an address leads: to this machine or its link, into somebody's private network, or to the public internet.

Written once for whatever connects to names that others chose: demos that run elsewhere, and webhooks. What of IPv6
carries an address of IPv4 counts as that one. A name is looked up at each connection, and the checked address is used.
"""

import asyncio
import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What clouds tell their machines about themselves, beside the link-local 169.254.169.254.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
_BROADCAST = ipaddress.ip_address("255.255.255.255")
# RFC 6052 (the well-known prefix of NAT64), RFC 4291 2.5.5.1 (IPv4-compatible).
_WITH_IPV4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
# All of IPv6 that is given out for the public internet.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
# In it and in IPv4, what `ipaddress` takes for public: 6to4 with its relays (RFC 7526), documentation (RFC 9637).
_NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("2002::/16", "192.88.99.0/24", "3fff::/20")))


def address_of(text: str) -> Address:
    """The address that is meant: without its zone, and of IPv4 when it carries such a one. ValueError if it is none."""
    found = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    is_special = found.is_loopback or found.is_unspecified
    if not is_special and any(found in network for network in _WITH_IPV4):
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def is_nowhere(address: Address) -> bool:
    """Whether no server of others is there: nothing, everybody, this link, or what a cloud tells its machines."""
    is_not_one = address.is_unspecified or address.is_multicast or address == _BROADCAST
    return is_not_one or address.is_link_local or address in _METADATA


def is_public(address: Address) -> bool:
    """Whether the address is of the public internet: not of this machine, its link, a private or a reserved network."""
    if is_nowhere(address) or not address.is_global or any(address in network for network in _NOT_PUBLIC):
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _GIVEN_OUT


async def look_up(host: str, port: int) -> list[str]:
    """Every address of a host, in the order of the system. OSError when it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
