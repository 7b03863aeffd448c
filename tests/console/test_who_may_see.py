"""Who may see and send which page: every page by every caller, written by hand, or it could not fail."""

import pytest

from ecatalog.access.requests import create_request
from ecatalog.app import PAGES, Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.launches.opening import open_demo
from ecatalog.launches.planning import add_warm_plan
from tests.cast import Cast
from tests.console.browsing import browser
from tests.contracts.stand import put_dead_message, put_webhook

# Acme is the seller's client, Bolt the administrator's. 303 of a GET leads to the login, that of a form to the page
# that shows what was done. 422 is a form that was read and is not complete.
_TABLE = """
                                                  nobody acme viewer seller admin
GET  /                                            200    200  200    200    200
GET  /access                                      200    200  404    404    404
GET  /account                                     303    200  200    200    200
GET  /api/docs                                    200    200  200    200    200
GET  /branding/colour.css                         200    200  200    200    200
GET  /branding/logo                               404    404  404    404    404
GET  /console                                     303    404  200    200    200
GET  /console/audit                               303    404  200    403    200
GET  /console/clients                             303    404  200    200    200
GET  /console/clients/export                      303    404  200    200    200
GET  /console/clients/import                      303    404  403    200    200
GET  /console/clients/new                         303    404  403    200    200
GET  /console/clients/{acme}                      303    404  200    200    200
GET  /console/clients/{acme}/usage.csv            303    404  200    200    200
GET  /console/clients/{acme}/edit                 303    404  403    200    200
GET  /console/clients/{acme}/revoke               303    404  403    200    200
GET  /console/clients/{bolt}                      303    404  200    200    200
GET  /console/clients/{bolt}/edit                 303    404  403    403    200
GET  /console/clients/{bolt}/revoke               303    404  403    403    200
GET  /console/components                          303    404  403    403    200
GET  /console/demos                               303    404  200    200    200
GET  /console/demos/new                           303    404  403    403    200
GET  /console/demos/{portal}                      303    404  200    200    200
GET  /console/demos/{portal}/edit                 303    404  403    403    200
GET  /console/demos/{portal}/usage.csv            303    404  200    200    200
GET  /console/demos/{portal}/remove               303    404  403    403    200
GET  /console/health                              303    404  403    403    200
GET  /console/messages                            303    404  403    403    200
GET  /console/messages/kinds/reset/pt             303    404  403    403    200
GET  /console/messages/{message}                  303    404  403    403    200
GET  /console/requests                            200    404  200    200    200
GET  /console/settings                            303    404  403    403    200
GET  /console/settings/mail                       303    404  403    403    200
GET  /console/usage.csv                           303    404  200    200    200
GET  /console/users                               303    404  200    200    200
GET  /console/users/new                           303    404  403    403    200
GET  /console/users/{viewer}                      303    404  403    403    200
GET  /console/webhooks                            303    404  403    403    200
GET  /console/webhooks/new                        303    404  403    403    200
GET  /console/webhooks/{webhook}                  303    404  403    403    200
GET  /console/webhooks/{webhook}/edit             303    404  403    403    200
GET  /decide                                      403    403  403    403    403
GET  /demos/{desk}                                303    404  200    200    200
GET  /demos/{portal}                              303    200  200    200    200
GET  /forgotten                                   200    200  200    200    200
GET  /invitation                                  403    403  403    403    403
GET  /launches/{launch}                           303    200  200    200    200
GET  /login                                       200    303  303    303    303
GET  /notices                                     200    200  200    200    200
GET  /pictures/{remote}                           303    404  404    404    404
GET  /reset                                       403    403  403    403    403
GET  /setup                                       403    403  403    403    403
POST /access/ask                                  401    422  404    404    404
POST /access/requests/{request}/cancel            401    303  403    403    303
POST /account/language                            401    422  422    422    422
POST /account/password                            401    422  422    422    422
POST /account/sessions/end                        401    303  303    303    303
POST /account/sessions/{session}/end              401    404  404    404    404
POST /console/clients/bulk                        401    404  403    422    422
POST /console/clients/import                      401    404  403    422    422
POST /console/clients/new                         401    404  403    422    422
POST /console/clients/{acme}/edit                 401    404  403    412    412
POST /console/clients/{acme}/grants               401    404  403    404    404
POST /console/clients/{acme}/grants/{remote}/take 401    404  403    303    303
POST /console/clients/{acme}/invite               401    404  403    200    200
POST /console/clients/{bolt}/invite               401    404  403    403    200
POST /console/clients/{acme}/renew                401    404  403    422    422
POST /console/clients/{acme}/restore              401    404  403    303    303
POST /console/clients/{acme}/revoke               401    404  403    303    303
POST /console/clients/{bolt}/revoke               401    404  403    403    303
POST /console/demos/new                           401    404  403    403    422
POST /console/demos/{portal}/edit                 401    404  403    403    412
POST /console/demos/{portal}/picture              401    404  403    403    422
POST /console/demos/{portal}/photo                401    404  403    403    422
POST /console/demos/{portal}/plans                401    404  403    403    422
POST /console/demos/{portal}/plans/{plan}/end     401    404  403    403    303
POST /console/demos/{portal}/remove               401    404  403    403    303
POST /console/demos/{portal}/restore              401    404  403    403    409
POST /console/health/backup                       401    404  403    403    303
POST /console/health/check                        401    404  403    403    303
POST /console/health/confirm                      401    404  403    403    303
POST /console/launches/{launch}/stop              401    404  403    303    303
POST /console/messages/{message}/replay           401    404  403    403    303
POST /console/requests/{request}/approve          401    404  403    303    303
POST /console/requests/{request}/reject           401    404  403    303    303
POST /console/settings                            401    404  403    403    303
POST /console/settings/mail                       401    404  403    403    200
POST /console/users/new                           401    404  403    403    422
POST /console/users/{viewer}                      401    404  403    403    303
POST /console/users/{viewer}/invite               401    404  403    403    200
POST /console/webhooks/new                        401    404  403    403    422
POST /console/webhooks/{webhook}/deliveries/{delivery}/replay 401 404 403 403   303
POST /console/webhooks/{webhook}/edit             401    404  403    403    303
POST /console/webhooks/{webhook}/remove           401    404  403    403    303
POST /console/webhooks/{webhook}/rotate           401    404  403    403    409
POST /console/webhooks/{webhook}/test             401    404  403    403    200
POST /decide                                      403    403  403    403    403
POST /demos/{portal}/open                         401    303  403    303    303
POST /forgotten                                   200    200  200    200    200
POST /invitation                                  403    403  403    403    403
POST /launches/{launch}/extend                    401    409  403    403    403
POST /launches/{launch}/reset                     401    303  403    403    403
POST /launches/{launch}/stop                      401    303  403    303    303
POST /login                                       401    401  401    401    401
POST /logout                                      303    303  303    303    303
POST /notices                                     401    303  303    303    303
POST /reset                                       403    403  403    403    403
POST /setup                                       422    422  422    422    422
"""
_HEAD, *_ROWS = (line.split() for line in _TABLE.splitlines() if line.strip())
_SENT = [
    (caller, path, int(status))
    for method, path, *row in _ROWS
    for caller, status in zip(_HEAD, row, strict=True)
    if method == "POST" and status in ("200", "303")
]


def test_every_page_has_a_row() -> None:
    def shape(path: str) -> str:
        return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))

    rows = {(method, shape(path).replace("kinds/reset/pt", "kinds/{}/{}")) for method, path, *_ in _ROWS}
    assert rows == {(each.method, shape(each.path)) for each in PAGES}


async def things(gateway: Gateway, people: Cast) -> dict[str, str]:
    """The ids that the paths name: Acme has a copy open, and asks for more time."""
    db = gateway.db
    launch = await db.write(open_demo, people.acme.actor, people.portal)
    request = await db.write(create_request, people.acme.actor, request_type="renewal", requested_end_date="2026-05-01")
    week = {"weekdays": ["mon"], "from_time": "09:00", "until_time": "10:00", "timezone": "UTC"}
    plan = await db.write(add_warm_plan, SYSTEM, people.portal, **week)
    return {
        "acme": people.acme.id,
        "bolt": people.bolt.id,
        "viewer": people.viewer.id,
        "portal": people.portal,
        "desk": people.desk,
        "remote": people.remote,
        "launch": launch.id,
        "request": request.id,
        "plan": plan.id,
        "session": "somebody-elses",
        **await db.write(put_webhook),
        "message": await db.write(put_dead_message, people.viewer.id),
    }


@pytest.mark.parametrize("caller", _HEAD)
async def test_reading_is_as_the_table_says(gateway: Gateway, people: Cast, caller: str) -> None:
    ids = await things(gateway, people)
    visitor = browser(gateway, None if caller == "nobody" else getattr(people, caller))
    told = {path: (await visitor.get(path.format(**ids))).status for method, path, *_ in _ROWS if method == "GET"}
    assert told == {path: int(row[_HEAD.index(caller)]) for method, path, *row in _ROWS if method == "GET"}


@pytest.mark.parametrize("caller", _HEAD)
async def test_refusals_of_forms_are_as_the_table_says(gateway: Gateway, people: Cast, caller: str) -> None:
    """All in one catalog: what is refused changes nothing that another one needs."""
    ids = await things(gateway, people)
    visitor = browser(gateway, None if caller == "nobody" else getattr(people, caller))
    wanted = {path: int(row[_HEAD.index(caller)]) for method, path, *row in _ROWS if method == "POST"}
    refused = {path: status for path, status in wanted.items() if status >= 400}
    assert {path: (await visitor.send_form(path.format(**ids))).status for path in refused} == refused


@pytest.mark.parametrize(("caller", "path", "status"), _SENT)
async def test_what_may_be_sent_is_done(gateway: Gateway, people: Cast, caller: str, path: str, status: int) -> None:
    ids = await things(gateway, people)
    visitor = browser(gateway, None if caller == "nobody" else getattr(people, caller))
    answer = await visitor.send_form(path.format(**ids))
    assert answer.status == status, answer.text
