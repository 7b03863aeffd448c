"""How instants, spans, facts and texts are written in pages, pure. The functions in FILTERS are known to templates."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from ecatalog.clients.model import zone_for
from ecatalog.kit.clock import to_text
from ecatalog.kit.errors import Invalid
from ecatalog.kit.sentences import said_each

# What a description may be made of: no scripts, no styles, no pictures from elsewhere.
_TAGS = {"p", "br", "hr", "h3", "h4", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote", "a"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_COVERS = 6
_MOMENT = timedelta(milliseconds=1)
_MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
    "pt": (
        *("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho"),
        *("agosto", "setembro", "outubro", "novembro", "dezembro"),
    ),
}
# How days stand within a sentence of Python, and what else is a single word of it.
DAYS = said_each(
    *("{0} January {1}", "{0} February {1}", "{0} March {1}", "{0} April {1}", "{0} May {1}", "{0} June {1}"),
    *("{0} July {1}", "{0} August {1}", "{0} September {1}", "{0} October {1}", "{0} November {1}"),
    *("{0} December {1}", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
)
# What a pill, a choice or a fact says in one word.
STATES = said_each(
    *("Active", "Pending", "Expired", "Revoked", "Draft", "Maintenance", "Removed", "Queued", "Starting", "Running"),
    *("Stopping", "Stopped", "Failed", "Idle", "Approved", "Rejected", "Cancelled", "Disabled", "Fine", "Pulling"),
    *("Creating", "Greeting", "Waiting", "Admin", "Sales", "Viewer", "Mail", "Webhook", "Standard", "Slack", "yes"),
    *("no", "set", "approved", "rejected", "cancelled", "renewal", "revocation", "{0} of {1} renewed."),
    *("{0} of {1} revoked.", "System", "Service", "Client", "User", "Edge", "Launcher"),
)
# What mails and webhooks are about, as the table of messages calls them.
KINDS = said_each(
    *("Access ended", "Access ending", "Access renewed", "Access revoked", "Access started", "Client opened"),
    *("Client renewed", "Client returned", "Demo failing", "Invitation", "Request decided", "Request received"),
    *("Request waiting", "Reset", "Test", "Weekly digest"),
)
# The order counts: each of them also claims to be some of those after it.
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
_FACTS: Mapping[str, str] = {
    "access.confirmed": "Access confirmed after a restore",
    "access.held": "Access put on hold after a restore",
    "access.cut": "Everything open was cut",
    "backup.checked": "Backup checked",
    "backup.failed": "Backup failed",
    "backup.made": "Backup made",
    "client.came_back": "Client came back",
    "client.created": "Client created",
    "client.edited": "Client edited",
    "client.first_opened": "Client opened a demo for the first time",
    "client.renewed": "Access renewed",
    "client.restored": "Access restored",
    "client.revoked": "Access revoked",
    "database.checked": "Database checked",
    "database.edited": "The database was edited by hand",
    "database.restored": "Database restored",
    "demo.added": "Demo added",
    "demo.edited": "Demo edited",
    "demo.removed": "Demo removed",
    "demo.restored": "Demo restored",
    "demo.suspended": "Demo taken aside after failures",
    "digest.due": "Weekly digest due",
    "grant.given": "Demo given",
    "grant.withdrawn": "Demo taken back",
    "image.added": "Image added",
    "image.removed": "Image removed",
    "invitation.accepted": "Invitation accepted",
    "invitation.created": "Invitation made",
    "launch.admitted": "Demo got its place",
    "launch.entered": "Demo entered",
    "launch.extended": "Demo kept open longer",
    "launch.queued": "Demo opened",
    "launch.claimed": "Demo opened, from a warm copy",
    "launch.moved": "Demo moved on",
    "launch.stopping": "Demo stopping",
    "launcher.ready": "Launcher ready",
    "message.dead": "Message not delivered",
    "message.replayed": "Message sent once more",
    "notices.chosen": "Notices chosen",
    "password.changed": "Password changed",
    "password.reset": "Password chosen anew",
    "registry.kept": "Login of a registry kept",
    "registry.removed": "Login of a registry removed",
    "request.approved": "Request approved",
    "request.cancelled": "Request taken back",
    "request.created": "Request made",
    "request.rejected": "Request rejected",
    "request.waiting": "Request waiting for long",
    "samples.loaded": "Sample data loaded",
    "session.ended": "Logged out",
    "session.refreshed": "Session prolonged",
    "session.started": "Logged in",
    "sessions.voided": "All sessions ended",
    "settings.edited": "Settings changed",
    "setup.completed": "Set-up completed",
    "token.created": "Token of a service made",
    "token.revoked": "Token of a service revoked",
    "usage.archived": "Use put into the archive",
    "user.created": "User added",
    "user.edited": "User changed",
    "warm_plan.added": "Plan for warm copies added",
    "warm_plan.removed": "Plan for warm copies ended",
    "webhook.added": "Webhook added",
    "webhook.edited": "Webhook changed",
    "webhook.paused": "Webhook paused",
    "webhook.removed": "Webhook removed",
    "webhook.rotated": "Secret of a webhook made anew",
    "window.ended": "Access window ended",
    "window.ending": "Access window ending soon",
    "window.started": "Access window begun",
}


def known_facts() -> list[tuple[str, str]]:
    """The kinds of facts that people have words for, with these."""
    return sorted(_FACTS.items())


def fact_in_words(kind: str) -> str:
    """The kind of a fact as people say it; `launch.admitted` is `Launch admitted` when nobody wrote it better."""
    return _FACTS.get(kind) or kind.replace(".", " ").replace("_", " ").capitalize()


def day(at: datetime, language: str = "en", zone: str = "UTC") -> str:
    """`31 March 2026`, or `31 de março de 2026`."""
    local = at.astimezone(_zone(zone))
    month = _MONTHS[language][local.month - 1]
    return f"{local.day} de {month} de {local.year}" if language == "pt" else f"{local.day} {month} {local.year}"


def instant(at: datetime | None, language: str = "en", zone: str = "UTC") -> Markup:
    """A `<time>` in this zone, which it shows; without a zone, scripts show it in the reader's own."""
    if at is None:
        return Markup("–")
    local = at.astimezone(_zone(zone))
    month = _MONTHS[language][local.month - 1][:3]
    shown = f"{local.day} {month} {local.year}, {local:%H:%M} {zone}"
    local_too = Markup(" data-local") if zone == "UTC" else ""
    return Markup('<time datetime="{}"{}>{}</time>').format(to_text(at), local_too, shown)


def short_last_day(ends_at: datetime, language: str = "en", zone: str = "UTC") -> str:
    """`31 Mar 2026`: the last day of a window, where there is little room."""
    local = (ends_at - _MOMENT).astimezone(_zone(zone))
    return f"{local.day} {_MONTHS[language][local.month - 1][:3]} {local.year}"


def last_day(ends_at: datetime, language: str = "en", zone: str = "UTC") -> str:
    """The end of a window as people say it: midnight belongs to the day that is over."""
    local = ends_at.astimezone(_zone(zone))
    if local.hour == local.minute == local.second == 0:
        return day(ends_at - _MOMENT, language, zone)
    return f"{day(ends_at, language, zone)}, {local:%H:%M}"


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_for(name)
    except Invalid:
        return ZoneInfo("UTC")


def span(seconds: float) -> str:
    """`45 s`, `12 min`, `2 h 5 min`, `3 d 4 h`: two units at most, the rest is cut off."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        rest = minutes % 60
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    rest = hours % 24
    return f"{days} d {rest} h" if rest and days < 7 else f"{days} d"


def as_sentence(words: str) -> str:
    """`It is empty.` of `it is empty`: what is said beside a field stands there alone."""
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}." if words else ""


def minutes(seconds: int) -> str:
    """Seconds as minutes, as tables of use show them: what is under one is `<1`."""
    if 0 < seconds < 60:
        return "<1"
    return f"{seconds // 60:,}"


def whole_days(until: datetime, now: datetime, zone: str = "UTC") -> int:
    """How many midnights of the zone lie between the two; an end at midnight belongs to the day before."""
    local = _zone(zone)
    return ((until - _MOMENT).astimezone(local).date() - now.astimezone(local).date()).days


def prose(text: str) -> Markup:
    """Markdown as HTML that is safe: a few tags, links to http(s) and mail addresses that tell nobody where from."""
    made = _MARKDOWN.render(text)
    clean = nh3.clean(
        made,
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(clean)  # noqa: S704 - it is what nh3 let through


def summary(text: str, longest: int = 140) -> str:
    """The first words of a Markdown text, without its marks."""
    plain = " ".join(nh3.clean(_MARKDOWN.render(text), tags=set()).split())
    plain = str(Markup(plain).unescape())  # noqa: S704 - it becomes text again, and is escaped where it is shown
    return plain if len(plain) <= longest else plain[: longest - 1].rsplit(" ", 1)[0] + "…"


def initials(name: str) -> str:
    """`AM` of Alex Moreau."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0].upper() for word in (words[:1] + words[-1:] if len(words) > 1 else words)) or "?"


def browser(agent: str) -> str:
    """`Firefox, Windows` of what a browser sends; empty for what is none that we know."""
    name = next((name for sign, name in _BROWSERS.items() if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS.items() if sign in agent), "")
    return ", ".join(filter(None, (name, system)))


def cover(name: str) -> str:
    """The class of the drawn cover of what has no picture: always the same for the same name."""
    return f"cover-{hashlib.sha256(name.encode()).digest()[0] % _COVERS}"


def marked(text: str, words: str) -> Markup:
    """The text with what was searched for in `<mark>`."""
    at = text.lower().find(words.lower()) if words else -1
    if at < 0 or len(text.lower()) != len(text):
        return escape(text)
    end = at + len(words)
    return escape(text[:at]) + Markup("<mark>") + escape(text[at:end]) + Markup("</mark>") + escape(text[end:])


def size(count: float) -> str:
    """`512 B`, `1.5 KiB`, `32 MiB`, `2.1 GiB`: of bytes."""
    units = ["B", "KiB", "MiB", "GiB"]
    while count >= 1024 and len(units) > 1:
        count, units = count / 1024, units[1:]
    return f"{count:,.1f} {units[0]}" if units[0] != "B" and count < 10 else f"{count:,.0f} {units[0]}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "as_sentence": as_sentence,
    "browser": browser,
    "cover": cover,
    "day": day,
    "fact": fact_in_words,
    "initials": initials,
    "instant": instant,
    "last_day": last_day,
    "marked": marked,
    "minutes": minutes,
    "prose": prose,
    "short_last_day": short_last_day,
    "size": size,
    "span": span,
    "summary": summary,
    "whole_days": whole_days,
}
