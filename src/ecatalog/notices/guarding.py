"""Whereto a webhook may connect: never to this machine, its link, a private network or a cloud's metadata.

Every address of a name is checked, and what is connected to is checked once more at the socket, so that a name which
answers otherwise the second time leads nowhere. Networks that the operator lists are let through.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from ecatalog_client.addresses import Network, address_of, is_public, look_up

LookUp = Callable[[str, int], Awaitable[list[str]]]


class Unreachable(OSError):
    """The address is of where webhooks do not go; the text is a sentence for administrators."""


class Guard:
    """Which addresses are let through: those of `networks`, and public ones unless it is `for_plain` http."""

    def __init__(self, networks: Sequence[Network], *, for_plain: bool = False) -> None:
        self._networks = networks
        self._for_plain = for_plain

    def allows(self, text: str) -> bool:
        """Whether a webhook may connect to this address."""
        try:
            address = address_of(text)
        except ValueError:
            return False
        if any(address in network for network in self._networks):
            return True
        return is_public(address) and not self._for_plain

    def refuse(self, host: str, address: str) -> None:
        """Raises Unreachable."""
        if self.allows(address):
            return
        where = host if host == address else f"{host} ({address})"
        why = "is not reached without TLS" if self._for_plain else "is not on the public internet"
        raise Unreachable(f"{where} {why}. If it is yours, list its network in ECATALOG_WEBHOOKS_ALLOW_PRIVATE.")


class CheckedNames(AbstractResolver):
    """Looks names up, and answers only when every address of a name may be connected to."""

    def __init__(self, guard: Guard, look_up: LookUp) -> None:
        self._guard = guard
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._look_up(host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            self._guard.refuse(host, address)
        return [_found(host, address, port) for address in addresses]

    async def close(self) -> None:
        pass


def _found(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)


def guarded_connector(guard: Guard, *, look_up: LookUp = look_up, tls: ssl.SSLContext | None = None) -> TCPConnector:
    """A connector of aiohttp that reaches only what the guard allows, also when the URL names a bare address.

    Certificates are checked against the host's name, by the system's authorities unless `tls` brings others.
    """

    def make_socket(info: Any) -> socket.socket:
        family, kind, proto, _, address = info
        guard.refuse(str(address[0]), str(address[0]))
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        return made

    return TCPConnector(
        resolver=CheckedNames(guard, look_up),
        use_dns_cache=False,
        socket_factory=make_socket,
        ssl=tls or True,
        limit=0,
    )
