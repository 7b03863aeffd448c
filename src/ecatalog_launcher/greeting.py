"""Telling a copy whose it is, before its visitor comes: one call to the path that its demo names."""

import asyncio

import aiohttp

from ecatalog_client.types.serving import WantedLaunch

DEADLINE_SECONDS = 5.0
_AGAIN_SECONDS = 0.1


async def greet(row: WantedLaunch, upstream: str) -> str:
    """POSTs name, company and locale as JSON; empty once the copy answered 2xx, else why it did not.

    A copy that does not answer is asked again until the deadline.
    """
    visitor = {"name": row.visitor_name, "company": row.visitor_company, "locale": row.visitor_locale}
    try:
        async with asyncio.timeout(DEADLINE_SECONDS), aiohttp.ClientSession(trust_env=False) as session:
            while True:
                try:
                    url = f"http://{upstream}{row.claim_path}"
                    async with session.post(url, json=visitor, allow_redirects=False) as answer:
                        if answer.status < 300:
                            return ""
                        return f"The demo could not be prepared for its visitor: it answered {answer.status}."
                except aiohttp.ClientError:
                    await asyncio.sleep(_AGAIN_SECONDS)
    except TimeoutError:
        return f"The demo could not be prepared for its visitor within {DEADLINE_SECONDS:.0f} seconds."
