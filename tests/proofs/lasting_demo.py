"""The sample of live operations, with long downloads besides: `/long?chunks=N` sends N chunks, one each quarter second.

Run by a launcher as any sample is, so it imports nothing of ours.
"""

import importlib.util
import os
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

CHUNK = bytes(range(256)) * 64
SECONDS_BETWEEN = 0.25
SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "operations" / "app.py"

_spec = importlib.util.spec_from_file_location("operations", SAMPLE)
assert _spec is not None
assert _spec.loader is not None
operations = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(operations)


class Handler(operations.Handler):  # type: ignore[misc, name-defined]
    """As the sample's."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/long":
            self._send_slowly(int(parse_qs(parts.query)["chunks"][0]))
        else:
            super().do_GET()

    def _send_slowly(self, chunks: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(chunks * len(CHUNK)))
        self.end_headers()
        for _ in range(chunks):
            self.wfile.write(CHUNK)
            self.wfile.flush()
            time.sleep(SECONDS_BETWEEN)


if __name__ == "__main__":
    operations.Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever(poll_interval=0.1)
