"""What a launcher leaves on a Kubernetes cluster when it is killed at any point, and what the next one makes of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from ecatalog_launcher.drivers.contract import Driver, Home
from tests.launcher.cluster import Cluster, login_of_all, opened, runs, serving, spec

HOME = Home(installation="acme", login=login_of_all)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with serving() as made:
        yield made


@pytest.fixture
async def first(cluster: Cluster) -> AsyncIterator[Driver]:
    async with opened(cluster, HOME) as made:
        yield made


@pytest.fixture
async def second(cluster: Cluster) -> AsyncIterator[Driver]:
    """That of the launcher that comes after."""
    async with opened(cluster, HOME) as made:
        yield made


async def count_calls(cluster: Cluster, work: Awaitable[None]) -> int:
    before = len(cluster.calls())
    await work
    return len(cluster.calls()) - before


async def kill_at(cluster: Cluster, call: int, *, after: bool, work: Awaitable[None]) -> None:
    """The launcher dies when it has made that call, counted from 1 on, and before it gets an answer."""
    cluster.freeze(call, after=after)
    task = asyncio.ensure_future(work)
    async with asyncio.timeout(20):
        await cluster.is_frozen.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_wherever_a_start_is_cut_off_the_next_launcher_finds_it_and_clears_it_away(
    cluster: Cluster, first: Driver, second: Driver
) -> None:
    calls = await count_calls(cluster, first.start(spec()))
    assert calls == 5
    await first.stop("one", 1)
    for call in range(1, calls + 1):
        for after in (False, True):
            await kill_at(cluster, call, after=after, work=first.start(spec()))
            listed = await second.list()
            is_whole = ("services", "ecatalog-acme-one") in cluster.objects
            assert len(listed) == (1 if cluster.objects else 0)
            assert [each.attempt for each in listed] == ([1] if is_whole else [0] * len(listed))
            await second.stop("one", 1)
            assert cluster.objects == {}
    await second.start(spec())
    assert [instance.attempt for instance in await second.list()] == [1]


async def test_wherever_a_stop_is_cut_off_the_next_launcher_finishes_it(
    cluster: Cluster, first: Driver, second: Driver
) -> None:
    await first.start(spec())
    calls = await count_calls(cluster, first.stop("one", 1))
    assert calls == 5
    for call in range(1, calls + 1):
        for after in (False, True):
            await first.start(spec())
            await kill_at(cluster, call, after=after, work=first.stop("one", 1))
            assert len(await second.list()) == (1 if cluster.objects else 0)
            await second.stop("one", 1)
            assert cluster.objects == {}


async def test_a_leftover_policy_is_taken_over(first: Driver, cluster: Cluster) -> None:
    await kill_at(cluster, 2, after=True, work=first.start(spec()))
    await first.start(spec())
    assert [instance.attempt for instance in await first.list()] == [1]


async def test_a_copy_whose_pod_was_taken_away_has_exited(first: Driver, cluster: Cluster) -> None:
    await first.start(spec(attempt=4))
    cluster.set_status(**runs())
    cluster.remove("pods", collect=True)
    (instance,) = await first.list()
    assert (instance.state, instance.attempt, instance.reason) == ("exited", 4, "Its pod is gone from the cluster.")
    await first.stop("one", 1)
    assert cluster.objects == {}


async def test_with_its_policy_everything_of_a_launch_goes(first: Driver, cluster: Cluster) -> None:
    await first.start(spec())
    assert len(cluster.objects) == 4
    cluster.remove("networkpolicies", collect=True)
    assert cluster.objects == {}


async def test_a_copy_that_is_just_being_started_is_no_leftover(first: Driver, cluster: Cluster) -> None:
    cluster.freeze(4)  # The creation of the pod: policy and secret are there.
    starting = asyncio.create_task(first.start(spec()))
    await cluster.is_frozen.wait()
    assert await first.list() == []
    cluster.thaw(goes_on=True)
    await starting


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", [1, 2, 3])
async def test_a_copy_that_came_to_be_during_a_look_is_whole_or_not_seen_yet(
    first: Driver, cluster: Cluster, call: int, after: bool
) -> None:
    cluster.freeze(call, after=after)
    listing = asyncio.create_task(first.list())
    await cluster.is_frozen.wait()
    await first.start(spec())
    cluster.thaw(goes_on=True)
    assert [(instance.state, instance.attempt) for instance in await listing] in ([], [("up", 1)])
