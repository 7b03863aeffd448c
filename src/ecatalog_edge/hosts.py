"""The hosts that demos live on: `<label>.<demos domain>[:port]`, one label per launch, and the origin of
each.
"""

import re
from urllib.parse import urlsplit


class DemoHosts:
    """Reads labels from Host fields; made from a demos URL such as `https://demos.example.com` (ValueError
    otherwise).
    """

    def __init__(self, demos_url: str) -> None:
        url = urlsplit(demos_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/") or url.query:
            raise ValueError(f"{demos_url!r} should be http(s)://domain[:port]; one label goes in front of it")
        self.scheme = url.scheme
        self.is_secure = url.scheme == "https"
        self._domain = url.hostname.lower()
        self._port = f":{url.port}" if url.port and url.port != (443 if self.is_secure else 80) else ""
        # The port of the Host field is not compared: a terminator in front may listen on another one. Origins
        # are compared whole.
        self._host = re.compile(
            rb"([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\." + re.escape(self._domain.encode()) + rb"(?::[0-9]{1,5})?",
            re.IGNORECASE,
        )

    def label_of(self, host: bytes) -> str | None:
        """The label of a Host field, in lower case; None for any host that is not exactly one label under the
        domain.
        """
        found = self._host.fullmatch(host)
        return found[1].lower().decode() if found else None

    def origin_of(self, label: str) -> bytes:
        """The one origin (RFC 6454) that pages of this demo have."""
        return f"{self.scheme}://{label}.{self._domain}{self._port}".encode()
