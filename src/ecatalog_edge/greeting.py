"""Who is visiting, told to demos that want to greet by name: a signed field that nobody but the edge can have made.

`X-Ecatalog-Visitor` is a JSON Web Token (RFC 7519, HS256) under the demo's own key, good for a minute and for one host.
"""

from joserfc import jwt
from joserfc.jwk import OctKey

from ecatalog_edge.guard import Guard
from ecatalog_edge.hosts import DemoHosts
from ecatalog_edge.registry import Live
from ecatalog_edge.state import State

GOOD_FOR = 60
# Made anew while it has as long again to live, so that a demo may look at it late.
MADE_EVERY = 30


def greeting(guard: Guard, hosts: DemoHosts, live: Live) -> bytes:
    """The field with its line end, for the visitor of this launch; empty for a demo without a key."""
    demo = guard.state.demos.get(live.launch.demo_id)
    if demo is None or not demo.visitor_key:
        return b""
    now = guard.clock.last
    made_at, line = live.greeting
    if now >= made_at + MADE_EVERY:
        claims: dict[str, str | int] = {
            "iss": guard.catalog_url,
            "aud": hosts.origin_of(live.launch.label).decode(),
            "iat": int(now),
            "exp": int(now) + GOOD_FOR,
        }
        token = jwt.encode({"alg": "HS256"}, claims | _who(guard.state, live), OctKey.import_key(demo.visitor_key))
        line = b"X-Ecatalog-Visitor: " + token.encode() + b"\r\n"
        live.greeting = now, line
    return line


def _who(state: State, live: Live) -> dict[str, str]:
    """Of a client its name, company and locale; of a user who tries the demo the name alone."""
    client = state.clients.get(live.launch.client_id or "")
    if client is not None:
        return {"sub": client.id, "name": client.name, "company": client.company, "locale": client.locale}
    session = state.sessions.get(live.session_id)
    return {"sub": live.launch.user_id or "", "name": session.user_name if session else ""}
