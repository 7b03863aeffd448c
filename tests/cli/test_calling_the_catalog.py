"""`ecatalog …` towards a running gateway: logging in, operations, answers for people and machines, exit statuses."""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ecatalog.accounts.actions import create_api_token
from ecatalog.app import Gateway
from ecatalog.cli.main import main
from ecatalog.clients.actions import list_clients
from ecatalog.kit.actor import SYSTEM
from tests.cast import PASSWORD, Cast
from tests.client.served import Served, served

TOKEN = "token-of-the-terminal"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    def json(self) -> object:
        return json.loads(self.out)


Run = Callable[..., Awaitable[Said]]


@pytest.fixture
async def at(gateway: Gateway, people: Cast) -> AsyncIterator[Served]:
    scopes = ["clients:write", "demos:read", "launches:read", "usage:read"]
    await gateway.db.write(create_api_token, SYSTEM, "terminal", scopes, TOKEN)
    async with served(gateway) as place:
        yield place


@pytest.fixture
def run(at: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command line, with a profile of its own, by the token of a service."""
    monkeypatch.setenv("ECATALOG_PROFILE", str(tmp_path / "here" / "profile.json"))
    monkeypatch.setenv("ECATALOG_URL", at.url)
    monkeypatch.setenv("ECATALOG_TOKEN", TOKEN)

    async def run(*words: str) -> Said:
        capsys.readouterr()
        with capture_logs():
            status = await asyncio.to_thread(main, words)
        told = capsys.readouterr()
        return Said(status, told.out, told.err)

    return run


async def test_lists_are_tables_for_people_and_json_for_machines(run: Run, people: Cast) -> None:
    shown = await run("clients", "list", "--company", "acme")
    assert shown.status == 0
    assert people.acme.id in shown.out
    assert "access status" in shown.out

    page = (await run("clients", "list", "--limit", "2", "--json")).json()
    assert isinstance(page, dict)
    assert (len(page["items"]), bool(page["next"])) == (2, True)
    everything = (await run("clients", "list", "--limit", "2", "--all", "--json")).json()
    assert isinstance(everything, list)
    assert len(everything) == 5


async def test_a_change_takes_its_fields_as_options(run: Run, people: Cast) -> None:
    told = (await run("clients", "revoke", people.acme.id, "--reason", "over", "--json")).json()
    assert isinstance(told, dict)
    assert (told["access_status"], told["revoke_reason"]) == ("revoked", "over")


async def test_any_operation_is_called_by_its_method_and_path(run: Run, people: Cast) -> None:
    told = (await run("call", f"patch /api/clients/{people.acme.id}/renew", "--json", '{"days": 7}')).json()
    assert isinstance(told, dict)
    assert told["access_end_date"] == "2026-04-07"
    assert (await run("call", "GET /api/nothing")).status == 10


async def test_a_login_is_kept_for_later_commands_and_nobody_else(
    run: Run, at: Served, people: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ECATALOG_TOKEN")
    monkeypatch.delenv("ECATALOG_URL")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    kept = tmp_path / "here" / "profile.json"

    done = await run(
        "login", "--url", at.url, "--email", people.acme.email, "--password-file", str(tmp_path / "password")
    )
    assert done.status == 0
    assert kept.stat().st_mode & 0o777 == 0o600
    assert people.acme.email in (await run("auth", "me")).out

    opened = await run("demos", "open", people.remote, "--json")
    launch = opened.json()
    assert isinstance(launch, dict)
    assert launch["state"] == "running"
    assert "running" in opened.err

    kept.chmod(0o644)
    refused = await run("auth", "me")
    assert (refused.status, "chmod 600" in refused.err) == (11, True)
    kept.chmod(0o600)
    assert (await run("auth", "me", "--url", "http://127.0.0.1:1")).status == 18, "the token stays at its address"
    assert (await run("logout")).status == 0
    assert not kept.exists()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("clients", "get", "nobody"), 13),
        (("clients", "renew", "{acme}", "--days", "-1"), 10),
        (("clients", "renew", "{acme}", "--days", "1", "--if-version", "77"), 15),
        (("clients", "renew", "{revoked}", "--days", "1"), 14),
        (("demos", "create", "--name", "x"), 12),
        (("clients", "list", "--token", "wrong"), 11),
        (("clients", "list", "--url", "http://127.0.0.1:1"), 18),
        (("clients", "list", "--url", "nowhere"), 10),
        (("clients", "renew"), 2),
        (("clients", "renew", "{acme}", "--body", "["), 2),
        (("completion", "csh"), 10),
    ],
)
async def test_a_refusal_is_a_sentence_with_an_exit_status(
    run: Run, people: Cast, words: tuple[str, ...], status: int
) -> None:
    names = {"acme": people.acme.id, "revoked": people.revoked.id}
    said = await run(*(word if word == "[" else word.format_map(names) for word in words))

    assert said.status == status, said.err
    assert said.err.strip()
    assert "Traceback" not in said.err


# Import -------------------------------------------------------------------------------------------------------

FILE = """name,email,company,access_start_date,access_end_date,timezone
Nora New,Nora@new.test,New,2099-03-01,2099-04-01,Europe/Lisbon
Acme again,client@acme.test,Acme,2099-03-01,2099-04-01,
Nora again,nora@new.test,New,2099-03-01,2099-04-01,
Over,over@new.test,New,2001-03-01,2001-04-01,
Backwards,back@new.test,New,2099-05-01,2099-04-01,
Nowhere,nowhere@new.test,New,2099-03-01,2099-04-01,Mars/Olympus
Olaf Old,olaf@new.test,New,2099-03-01,2099-04-01,
"""
FATES = ["create", "skip", "refuse", "refuse", "refuse", "refuse", "create"]


async def test_a_preview_tells_each_lines_fate_and_writes_nothing(run: Run, gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(FILE)
    before = await gateway.db.read(list_clients, SYSTEM)

    said = await run("clients", "import", str(tmp_path / "new.csv"), "--json")

    lines = said.json()
    assert isinstance(lines, list)
    assert [line["fate"] for line in lines] == FATES
    assert all(line["reason"] for line in lines if line["fate"] != "create")
    assert "Nothing was written" in said.err
    assert await gateway.db.read(list_clients, SYSTEM) == before


async def test_an_import_writes_what_is_good_and_again_changes_nothing(
    run: Run, gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text(FILE)

    first = await run("clients", "import", str(tmp_path / "new.csv"), "--yes", "--json")
    lines = first.json()
    assert isinstance(lines, list)
    assert [line["fate"] for line in lines] == ["created" if fate == "create" else fate for fate in FATES]
    assert first.status == 10, "some lines were refused"
    after = await gateway.db.read(list_clients, SYSTEM)

    again = (await run("clients", "import", str(tmp_path / "new.csv"), "--yes", "--json")).json()
    assert isinstance(again, list)
    assert [line["fate"] for line in again].count("skip") == 3
    assert await gateway.db.read(list_clients, SYSTEM) == after


@pytest.mark.parametrize(
    ("text", "told"),
    [("name,mail\n", "no column mail"), ("name,email\n", "no column comp"), (b"\xff\xfe", "text")],
)
async def test_a_file_that_is_none_is_refused(run: Run, tmp_path: Path, text: str | bytes, told: str) -> None:
    (tmp_path / "bad.csv").write_bytes(text if isinstance(text, bytes) else text.encode())

    said = await run("clients", "import", str(tmp_path / "bad.csv"))

    assert said.status == 10
    assert told in said.err


async def test_the_token_of_a_service_is_kept_as_it_is(run: Run, at: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECATALOG_TOKEN")
    monkeypatch.delenv("ECATALOG_URL")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))

    assert (await run("login", "--url", at.url, "--token", "-")).status == 0
    assert (await run("clients", "list")).status == 0


async def test_analytics_are_written_as_csv(run: Run, people: Cast) -> None:
    told = await run("analytics", "client", people.acme.id, "--csv")
    assert told.status == 0
    assert told.out.splitlines()[0].startswith("demo_id,demo_name,opens")
