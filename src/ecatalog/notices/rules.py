"""Which fact makes which message for whom: a table, pure. Who these people are is looked up in `planning.py`."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

To = Literal["client", "owner", "admins", "asker", "user"]
Details = dict[str, Any]


def _always(details: Details) -> bool:
    return True


def _is_new(details: Details) -> bool:
    """Revoking again is told to the edges once more, not to the client."""
    return bool(details.get("is_new", True))


def _is_news(details: Details) -> bool:
    """A client that asked for it is told of the decision, which says it all."""
    return not details.get("by_client") and _is_new(details)


def _was_asked(details: Details) -> bool:
    return "request" in details


def _began_to_fail(details: Details) -> bool:
    return details.get("is_fine") is False and details.get("was_fine") is not False


def _is_of_client(details: Details) -> bool:
    """The fact names a client; else it names a user, or nobody (a stranger asked for a password)."""
    return not details.get("user")


def _is_of_user(details: Details) -> bool:
    return bool(details.get("user"))


def _after(hours: int) -> Callable[[Details], bool]:
    return lambda details: details.get("hours") == hours


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of this kind makes this message, if its details say so.

    `to` is whom: the client that the fact is about, the client's owner (administrators when there is none), all
    administrators, whoever made the request, or the user that the details name. With `not_by_self` nobody is told what
    they did themselves.
    """

    fact: str
    message: str
    to: To
    when: Callable[[Details], bool] = _always
    not_by_self: bool = False


RULES = (
    Rule(fact="client.created", message="invitation", to="client"),
    Rule(fact="user.created", message="invitation", to="user"),
    Rule(fact="invitation.created", message="invitation", to="client", when=_is_of_client),
    Rule(fact="invitation.created", message="invitation", to="user", when=_is_of_user),
    Rule(fact="reset.requested", message="reset", to="client", when=_is_of_client),
    Rule(fact="reset.requested", message="reset", to="user", when=_is_of_user),
    Rule(fact="window.started", message="access_started", to="client"),
    Rule(fact="window.ending", message="access_ending", to="client"),
    Rule(fact="window.ended", message="access_ended", to="client"),
    Rule(fact="client.renewed", message="access_renewed", to="client", when=_is_news),
    Rule(fact="client.renewed", message="client_renewed", to="owner", when=_was_asked),
    Rule(fact="client.renewed", message="client_renewed", to="owner", not_by_self=True),
    Rule(fact="client.revoked", message="access_revoked", to="client", when=_is_news),
    Rule(fact="request.created", message="request_received", to="owner"),
    Rule(fact="request.waiting", message="request_waiting", to="owner", when=_after(24)),
    Rule(fact="request.waiting", message="request_waiting", to="admins", when=_after(48)),
    Rule(fact="request.approved", message="request_decided", to="asker"),
    Rule(fact="request.rejected", message="request_decided", to="asker"),
    Rule(fact="demo.checked", message="demo_failing", to="admins", when=_began_to_fail),
    Rule(fact="demo.suspended", message="demo_failing", to="admins"),
    Rule(fact="client.first_opened", message="client_opened", to="owner"),
    Rule(fact="client.came_back", message="client_returned", to="owner"),
    Rule(fact="digest.due", message="weekly_digest", to="user"),
)

# What each message is, for whom may turn it off.
CLIENT_NOTICES = {
    "invitation": "An invitation to log in, with a link that works once.",
    "access_started": "Your access has begun.",
    "access_ending": "Your access ends in 7 days, or in 1 day.",
    "access_ended": "Your access has ended.",
    "access_renewed": "Your access was prolonged.",
    "access_revoked": "Your access was taken back.",
    "request_decided": "A request of yours was answered.",
}
USER_NOTICES = {
    "invitation": "An invitation to log in, with a link that works once.",
    "request_received": "A client of yours asks for something, with links to answer.",
    "request_waiting": "A request waits for an answer for a day (owners) or two (administrators).",
    "request_decided": "A request that you made was answered.",
    "client_renewed": "The access of a client of yours was prolonged.",
    "client_opened": "A client of yours opened a demo for the first time.",
    "client_returned": "A client of yours is back after 14 days or more.",
    "demo_failing": "A demo fails its check (administrators).",
    "weekly_digest": "On Mondays: what your clients did, whose access ends, which requests wait.",
}
# Nobody turns off what they have just asked for.
MESSAGES = tuple(sorted(CLIENT_NOTICES.keys() | USER_NOTICES.keys() | {"reset", "test"}))
RULES_OF = {kind: tuple(rule for rule in RULES if rule.fact == kind) for kind in {rule.fact for rule in RULES}}
