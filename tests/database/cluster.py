"""A Kubernetes API server for the real `kubectl`: objects are kept, pods run at once, and `exec` runs what it is given.

It listens in a thread of its own, so that tests call scripts as people do. Not here: admission, scheduling, time.
"""

import asyncio
import base64
import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import WSMsgType, web

from tests.database.bodies import Object, object_of

Command = Callable[[list[str]], tuple[int, str]]
# Group and version, and of each resource: its plural, its kind, whether it is in a namespace.
RESOURCES: dict[str, list[tuple[str, str, bool]]] = {
    "api/v1": [
        ("persistentvolumes", "PersistentVolume", False),
        ("persistentvolumeclaims", "PersistentVolumeClaim", True),
        ("namespaces", "Namespace", False),
        ("nodes", "Node", False),
        ("pods", "Pod", True),
        ("services", "Service", True),
        ("configmaps", "ConfigMap", True),
        ("secrets", "Secret", True),
        ("serviceaccounts", "ServiceAccount", True),
        ("resourcequotas", "ResourceQuota", True),
        ("limitranges", "LimitRange", True),
        ("events", "Event", True),
    ],
    "apis/apps/v1": [("deployments", "Deployment", True), ("replicasets", "ReplicaSet", True)],
    "apis/batch/v1": [("jobs", "Job", True), ("cronjobs", "CronJob", True)],
    "apis/networking.k8s.io/v1": [("networkpolicies", "NetworkPolicy", True), ("ingresses", "Ingress", True)],
    "apis/policy/v1": [("poddisruptionbudgets", "PodDisruptionBudget", True)],
    "apis/scheduling.k8s.io/v1": [("priorityclasses", "PriorityClass", False)],
    "apis/rbac.authorization.k8s.io/v1": [("roles", "Role", True), ("rolebindings", "RoleBinding", True)],
    "apis/metrics.k8s.io/v1beta1": [("pods", "PodMetrics", True)],
}
SHORT_NAMES = {
    "persistentvolumes": ["pv"],
    "persistentvolumeclaims": ["pvc"],
    "pods": ["po"],
    "services": ["svc"],
    "deployments": ["deploy"],
}


def _succeeds(command: list[str]) -> tuple[int, str]:
    return 0, "done\n"


@dataclass
class Cluster:
    """Objects by their path. `forbidden` is a word in bodies that are refused; `pods_start` whether pods get ready."""

    run: Command = _succeeds
    log: str = "the log of each pod\n"
    forbidden: str = ""
    pods_start: bool = True
    objects: dict[str, Object] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ran: list[list[str]] = field(default_factory=list)
    port: int = 0

    def of(self, plural: str, name: str) -> Object:
        """The one object of that kind and name."""
        (found,) = [each for path, each in self.objects.items() if path.endswith(f"/{plural}/{name}")]
        return found

    def add_node(self, name: str) -> None:
        self.objects[f"/api/v1/nodes/{name}"] = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}, "resourceVersion": "1"},
        }

    def add_namespace(self, name: str, **labels: str) -> None:
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self._put(f"/api/v1/namespaces/{name}", made)

    def add_pod(self, name: str, labels: dict[str, str], namespace: str = "default") -> None:
        self._put(
            f"/api/v1/namespaces/{namespace}/pods/{name}",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace, "labels": labels},
                "spec": {"containers": [{"name": "database"}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            },
        )

    def kubeconfig(self, folder: Path, namespace: str = "default") -> Path:
        """A file for KUBECONFIG that leads here, into that namespace."""
        named = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", "namespace": namespace}}],
            "users": [{"name": "c", "user": {}}],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", **named}))
        return path

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        if (found := _discovery(request.path)) is not None:
            return web.json_response(found)
        if request.path.endswith("/exec"):
            return await self._exec(request)
        if request.path.endswith("/log"):
            return web.Response(text=self.log)
        return await self._resource(request)

    async def _resource(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/apis/metrics.k8s.io/"):
            return self._measured(request.path)
        if request.path.endswith("/scale"):
            return self._scale(request.path.removesuffix("/scale"), json.loads(await request.text() or "{}"))
        match request.method:
            case "GET" if _is_collection(request.path):
                return await self._list(request)
            case "GET":
                found = self.objects.get(request.path)
                return web.json_response(found) if found else _problem(404, "NotFound", request.path)
            case "POST":
                return self._create(request.path, object_of(await request.read()))
            case "PATCH":
                return self._patch(request.path, json.loads(await request.text()))
            case "DELETE":
                self.objects.pop(request.path, None)
                return web.json_response({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        return _problem(405, "MethodNotAllowed", request.path)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        kind = next(kind for plural, kind in _kinds() if request.path.endswith(f"/{plural}"))
        version = request.path.removeprefix("/apis/").removeprefix("/api/").split("/namespaces/")[0]
        shape = {"apiVersion": version.removesuffix(f"/{request.path.rpartition('/')[2]}"), "kind": kind}
        items = [
            each
            for path, each in self.objects.items()
            if path.rpartition("/")[0] == request.path and _is_selected(each, request.query)
        ]
        if request.query.get("watch") in ("1", "true"):
            return await _watch(request, shape, items if "sendInitialEvents" in request.query else [])
        shape["kind"] += "List"
        return web.json_response(shape | {"metadata": {"resourceVersion": "9"}, "items": items})

    def _create(self, collection: str, body: Object) -> web.StreamResponse:
        if self.forbidden and self.forbidden in json.dumps(body):
            return _problem(403, "Forbidden", f"violates PodSecurity: {self.forbidden}")
        path = f"{collection}/{body['metadata']['name']}"
        if path in self.objects:
            return _problem(409, "AlreadyExists", path)
        self._put(path, body)
        self._live(path)
        return web.json_response(self.objects[path], status=201)

    def _patch(self, path: str, body: Object) -> web.StreamResponse:
        if path not in self.objects:
            return _problem(404, "NotFound", path)
        _merge(self.objects[path], body)
        self._live(path)
        return web.json_response(self.objects[path])

    def _measured(self, path: str) -> web.StreamResponse:
        """What a pod takes, or each pod of a namespace."""
        pods = path.replace("/apis/metrics.k8s.io/v1beta1/", "/api/v1/")
        found = [
            {
                "metadata": {each: pod["metadata"][each] for each in ("name", "namespace")},
                "containers": [{"name": "one", "usage": {"cpu": "5m", "memory": "40Mi"}}],
            }
            for name, pod in self.objects.items()
            if name == pods or name.startswith(f"{pods}/")
        ]
        version = {"apiVersion": "metrics.k8s.io/v1beta1"}
        if _is_collection(path):
            return web.json_response(version | {"kind": "PodMetricsList", "metadata": {}, "items": found})
        return web.json_response(version | {"kind": "PodMetrics", **found[0]})

    def _scale(self, path: str, body: Object) -> web.StreamResponse:
        found = self.objects[path]
        _merge(found, body)
        self._live(path)
        shape = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": found["spec"]["replicas"]}}
        return web.json_response(shape | {"metadata": {"name": found["metadata"]["name"], "resourceVersion": "9"}})

    def _put(self, path: str, body: Object) -> None:
        made = copy.deepcopy(body)
        made["metadata"] |= {"resourceVersion": str(len(self.calls) + 1), "generation": 1, "uid": path}
        if "/namespaces/" in path:
            made["metadata"]["namespace"] = path.split("/namespaces/")[1].split("/")[0]
        self.objects[path] = made

    def _live(self, path: str) -> None:
        """What controllers and kubelets would make of it, if pods start here."""
        found = self.objects[path]
        if found["kind"] == "Secret" and "stringData" in found:
            given = found.pop("stringData")
            found["data"] = {name: base64.b64encode(value.encode()).decode() for name, value in given.items()}
        if found["kind"] == "Job" and self.pods_start:
            found["status"] = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
        if found["kind"] == "Deployment" and self.pods_start:
            self._run_pods(found)

    def _run_pods(self, deployment: Object) -> None:
        """As many as it wants, and no more."""
        count, name = deployment["spec"]["replicas"], deployment["metadata"]["name"]
        namespace, labels = deployment["metadata"]["namespace"], deployment["spec"]["template"]["metadata"]["labels"]
        ready = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count)
        deployment["status"] = {"observedGeneration": 1, **ready}
        for path in [each for each in self.objects if f"/{namespace}/pods/{name}-" in each]:
            del self.objects[path]
        for number in range(count):
            self.add_pod(f"{name}-{number}", labels, namespace)

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        """The protocol of `kubectl exec`: a byte names the channel; 1 is the output, 3 how it ended."""
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        command = request.query.getall("command")
        self.ran.append(command)
        status, said = await asyncio.to_thread(self.run, command)
        await socket.send_bytes(b"\x01" + said.encode())
        ended: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        if status:
            causes = [{"reason": "ExitCode", "message": str(status)}]
            ended |= {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
            ended["message"] = f"command terminated with exit code {status}"
        await socket.send_bytes(b"\x03" + json.dumps(ended).encode())
        await socket.close()
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket


async def _watch(request: web.Request, shape: Object, items: list[Object]) -> web.StreamResponse:
    """What is there, the mark that this was all, and nothing more: who waits here has seen the last state."""
    stream = web.StreamResponse(headers={"Content-Type": "application/json"})
    await stream.prepare(request)
    events = [{"type": "ADDED", "object": each} for each in items]
    end = {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}
    for event in [*events, {"type": "BOOKMARK", "object": shape | {"metadata": end}}]:
        await stream.write(json.dumps(event).encode() + b"\n")
    await asyncio.sleep(3600)
    return stream


def _kinds() -> Iterator[tuple[str, str]]:
    return ((plural, kind) for resources in RESOURCES.values() for plural, kind, _ in resources)


def _discovery(path: str) -> Object | None:
    if path == "/openapi/v3":
        return {"paths": {each: {"serverRelativeURL": f"/openapi/v3/{each}"} for each in RESOURCES}}
    if path.startswith("/openapi/v3/"):
        return _openapi(path.removeprefix("/openapi/v3/"))
    if path == "/version":
        return {"major": "1", "minor": "32", "gitVersion": "v1.32.0", "platform": "linux/amd64"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [each.split("/")[1:] for each in RESOURCES if each.startswith("apis/")]
        listed = []
        for name, version in groups:
            this = {"groupVersion": f"{name}/{version}", "version": version}
            listed.append({"name": name, "versions": [this], "preferredVersion": this})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    resources = RESOURCES.get(path.strip("/"))
    if resources is None:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": path.strip("/").removeprefix("apis/").removeprefix("api/"),
        "resources": [
            {
                "name": plural,
                "singularName": kind.lower(),
                "shortNames": SHORT_NAMES.get(plural, []),
                "namespaced": is_named,
                "kind": kind,
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            }
            for plural, kind, is_named in resources
        ],
    }


def _openapi(group: str) -> Object:
    """As much of a schema as tells kubectl that the server checks the fields itself."""
    parts = group.split("/")
    name, version = (parts[1], parts[2]) if len(parts) == 3 else ("", parts[1])
    parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
    operations = {
        f"/{group}/{'namespaces/{namespace}/' if is_named else ''}{plural}/{{name}}": {
            "patch": {
                "parameters": parameters,
                "responses": {},
                "x-kubernetes-group-version-kind": {"group": name, "version": version, "kind": kind},
            }
        }
        for plural, kind, is_named in RESOURCES[group]
    }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.32.0"}, "paths": operations}


def _is_collection(path: str) -> bool:
    return any(path.endswith(f"/{plural}") for plural, _ in _kinds())


def _is_selected(found: Object, query: Any) -> bool:
    labels = found["metadata"].get("labels", {})
    wanted = [each.replace("==", "=").split("=") for each in query.get("labelSelector", "").split(",") if each]
    fields = [each.split("=") for each in query.get("fieldSelector", "").split(",") if each]
    return all(labels.get(name) == value for name, value in wanted) and all(
        _field(found, name) == value for name, value in fields
    )


def _field(found: Object, name: str) -> Any:
    value: Any = found
    for part in name.split("."):
        value = value.get(part, {})
    return value


def _merge(target: Object, patch: Object) -> None:
    """JSON merge patch (RFC 7396); the strategic one is the same for what is patched here."""
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value


def _problem(status: int, reason: str, message: str) -> web.Response:
    told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": status}
    return web.json_response(told | {"message": message}, status=status)


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """Listens on a free port of the loopback."""
    is_listening, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_listen(cluster, is_listening, end)))
    thread.start()
    try:
        assert is_listening.wait(30)
        yield cluster
    finally:
        end.set()
        thread.join()


async def _listen(cluster: Cluster, is_listening: threading.Event, end: threading.Event) -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cluster.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster.port = runner.addresses[0][1]
    is_listening.set()
    await asyncio.to_thread(end.wait)
    await runner.cleanup()
