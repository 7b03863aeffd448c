"""`python -m bench_outbox`: messages through the outbox beside the same ones sent straight, by turns, in one run."""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from bench import machine
from bench_edge.report import Row, table
from bench_outbox import report
from bench_outbox.place import fill_mails, fill_webhooks, gateway
from bench_outbox.servers import Receiver, Served, Smtp

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "benchmarks-outbox.md"
KINDS = {"mail": "aiosmtplib", "webhook": "aiohttp"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when everything was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench_outbox", description="Measures the outbox.")
    parser.add_argument("--quick", action="store_true", help="few messages, for a first look")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    wanted = parser.parse_args(arguments)
    if wanted.write and wanted.quick:
        parser.error("the page is written from a whole run: leave --quick away")
    artifacts = ROOT / "artifacts"
    artifacts.mkdir(exist_ok=True)
    rounds, messages = (2, 800) if wanted.quick else (5, 4000)
    with tempfile.TemporaryDirectory(prefix="bench-outbox-", dir=artifacts) as made:
        rows = [row for kind in KINDS for row in measure(kind, Path(made), rounds, messages)]
    print("\n" + table(rows))
    if wanted.write:
        PAGE.write_text(report.page(rows, machine.describe_briefly(), rounds, messages))
        print(f"Wrote {PAGE.relative_to(ROOT)}")
    return 0


def measure(kind: str, folder: Path, rounds: int, messages: int) -> list[Row]:
    """Ours and straight by turns, so that what disturbs one disturbs the other."""
    served = Served({"mail": Smtp, "webhook": Receiver}[kind])
    ours, straight = [], []
    for turn in range(rounds):
        contents, rate = through_the_outbox(kind, folder / f"{kind}-{turn}", served, messages)
        ours.append(rate)
        straight.append(sent_straight(kind, folder / "contents", served, contents))
        print(f"{kind}, round {turn + 1}: {ours[-1]:.0f}/s, straight {straight[-1]:.0f}/s", flush=True)
    served.close()
    return [
        Row(f"{kind}: through the outbox, median", f"{median(ours):,.0f}/s"),
        Row(f"{kind}: straight with {KINDS[kind]}, median", f"{median(straight):,.0f}/s"),
        Row(f"{kind}: ours to straight", f"**{median(ours) / median(straight):.2f}**"),
    ]


def through_the_outbox(kind: str, data: Path, served: Served, messages: int) -> tuple[list[bytes], float]:
    """What arrived, and at which rate."""
    if kind == "mail":
        asyncio.run(fill_mails(data, messages))
    else:
        asyncio.run(fill_webhooks(data, messages, served.port))
    served.begin_anew()
    with gateway(data, served.port):
        arrivals = served.wait_for(messages)
    return arrivals.contents, arrivals.rate


def sent_straight(kind: str, file: Path, served: Served, contents: list[bytes]) -> float:
    """The rate at which the same contents arrive from a process that does nothing else."""
    file.write_bytes(msgspec.msgpack.encode(contents))
    served.begin_anew()
    command = [sys.executable, "-m", "bench_outbox.straight", kind, str(served.port), str(file)]
    subprocess.run(command, check=True, cwd=ROOT)
    return served.wait_for(len(contents)).rate


if __name__ == "__main__":
    sys.exit(main())
