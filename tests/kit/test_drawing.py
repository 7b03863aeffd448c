"""Pictures that somebody sends, drawn within bounds."""

import asyncio
import threading

from ecatalog.kit.drawing import draw


async def test_only_one_picture_is_drawn_at_a_time() -> None:
    all_sent = threading.Event()

    def drawn_by(_: bytes) -> int:
        all_sent.wait()
        return threading.get_ident()

    sent = [asyncio.create_task(draw(drawn_by, b"")) for _ in range(4)]
    asyncio.get_running_loop().call_soon(all_sent.set)

    assert len(set(await asyncio.gather(*sent))) == 1
