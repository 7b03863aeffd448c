"""`ecatalog keeper`: the health of a database file by HTTP, for whoever watches a pod."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from urllib.request import urlopen

from ecatalog.web.keeper import Keeper
from tests.asgi import Caller
from tests.proofs.installation import free_ports


async def test_a_healthy_file_is_200() -> None:
    answer = await Caller(Keeper(list)).get("/")

    assert (answer.status, answer.json()) == (200, {"status": "healthy", "problems": []})


async def test_one_that_is_not_is_503_and_says_why() -> None:
    answer = await Caller(Keeper(lambda: ["The disk is full."])).get("/")

    assert (answer.status, answer.json()) == (503, {"status": "not healthy", "problems": ["The disk is full."]})


async def test_the_keeper_itself_lives_on() -> None:
    keeper = Caller(Keeper(lambda: ["The disk is full."]))

    assert (await keeper.get("/livez")).status == 200
    assert (await keeper.get("/elsewhere")).status == 404


async def test_many_who_ask_at_once_share_a_look() -> None:
    looks: list[int] = []

    def look() -> list[str]:
        looks.append(1)
        return []

    keeper = Caller(Keeper(look))
    answers = await asyncio.gather(*(keeper.get("/") for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert len(looks) < 20


async def test_it_runs_as_a_process_of_its_own_and_ends_in_order(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ecatalog", "keeper", "--data", str(tmp_path), "--port", str(port)),
        env=os.environ | {"LOAD_SEED_DATA": "true"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stderr is not None
    while b"keeper.ready" not in await child.stderr.readline():
        pass

    def status(path: str) -> int:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return int(answer.status)

    while True:
        try:
            assert await asyncio.to_thread(status, "/livez") == 200
            break
        except OSError:
            await asyncio.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    assert await child.wait() == 0
