"""Who may do what: every operation by every caller, and the status that it gets. Written by hand, or it could not fail.

What is acted on belongs to Acme, a client of the seller `owner`. Approving a request changes the client, so the scope
of requests alone is not enough for it. No backup is made, for want of a key that would open it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# nobody   without a token                       viewer   reads everything but secrets
# bolt     another client                        seller   in sales, but Acme is a colleague's
# before   Acme, whose window has not begun      owner    in sales, and Acme is theirs
# acme     Acme, inside its window               admin    an administrator
# after    Acme, whose window has ended          scoped   a service whose token has the operation's scope
# revoked  a client that was revoked             other    a service whose token has another scope
_TABLE = """
                                         nobody bolt before acme after revoked viewer seller owner admin scoped other

POST   /api/auth/login                    200   200   200   200   200   403    200    200    200   200   200    200
POST   /api/auth/logout                   401   204   204   204   204   401    204    204    204   204   403    403
POST   /api/auth/refresh                  401   200   200   200   200   401    200    200    200   200   403    403
POST   /api/auth/password                 401   204   204   204   204   401    204    204    204   204   403    403
GET    /api/auth/me                       401   200   200   200   200   401    200    200    200   200   403    403
GET    /api/auth/sessions                 401   200   200   200   200   401    200    200    200   200   403    403
DELETE /api/auth/sessions                 401   204   204   204   204   401    204    204    204   204   403    403
DELETE /api/auth/sessions/{id}            401   404   204   204   204   401    404    404    404   404   403    403
GET    /api/auth/notices                  401   200   200   200   200   401    200    200    200   200   403    403
PATCH  /api/auth/notices                  401   200   200   200   200   401    200    200    200   200   403    403
GET    /api/messages                      401   403   403   403   403   401    403    403    403   200   403    403
GET    /api/messages/{id}                 401   403   403   403   403   401    403    403    403   200   403    403
POST   /api/messages/{id}/replay          401   403   403   403   403   401    403    403    403   200   403    403
POST   /api/messages/test                 401   403   403   403   403   401    403    403    403   200   403    403

GET    /api/users                         401   403   403   403   403   401    200    200    200   200   403    403
GET    /api/users/{id}                    401   403   403   403   403   401    200    200    200   200   403    403
POST   /api/users                         401   403   403   403   403   401    403    403    403   201   403    403
PATCH  /api/users/{id}                    401   403   403   403   403   401    403    403    403   200   403    403
GET    /api/tokens                        401   403   403   403   403   401    403    403    403   200   403    403
POST   /api/tokens                        401   403   403   403   403   401    403    403    403   201   403    403
DELETE /api/tokens/{id}                   401   403   403   403   403   401    403    403    403   204   403    403
GET    /api/invitations                   401   403   403   403   403   401    200    200    200   200   403    403
POST   /api/invitations                   401   403   403   403   403   401    403    403    201   201   403    403
DELETE /api/invitations/{id}              401   403   403   403   403   401    403    403    204   204   403    403
GET    /api/webhooks                      401   403   403   403   403   401    403    403    403   200   403    403
POST   /api/webhooks                      401   403   403   403   403   401    403    403    403   201   403    403
PATCH  /api/webhooks/{id}                 401   403   403   403   403   401    403    403    403   200   403    403
DELETE /api/webhooks/{id}                 401   403   403   403   403   401    403    403    403   204   403    403
POST   /api/webhooks/{id}/rotate          401   403   403   403   403   401    403    403    403   200   403    403
POST   /api/webhooks/{id}/test            401   403   403   403   403   401    403    403    403   200   403    403
GET    /api/webhooks/{id}/deliveries      401   403   403   403   403   401    403    403    403   200   403    403
POST   /api/webhooks/{id}/deliveries/{message_id}/replay 401 403 403 403 403 401 403 403 403 200 403 403
GET    /api/scopes                        401   200   200   200   200   401    200    200    200   200   403    403
GET    /api/settings                      401   403   403   403   403   401    200    200    200   200   403    403
PATCH  /api/settings                      401   403   403   403   403   401    403    403    403   200   403    403
GET    /api/audit                         401   403   403   403   403   401    200    403    403   200   200    403

GET    /api/clients                       401   200   200   200   200   401    200    200    200   200   200    403
POST   /api/clients                       401   403   403   403   403   401    403    201    201   201   201    403
GET    /api/clients/{id}                  401   404   200   200   200   401    200    200    200   200   200    403
PATCH  /api/clients/{id}                  401   403   403   403   403   401    403    403    200   200   200    403
PATCH  /api/clients/{id}/revoke           401   403   403   403   403   401    403    403    200   200   200    403
PATCH  /api/clients/{id}/renew            401   403   403   403   403   401    403    403    200   200   200    403
PATCH  /api/clients/{id}/restore          401   403   403   403   403   401    403    403    200   200   200    403
GET    /api/clients/{id}/demos            401   404   200   200   200   401    200    200    200   200   200    403
PUT    /api/clients/{id}/demos/{demo_id}  401   403   403   403   403   401    403    403    200   200   200    403
DELETE /api/clients/{id}/demos/{demo_id}  401   403   403   403   403   401    403    403    200   200   200    403

GET    /api/demos                         401   200   200   200   200   401    200    200    200   200   200    403
POST   /api/demos                         401   403   403   403   403   401    403    403    403   201   201    403
GET    /api/demos/{id}                    401   404   200   200   200   401    200    200    200   200   200    403
PATCH  /api/demos/{id}                    401   403   403   403   403   401    403    403    403   200   200    403
DELETE /api/demos/{id}                    401   403   403   403   403   401    403    403    403   200   200    403
POST   /api/demos/{id}/restore            401   403   403   403   403   401    403    403    403   200   200    403
POST   /api/demos/{id}/open               401   404   403   200   403   401    403    200    200   200   403    403
GET    /api/docker-images                 401   403   403   403   403   401    200    200    200   200   200    403
POST   /api/docker-images                 401   403   403   403   403   401    403    403    403   201   201    403
DELETE /api/docker-images/{id}            401   403   403   403   403   401    403    403    403   204   204    403
GET    /api/demos/{id}/check              401   403   403   403   403   401    200    200    200   200   200    403
GET    /api/demos/{id}/warm-plans         401   403   403   403   403   401    200    200    200   200   200    403
POST   /api/demos/{id}/warm-plans         401   403   403   403   403   401    403    403    403   201   201    403
DELETE /api/warm-plans/{id}               401   403   403   403   403   401    403    403    403   204   204    403
GET    /api/registries                    401   403   403   403   403   401    403    403    403   200   403    403
POST   /api/registries                    401   403   403   403   403   401    403    403    403   201   403    403
DELETE /api/registries/{id}               401   403   403   403   403   401    403    403    403   204   403    403

GET    /api/launches                      401   200   200   200   200   401    200    200    200   200   200    403
GET    /api/launches/{id}                 401   404   200   200   200   401    200    200    200   200   200    403
GET    /api/launches/{id}/events          401   404   200   200   200   401    200    200    200   200   200    403
POST   /api/launches/{id}/enter           401   404   403   200   403   401    403    403    403   403   403    403
POST   /api/launches/{id}/extend          401   404   403   200   403   401    403    403    403   403   403    403
POST   /api/launches/{id}/reset           401   404   403   200   403   401    403    403    403   403   403    403
GET    /api/launches/{id}/log             401   403   403   403   403   401    403    403    403   200   403    403
DELETE /api/launches/{id}                 401   404   200   200   200   401    403    403    200   200   200    403

GET    /api/requests                      401   200   200   200   200   401    200    200    200   200   200    403
POST   /api/requests                      401   404   201   201   201   401    403    201    409   201   201    403
POST   /api/requests/{id}/approve         401   403   403   403   403   401    403    403    200   200   403    403
POST   /api/requests/{id}/reject          401   403   403   403   403   401    403    403    200   200   200    403
POST   /api/requests/{id}/cancel          401   404   200   200   200   401    403    403    403   200   200    403

GET    /api/analytics/clients/{id}        401   404   200   200   200   401    200    200    200   200   200    403
GET    /api/analytics/demos/{id}          401   403   403   403   403   401    200    200    200   200   200    403
GET    /api/analytics/summary             401   403   403   403   403   401    200    200    200   200   200    403

GET    /api/events                        401   403   403   403   403   401    200    200    200   200   200    200

GET    /api/backups                       401   403   403   403   403   401    403    403    403   200   200    403
POST   /api/backups                       401   403   403   403   403   401    403    403    403   409   409    403
POST   /api/backups/{name}/check          401   403   403   403   403   401    403    403    403   404   404    403
POST   /api/archive                       401   403   403   403   403   401    403    403    403   200   200    403
POST   /api/backups/confirm               401   403   403   403   403   401    403    403    403   204   403    403

GET    /livez                             200   200   200   200   200   200    200    200    200   200   200    200
GET    /api/openapi.json                  200   200   200   200   200   200    200    200    200   200   200    200
"""


@dataclass(frozen=True)
class Input:
    """What an operation is tried with. Words in braces stand for the things of the stand: `{acme}` is an id."""

    path: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)


# What is not here is called without path values and fields.
INPUTS: dict[str, Input] = {
    "POST /api/auth/login": Input(given={"email": "{email}", "password": "{password}"}),
    "POST /api/auth/password": Input(
        given={"current_password": "{password}", "new_password": "a quite different battery staple"}
    ),
    "DELETE /api/auth/sessions/{id}": Input(("{session}",)),
    "PATCH /api/auth/notices": Input(given={"locale": "en"}),
    "POST /api/backups/{name}/check": Input(("no-such-backup",)),
    "PATCH /api/settings": Input(given={"name": "Demos of ours"}),
    "GET /api/messages/{id}": Input(("{message}",)),
    "POST /api/messages/{id}/replay": Input(("{message}",)),
    "GET /api/users/{id}": Input(("{colleague}",)),
    "POST /api/users": Input(given={"email": "new@ecatalog.test", "full_name": "Somebody New", "role": "viewer"}),
    "PATCH /api/users/{id}": Input(("{colleague}",), {"full_name": "Another Name"}),
    "POST /api/tokens": Input(given={"name": "a dashboard", "scopes": ["usage:read"]}),
    "DELETE /api/tokens/{id}": Input(("{token}",)),
    "POST /api/webhooks": Input(given={"url": "https://hooks.example.com/catalog"}),
    "PATCH /api/webhooks/{id}": Input(("{webhook}",), {"is_on": False}),
    "DELETE /api/webhooks/{id}": Input(("{webhook}",)),
    "POST /api/webhooks/{id}/rotate": Input(("{webhook}",)),
    "POST /api/webhooks/{id}/test": Input(("{webhook}",)),
    "GET /api/webhooks/{id}/deliveries": Input(("{webhook}",)),
    "POST /api/webhooks/{id}/deliveries/{message_id}/replay": Input(("{webhook}", "{delivery}")),
    "POST /api/invitations": Input(given={"client_id": "{acme}"}),
    "DELETE /api/invitations/{id}": Input(("{invitation}",)),
    "POST /api/clients": Input(
        given={
            "name": "Nora New",
            "email": "nora@new.test",
            "company": "New",
            "access_start_date": "2026-03-01",
            "access_end_date": "2026-04-01",
        }
    ),
    "GET /api/clients/{id}": Input(("{acme}",)),
    "PATCH /api/clients/{id}": Input(("{acme}",), {"company": "Acme and Daughters"}),
    "PATCH /api/clients/{id}/revoke": Input(("{acme}",), {"reason": "over"}),
    "PATCH /api/clients/{id}/renew": Input(("{acme}",), {"days": 7}),
    "PATCH /api/clients/{id}/restore": Input(("{acme}",)),
    "GET /api/clients/{id}/demos": Input(("{acme}",)),
    "PUT /api/clients/{id}/demos/{demo_id}": Input(("{acme}", "{desk}")),
    "DELETE /api/clients/{id}/demos/{demo_id}": Input(("{acme}", "{remote}")),
    "POST /api/demos": Input(given={"name": "New demo"}),
    "GET /api/demos/{id}": Input(("{remote}",)),
    "PATCH /api/demos/{id}": Input(("{remote}",), {"vertical": "Retail"}),
    "DELETE /api/demos/{id}": Input(("{remote}",)),
    "POST /api/demos/{id}/restore": Input(("{removed}",)),
    "POST /api/demos/{id}/open": Input(("{remote}",)),
    "POST /api/docker-images": Input(given={"image_name": "vendor/new", "image_tag": "1"}),
    "DELETE /api/docker-images/{id}": Input(("{image}",)),
    "GET /api/launches/{id}": Input(("{launch}",)),
    "GET /api/launches/{id}/events": Input(("{launch}",)),
    "POST /api/launches/{id}/enter": Input(("{launch}",)),
    "POST /api/launches/{id}/extend": Input(("{launch}",)),
    "POST /api/launches/{id}/reset": Input(("{launch}",)),
    "GET /api/launches/{id}/log": Input(("{launch}",)),
    "DELETE /api/launches/{id}": Input(("{launch}",)),
    "GET /api/demos/{id}/check": Input(("{remote}",)),
    "GET /api/demos/{id}/warm-plans": Input(("{remote}",)),
    "POST /api/demos/{id}/warm-plans": Input(
        ("{remote}",), {"weekdays": ["mon"], "from_time": "09:00", "until_time": "18:00", "timezone": "Europe/Lisbon"}
    ),
    "DELETE /api/warm-plans/{id}": Input(("{plan}",)),
    "POST /api/registries": Input(given={"registry_url": "registry.test", "username": "us", "password": "s3cret"}),
    "DELETE /api/registries/{id}": Input(("{registry}",)),
    "POST /api/requests": Input(given={"request_type": "revocation", "client_id": "{acme}"}),
    "POST /api/requests/{id}/approve": Input(("{request}",)),
    "POST /api/requests/{id}/reject": Input(("{request}",)),
    "POST /api/requests/{id}/cancel": Input(("{request}",)),
    "GET /api/analytics/clients/{id}": Input(("{acme}",)),
    "GET /api/analytics/demos/{id}": Input(("{remote}",)),
}


def _read(table: str) -> dict[str, dict[str, int]]:
    """Operation -> caller -> status."""
    head, *rows = (line.split() for line in table.splitlines() if line.strip())
    read = {f"{method} {path}": dict(zip(head, map(int, row), strict=True)) for method, path, *row in rows}
    if len(read) != len(rows):
        raise ValueError("an operation has two rows")
    return read


MATRIX = _read(_TABLE)
