"""The page docs/reference/benchmarks-outbox.md."""

from collections.abc import Sequence

from bench.machine import Place
from bench_edge.report import Row, table


def page(rows: Sequence[Row], here: Place, rounds: int, messages: int) -> str:
    """The whole reference page."""
    return f"""# Benchmarks of the outbox

Written by `make bench-outbox`, which measures everything anew on the machine it runs on. Absolute numbers belong to
that machine; the ratios say what it costs that no message is lost or sent twice.

{table(rows)}

## How it is measured

- {here.cores} cores ({here.processor}), which the sender and the server share; Python {here.python}. The servers are
  on loopback, say yes to everything, and count.
- {messages:,} messages a round, {rounds} rounds; ours and straight by turns. A rate is from the first arrival to the
  last; the medians are compared.
- Ours is a gateway whose catalog holds the facts: reading them, making rows, leasing, composing and rendering each mail
  (text and HTML) or signing each post, the receipt, and the commit that says `sent` are all in it.
- Straight is a process that does nothing but send the same bytes: mails with `aiosmtplib` over 4 connections, posts
  with `aiohttp` over 8, each signed, as many as the outbox has lanes. It keeps no note of what was taken, so a crash
  loses or repeats.
- Webhooks are eight, and each is told one message after the other.
"""
