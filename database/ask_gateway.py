"""Asks a running gateway for a backup: POST /api/backups, with the token of ECATALOG_TOKEN_FILE.

Exit status: 0 when it made one, 3 when no gateway answers, 1 when it answers and makes none.
"""

import json
import os
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

MADE, FAILED, NOBODY = 0, 1, 3
# A backup of a large database takes its time: the gateway answers when it is tested.
_SECONDS = 3600
# What a proxy says when there is no gateway behind it. A gateway says them too, but with a reason.
_NOT_THERE = {502, 503, 504}


def main() -> int:
    """The exit status; what happened is told in words."""
    try:
        found = _ask(os.environ["ECATALOG_GATEWAY_URL"].rstrip("/"), _token())
    except HTTPError as error:
        reason = _reason(error)
        if error.code in _NOT_THERE and not reason:
            return NOBODY
        return _fail(f"The gateway made no backup ({error.code}): {reason or error.reason}")
    except (URLError, ConnectionError, TimeoutError):
        return NOBODY
    except OSError as error:
        return _fail(f"The token for the gateway cannot be read: {error}. Set ECATALOG_TOKEN_FILE.")
    sys.stdout.write(f"The gateway made the backup {found.get('name', '')}.\n")
    return MADE


def _ask(gateway: str, token: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(f"{gateway}/api/backups", b"{}", headers, method="POST")  # noqa: S310 - an operator's setting
    with build_opener(ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def _token() -> str:
    path = os.environ.get("ECATALOG_TOKEN_FILE", "")
    return Path(path).read_text().strip() if path else ""


def _reason(error: HTTPError) -> str:
    """In the words of the gateway; empty when something else answered."""
    try:
        problem = json.load(error)
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return ""


def _fail(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
