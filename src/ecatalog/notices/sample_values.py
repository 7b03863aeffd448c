"""What each message would say, made up: administrators read every kind in every language before it is sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ecatalog.kit.clock import to_text
from ecatalog.notices.rendering import Rendered, Renderer

NAME = "Alex Moreau"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A message of that kind as it would be read."""

    kind: str
    language: str
    said: Rendered


def sample_of(renderer: Renderer, kind: str, language: str, now: datetime) -> Sample:
    """`kind` is one of MESSAGES, `language` one that we speak."""
    said = renderer.render(
        kind, name=NAME, locale=language, message_id="sample", values=sample_values(kind, now), is_preview=True
    )
    return Sample(kind=kind, language=language, said=said)


def sample_values(kind: str, now: datetime) -> dict[str, Any]:
    """The payload of a row of that kind."""
    more: Mapping[str, dict[str, Any]] = {
        "access_ending": {"days": 7},
        "client_opened": {"demo": "Live operations"},
        "client_renewed": {"by": "Sam Rivers"},
        "client_returned": {"demo": "Live operations", "days": 15},
        "demo_failing": {"demo": "Live operations", "reason": "It did not answer on its port.", "is_suspended": False},
        "request_decided": {"request": _request(now) | {"status": "approved", "resolution": "With pleasure."}},
        "request_received": {"request": _request(now)},
        "request_waiting": {"request": _request(now), "hours": 24},
        "weekly_digest": _digest(now),
    }
    return {"client": _client(now)} | more.get(kind, {})


def _client(now: datetime) -> dict[str, Any]:
    return {
        "id": "sample",
        "name": NAME,
        "company": "Acme Robotics",
        "access_starts_at": to_text(now - timedelta(days=7)),
        "access_ends_at": to_text(now + timedelta(days=21)),
        "timezone": "Europe/Lisbon",
        "owner_id": "sample",
        "owner_name": "Sam Rivers",
        "owner_email": "sam@example.com",
    }


def _request(now: datetime) -> dict[str, Any]:
    wished = (now + timedelta(days=42)).date().isoformat()
    return {"type": "renewal", "message": "Our board meets later.", "end": wished, "asker": "", "resolution": ""}


def _digest(now: datetime) -> dict[str, Any]:
    client = _client(now)
    return {"doings": [client | {"opens": 4, "minutes": 65}], "endings": [client], "waiting": 2}
