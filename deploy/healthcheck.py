"""Whether the service of this container is ready: asks /readyz of its internal listener. Exit status 0 or 1."""

import os
import sys
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener


def main() -> int:
    """The exit status; what is wrong is told."""
    url = f"http://127.0.0.1:{os.environ.get('ECATALOG_INTERNAL_PORT', '9100')}/readyz"
    try:
        build_opener(ProxyHandler({})).open(url, timeout=4).close()
    except HTTPError as error:
        sys.stderr.write(error.read(2000).decode(errors="replace"))
        return 1
    except (URLError, OSError) as error:
        sys.stderr.write(f"{url} does not answer: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
