"""The script that tells whether a page is used, and where it may be put into a demo's page.

Only into documents, never against the demo's own Content-Security-Policy, which is left as it is: where that forbids
the script or its reports, the visitor's requests count instead.
"""

import hashlib
from functools import lru_cache

SCRIPT_PATH = b"/.ecatalog/active.js"
REPORT_PATH = b"/.ecatalog/active"
# Counts a second while the page is visible and was used within the last 30 s. Reports every 15 s, hidden pages as
# seldom as browsers let them, and once more when the page goes.
SCRIPT = b"""(function(){
"use strict";
if(window.__ecatalogActive)return;window.__ecatalogActive=1;
var used=Date.now(),bits=[],last=0,D=document;
function touch(){used=Date.now()}
["pointerdown","pointermove","keydown","wheel","scroll","touchstart","focus"].forEach(function(n){
addEventListener(n,touch,{passive:true,capture:true})});
function tick(){var now=Math.floor(Date.now()/1000);
if(now!==last){if(D.visibilityState==="visible"&&Date.now()-used<30000)bits.push(now);last=now}}
function report(){tick();var now=Math.floor(Date.now()/1000),hi=0,lo=0;
bits=bits.filter(function(s){return now-s<60});
bits.forEach(function(s){var n=now-s;if(n<30)lo+=Math.pow(2,n);else hi+=Math.pow(2,n-30)});
var body=hi.toString(16)+"-"+lo.toString(16);bits=[];
try{if(!navigator.sendBeacon||!navigator.sendBeacon("/.ecatalog/active",body))
fetch("/.ecatalog/active",{method:"POST",body:body,keepalive:true,credentials:"same-origin"}).catch(function(){})}catch(e){}}
setInterval(tick,1000);setInterval(report,15000);
D.addEventListener("visibilitychange",report);addEventListener("pagehide",report);
setTimeout(report,1000);
})();
"""
_TAG = b'<script src="/.ecatalog/active.js" async></script>'
SCRIPT_TAG = b'"%s"' % hashlib.sha256(SCRIPT).hexdigest()[:32].encode()
# How much of a page is looked through for its head; the head of one that begins later stays as it is.
LOOKED_THROUGH = 4096


def allows_script(policies: list[bytes]) -> bool:
    """Whether every policy lets a page load a script from its own origin and report to it (CSP 3, 6.7)."""
    return all(
        _allows_own(policy, b"script-src-elem", b"script-src")
        and _allows_own(policy, b"connect-src")
        and b"sandbox" not in _directives(policy)
        for policy in policies
    )


def _allows_own(policy: bytes, *names: bytes) -> bool:
    directives = _directives(policy)
    found = next((directives[name] for name in (*names, b"default-src") if name in directives), None)
    if found is None:
        return True
    # With 'strict-dynamic' a script of the page's own origin counts for nothing.
    return (b"'self'" in found or b"*" in found) and b"'strict-dynamic'" not in found


def _directives(policy: bytes) -> dict[bytes, list[bytes]]:
    """Of each name the first; policies that are joined by a comma are all asked."""
    directives: dict[bytes, list[bytes]] = {}
    for part in policy.lower().split(b";"):
        name, *values = part.split()[:100] or [b""]
        directives.setdefault(name, values)
    return directives


def policies_of(field: bytes) -> list[bytes]:
    """The policies in a Content-Security-Policy field: they are a list."""
    return [policy for policy in field.split(b",") if policy.strip()]


def place_in(page: bytes) -> int | None:
    """Where in the beginning of a page the script goes: behind `<head …>`, else behind `<html …>`; None for neither."""
    lower = page[:LOOKED_THROUGH].lower()
    for name in (b"<head", b"<html"):
        at = lower.find(name)
        if at >= 0 and lower[at + len(name) : at + len(name) + 1] in (b">", b" ", b"\t", b"\r", b"\n"):
            end = lower.find(b">", at)
            if end >= 0:
                return end + 1
    return None


def with_script(page: bytes) -> bytes:
    """The beginning of a page with the script in it, or as it is when there is no place for it."""
    at = place_in(page)
    return page if at is None else page[:at] + _TAG + page[at:]


@lru_cache(256)
def is_page(content_type: bytes) -> bool:
    """HTML in an encoding that writes tags as ASCII does."""
    kind, *parameters = [part.strip() for part in content_type.lower().split(b";")]
    charset = next((each[8:].strip(b"\"'") for each in parameters if each.startswith(b"charset=")), b"utf-8")
    return kind == b"text/html" and not charset.startswith((b"utf-16", b"utf-32", b"utf-7"))


def read_report(body: bytes) -> int | None:
    """The active seconds of a report, bit n for n seconds ago; None when it is none."""
    high, _, low = body.partition(b"-")
    if not (0 < len(high) <= 8 and 0 < len(low) <= 8):
        return None
    try:
        upper, lower = int(high, 16), int(low, 16)
    except ValueError:
        return None
    return (upper << 30 | lower) if max(upper, lower) < 1 << 30 else None
