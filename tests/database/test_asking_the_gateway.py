"""What backup.sh and archive.sh do with the gateway's answer: only its silence leads to the file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.accounts.actions import create_api_token
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from tests.client.served import served
from tests.client.test_over_http import GONE, answering
from tests.database.test_scripts import type_in

TOKEN = "token-of-the-backups"
SCRIPTS = pytest.mark.parametrize("script", ["backup.sh", "archive.sh"])
FROM_THE_FILE = "it is done from the file.\n"


@pytest.fixture
async def url(gateway: Gateway) -> AsyncIterator[str]:
    await gateway.db.write(create_api_token, SYSTEM, "backups", ["backups:write"], TOKEN)
    async with served(gateway) as place:
        yield place.url


async def ask(script: str, url: str, folder: Path, token: str = TOKEN) -> tuple[int, str]:
    """The exit status and what was said, where no file is: whoever looks for one says so."""
    (folder / "token").write_text(token)
    asked = {"ECATALOG_GATEWAY_URL": url, "ECATALOG_TOKEN_FILE": str(folder / "token")}
    told = await asyncio.to_thread(type_in, script, DB_PATH=str(folder / "no.db"), HOME=str(folder), **asked)
    return told.returncode, told.stdout + told.stderr


async def test_what_the_gateway_did_is_all_that_is_done(url: str, tmp_path: Path) -> None:
    status, said = await ask("archive.sh", url, tmp_path)

    assert status == 0
    assert FROM_THE_FILE not in said


async def test_a_refusal_of_the_gateway_is_told_and_is_the_end(url: str, tmp_path: Path) -> None:
    status, said = await ask("backup.sh", url, tmp_path)

    assert status == 14
    assert said == "Nobody could open a backup. Set BACKUP_PASSWORD, and start the gateway again.\n"


@SCRIPTS
async def test_a_token_that_is_not_good_is_the_end(script: str, url: str, tmp_path: Path) -> None:
    status, said = await ask(script, url, tmp_path, token="another")

    assert status == 11
    assert FROM_THE_FILE not in said


@SCRIPTS
async def test_the_file_is_asked_when_nobody_listens(script: str, tmp_path: Path) -> None:
    status, said = await ask(script, "http://127.0.0.1:9", tmp_path)

    assert status > 0
    assert FROM_THE_FILE in said
    assert f"There is no database at {tmp_path}" in said


@SCRIPTS
async def test_the_file_is_asked_when_a_proxy_stands_before_nobody(script: str, tmp_path: Path) -> None:
    async with answering(GONE) as (url, _):
        status, said = await ask(script, url, tmp_path)

    assert status > 0
    assert FROM_THE_FILE in said


@SCRIPTS
async def test_without_a_token_nothing_is_done(script: str, tmp_path: Path) -> None:
    status, said = await ask(script, "http://127.0.0.1:9", tmp_path, token="")

    assert status == 78
    assert said == "There is no token for the gateway: name a file with one in ECATALOG_TOKEN_FILE.\n"
