"""Runs copies as pods of a Kubernetes cluster, each launch with a network policy of its own.

What runs is what the cluster lists under our label. Made are, in this order, the policy, a secret where a registry asks
for a login, the pod and its service; `pods.py` says why, and what each of them is.
"""

import asyncio
import math
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import httpx2
import msgspec
import structlog
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from ecatalog_client.types.containers import RegistryLogin, registry_of
from ecatalog_launcher.drivers import pods
from ecatalog_launcher.drivers.contract import (
    LOG_LINES,
    Budget,
    CannotStart,
    Home,
    Instance,
    Spec,
    Tell,
    tell_nobody,
)
from ecatalog_launcher.drivers.pods import Ending, Manifest
from ecatalog_launcher.drivers.probing import answers_http

log = structlog.get_logger("ecatalog.launcher.kubernetes")

Params = Mapping[str, str | int]

_PATHS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Service": "/api/v1/namespaces/{}/services",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}
_CALL_SECONDS = 10.0
_LOG_SECONDS = 2.0
_LOG_BYTES = 1 << 20
_LONGEST_TAIL = 1 << 16
_WATCH_SECONDS = 240
_WATCH_SLACK_SECONDS = 15
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 10.0
_POLL_SECONDS = (0.05, 0.5)


class Refused(Exception):
    """The API server's own answer to a call: `code` as in HTTP, `reason` in one word, `message` for people."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


class Api:
    """The calls that are made, all in one namespace: plain data in and out. They raise Refused and httpx2.HTTPError."""

    def __init__(self, http: httpx2.AsyncClient, namespace: str) -> None:
        self._http = http
        self._namespace = namespace

    async def create(self, manifest: Manifest) -> Manifest | None:
        """As it is then, with its uid; None when that name is there already."""
        try:
            return await self._call("POST", manifest["kind"], body=manifest)
        except Refused as refused:
            if refused.reason == "AlreadyExists":
                return None
            raise

    async def get(self, kind: str, name: str) -> Manifest | None:
        try:
            return await self._call("GET", kind, name)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    async def list(self, kind: str, selector: str) -> Manifest:
        return await self._call("GET", kind, params={"labelSelector": selector})

    async def delete(self, kind: str, name: str, **params: int) -> bool:
        """Whether there was anything to delete."""
        try:
            await self._call("DELETE", kind, name, params=params)
        except Refused as refused:
            if refused.code == 404:
                return False
            raise
        return True

    async def log(self, pod: str, container: str) -> str:
        params: Params = {"container": container, "tailLines": LOG_LINES, "limitBytes": _LOG_BYTES}
        response = await self._http.get(f"{self._path('Pod', pod)}/log", params=params)
        if response.is_error:
            raise _refused(response)
        return response.content.decode(errors="replace")[-_LONGEST_TAIL:]

    async def changes(self, kind: str, selector: str, version: str) -> AsyncGenerator[tuple[str, str], None]:
        """What happens after `version`, as (`ADDED` …, version), until the server ends it, as it does now and then.

        Raises Refused with 410 when the server no longer knows what happened after that version.
        """
        params: Params = {
            "labelSelector": selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": _WATCH_SECONDS,
        }
        timeout = httpx2.Timeout(_CALL_SECONDS, read=None)
        async with self._http.stream("GET", self._path(kind), params=params, timeout=timeout) as response:
            if response.is_error:
                await response.aread()
                raise _refused(response)
            async for line in response.aiter_lines():
                event = msgspec.json.decode(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise Refused(status.get("code", 0), status.get("reason", ""), status.get("message", ""))
                yield event["type"], event["object"]["metadata"]["resourceVersion"]

    async def close(self) -> None:
        await self._http.aclose()

    def _path(self, kind: str, name: str = "") -> str:
        return _PATHS[kind].format(self._namespace) + (f"/{name}" if name else "")

    async def _call(
        self,
        method: str,
        kind: str,
        name: str = "",
        params: Params | None = None,
        body: Manifest | None = None,
    ) -> Manifest:
        response = await self._http.request(method, self._path(kind, name), params=params, json=body)
        if response.is_error:
            raise _refused(response)
        found: Manifest = msgspec.json.decode(response.content)
        return found


class KubernetesDriver:
    """One namespace of a cluster. Without a `config` it is the cluster that this runs in, or else that of kubectl.

    A pod whose node keeps silent is given up `lost_node_seconds` after its grace.
    """

    engine = "kubernetes"

    def __init__(
        self,
        *,
        budget: Budget,
        config: KubeConfig | SingleConfig | None = None,
        namespace: str = "demos",
        lost_node_seconds: float = 30.0,
    ) -> None:
        self.budget = budget
        self._lost_node_seconds = lost_node_seconds
        self._config = config
        self._namespace = namespace
        self._home = Home(installation="")
        self._starts: dict[str, float] = {}
        self._tails: dict[str, str] = {}
        self._following: asyncio.Task[None] | None = None

    async def open(self, home: Home) -> None:
        self._home = home
        try:
            self._api = Api(_client(self._config), self._namespace)
        except (ConfigError, LookupError, ValueError) as error:
            raise OSError(f"No Kubernetes cluster is configured here: {error}.") from error
        try:
            found = await self._api.list("Pod", pods.selector(home.installation))
        except (Refused, httpx2.HTTPError) as error:
            await self._api.close()
            raise OSError(
                f"The Kubernetes cluster does not list its pods in {self._namespace}: {_said(error)}"
            ) from error
        self._following = asyncio.create_task(self._follow(found["metadata"]["resourceVersion"]))

    async def list(self) -> list[Instance]:
        began = asyncio.get_running_loop().time()
        # Pods come last: whoever sees the service of a copy that is being started then also sees its pod.
        policies, services = await asyncio.gather(self._listed("NetworkPolicy"), self._listed("Service"))
        found = await self._listed("Pod")
        there = {pod["metadata"]["uid"] for pod in found.values()}
        self._tails = {uid: tail for uid, tail in self._tails.items() if uid in there}
        under_way = {launch_id for launch_id, ended in self._starts.items() if ended >= began}
        whole = services.keys() | under_way
        seen = await asyncio.gather(*(self._instance(pod, is_whole=each in whole) for each, pod in found.items()))
        gone = [_gone(services[each]) for each in services.keys() - found.keys()]
        begun = [_of_no_attempt(each) for each in policies.keys() - found.keys() - whole]
        return sorted([*seen, *gone, *begun], key=lambda instance: instance.launch_id)

    async def _listed(self, kind: str) -> dict[str, Manifest]:
        found = await self._api.list(kind, pods.selector(self._home.installation))
        return {pods.launch_of(each): each for each in found["items"]}

    async def _instance(self, pod: Manifest, *, is_whole: bool) -> Instance:
        ending = pods.ending_of(pod)
        if ending is not None:
            return pods.instance_of(pod, ending, await self._tail(pod, ending))
        return pods.instance_of(pod) if is_whole else _of_no_attempt(pods.launch_of(pod))

    async def _tail(self, pod: Manifest, ending: Ending) -> str:
        """Its last lines, asked for once, since they do not change any more; empty when the cluster has none."""
        uid = pod["metadata"]["uid"]
        if ending.container and uid not in self._tails:
            try:
                async with asyncio.timeout(_LOG_SECONDS):
                    self._tails[uid] = await self._api.log(pod["metadata"]["name"], ending.container)
            except (Refused, httpx2.HTTPError, TimeoutError) as error:
                log.info("log.not_read", launch=pods.launch_of(pod), reason=_said(error))
        return self._tails.get(uid, "")

    async def start(self, spec: Spec, tell: Tell = tell_nobody) -> None:
        if await self._api.get("Pod", self._name(spec.launch_id)) is not None:
            return
        # What is half made meanwhile is not taken for what a killed launcher left.
        self._starts[spec.launch_id] = math.inf
        try:
            await self._create(spec, await self._logins(spec))
        except Refused as refused:
            reason = _in_words(refused, self._namespace)
            if reason is None:
                raise
            await self.stop(spec.launch_id, 0)
            raise CannotStart(reason) from refused
        finally:
            self._starts[spec.launch_id] = asyncio.get_running_loop().time()

    async def _logins(self, spec: Spec) -> dict[str, RegistryLogin]:
        logins = {}
        for registry in dict.fromkeys(registry_of(container.image) for container in spec.containers):
            login = await self._home.login(spec.launch_id, registry) if self._home.login else None
            if login is not None:
                logins[registry] = login
        return logins

    async def _create(self, spec: Spec, logins: dict[str, RegistryLogin]) -> None:
        whose = (spec, self._home.installation, self._namespace)
        pod = pods.pod(*whose, has_secret=bool(logins))
        policy = await self._api.create(pods.network_policy(*whose))
        if policy is None:
            policy = await self._api.get("NetworkPolicy", self._name(spec.launch_id))
        if policy is None:
            raise RuntimeError("the network policy was there, and then it was not")
        secrets = [pods.secret(*whose, logins)] if logins else []
        for manifest in (*secrets, pod, pods.service(*whose)):
            await self._api.create(pods.owned_by(manifest, policy))

    def _name(self, launch_id: str) -> str:
        return pods.object_name(self._home.installation, launch_id)

    async def is_ready(self, instance: Instance) -> bool:
        return bool(instance.upstream) and await answers_http(instance.upstream)

    async def stop(self, launch_id: str, grace: float) -> None:
        name = self._name(launch_id)
        # By 0 seconds the API means: forget the pod now, and whether its containers still run is the node's affair.
        await self._end_pod(name, max(1, math.ceil(grace)))
        await asyncio.gather(self._api.delete("Service", name), self._api.delete("Secret", name))
        await self._api.delete("NetworkPolicy", name)
        self._starts.pop(launch_id, None)

    async def _end_pod(self, name: str, seconds: int) -> None:
        clock = asyncio.get_running_loop().time
        is_there = await self._api.delete("Pod", name, gracePeriodSeconds=seconds)
        lost_at = clock() + seconds + self._lost_node_seconds
        pause, longest = _POLL_SECONDS
        while is_there and await self._api.get("Pod", name) is not None:
            if clock() >= lost_at:
                log.warning("pod.forgotten", pod=name, because="Its node does not say that it ended.")
                await self._api.delete("Pod", name, gracePeriodSeconds=0)
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            await self._api.close()

    async def _follow(self, version: str) -> None:
        """Wakes the reconciler at every change of a pod of ours, whatever becomes of the connection."""
        selector = pods.selector(self._home.installation)
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            began = clock()
            try:
                if not version:
                    version = (await self._api.list("Pod", selector))["metadata"]["resourceVersion"]
                    self._home.changed()
                async with (
                    asyncio.timeout(_WATCH_SECONDS + _WATCH_SLACK_SECONDS),
                    aclosing(self._api.changes("Pod", selector, version)) as changes,
                ):
                    async for what, newest in changes:
                        version = newest
                        if what != "BOOKMARK":
                            self._home.changed()
            except (httpx2.TransportError, TimeoutError) as error:
                log.warning("watch.lost", reason=_said(error))
            except Exception as error:
                # 410 above all: what came after that version is forgotten. So we look at it all, and go on from there.
                version = ""
                log.info("watch.begins_anew", reason=str(error))
            failures = failures + 1 if clock() - began < _LONGEST_PAUSE else 1
            await asyncio.sleep(_pause(failures))


def _of_no_attempt(launch_id: str) -> Instance:
    """A launcher was killed while it made it: so it is cleared away, and made once more."""
    return Instance(launch_id=launch_id, attempt=0, state="up")


def _gone(service: Manifest) -> Instance:
    """It was whole, and then somebody took its pod away: a drained node, or a person."""
    reason = "Its pod is gone from the cluster."
    return Instance(launch_id=pods.launch_of(service), attempt=pods.attempt_of(service), state="exited", reason=reason)


def _client(config: KubeConfig | SingleConfig | None) -> httpx2.AsyncClient:
    """Speaks to the cluster as lightkube says: its address and certificates, and a token that is read anew in time."""
    found = KubeConfig.from_env() if config is None else config
    single = found.get() if isinstance(found, KubeConfig) else found
    if single is None:
        raise ConfigError("the configuration names no context")
    timeout = httpx2.Timeout(_CALL_SECONDS)
    single = single._replace(user=single.user or User())
    return client_adapter.AsyncClient(single, client_adapter.ConnectionParams(timeout=timeout, trust_env=False))


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _pause(failures: int) -> float:
    """Full jitter, so that the launchers of many catalogs do not come back all at once."""
    return random.uniform(0, min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(failures, 20)))  # noqa: S311 - no secret


def _refused(response: httpx2.Response) -> Refused:
    try:
        status = msgspec.json.decode(response.content)
        return Refused(response.status_code, status["reason"], status["message"])
    except (msgspec.DecodeError, LookupError, TypeError):
        return Refused(response.status_code, response.reason_phrase, response.text[:200])


def _in_words(refused: Refused, namespace: str) -> str | None:
    """What would be refused again, for people to read; None for what is worth another try."""
    message = refused.message.strip().rstrip(".")
    match refused.code:
        case 403 if "exceeded quota" in message:
            return f"The cluster has no room for another demo: the quota of its namespace {namespace} is used up."
        case 403:
            return f"The cluster does not allow it: {message}."
        case 400 | 422:
            return f"The cluster cannot run it: {message}."
        case 404:
            return f"The cluster has no namespace {namespace}. Make it: kubectl apply -k deploy/k8s/base/demos"
    return None
