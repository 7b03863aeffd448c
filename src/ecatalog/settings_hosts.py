"""What the settings ask of host names and addresses."""

import ipaddress
from urllib.parse import urlsplit


def is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    has_more = parts.path or parts.query or parts.fragment or parts.username is not None
    return parts.scheme in {"http", "https"} and is_named and not has_more


def shared_domain(one: str, other: str) -> str | None:
    """The registrable domain that both belong to (publicsuffix.org), None when they have different ones."""
    from publicsuffixlist import PublicSuffixList

    known = PublicSuffixList()
    domain = known.privatesuffix(one)
    return domain if domain is not None and domain == known.privatesuffix(other) else None


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def is_local(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
