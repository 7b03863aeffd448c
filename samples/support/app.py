"""Support desk: tickets with replies and forms, made anew at each start. Standard library only. Listens on $HOST:$PORT."""

import html
import os
import re
import signal
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).resolve().parent
LONGEST_FORM = 32 * 1024
MOST_TICKETS = 500


@dataclass
class Ticket:
    """One question and what was said about it: (who, words, when)."""

    number: int
    subject: str
    who: str
    urgency: str
    said: list[tuple[str, str, datetime]] = field(default_factory=list)
    is_open: bool = True


def beginnings() -> dict[int, Ticket]:
    """What lies on the desk when the copy starts."""
    now = datetime.now(UTC)
    told = (
        (
            "Scanner in hall 3 does not pair",
            "Mara, Warehouse North",
            "high",
            "Since the update this morning it asks for a code that nobody has.",
            14,
        ),
        (
            "Invoice shows the old address",
            "Jonas, Accounting",
            "normal",
            "We moved in March. Could you change it for the next one?",
            95,
        ),
        (
            "Add two seats for the night shift",
            "Ines, Operations",
            "normal",
            "They start on Monday. Same rights as the day shift, please.",
            160,
        ),
        (
            "Report takes a minute to open",
            "Luis, Planning",
            "low",
            "The monthly one with all sites. It was quick before the summer.",
            420,
        ),
        (
            "Where do I find the audit export?",
            "Greta, Compliance",
            "low",
            "Our auditors ask for the changes of the last quarter.",
            1500,
        ),
    )
    desk = {}
    for number, (subject, who, urgency, words, minutes) in enumerate(told, start=1041):
        desk[number] = Ticket(number, subject, who, urgency, [(who, words, now - timedelta(minutes=minutes))])
    desk[1044].said.append(("You", "Thank you, we can see it too. A fix is on its way.", now - timedelta(minutes=300)))
    desk[1045].is_open = False
    return desk


DESK = beginnings()
LOCK = threading.Lock()


def text(value: object) -> str:
    return html.escape(str(value), quote=True)


def ago(when: datetime) -> str:
    minutes = int((datetime.now(UTC) - when).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    return (
        f"{minutes} min ago"
        if minutes < 60
        else f"{minutes // 60} h ago"
        if minutes < 2880
        else f"{minutes // 1440} days ago"
    )


def layout(title: str, body: str) -> bytes:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{text(title)} · Support desk</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/app.css"></head><body>
<header><a class="brand" href="/">Harbourdesk</a><a class="button" href="/new">New ticket</a></header><main>{body}</main></body></html>""".encode()


def desk_page(show_closed: bool) -> bytes:
    with LOCK:
        tickets = sorted(DESK.values(), key=lambda ticket: ticket.said[-1][2], reverse=True)
    shown = [ticket for ticket in tickets if ticket.is_open != show_closed]
    rows = "".join(
        f"""<li><a href="/tickets/{t.number}"><span class="dot {t.urgency}" title="{t.urgency}"></span><span class="what"><b>{text(t.subject)}</b>
<small>{text(t.who)} · {len(t.said)} message{"s" if len(t.said) > 1 else ""}</small></span><time>{ago(t.said[-1][2])}</time></a></li>"""
        for t in shown
    )
    empty = '<li class="empty">Nothing here. Well done.</li>'
    count = sum(ticket.is_open for ticket in tickets)
    tabs = f"""<nav><a href="/"{"" if show_closed else ' aria-current="page"'}>Open <i>{count}</i></a>
<a href="/?closed"{' aria-current="page"' if show_closed else ""}>Closed <i>{len(tickets) - count}</i></a></nav>"""
    return layout("Tickets", f"<h1>Tickets</h1>{tabs}<ul class='card list'>{rows or empty}</ul>")


def ticket_page(ticket: Ticket, problem: str = "") -> bytes:
    with LOCK:
        said = list(ticket.said)
    lines = "".join(
        f"""<li class="{"ours" if who == "You" else ""}"><p>{text(words)}</p><small>{text(who)} · {ago(when)}</small></li>"""
        for who, words, when in said
    )
    told = f'<p class="told" role="alert">{text(problem)}</p>' if problem else ""
    reply = f"""{told}<form method="post" action="/tickets/{ticket.number}/reply" class="card form"><label>Reply
<textarea name="words" rows="4" maxlength="2000" required placeholder="Write to {text(ticket.who)}"></textarea></label>
<div class="row"><button>Send reply</button><button class="quiet" formnovalidate formaction="/tickets/{ticket.number}/close">Close ticket</button></div></form>"""
    again = (
        f'<form method="post" action="/tickets/{ticket.number}/reopen"><button class="quiet">Open again</button></form>'
    )
    return layout(
        ticket.subject,
        f"""<p class="back"><a href="/">All tickets</a></p><h1>{text(ticket.subject)}</h1>
<p class="soft">#{ticket.number} · {text(ticket.who)} · {ticket.urgency} urgency{"" if ticket.is_open else " · closed"}</p>
<ol class="talk">{lines}</ol>{reply if ticket.is_open else again}""",
    )


def new_page(typed: dict[str, str], problem: str = "") -> bytes:
    told = f'<p class="told" role="alert">{text(problem)}</p>' if problem else ""
    options = "".join(
        f"<option{' selected' if typed.get('urgency') == u else ''}>{u}</option>" for u in ("low", "normal", "high")
    )
    return layout(
        "New ticket",
        f"""<p class="back"><a href="/">All tickets</a></p><h1>New ticket</h1>{told}<form method="post" action="/new" class="card form">
<label>Subject<input name="subject" maxlength="120" required value="{text(typed.get("subject", ""))}"></label>
<label>Your name<input name="who" maxlength="80" required value="{text(typed.get("who", ""))}"></label>
<label>Urgency<select name="urgency">{options}</select></label>
<label>What happened?<textarea name="words" rows="5" maxlength="2000" required>{text(typed.get("words", ""))}</textarea></label>
<div class="row"><button>Create ticket</button></div></form>""",
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    wbufsize = -1  # Head and body leave in one packet: two would wait for each other (Nagle, delayed ACK).

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        found = re.fullmatch(r"/tickets/(\d{1,9})", url.path)
        if url.path == "/":
            self._answer(200, desk_page("closed" in parse_qs(url.query, keep_blank_values=True)))
        elif url.path == "/new":
            self._answer(200, new_page({"urgency": "normal"}))
        elif url.path == "/app.css":
            self._answer(200, (HERE / "app.css").read_bytes(), "text/css")
        elif url.path == "/healthz":
            self._answer(200, b"ok\n", "text/plain")
        elif found and int(found[1]) in DESK:
            self._answer(200, ticket_page(DESK[int(found[1])]))
        else:
            self._not_found()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LONGEST_FORM:
            self.close_connection = True
            self._answer(413, b"This form is too long.\n", "text/plain")
            return
        sent = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"), keep_blank_values=True)
        form = {key: values[0].strip() for key, values in sent.items()}
        path = urlsplit(self.path).path
        found = re.fullmatch(r"/tickets/(\d{1,9})/(reply|close|reopen)", path)
        if path == "/new":
            self._create(form)
        elif found and int(found[1]) in DESK:
            self._change(DESK[int(found[1])], found[2], form)
        else:
            self._not_found()

    def _create(self, form: dict[str, str]) -> None:
        missing = [name for name in ("subject", "who", "words") if not form.get(name)]
        if missing or form.get("urgency") not in ("low", "normal", "high"):
            self._answer(422, new_page(form, "Fill in every field, then create the ticket again."))
            return
        with LOCK:
            if len(DESK) >= MOST_TICKETS:
                del DESK[min(DESK)]
            number = max(DESK) + 1
            said = [(form["who"][:80], form["words"][:2000], datetime.now(UTC))]
            DESK[number] = Ticket(number, form["subject"][:120], form["who"][:80], form["urgency"], said)
        self._see(number)

    def _change(self, ticket: Ticket, what: str, form: dict[str, str]) -> None:
        words = form.get("words", "")[:2000]
        if what == "reply" and not words:
            self._answer(422, ticket_page(ticket, "Write something, then send the reply again."))
            return
        with LOCK:
            if words:
                ticket.said.append(("You", words, datetime.now(UTC)))
            ticket.is_open = what != "close"
        self._see(ticket.number)

    def _see(self, number: int) -> None:
        self._answer(303, b"", location=f"/tickets/{number}")

    def _not_found(self) -> None:
        self._answer(404, layout("Not found", '<p class="empty">There is nothing here.</p>'))

    def _answer(self, status: int, body: bytes, kind: str = "text/html; charset=utf-8", *, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: whoever runs this counts the requests."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    server = Server((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8000"))), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
