"""The Pod Security Standards "baseline" and "restricted" as checks of a pod in JSON form: what admission would say.

Written from the fields and values that kubernetes.io/docs/concepts/security/pod-security-standards lists for 1.34 and
newer, and not from the code that builds our pods. Exceptions for Windows and for user namespaces are left out.
"""

from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Check = Callable[[Json], bool]

CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"),
    *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout"),
    *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
    *("net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem"),
}
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def containers(pod: Json) -> Iterator[Json]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod["spec"].get(kind) or []


def contexts(pod: Json) -> Iterator[Json]:
    """Of the pod, and of each container."""
    yield pod["spec"].get("securityContext") or {}
    yield from container_contexts(pod)


def container_contexts(pod: Json) -> Iterator[Json]:
    for container in containers(pod):
        yield container.get("securityContext") or {}


def inherits(pod: Json, field: str) -> Iterator[Any]:
    """What holds for each container: its own value, or else that of the pod."""
    of_pod = (pod["spec"].get("securityContext") or {}).get(field)
    for context in container_contexts(pod):
        own = context.get(field)
        yield of_pod if own is None else own


def handlers(pod: Json) -> Iterator[Json]:
    """Every probe and every hook."""
    for container in containers(pod):
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            yield container.get(probe) or {}
        for hook in ("postStart", "preStop"):
            yield (container.get("lifecycle") or {}).get(hook) or {}


def has_host(handler: Json) -> bool:
    return any((handler.get(kind) or {}).get("host") for kind in ("httpGet", "tcpSocket"))


def app_armor_profile(pod: Json) -> bool:
    annotations = pod["metadata"].get("annotations") or {}
    old = [value for key, value in annotations.items() if key.startswith(APPARMOR)]
    types = [(context.get("appArmorProfile") or {}).get("type") for context in contexts(pod)]
    return all(value in ("", "runtime/default") or value.startswith("localhost/") for value in old) and all(
        kind in (None, "RuntimeDefault", "Localhost") for kind in types
    )


def se_linux_options(pod: Json) -> bool:
    options = [context.get("seLinuxOptions") or {} for context in contexts(pod)]
    return all(
        each.get("type", "") in SELINUX_TYPES and not each.get("user") and not each.get("role") for each in options
    )


def capabilities_baseline(pod: Json) -> bool:
    held = [each.get("capabilities") or {} for each in container_contexts(pod)]
    return all(CAPABILITIES.issuperset(each.get("add") or []) for each in held)


def capabilities_restricted(pod: Json) -> bool:
    held = [each.get("capabilities") or {} for each in container_contexts(pod)]
    return all(
        "ALL" in (each.get("drop") or []) and set(each.get("add") or []) <= {"NET_BIND_SERVICE"} for each in held
    )


def host_namespaces(pod: Json) -> bool:
    return not any(pod["spec"].get(field) for field in ("hostNetwork", "hostPID", "hostIPC"))


def host_path_volumes(pod: Json) -> bool:
    return not any(volume.get("hostPath") is not None for volume in pod["spec"].get("volumes") or [])


def host_ports(pod: Json) -> bool:
    return not any(port.get("hostPort") for container in containers(pod) for port in container.get("ports") or [])


def host_probes_and_host_lifecycle(pod: Json) -> bool:
    return not any(has_host(handler) for handler in handlers(pod))


def privileged(pod: Json) -> bool:
    return not any(context.get("privileged") for context in container_contexts(pod))


def proc_mount(pod: Json) -> bool:
    return all(context.get("procMount") in (None, "Default") for context in container_contexts(pod))


def seccomp_profile_baseline(pod: Json) -> bool:
    types = [(context.get("seccompProfile") or {}).get("type") for context in contexts(pod)]
    return all(kind in (None, "RuntimeDefault", "Localhost") for kind in types)


def seccomp_profile_restricted(pod: Json) -> bool:
    return seccomp_profile_baseline(pod) and all(
        (profile or {}).get("type") in ("RuntimeDefault", "Localhost") for profile in inherits(pod, "seccompProfile")
    )


def sysctls(pod: Json) -> bool:
    set_ones = (pod["spec"].get("securityContext") or {}).get("sysctls") or []
    return all(each["name"] in SYSCTLS for each in set_ones)


def windows_host_process(pod: Json) -> bool:
    return not any((context.get("windowsOptions") or {}).get("hostProcess") for context in contexts(pod))


def allow_privilege_escalation(pod: Json) -> bool:
    return all(context.get("allowPrivilegeEscalation") is False for context in container_contexts(pod))


def restricted_volumes(pod: Json) -> bool:
    return all(VOLUMES & volume.keys() for volume in pod["spec"].get("volumes") or [])


def run_as_non_root(pod: Json) -> bool:
    is_refused = any(context.get("runAsNonRoot") is False for context in contexts(pod))
    return not is_refused and all(value is True for value in inherits(pod, "runAsNonRoot"))


def run_as_user(pod: Json) -> bool:
    return not any(context.get("runAsUser") == 0 for context in contexts(pod))


BASELINE: tuple[Check, ...] = (
    app_armor_profile,
    capabilities_baseline,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes_and_host_lifecycle,
    privileged,
    proc_mount,
    se_linux_options,
    seccomp_profile_baseline,
    sysctls,
    windows_host_process,
)
RESTRICTED: tuple[Check, ...] = (
    allow_privilege_escalation,
    capabilities_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    seccomp_profile_restricted,
)


def violations(pod: Json) -> list[str]:
    """The names of the checks that the pod fails, of both standards."""
    return [check.__name__ for check in BASELINE + RESTRICTED if not check(pod)]
