"""The proxies in front of the edge that are believed, and whom they say a request comes from."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """Addresses and networks. Nobody else is believed: an X-Forwarded-For of a visitor's own is dropped."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """ValueError for what is neither an address nor a network."""
        self._networks: tuple[Network, ...] = tuple(map(ipaddress.ip_network, networks))

    def include(self, address: str) -> bool:
        """Whether this is one of them."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)

    def visitor_behind(self, peer: str, forwarded_for: bytes) -> str:
        """The last address on the way that is none of ours: what came before it anybody could have written."""
        address = peer
        for hop in reversed(forwarded_for.decode("latin-1").split(",")):
            if not self.include(address):
                break
            try:
                address = str(ipaddress.ip_address(hop.strip()))
            except ValueError:
                break
        return address
