"""Listening sockets, bound before anything else is begun, so that a taken port is said in a sentence."""

import socket

from ecatalog.settings import BadSetting


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; BadSetting when the address is taken or not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise BadSetting(
            f"cannot listen on {host}:{port} ({error.strerror or error}). "
            "Stop what listens there, or choose another address or port."
        ) from None
    return bound


def refuse_taken(addresses: dict[str, tuple[str, int]]) -> None:
    """Raises BadSetting when two of these listeners would have one port, or when somebody else has it.

    The keys are what the listeners are called.
    """
    seen: dict[int, str] = {}
    for name, (host, port) in addresses.items():
        if port in seen:
            raise BadSetting(f"{seen[port]} and {name} would both listen on port {port}: choose another for one.")
        seen[port] = name
        bind(host, port).close()
