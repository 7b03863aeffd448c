"""What a Kubernetes cluster is asked for, and what its pods tell: pure functions on plain data in the API's JSON form.

The network policy of a launch comes first, goes last and owns the rest: no pod is ever without it, and what a killed
launcher left is found by it. The service comes last of all, so a pod that has one is whole.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecatalog_client.types.containers import Container, RegistryLogin
from ecatalog_launcher.drivers.contract import CannotStart, Instance, Spec

Manifest = dict[str, Any]

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTALLATION: Final = "ecatalog.io/installation"
LAUNCH: Final = "ecatalog.io/launch"
ATTEMPT: Final = "ecatalog.io/attempt"
PUBLIC: Final = "kubectl.kubernetes.io/default-container"

MAY_REACH = ("ecatalog-edge", "ecatalog-launcher")
"""The pods, by their label `app` and in any namespace, that reach the public port of a copy. Nothing else does."""
GRACE_SECONDS = 3
EPHEMERAL_STORAGE = "128Mi"
"""For each container. Nothing of it can be written to, so this is its log: the kubelet keeps up to 50 MiB."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"([0-9]+):([0-9]+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}$")
_LONGEST_MESSAGE = 300
_DOCKER_HUB = {"docker.io": "https://index.docker.io/v1/"}
"""The one registry whose key in a Docker configuration is not its host name."""
_NO_IMAGE = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "ImageInspectError",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_NO_CONTAINER = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "CrashLoopBackOff",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunContainerError",
}
_PULLS_TOO_OFTEN = "pull QPS exceeded"
"""What a kubelet says when many images are fetched at once. It tries again by itself."""


def object_name(installation: str, launch_id: str) -> str:
    """What every object of a launch is called; also a host name, so 63 characters at most (RFC 1035)."""
    name = f"ecatalog-{installation}-{launch_id}"
    return name if _NAME.fullmatch(name) else f"ecatalog-{hashlib.sha256(name.encode()).hexdigest()[:40]}"


def selector(installation: str) -> str:
    """The label selector of everything that is one installation's."""
    return f"{MANAGED_BY}=ecatalog,{INSTALLATION}={installation},{LAUNCH}"


def network_policy(spec: Spec, installation: str, namespace: str) -> Manifest:
    """Default deny both ways. In come edge and launcher, to the public port alone; nothing goes out, no name either."""
    return _object("networking.k8s.io/v1", "NetworkPolicy", spec, installation, namespace) | {
        "spec": {
            "podSelector": {"matchLabels": _mark(spec, installation)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [
                        {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": app}}} for app in MAY_REACH
                    ],
                    "ports": [{"protocol": "TCP", "port": spec.port}],
                }
            ],
            "egress": [],
        }
    }


def service(spec: Spec, installation: str, namespace: str) -> Manifest:
    """The public port under the name of the launch, inside the cluster."""
    return _object("v1", "Service", spec, installation, namespace) | {
        "spec": {
            "type": "ClusterIP",
            "selector": _mark(spec, installation),
            "ports": [{"name": "http", "protocol": "TCP", "port": spec.port, "targetPort": spec.port}],
        }
    }


def secret(spec: Spec, installation: str, namespace: str, logins: Mapping[str, RegistryLogin]) -> Manifest:
    """How the kubelet logs in to the registries, which are named by their hosts."""
    auths = {
        _DOCKER_HUB.get(registry, registry): {
            "username": login.username,
            "password": login.password,
            "auth": base64.b64encode(f"{login.username}:{login.password}".encode()).decode(),
        }
        for registry, login in sorted(logins.items())
    }
    return _object("v1", "Secret", spec, installation, namespace) | {
        "type": "kubernetes.io/dockerconfigjson",
        "immutable": True,
        "data": {".dockerconfigjson": base64.b64encode(json.dumps({"auths": auths}).encode()).decode()},
    }


def pod(spec: Spec, installation: str, namespace: str, *, has_secret: bool = False) -> Manifest:
    """All containers in one pod: they share its loopback and find each other by name. Raises CannotStart for root.

    It passes the Pod Security Standard "restricted" (kubernetes.io/docs/concepts/security/pod-security-standards).
    """
    made = _object("v1", "Pod", spec, installation, namespace)
    made["metadata"]["annotations"] = {PUBLIC: spec.containers[0].name}
    pull = {"imagePullSecrets": [{"name": made["metadata"]["name"]}]} if has_secret else {}
    made["spec"] = pull | {
        # Containers start in this order, and what the public one needs comes first.
        "containers": [_container(spec, index) for index in reversed(range(len(spec.containers)))],
        "volumes": [
            {"name": _volume(index, number), "emptyDir": {"medium": "Memory", "sizeLimit": f"{max(1, size)}Mi"}}
            for index, container in enumerate(spec.containers)
            for number, (_, size) in enumerate(sorted(container.tmpfs.items()))
        ],
        "hostAliases": [{"ip": "127.0.0.1", "hostnames": [container.name for container in spec.containers]}],
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "shareProcessNamespace": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    return made


def owned_by(manifest: Manifest, owner: Manifest) -> Manifest:
    """The same, to be removed by the cluster itself once `owner`, as the API answered it, is gone."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [reference]}}


def _object(version: str, kind: str, spec: Spec, installation: str, namespace: str) -> Manifest:
    labels = {MANAGED_BY: "ecatalog"} | _mark(spec, installation) | {ATTEMPT: str(spec.attempt)}
    name = object_name(installation, spec.launch_id)
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }


def _mark(spec: Spec, installation: str) -> dict[str, str]:
    return {INSTALLATION: installation, LAUNCH: spec.launch_id}


def _volume(index: int, number: int) -> str:
    return f"tmp-{index}-{number}"


def _container(spec: Spec, index: int) -> Manifest:
    container = spec.containers[index]
    environment = {"HOST": "0.0.0.0", "PORT": str(spec.port)} if index == 0 else {}  # noqa: S104 - inside its own pod
    limits = {
        "cpu": f"{max(1, round(container.cpu * 1000))}m",
        "memory": f"{max(1, container.memory_mb)}Mi",
        "ephemeral-storage": EPHEMERAL_STORAGE,
    }
    made: Manifest = {
        "name": container.name,
        "image": container.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": name, "value": _literal(value)}
            for name, value in sorted((environment | container.environment).items())
        ],
        "resources": {"requests": limits, "limits": dict(limits)},
        "volumeMounts": [
            {"name": _volume(index, number), "mountPath": path} for number, path in enumerate(sorted(container.tmpfs))
        ],
        "securityContext": _security_context(container),
    }
    if index == 0:
        made["ports"] = [{"name": "http", "containerPort": spec.port, "protocol": "TCP"}]
    if container.entrypoint:
        made["command"] = [_literal(word) for word in container.entrypoint]
    if container.command:
        made["args"] = [_literal(word) for word in container.command]
    return made


def _security_context(container: Container) -> Manifest:
    user = _USER.fullmatch(container.user)
    if user is None or int(user[1]) == 0:
        raise CannotStart(
            f'Container "{container.name}" is to run as "{container.user}": write uid:gid in numbers, and not root.'
        )
    return {
        "runAsNonRoot": True,
        "runAsUser": int(user[1]),
        "runAsGroup": int(user[2]),
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _literal(text: str) -> str:
    """As it is written: the kubelet would replace `$(NAME)` by what NAME is, which no other engine does."""
    return text.replace("$", "$$")


@dataclass(frozen=True)
class Ending:
    """Why a pod runs no more, or never will. `container` is the one whose last lines tell more, if one ran."""

    reason: str
    container: str = ""


def ending_of(found: Manifest) -> Ending | None:
    """In words; None as long as the pod runs or may still come to run."""
    status = found.get("status", {})
    if found["metadata"].get("deletionTimestamp"):
        return Ending("It was removed from the cluster.")
    if status.get("phase") == "Failed" and status.get("reason"):
        return Ending(f"The cluster ended it: {_plain(status.get('message') or status['reason'])}.")
    statuses = status.get("containerStatuses") or []
    ended = [each for each in statuses if each.get("state", {}).get("terminated")]
    if ended:
        first = min(ended, key=lambda each: each["state"]["terminated"].get("finishedAt") or "")
        what = _terminated(first["state"]["terminated"])
        return Ending(f"{_subject(found, first['name'])} {what}", first["name"])
    for each in statuses:
        waits = each.get("state", {}).get("waiting") or {}
        if (reason := _never_begins(found, each["name"], waits)) is not None:
            return Ending(reason)
    return Ending("It ended.") if status.get("phase") in ("Failed", "Succeeded") else None


def _subject(found: Manifest, container: str) -> str:
    is_public = container == found["metadata"].get("annotations", {}).get(PUBLIC)
    return "It" if is_public else f'Its container "{container}"'


def _terminated(state: Mapping[str, Any]) -> str:
    match state.get("reason"):
        case "OOMKilled":
            return "ran out of memory."
        case "StartError" | "ContainerCannotRun":
            return f"could not be started: {_plain(state.get('message') or state['reason'])}."
    return f"ended with status {state.get('exitCode')}."


def _never_begins(found: Manifest, container: str, waits: Mapping[str, Any]) -> str | None:
    reason, message = waits.get("reason", ""), waits.get("message") or waits.get("reason", "")
    if reason in _NO_IMAGE and _PULLS_TOO_OFTEN not in message:
        image = next(each["image"] for each in found["spec"]["containers"] if each["name"] == container)
        return f"Its image {image} could not be fetched: {_plain(message)}."
    if reason in _NO_CONTAINER:
        return f"{_subject(found, container)} could not be started: {_plain(message)}."
    return None


def _plain(message: str) -> str:
    """One line of it, without its full stop."""
    line = " ".join(message.split())
    return (line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…").rstrip(".")


def instance_of(found: Manifest, ending: Ending | None = None, log_tail: str = "") -> Instance:
    """What the contract calls an instance. `found` is a pod as the API answers it."""
    return Instance(
        launch_id=launch_of(found),
        attempt=attempt_of(found),
        state="up" if ending is None else "exited",
        upstream="" if ending is not None else _upstream(found),
        reason="" if ending is None else ending.reason,
        log_tail=log_tail,
        digests=_digests(found),
    )


def launch_of(found: Manifest) -> str:
    return str(found["metadata"]["labels"][LAUNCH])


def attempt_of(found: Manifest) -> int:
    return int(found["metadata"]["labels"].get(ATTEMPT, 0))


def _upstream(found: Manifest) -> str:
    address = found.get("status", {}).get("podIP", "")
    ports = [port["containerPort"] for each in found["spec"]["containers"] for port in each.get("ports") or []]
    if not address or not ports:
        return ""
    return f"[{address}]:{ports[0]}" if ":" in address else f"{address}:{ports[0]}"


def _digests(found: Manifest) -> tuple[str, ...]:
    """In the order of the spec, and only once they are known of all containers."""
    told = {each["name"]: each.get("imageID") or "" for each in found.get("status", {}).get("containerStatuses") or []}
    digests = [_DIGEST.search(told.get(each["name"], "")) for each in reversed(found["spec"]["containers"])]
    return tuple(digest[0] for digest in digests if digest) if all(digests) else ()
