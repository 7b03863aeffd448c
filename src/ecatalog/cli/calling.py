"""How a command calls the catalog: whom, how long, what is shown, and the exit status of a refusal."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import typer
from rich.text import Text

from ecatalog.cli import profile, showing
from ecatalog_client import AsyncCatalog
from ecatalog_client.errors import CatalogError, Invalid
from ecatalog_client.operation import Operation
from ecatalog_client.operations import EVENTS_FOLLOW, LAUNCHES_EVENTS
from ecatalog_client.types.launches import Launch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command line says besides the operation's own fields."""

    url: str = ""
    token: str = ""
    as_json: bool = False
    as_csv: bool = False
    deadline: float = 10.0
    is_all: bool = False
    key: str = ""
    version: int | None = None


@asynccontextmanager
async def connected(wanted: Wanted) -> AsyncIterator[AsyncCatalog]:
    """The catalog that is meant. Raises Unauthorized, Invalid."""
    found = profile.find(os.environ, url=wanted.url, token=wanted.token)
    try:
        catalog = AsyncCatalog(found.url, found.token, deadline=wanted.deadline)
    except ValueError as error:
        raise Invalid(str(error)) from None
    async with catalog:
        yield catalog


def finish(work: Coroutine[Any, Any, T]) -> T:
    """What the work returns; a refusal is told, and ends the command with its exit status."""
    try:
        return asyncio.run(work)
    except CatalogError as error:
        showing.tell(error.message, is_error=True)
        for name, problem in error.fields.items():
            showing.tell(f"  {name}: {problem}", is_error=True)
        raise typer.Exit(error.exit_status) from None


async def perform(operation: Operation[Any], path: tuple[str, ...], given: dict[str, Any], wanted: Wanted) -> None:
    """Calls the operation, and shows what it answers."""
    async with connected(wanted) as catalog:
        if operation is EVENTS_FOLLOW:
            await _watch(catalog, given, wanted)
        elif operation.kind == "stream":
            async for event in catalog.line.follow(operation, path, given):
                _show_event(event, wanted)
        elif wanted.as_csv:
            showing.show_csv(await catalog.line.table(operation, path, given))
        elif operation.is_paged:
            await _show_pages(catalog, operation, path, given, wanted)
        else:
            answer = await catalog.line.call(operation, path, given, key=wanted.key, version=wanted.version)
            if isinstance(answer, Launch) and operation.verb in ("open", "reset"):
                answer = await _until_it_runs(catalog, answer)
            if not (answer is None and wanted.as_json):
                (showing.show_json if wanted.as_json else showing.show)(answer)


async def _show_pages(
    catalog: AsyncCatalog, operation: Operation[Any], path: tuple[str, ...], given: dict[str, Any], wanted: Wanted
) -> None:
    pages = catalog.line.pages(operation, path, given)
    if wanted.is_all:
        items = [item async for item in pages]
        (showing.show_json if wanted.as_json else showing.show)(items)
        return
    page = await pages.first()
    if wanted.as_json:
        showing.show_json(page)
        return
    showing.show(page.items)
    if page.next is not None:
        showing.tell(f"There are more: --all, or --cursor {page.next}", is_error=True)


async def _watch(catalog: AsyncCatalog, given: dict[str, Any], wanted: Wanted) -> None:
    topics = [word.strip() for word in given.get("topics", "").split(",") if word.strip()]
    async with catalog.watch(topics, after=given.get("after", "")) as watch:
        async for event in watch:
            _show_event(event, wanted)


def _show_event(event: Any, wanted: Wanted) -> None:
    if wanted.as_json:
        showing.show_line(event)
        return
    plain = msgspec.structs.asdict(event)
    words = [plain.get("at"), plain.get("kind") or plain.get("event_type") or plain.get("state"), plain.get("phase")]
    words += [plain.get(name) for name in ("client_id", "demo_id", "launch_id", "reason")]
    showing.tell("  ".join(showing.in_words(word) for word in words if word))


async def _until_it_runs(catalog: AsyncCatalog, launch: Launch) -> Launch:
    """Follows the phases of a copy that is on its way, on the terminal's error stream."""
    told = ""
    with showing.console(is_error=True).status("opening …") as status:
        async for launch in catalog.line.follow(LAUNCHES_EVENTS, (launch.id,), {}):  # noqa: B020 - its newest face
            words = launch.phase or launch.state
            if words != told:
                status.update(Text(showing.harmless(f"{words} …")))
                showing.tell(words, is_error=True)
            told = words
    return launch
