"""Which requests pages of other origins may cause: none that change something, and no WebSocket (threats T3,
T4).

Demos are siblings under one domain, so `SameSite` does not keep them apart; the Origin and Sec-Fetch-Site
fields do.
"""

SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})


def may_cause(
    method: bytes,
    own: bytes,
    *,
    origin: bytes | None,
    site: bytes | None,
    mode: bytes | None,
    dest: bytes | None,
    is_websocket: bool,
) -> bool:
    """True when the demo's own pages, the visitor directly, or a program without an origin may have caused
    this.

    `own` is the demo's origin; `origin`, `site`, `mode` and `dest` are the fields Origin, Sec-Fetch-Site,
    Sec-Fetch-Mode and Sec-Fetch-Dest.
    """
    if is_websocket:
        return origin == own
    if site == b"same-origin":
        # Pages that send no referrer have `null` for an Origin in forms to themselves (Fetch, 3.2).
        return origin in (None, own, b"null")
    if method not in SAFE_METHODS:
        return origin == own and site is None
    if origin is not None and origin != own:
        return False
    # A link from elsewhere may lead here, into a tab of its own: in a frame the visitor would be made to click.
    return site in (None, b"none") or (mode == b"navigate" and dest in (None, b"document"))
