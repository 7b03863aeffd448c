"""A Kubernetes API server for tests: kmock speaks HTTP and reads the calls, and here is what the API promises.

A name is taken once, labels select, versions only rise, a watch goes on from a version or is told 410, a pod is gone
when its kubelet says so, what has lost its owner is collected, and what the launcher's Role does not name is forbidden.
"""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp.web
import kmock
import yaml
from lightkube.config.kubeconfig import KubeConfig

from ecatalog_client.types.containers import Container, RegistryLogin
from ecatalog_launcher.drivers.contract import Budget, Home, Spec
from ecatalog_launcher.drivers.kubernetes import KubernetesDriver

Object = dict[str, Any]
Key = tuple[str, str]

MANIFEST = Path(__file__).parents[2] / "deploy/k8s/base/demos/demos.yaml"
DOCUMENTS: list[Object] = list(yaml.safe_load_all(MANIFEST.read_text()))
DIGEST = "sha256:" + "a" * 64


def named(kind: str, name: str) -> Object:
    """One document of deploy/k8s/base/demos/demos.yaml."""
    (found,) = [each for each in DOCUMENTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def spec(launch_id: str = "one", *, attempt: int = 1, port: int = 8000, user: str = "1000:1000") -> Spec:
    web = Container(name="web", image="registry.example.com/acme/web:1", user=user)
    db = Container(name="db", image="postgres:18")
    return Spec(launch_id=launch_id, attempt=attempt, containers=(web, db), port=port)


def runs(**more: Any) -> Object:
    """The status of a pod whose containers run."""
    statuses: list[Object] = [
        {"name": name, "imageID": f"registry/{name}@{DIGEST}", "state": {"running": {}}} for name in ("web", "db")
    ]
    return {"phase": "Running", "podIP": "10.1.2.3", "containerStatuses": statuses, **more}


def ended(status: int = 3) -> Object:
    """The status of a pod whose public container ended."""
    web, db = runs()["containerStatuses"]
    web["state"] = {"terminated": {"exitCode": status, "reason": "Error"}}
    return runs(containerStatuses=[db, web])


async def login_of_all(launch_id: str, registry: str) -> RegistryLogin:
    return RegistryLogin(registry_url=registry, username="u", password="p")


class Cluster(kmock.KubernetesScaffold):
    """Objects by (plural, name). `has_kubelet`: whether pods that are to go are gone at once, or only by `end`."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[Key, Object] = {}
        self.logs: dict[Key, str] = {}
        self.refusals: dict[str, tuple[int, str, str]] = {}
        self.has_kubelet = True
        self.tells_410_in_stream = False
        self.ends_watches_at_once = False
        self.watches = 0
        self._version = 100
        self._oldest = 0
        self._events: list[tuple[int, str, Key, Object]] = []
        self._news = asyncio.Event()
        self._generation = 0
        self._frozen_call = -1
        self._frozen_after = False
        self._thaw: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.is_frozen = asyncio.Event()

    def calls(self) -> list[str]:
        """Every call so far but the watches, in words: `create pods`, `get pods/log`."""
        return [verb_and_resource(each) for each in self if each.resource and each.action is not kmock.action.WATCH]

    def of(self, plural: str) -> Object:
        """The one object of its kind."""
        (found,) = [each for (kind, _), each in self.objects.items() if kind == plural]
        return found

    def freeze(self, call: int, *, after: bool = False) -> None:
        """Does not answer that call, counted from 1 on; the object of it is there (`after`) or is not."""
        self.thaw(goes_on=False)
        self._frozen_call, self._frozen_after = len(self.calls()) + call, after
        self.is_frozen.clear()

    def thaw(self, *, goes_on: bool) -> None:
        """Ends that, and answers it now or never."""
        if not self._thaw.done():
            self._thaw.set_result(goes_on)
        self._frozen_call = -1
        self._thaw = asyncio.get_running_loop().create_future()

    def set_status(self, **status: Any) -> None:
        """Of the one pod."""
        self._change("MODIFIED", ("pods", self.of("pods")["metadata"]["name"]), self.of("pods") | {"status": status})

    def remove(self, plural: str, *, collect: bool = False) -> None:
        """Somebody removes the one object of its kind; `collect` also removes whatever it owned."""
        self._gone((plural, self.of(plural)["metadata"]["name"]))
        if collect:
            self.collect()

    def collect(self) -> None:
        """What the garbage collector of a cluster does."""
        uids = {each["metadata"]["uid"] for each in self.objects.values()}
        for key, found in list(self.objects.items()):
            owners = found["metadata"].get("ownerReferences", [])
            if owners and not any(owner["uid"] in uids for owner in owners):
                self._gone(key)

    def forget_the_past(self) -> None:
        """From now on, a watch that goes on from any earlier version is refused."""
        self._version += 1
        self._oldest = self._version

    def end_watches(self) -> None:
        self._generation += 1
        self._tell()

    async def _handle(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        if request.resource is None:
            return await super()._handle(request)
        if not is_allowed(request):
            raise kmock.KubernetesError(status=403, reason="Forbidden", message=f"may not {verb_and_resource(request)}")
        if request.action is kmock.action.WATCH:
            return await self._watch(request)
        is_frozen = len(self.calls()) == self._frozen_call
        if is_frozen and not self._frozen_after:
            await self._freeze()
        try:
            return self._answer(request)
        finally:
            if is_frozen and self._frozen_after:
                await self._freeze()

    async def _freeze(self) -> None:
        self.is_frozen.set()
        if not await self._thaw:
            raise kmock.KubernetesError(status=503, reason="ServiceUnavailable", message="nobody waits any more")

    def _answer(self, request: kmock.Request) -> aiohttp.web.Response:
        verb, _, resource = verb_and_resource(request).partition(" ")
        if (refusal := self.refusals.get(f"{verb} {resource}")) is not None:
            status, reason, message = refusal
            raise kmock.KubernetesError(status=status, reason=reason, message=message)
        if resource == "pods/log":
            return aiohttp.web.Response(text=self._log(request))
        answers: dict[str, Callable[[str, kmock.Request], Object]] = {
            "create": self._create,
            "get": self._get,
            "list": self._list,
            "delete": self._delete,
        }
        return aiohttp.web.json_response(answers[verb](resource, request))

    def _log(self, request: kmock.Request) -> str:
        key = (request.name or "", request.params["container"])
        if key not in self.logs:
            raise kmock.KubernetesError(status=400, reason="BadRequest", message="the container has no log")
        return "".join(self.logs[key].splitlines(keepends=True)[-int(request.params["tailLines"]) :])

    def _create(self, plural: str, request: kmock.Request) -> Object:
        made: Object = copy.deepcopy(request.data)
        key = (plural, made["metadata"]["name"])
        if key in self.objects:
            raise kmock.KubernetesError(status=409, reason="AlreadyExists", message=f"{key[1]} already exists")
        made["metadata"]["uid"] = f"uid-{self._version}"
        if plural == "pods":
            made["status"] = {"phase": "Pending"}
        self._change("ADDED", key, made)
        return made

    def _get(self, plural: str, request: kmock.Request) -> Object:
        if (found := self.objects.get((plural, request.name or ""))) is None:
            raise kmock.KubernetesError(status=404, reason="NotFound", message=f"{request.name} not found")
        return found

    def _list(self, plural: str, request: kmock.Request) -> Object:
        items = [each for (kind, _), each in self.objects.items() if kind == plural and _is_selected(each, request)]
        return {"metadata": {"resourceVersion": str(self._version)}, "items": items}

    def _delete(self, plural: str, request: kmock.Request) -> Object:
        found = self._get(plural, request)
        key = (plural, found["metadata"]["name"])
        if plural == "pods" and request.params.get("gracePeriodSeconds") != "0":
            meta = found["metadata"] | {"deletionTimestamp": "2026-03-01T00:00:00Z"}
            self._change("MODIFIED", key, found | {"metadata": meta})
            if not self.has_kubelet:
                return found
        self._gone(key)
        return found

    def _gone(self, key: Key) -> None:
        self._change("DELETED", key, self.objects[key])
        del self.objects[key]

    def _change(self, what: str, key: Key, found: Object) -> None:
        self._version += 1
        found = found | {"metadata": found["metadata"] | {"resourceVersion": str(self._version)}}
        self.objects[key] = found
        self._events.append((self._version, what, key, found))
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _watch(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        assert request._raw_request is not None
        since, generation = int(request.params["resourceVersion"]), self._generation
        if since < self._oldest and not self.tells_410_in_stream:
            raise kmock.KubernetesError(status=410, reason="Expired", message="too old resource version")
        answer = aiohttp.web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request._raw_request)
        if since < self._oldest:
            expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            await answer.write(_line("ERROR", expired))
            return answer
        self.watches += 1
        while generation == self._generation and not self.ends_watches_at_once:
            for version, what, (plural, _), found in list(self._events):
                if version > since and plural == "pods" and _is_selected(found, request):
                    await answer.write(_line(what, found))
                since = max(since, version)
            await self._news.wait()
        return answer


def _line(what: str, found: Object) -> bytes:
    return json.dumps({"type": what, "object": found}).encode() + b"\n"


def _is_selected(found: Object, request: kmock.Request) -> bool:
    labels: dict[str, str] = found["metadata"].get("labels", {})
    wanted = [each.partition("=") for each in request.params["labelSelector"].split(",")]
    return all(key in labels and (not equals or labels[key] == value) for key, equals, value in wanted)


VERBS = {"FETCH": "get", "CREATE": "create", "LIST": "list", "DELETE": "delete", "WATCH": "watch", "UPDATE": "patch"}


def verb_and_resource(request: kmock.Request) -> str:
    """As a Role names them: `get pods/log`."""
    assert request.resource is not None
    assert request.action is not None
    resource = f"{request.resource.plural}/{request.subresource}" if request.subresource else request.resource.plural
    return f"{VERBS[request.action.value]} {resource}"


def is_allowed(request: kmock.Request) -> bool:
    """By the Role in deploy/k8s/base/demos/demos.yaml."""
    assert request.resource is not None
    verb, _, resource = verb_and_resource(request).partition(" ")
    return request.namespace == "demos" and any(
        request.resource.group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
        for rule in named("Role", "ecatalog-launcher")["rules"]
    )


@asynccontextmanager
async def serving() -> AsyncIterator[Cluster]:
    """A cluster on a port of 127.0.0.1."""
    async with Cluster() as made, kmock.Server(made):
        yield made
        made.thaw(goes_on=False)
        made.end_watches()


@asynccontextmanager
async def opened(cluster: Cluster, home: Home, **options: Any) -> AsyncIterator[KubernetesDriver]:
    """A launcher's driver, as after its start."""
    driver = driver_of(str(cluster.url), **options)
    await driver.open(home)
    yield driver
    await driver.close()


def driver_of(url: str, **options: Any) -> KubernetesDriver:
    return KubernetesDriver(budget=Budget(copies=10, memory_mb=4096), config=KubeConfig.from_server(url), **options)
