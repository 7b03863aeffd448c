"""The Kubernetes driver against an API server over HTTP: what it asks for, what it tells, and what it may."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import kmock
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from ecatalog_client.types.containers import RegistryLogin
from ecatalog_launcher.drivers.contract import CannotStart, Driver, Home, Instance
from ecatalog_launcher.drivers.kubernetes import Refused
from tests.launcher.cluster import (
    DIGEST,
    DOCUMENTS,
    Cluster,
    driver_of,
    ended,
    is_allowed,
    login_of_all,
    named,
    opened,
    runs,
    serving,
    spec,
    verb_and_resource,
)
from tests.launcher.pod_security import violations

KUBERNETES = "1.37"
QUOTA = 'pods "x" is forbidden: exceeded quota: demos, requested: pods=1, used: pods=50, limited: pods=50'


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with serving() as made:
        yield made


@pytest.fixture
def changes() -> asyncio.Queue[None]:
    return asyncio.Queue()


@pytest.fixture
async def driver(cluster: Cluster, changes: asyncio.Queue[None]) -> AsyncIterator[Driver]:
    async with opened(cluster, Home(installation="acme", changed=lambda: changes.put_nowait(None))) as made:
        yield made


def sent(cluster: Cluster, call: str) -> list[kmock.Request]:
    """The calls of that kind, such as `delete pods`."""
    return [each for each in cluster if each.resource and verb_and_resource(each) == call]


def made(cluster: Cluster) -> list[dict[str, Any]]:
    """The manifests that were sent."""
    return [request.data for request in cluster if request.action is kmock.action.CREATE]


# What it asks for, and what it tells.


async def test_a_copy_is_a_policy_a_pod_and_a_service_in_this_order(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec())
    assert cluster.calls()[1:] == ["get pods", "create networkpolicies", "create pods", "create services"]
    policy = cluster.of("networkpolicies")
    for plural in ("pods", "services"):
        (owner,) = cluster.of(plural)["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("NetworkPolicy", policy["metadata"]["uid"])


async def test_what_is_sent_is_valid_and_passes_the_restricted_standard(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec())
    bodies = made(cluster)
    assert [body["kind"] for body in bodies] == ["NetworkPolicy", "Pod", "Service"]
    for body in bodies:
        kubernetes_validate.validate(body, KUBERNETES, strict=True)
    assert violations(bodies[1]) == []


async def test_a_copy_is_up_without_an_address_until_it_has_one(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec(attempt=2))
    (instance,) = await driver.list()
    assert instance == Instance(launch_id="one", attempt=2, state="up")
    assert not await driver.is_ready(instance)
    cluster.set_status(**runs())
    (instance,) = await driver.list()
    assert (instance.state, instance.upstream, instance.digests) == ("up", "10.1.2.3:8000", (DIGEST, DIGEST))


async def test_a_copy_is_ready_once_it_answers_whatever_it_answers(driver: Driver, cluster: Cluster) -> None:
    port = cluster.url.port
    assert port is not None
    await driver.start(spec(port=port))
    cluster.set_status(**runs(podIP="127.0.0.1"))
    (instance,) = await driver.list()
    assert await driver.is_ready(instance)


async def test_a_copy_that_ended_tells_why_and_its_last_lines(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec())
    cluster.set_status(**ended())
    (instance,) = await driver.list()
    assert (instance.state, instance.reason, instance.log_tail) == ("exited", "It ended with status 3.", "")
    cluster.logs["ecatalog-acme-one", "web"] = "".join(f"line {number}\n" for number in range(300))
    (instance,) = await driver.list()
    assert instance.log_tail.splitlines() == [f"line {number}" for number in range(100, 300)]
    assert (await driver.list()) == [instance]
    assert cluster.calls().count("get pods/log") == 2, "the lines of an ended container are read once"


async def test_the_log_of_a_copy_that_runs_is_not_read(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec())
    cluster.set_status(**runs())
    await driver.list()
    assert "get pods/log" not in cluster.calls()


async def test_a_login_is_asked_for_once_a_registry_and_goes_with_its_launch(cluster: Cluster) -> None:
    asked = []

    async def login(launch_id: str, registry: str) -> RegistryLogin | None:
        asked.append((launch_id, registry))
        is_known = registry == "registry.example.com"
        return RegistryLogin(registry_url=registry, username="u", password="p") if is_known else None

    async with opened(cluster, Home(installation="acme", login=login)) as driver:
        await driver.start(spec())
        assert asked == [("one", "registry.example.com"), ("one", "docker.io")]
        bodies = made(cluster)
        assert [body["kind"] for body in bodies] == ["NetworkPolicy", "Secret", "Pod", "Service"]
        kubernetes_validate.validate(bodies[1], KUBERNETES, strict=True)
        assert bodies[2]["spec"]["imagePullSecrets"] == [{"name": bodies[1]["metadata"]["name"]}]
        assert json.loads(base64.b64decode(bodies[1]["data"][".dockerconfigjson"])) == {
            "auths": {
                "registry.example.com": {
                    "username": "u",
                    "password": "p",
                    "auth": base64.b64encode(b"u:p").decode(),
                }
            }
        }
        await driver.stop("one", 1)
        assert cluster.objects == {}


async def test_a_second_start_of_the_same_launch_changes_nothing(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec())
    before = dict(cluster.objects)
    await driver.start(spec(attempt=2))
    await asyncio.gather(driver.start(spec("two")), driver.start(spec("two")))
    assert {key: each for key, each in cluster.objects.items() if key in before} == before
    assert [instance.launch_id for instance in await driver.list()] == ["one", "two"]


async def test_stop_waits_for_the_kubelet_and_leaves_nothing(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec())
    cluster.has_kubelet = False
    stopping = asyncio.create_task(driver.stop("one", 2.5))
    async with asyncio.timeout(20):
        while cluster.calls()[-2:] != ["get pods", "get pods"]:
            await asyncio.sleep(0)
    assert not stopping.done()
    assert len(cluster.objects) == 3, "the policy and the service are there as long as the pod"
    assert [instance.reason for instance in await driver.list()] == ["It was removed from the cluster."]
    cluster.remove("pods")
    await stopping
    assert cluster.objects == {}
    (deleted,) = sent(cluster, "delete pods")
    assert deleted.params["gracePeriodSeconds"] == "3"


async def test_a_pod_is_never_just_forgotten_however_little_grace_it_has(driver: Driver, cluster: Cluster) -> None:
    await driver.start(spec())
    await driver.stop("one", 0)
    (deleted,) = sent(cluster, "delete pods")
    assert deleted.params["gracePeriodSeconds"] == "1"


async def test_a_pod_on_a_node_that_keeps_silent_is_given_up(cluster: Cluster) -> None:
    async with opened(cluster, Home(installation="acme"), lost_node_seconds=-1.0) as driver:
        await driver.start(spec())
        cluster.has_kubelet = False
        await driver.stop("one", 1)
        assert cluster.objects == {}
        assert [each.params["gracePeriodSeconds"] for each in sent(cluster, "delete pods")] == ["1", "0"]


async def test_what_others_run_there_is_left_alone(driver: Driver, cluster: Cluster) -> None:
    async with opened(cluster, Home(installation="bolt")) as other:
        await other.start(spec())
        assert await driver.list() == []
        await driver.stop("one", 1)
        assert len(await other.list()) == 1


# What is refused.


@pytest.mark.parametrize(
    ("call", "status", "message", "words"),
    [
        ("create pods", 403, QUOTA, "no room for another demo: the quota of its namespace demos is used up"),
        ("create services", 403, QUOTA.replace("pods", "services"), "no room for another demo"),
        (
            "create pods",
            403,
            'pods "x" is forbidden: violates PodSecurity',
            "does not allow it: .* violates PodSecurity",
        ),
        ("create pods", 422, 'Pod "x" is invalid: spec.containers[0].name', "cannot run it: .* is invalid"),
        ("create networkpolicies", 404, 'namespaces "demos" not found', "kubectl apply -k deploy/k8s/base/demos"),
    ],
)
async def test_what_the_cluster_refuses_for_good_is_told_in_words_and_leaves_nothing(
    driver: Driver, cluster: Cluster, call: str, status: int, message: str, words: str
) -> None:
    cluster.refusals[call] = (status, "Refused", message)
    with pytest.raises(CannotStart, match=words):
        await driver.start(spec())
    assert cluster.objects == {}
    assert await driver.list() == []


@pytest.mark.parametrize(("status", "reason"), [(500, "InternalError"), (429, "TooManyRequests"), (409, "Conflict")])
async def test_what_may_go_well_next_time_is_cleared_away_and_made_once_more(
    driver: Driver, cluster: Cluster, status: int, reason: str
) -> None:
    cluster.refusals["create pods"] = (status, reason, "not now")
    with pytest.raises(Refused):
        await driver.start(spec())
    assert await driver.list() == [Instance(launch_id="one", attempt=0, state="up")]
    cluster.refusals.clear()
    await driver.stop("one", 1)
    await driver.start(spec())
    assert [instance.attempt for instance in await driver.list()] == [1]


async def test_nothing_is_made_for_a_container_that_wants_to_be_root(driver: Driver, cluster: Cluster) -> None:
    with pytest.raises(CannotStart, match='"web" is to run as "root": write uid:gid in numbers'):
        await driver.start(spec(user="root"))
    assert cluster.objects == {}


async def test_a_cluster_that_cannot_be_asked_is_an_oserror(cluster: Cluster) -> None:
    cluster.refusals["list pods"] = (403, "Forbidden", 'pods is forbidden: User "x" cannot list')
    with pytest.raises(OSError, match="cannot list"):
        await driver_of(str(cluster.url)).open(Home(installation="acme"))
    nobody = driver_of("http://127.0.0.1:1")
    with pytest.raises(OSError, match="does not list its pods"):
        await nobody.open(Home(installation="acme"))
    await nobody.close()


# The watch.


async def changed(changes: asyncio.Queue[None]) -> None:
    """The bound only ends a broken test."""
    async with asyncio.timeout(20):
        await changes.get()


async def watched(cluster: Cluster, watches: int) -> None:
    async with asyncio.timeout(20):
        while cluster.watches < watches:
            await asyncio.sleep(0.001)


async def test_every_change_of_a_pod_is_told(driver: Driver, cluster: Cluster, changes: asyncio.Queue[None]) -> None:
    await driver.start(spec())
    await changed(changes)
    cluster.set_status(**runs())
    await changed(changes)
    cluster.remove("pods")
    await changed(changes)


async def test_a_watch_that_ended_goes_on_where_it_was(
    driver: Driver, cluster: Cluster, changes: asyncio.Queue[None]
) -> None:
    await watched(cluster, 1)
    cluster.end_watches()
    await driver.start(spec())
    await changed(changes)
    assert cluster.calls().count("list pods") == 1, "nothing was missed, so nothing was listed anew"


@pytest.mark.parametrize("tells_410_in_stream", [False, True])
async def test_a_watch_that_is_too_old_begins_anew(
    driver: Driver, cluster: Cluster, changes: asyncio.Queue[None], tells_410_in_stream: bool
) -> None:
    await watched(cluster, 1)
    cluster.tells_410_in_stream = tells_410_in_stream
    cluster.forget_the_past()
    cluster.end_watches()
    await changed(changes)
    await watched(cluster, 2)
    assert cluster.calls().count("list pods") == 2
    await driver.start(spec())
    await changed(changes)


async def test_a_watch_survives_an_api_server_that_restarts(changes: asyncio.Queue[None]) -> None:
    async with Cluster() as cluster:
        async with kmock.Server(cluster) as server:
            port = server.port
            driver = driver_of(str(cluster.url))
            await driver.open(Home(installation="acme", changed=lambda: changes.put_nowait(None)))
            await watched(cluster, 1)
            await driver.start(spec())
            await changed(changes)
            cluster.end_watches()
        cluster.set_status(**runs())
        async with kmock.Server(cluster, port=port):
            await changed(changes)
            await driver.close()
            cluster.end_watches()


async def test_an_api_server_that_stays_away_is_asked_ever_more_rarely(
    driver: Driver, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest: list[float] = []

    def no_pause(low: float, high: float) -> float:
        longest.append(high)
        return low

    monkeypatch.setattr("random.uniform", no_pause)
    await watched(cluster, 1)
    cluster.ends_watches_at_once = True
    cluster.end_watches()
    async with asyncio.timeout(20):
        while len(longest) < 10:
            await asyncio.sleep(0)
    assert longest[:10] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]


# What it may do.


def test_the_manifest_is_valid_and_its_namespace_enforces_the_restricted_standard() -> None:
    for document in DOCUMENTS:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    assert named("Namespace", "demos")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    default = named("NetworkPolicy", "default-deny")["spec"]
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_role_allows_no_more_than_is_needed_and_no_way_into_a_container() -> None:
    assert not [each["kind"] for each in DOCUMENTS if each["kind"].startswith("ClusterRole")]
    role, binding = named("Role", "ecatalog-launcher"), named("RoleBinding", "ecatalog-launcher")
    assert {each["metadata"]["namespace"] for each in (role, binding)} == {"demos"}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "ecatalog-launcher", "namespace": "ecatalog"}
    allowed = {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}
    everything = {"create", "get", "list", "watch", "delete"}
    assert allowed == {
        "pods": everything,
        "services": everything,
        "networkpolicies": everything,
        "secrets": {"create", "delete"},
        "pods/log": {"get"},
    }


async def test_every_call_in_the_life_of_a_copy_is_allowed_by_the_role(cluster: Cluster) -> None:
    async with opened(cluster, Home(installation="acme", login=login_of_all)) as driver:
        await watched(cluster, 1)
        cluster.refusals["create pods"] = (500, "InternalError", "not now")
        with pytest.raises(Refused):
            await driver.start(spec())
        cluster.refusals.clear()
        await driver.start(spec())
        cluster.set_status(**ended())
        await driver.list()
        await driver.stop("one", 1)
    assert {verb_and_resource(request) for request in cluster} == {
        *("create pods", "get pods", "list pods", "watch pods", "delete pods", "get pods/log"),
        *("create services", "list services", "delete services"),
        *("create networkpolicies", "get networkpolicies", "list networkpolicies", "delete networkpolicies"),
        *("create secrets", "delete secrets"),
    }
    assert all(is_allowed(request) for request in cluster)
