"""Demos of a proof's own: what each is asked it keeps, and it answers what the proof has put there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

PLAIN = "plainly answered"


@dataclass(frozen=True)
class Heard:
    """One request, with its fields by lower-case name."""

    method: str
    target: str
    fields: dict[str, str]


@dataclass
class Website:
    """A demo: `pages` are bodies by path, `fields` what is added to every answer, `moved` where a path leads to."""

    address: str
    pages: dict[str, str]
    fields: list[tuple[str, str]] = field(default_factory=list)
    moved: dict[str, tuple[int, str]] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)

    def methods(self, path: str) -> list[str]:
        """The methods by which a path was asked for."""
        return [one.method for one in self.heard if one.target.partition("?")[0] == path]


@contextmanager
def running_website(pages: dict[str, str]) -> Iterator[Website]:
    """Listens on a free port of loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fields = {name.lower(): value for name, value in self.headers.items()}
            if self.path != "/favicon.ico":  # Browsers ask for it by themselves.
                site.heard.append(Heard(self.command, self.path, fields))
            path = self.path.partition("?")[0]
            status, to = site.moved.get(path, (200, ""))
            body = site.pages.get(path, PLAIN).encode()
            self.send_response(status)
            if to:
                self.send_header("Location", to)
            kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in site.fields:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_OPTIONS = do_PUT = answer

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base calls it
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Website(f"127.0.0.1:{server.server_port}", pages)
    serving = Thread(target=server.serve_forever)
    serving.start()
    try:
        yield site
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
