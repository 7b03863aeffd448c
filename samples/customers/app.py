"""Customers: a browser over a small customer database, made anew at each start. Standard library only.

Listens on $HOST:$PORT. Search, a page per customer, and an edit form that keeps what was typed when it refuses.
"""

import html
import os
import random
import re
import signal
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

HERE = Path(__file__).resolve().parent
PAGE = 20
LONGEST_FORM = 16 * 1024
TIERS = ("Bronze", "Silver", "Gold", "Platinum")
FIRST = (
    "Ada",
    "Bruno",
    "Carla",
    "David",
    "Elena",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Klara",
    "Luis",
    "Mara",
    "Nils",
)
LAST = (
    "Almeida",
    "Berg",
    "Costa",
    "Dupont",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Hansen",
    "Ivanova",
    "Jansen",
    "Keller",
    "Lopes",
)
CITIES = ("Lisbon", "Berlin", "Oslo", "Lyon", "Porto", "Vienna", "Utrecht", "Turin")


def make_database() -> sqlite3.Connection:
    """240 customers and their orders, the same at every start, in memory: nobody's changes outlive the copy."""
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.executescript(
        """CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, tier TEXT, since TEXT, note TEXT);
           CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, day TEXT, what TEXT, euros INTEGER);"""
    )
    chance = random.Random(7)
    goods = ("Annual plan", "Training day", "Support pack", "Extra seats", "Data import")
    for number in range(1, 241):
        name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        email = f"{name.lower().replace(' ', '.')}{number}@customers.example"
        since = f"20{chance.randint(17, 25)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        row = (number, name, email, chance.choice(CITIES), chance.choice(TIERS), since, "")
        db.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        for _ in range(chance.randint(0, 7)):
            day = f"2026-{chance.randint(1, 10):02}-{chance.randint(1, 28):02}"
            order = (number, day, chance.choice(goods), chance.randint(2, 90) * 50)
            db.execute("INSERT INTO orders (customer, day, what, euros) VALUES (?, ?, ?, ?)", order)
    return db


DB = make_database()
LOCK = threading.Lock()


def ask(sql: str, *values: object) -> list[sqlite3.Row]:
    with LOCK:
        return DB.execute(sql, values).fetchall()


def text(value: object) -> str:
    return html.escape(str(value), quote=True)


def layout(title: str, body: str) -> bytes:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{text(title)} · Customers</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/app.css"></head><body>
<header><a class="brand" href="/">Ledgerleaf</a><nav><a href="/">Customers</a></nav></header><main>{body}</main></body></html>""".encode()


def list_page(words: str, number: int) -> bytes:
    like = "%" + re.sub(r"([%_\\])", r"\\\1", words) + "%"
    where = "WHERE name LIKE ? ESCAPE '\\' OR email LIKE ? ESCAPE '\\' OR city LIKE ? ESCAPE '\\'"
    total = ask(f"SELECT count(*) FROM customers {where}", like, like, like)[0][0]
    rows = ask(
        f"""SELECT c.*, (SELECT coalesce(sum(euros), 0) FROM orders WHERE customer = c.id) AS euros FROM customers c {where}
            ORDER BY name, id LIMIT {PAGE} OFFSET ?""",
        *(like, like, like, number * PAGE),
    )
    lines = "".join(
        f"""<tr><td><a href="/customers/{row["id"]}">{text(row["name"])}</a><small>{text(row["email"])}</small></td>
<td>{text(row["city"])}</td><td><span class="tier {row["tier"].lower()}">{row["tier"]}</span></td>
<td class="number">€ {row["euros"]:,}</td></tr>"""
        for row in rows
    )
    empty = '<p class="empty">Nobody matches. Try a name, an address or a city.</p>' if not rows else ""
    pages = []
    if number > 0:
        pages.append(f'<a class="button quiet" href="/?q={quote(words)}&amp;page={number - 1}">Newer</a>')
    if (number + 1) * PAGE < total:
        pages.append(f'<a class="button quiet" href="/?q={quote(words)}&amp;page={number + 1}">Next page</a>')
    return layout(
        "All",
        f"""<div class="head"><div><h1>Customers</h1><p>{total} found</p></div>
<form class="search" role="search"><label class="hidden" for="q">Search</label>
<input id="q" name="q" type="search" value="{text(words)}" placeholder="Name, e-mail or city"><button>Search</button></form></div>
<div class="card"><table><thead><tr><th>Customer</th><th>City</th><th>Tier</th><th class="number">Revenue</th></tr></thead>
<tbody>{lines}</tbody></table>{empty}</div><p class="pages">{"".join(pages)}</p>""",
    )


def customer_page(
    row: sqlite3.Row, *, typed: dict[str, str] | None = None, problem: str = "", saved: bool = False
) -> bytes:
    now = {key: row[key] for key in ("name", "email", "city", "tier", "note")} | (typed or {})
    orders = ask("SELECT * FROM orders WHERE customer = ? ORDER BY day DESC", row["id"])
    lines = "".join(
        f"<li><span>{text(order['what'])}<small>{order['day']}</small></span><b>€ {order['euros']:,}</b></li>"
        for order in orders
    )
    told = '<p class="told" role="status">Saved.</p>' if saved else ""
    told += f'<p class="told wrong" role="alert">{text(problem)}</p>' if problem else ""
    tiers = "".join(f"<option{' selected' if tier == now['tier'] else ''}>{tier}</option>" for tier in TIERS)
    cities = "".join(f"<option{' selected' if city == now['city'] else ''}>{city}</option>" for city in CITIES)
    return layout(
        row["name"],
        f"""<p class="back"><a href="/">All customers</a></p><div class="head"><div><h1>{text(row["name"])}</h1>
<p>Customer since {row["since"]}</p></div><span class="tier {row["tier"].lower()}">{row["tier"]}</span></div>{told}
<div class="two"><form class="card form" method="post" action="/customers/{row["id"]}"><h2>Details</h2>
<label>Name<input name="name" value="{text(now["name"])}" required maxlength="80"></label>
<label>E-mail<input name="email" type="email" value="{text(now["email"])}" required maxlength="120"></label>
<div class="two"><label>City<select name="city">{cities}</select></label><label>Tier<select name="tier">{tiers}</select></label></div>
<label>Note<textarea name="note" rows="3" maxlength="500">{text(now["note"])}</textarea></label><button>Save</button></form>
<section class="card"><h2>Orders <small>{len(orders)}</small></h2>
<ul>{lines or '<li class="empty">No orders yet.</li>'}</ul></section></div>""",
    )


def problem_with(form: dict[str, str]) -> str:
    """What is wrong with the form, in words; empty when nothing is."""
    if not form["name"].strip():
        return "Give the customer a name."
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", form["email"]):
        return "This is not an e-mail address: write it like ada@customers.example."
    return "" if form["tier"] in TIERS and form["city"] in CITIES else "Choose a city and a tier from the lists."


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    wbufsize = -1  # Head and body leave in one packet: two would wait for each other (Nagle, delayed ACK).

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/":
            page = query.get("page", ["0"])[0]
            self._answer(200, list_page(query.get("q", [""])[0][:80], int(page) if page.isdigit() else 0))
        elif url.path == "/app.css":
            self._answer(200, (HERE / "app.css").read_bytes(), "text/css")
        elif url.path == "/healthz":
            self._answer(200, b"ok\n", "text/plain")
        elif (row := self._customer(url.path)) is not None:
            self._answer(200, customer_page(row, saved="saved" in query))
        else:
            self._answer(404, layout("Not found", '<p class="empty">There is nothing here.</p>'))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LONGEST_FORM:
            self.close_connection = True
            self._answer(413, b"This form is too long.\n", "text/plain")
            return
        sent = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"), keep_blank_values=True)
        row = self._customer(urlsplit(self.path).path)
        if row is None:
            self._answer(404, layout("Not found", '<p class="empty">There is no such customer.</p>'))
            return
        form = {key: sent.get(key, [""])[0][:500] for key in ("name", "email", "city", "tier", "note")}
        if problem := problem_with(form):
            self._answer(422, customer_page(row, typed=form, problem=problem))
            return
        ask(
            "UPDATE customers SET name = ?, email = ?, city = ?, tier = ?, note = ? WHERE id = ?",
            *form.values(),
            row["id"],
        )
        self._answer(303, b"", location=f"/customers/{row['id']}?saved")

    def _customer(self, path: str) -> sqlite3.Row | None:
        found = re.fullmatch(r"/customers/(\d{1,9})", path)
        rows = ask("SELECT * FROM customers WHERE id = ?", int(found[1])) if found else []
        return rows[0] if rows else None

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
