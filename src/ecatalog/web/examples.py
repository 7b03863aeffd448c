"""An example for each field of a body that must be given, so that a stranger can make a first call from the
description alone.
"""

from collections.abc import Mapping
from typing import Any, Final

EXAMPLES: Final[Mapping[str, Any]] = {
    "access_end_date": "2099-12-31",
    "access_start_date": "2026-01-31",
    "company": "Example Industries",
    "current_password": "correct horse battery staple",
    "email": "somebody@example.com",
    "full_name": "Sam Example",
    "image_name": "vendor/portal",
    "name": "An example",
    "new_password": "another horse, another staple",
    "password": "correct horse battery staple",
    "registry_url": "registry.example.com",
    "requested_end_date": "2099-12-31",
    "scopes": ["clients:read"],
    "url": "https://hooks.example.com/catalog",
    "username": "puller",
}
