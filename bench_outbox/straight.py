"""Sends straight what the outbox sent, as a process: `python -m bench_outbox.straight mail|webhook PORT FILE`."""

import asyncio
import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import aiosmtplib
import msgspec
import uvloop

from ecatalog.kit.ids import new_id
from ecatalog.notices.webhook_model import headers_of

# As many connections as the outbox has lanes.
MAIL_LANES = 4
WEBHOOK_LANES = 8
_SECRET = "whsec_" + b64encode(b"s" * 32).decode()


async def send_mails(port: int, contents: Sequence[bytes]) -> None:
    left = iter(contents)

    async def lane() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
            for content in left:
                await smtp.sendmail("demos@ecatalog.test", ["client@acme.test"], content)

    await asyncio.gather(*(lane() for _ in range(MAIL_LANES)))


async def send_posts(port: int, contents: Sequence[bytes]) -> None:
    """Each with its signature, as a receiver wants it."""
    left = iter(contents)
    async with aiohttp.ClientSession() as session:

        async def lane() -> None:
            for content in left:
                headers = headers_of([_SECRET], new_id(), 1_800_000_000, content)
                async with session.post(f"http://127.0.0.1:{port}/hook", data=content, headers=headers) as answer:
                    await answer.read()

        await asyncio.gather(*(lane() for _ in range(WEBHOOK_LANES)))


def main(kind: str, port: str, file: str) -> None:
    contents = msgspec.msgpack.decode(Path(file).read_bytes(), type=list[bytes])
    uvloop.run({"mail": send_mails, "webhook": send_posts}[kind](int(port), contents))


if __name__ == "__main__":
    main(*sys.argv[1:])
