"""Which addresses a demo may have that runs elsewhere: never ones that only this machine or its link can reach.

A name is looked up at each connection, every address of it is checked, and the checked one is connected to: a name that
is pointed elsewhere afterwards leads nowhere (threat T8).
"""

from ecatalog_client.addresses import address_of, is_nowhere, look_up


class Unreachable(OSError):
    """A demo's name leads to where no demo is."""


def is_allowed(text: str, *, may_be_local: bool) -> bool:
    """Whether a demo that runs elsewhere may have this address."""
    address = address_of(text)
    return may_be_local if address.is_loopback else not is_nowhere(address)


def authority_of(upstream: str) -> bytes:
    """What the demo calls itself: host, and port unless it is the usual one."""
    usual = ":443" if upstream.startswith("https://") else ":80"
    return upstream.removeprefix("https://").removesuffix(usual).encode()


async def checked_address(host: str, port: int, *, may_be_local: bool) -> str:
    """The first address of the host, all of which may be reached. Raises Unreachable, or OSError when it has none."""
    addresses = await look_up(host, port)
    if not addresses or not all(is_allowed(each, may_be_local=may_be_local) for each in addresses):
        raise Unreachable(f"{host} leads to where no demo is")
    return addresses[0]
