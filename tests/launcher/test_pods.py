"""What a cluster is asked for, as data: whatever a demo asks for, its pod is allowed nothing; and how pods are read."""

import copy
import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecatalog_client.types.containers import Container, RegistryLogin
from ecatalog_launcher.drivers import pods
from ecatalog_launcher.drivers.contract import CannotStart, Spec
from tests.launcher.pod_security import BASELINE, RESTRICTED, violations

KUBERNETES = "1.37"
DIGEST = "sha256:" + "0123456789abcdef" * 4
LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.integers(1, 2**31 - 1)
containers = st.builds(
    Container,
    name=names,
    image=words.filter(bool),
    entrypoint=st.lists(words, max_size=3),
    command=st.lists(words, max_size=3),
    environment=st.dictionaries(words, words, max_size=4),
    user=st.builds("{}:{}".format, ids, st.integers(0, 2**31 - 1)),
    tmpfs=st.dictionaries(words.map("/{}".format), st.integers(0, 4096), max_size=4),
    cpu=st.floats(0, 64),
    memory_mb=st.integers(0, 1 << 20),
)
specs = st.builds(
    Spec,
    launch_id=st.uuids().map(str) | words,
    attempt=st.integers(0, 1000),
    containers=st.lists(containers, min_size=1, max_size=4, unique_by=lambda each: each.name).map(tuple),
    port=st.integers(1, 65535),
)
installations = st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,15}", fullmatch=True)


def good() -> dict[str, Any]:
    db = Container(name="db", image="postgres:18", user="70:70", tmpfs={"/data": 256})
    spec = Spec(launch_id="one", attempt=1, containers=(Container(name="web", image="web:1"), db), port=8000)
    return pods.pod(spec, "acme", "demos")


# Whatever a demo asks for.


@given(specs, installations)
def test_every_pod_passes_both_standards(spec: Spec, installation: str) -> None:
    assert violations(pods.pod(spec, installation, "demos")) == []


@settings(max_examples=20, deadline=None)
@given(specs, installations, words, words)
def test_every_manifest_is_valid(spec: Spec, installation: str, username: str, password: str) -> None:
    whose = (spec, installation, "demos")
    login = RegistryLogin(registry_url="r", username=username, password=password)
    owner = pods.network_policy(*whose)
    owner["metadata"]["uid"] = "1"
    kubernetes_validate.validate(owner, KUBERNETES, strict=True)
    owned = (pods.secret(*whose, {"r": login}), pods.pod(*whose, has_secret=True), pods.service(*whose))
    for manifest in owned:
        kubernetes_validate.validate(pods.owned_by(manifest, owner), KUBERNETES, strict=True)


@given(specs)
def test_a_container_has_what_it_asked_for_and_no_more(spec: Spec) -> None:
    made = pods.pod(spec, "acme", "demos")["spec"]
    volumes = {volume["name"]: volume["emptyDir"] for volume in made["volumes"]}
    mounts = [(mount["name"], mount["mountPath"]) for each in made["containers"] for mount in each["volumeMounts"]]
    assert sorted(volumes) == sorted(name for name, _ in mounts), "each is mounted in one container, at one path"
    assert made["hostAliases"] == [{"ip": "127.0.0.1", "hostnames": [each.name for each in spec.containers]}]
    assert (made["dnsPolicy"], made["dnsConfig"]) == ("None", {"nameservers": ["127.0.0.1"]})
    assert not made["automountServiceAccountToken"]
    assert not made["enableServiceLinks"]
    for asked, each in zip(reversed(spec.containers), made["containers"], strict=True):
        held = each["securityContext"]
        assert f"{held['runAsUser']}:{held['runAsGroup']}" == asked.user
        assert held["readOnlyRootFilesystem"]
        assert each["resources"]["limits"] == each["resources"]["requests"]
        assert each["resources"]["limits"]["memory"] == f"{max(1, asked.memory_mb)}Mi"
        sizes = {mount["mountPath"]: volumes[mount["name"]] for mount in each["volumeMounts"]}
        assert sizes == {
            path: {"medium": "Memory", "sizeLimit": f"{max(1, size)}Mi"} for path, size in asked.tmpfs.items()
        }


@given(specs)
def test_the_policy_lets_in_edge_and_launcher_and_nothing_out(spec: Spec) -> None:
    policy = pods.network_policy(spec, "acme", "demos")["spec"]
    labels = pods.pod(spec, "acme", "demos")["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": spec.port}]
    apps = [(peer["namespaceSelector"], peer["podSelector"]["matchLabels"]) for peer in rule["from"]]
    assert apps == [({}, {"app": "ecatalog-edge"}), ({}, {"app": "ecatalog-launcher"})]


@given(st.lists(st.sampled_from(["$", "(", ")", "NAME", "a", "$(NAME)", "$$"])).map("".join))
def test_the_kubelet_leaves_every_word_as_it_was_written(word: str) -> None:
    asked = Container(name="web", image="i", entrypoint=[word], command=[word], environment={"A": word})
    spec = Spec(launch_id="one", attempt=1, containers=(asked,), port=80)
    (made,) = pods.pod(spec, "acme", "demos")["spec"]["containers"]
    sent = [*made["command"], *made["args"], *(each["value"] for each in made["env"] if each["name"] == "A")]
    assert [expanded(each) for each in sent] == [word] * 3


def expanded(text: str) -> str:
    """What a kubelet makes of it: `$$` stands for a dollar sign, and `$(NAME)` for what NAME is."""

    def read(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else "replaced"

    return re.sub(r"\$\$|\$\([^)]*\)", read, text)


@given(installations, installations, words, words)
def test_every_launch_of_every_installation_has_a_name_of_its_own(one: str, two: str, here: str, there: str) -> None:
    name, other = pods.object_name(one, here), pods.object_name(two, there)
    assert LABEL.fullmatch(name)
    assert (name == other) == ((one, here) == (two, there))


@pytest.mark.parametrize("user", ["0:0", "00:1", "root", "1000", "", "-1:1", "1000:1000:1", "1000:users"])
def test_a_user_that_is_root_or_not_in_numbers_is_refused(user: str) -> None:
    spec = Spec(launch_id="one", attempt=1, containers=(Container(name="web", image="i", user=user),), port=80)
    with pytest.raises(CannotStart, match="write uid:gid in numbers, and not root"):
        pods.pod(spec, "acme", "demos")


# The checks themselves: each of them refuses what it is there for.

FIRST = "spec containers 0"
ABSENT = object()
BAD: list[tuple[str, dict[str, Any]]] = [
    ("allow_privilege_escalation", {f"{FIRST} securityContext allowPrivilegeEscalation": True}),
    ("allow_privilege_escalation", {f"{FIRST} securityContext allowPrivilegeEscalation": ABSENT}),
    ("app_armor_profile", {"metadata annotations container.apparmor.security.beta.kubernetes.io/web": "unconfined"}),
    ("app_armor_profile", {f"{FIRST} securityContext appArmorProfile": {"type": "Unconfined"}}),
    ("capabilities_baseline", {f"{FIRST} securityContext capabilities add": ["NET_RAW"]}),
    ("capabilities_restricted", {f"{FIRST} securityContext capabilities add": ["CHOWN"]}),
    ("capabilities_restricted", {f"{FIRST} securityContext capabilities drop": ["NET_RAW"]}),
    ("host_namespaces", {"spec hostNetwork": True}),
    ("host_namespaces", {"spec hostPID": True}),
    ("host_namespaces", {"spec hostIPC": True}),
    ("host_path_volumes", {"spec volumes 0": {"name": "tmp-0-0", "hostPath": {"path": "/"}}}),
    ("host_ports", {f"{FIRST} ports": [{"containerPort": 80, "hostPort": 80}]}),
    ("host_probes_and_host_lifecycle", {f"{FIRST} livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}}),
    ("host_probes_and_host_lifecycle", {f"{FIRST} lifecycle": {"preStop": {"tcpSocket": {"host": "h", "port": 1}}}}),
    ("privileged", {f"{FIRST} securityContext privileged": True}),
    ("privileged", {"spec initContainers": [{"name": "i", "securityContext": {"privileged": True}}]}),
    ("privileged", {"spec ephemeralContainers": [{"name": "e", "securityContext": {"privileged": True}}]}),
    ("proc_mount", {f"{FIRST} securityContext procMount": "Unmasked"}),
    ("restricted_volumes", {"spec volumes 0": {"name": "tmp-0-0", "nfs": {"server": "s", "path": "/"}}}),
    ("run_as_non_root", {f"{FIRST} securityContext runAsNonRoot": False}),
    ("run_as_non_root", {"spec securityContext runAsNonRoot": False}),
    (
        "run_as_non_root",
        {f"{FIRST} securityContext runAsNonRoot": ABSENT, "spec securityContext runAsNonRoot": ABSENT},
    ),
    ("run_as_user", {f"{FIRST} securityContext runAsUser": 0}),
    ("run_as_user", {"spec securityContext runAsUser": 0}),
    ("se_linux_options", {f"{FIRST} securityContext seLinuxOptions": {"type": "spc_t"}}),
    ("se_linux_options", {"spec securityContext seLinuxOptions": {"role": "sysadm_r"}}),
    ("seccomp_profile_baseline", {f"{FIRST} securityContext seccompProfile": {"type": "Unconfined"}}),
    (
        "seccomp_profile_restricted",
        {f"{FIRST} securityContext seccompProfile": ABSENT, "spec securityContext seccompProfile": ABSENT},
    ),
    ("sysctls", {"spec securityContext sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
    ("windows_host_process", {"spec securityContext windowsOptions": {"hostProcess": True}}),
]


def planted(changes: dict[str, Any]) -> dict[str, Any]:
    pod: Any = copy.deepcopy(good())
    for path, value in changes.items():
        *way, last = (int(step) if step.isdigit() else step for step in path.split())
        place = pod
        for step in way:
            place = place[step]
        if value is ABSENT:
            del place[last]
        else:
            place[last] = value
    found: dict[str, Any] = pod
    return found


@pytest.mark.parametrize(("check", "changes"), BAD)
def test_what_is_not_allowed_is_found(check: str, changes: dict[str, Any]) -> None:
    assert violations(good()) == []
    assert check in violations(planted(changes))


def test_every_check_is_tried() -> None:
    assert {check for check, _ in BAD} == {check.__name__ for check in BASELINE + RESTRICTED}


# How pods are read.


def told(**status: Any) -> dict[str, Any]:
    return good() | {"status": status}


def state(name: str, image_id: str = "", **what: Any) -> dict[str, Any]:
    return {"name": name, "imageID": image_id, "state": what}


RUNS: dict[str, Any] = {"running": {"startedAt": "2026-03-01T00:00:00Z"}}
LONG = "x" * 1000


@pytest.mark.parametrize(
    ("statuses", "reason", "container"),
    [
        ([state("web", terminated={"exitCode": 3})], "It ended with status 3.", "web"),
        ([state("web", terminated={"exitCode": 0, "reason": "Completed"})], "It ended with status 0.", "web"),
        ([state("web", terminated={"exitCode": 137, "reason": "OOMKilled"})], "It ran out of memory.", "web"),
        (
            [state("web", **RUNS), state("db", terminated={"exitCode": 1})],
            'Its container "db" ended with status 1.',
            "db",
        ),
        (
            [
                state("web", terminated={"exitCode": 1, "finishedAt": "2026-03-01T00:00:02Z"}),
                state("db", terminated={"exitCode": 2, "finishedAt": "2026-03-01T00:00:01Z"}),
            ],
            'Its container "db" ended with status 2.',
            "db",
        ),
        (
            [state("web", terminated={"exitCode": 128, "reason": "StartError", "message": 'exec: "x": not\nfound.'})],
            'It could not be started: exec: "x": not found.',
            "web",
        ),
        (
            [state("web", waiting={"reason": "ErrImagePull", "message": "manifest unknown"})],
            "Its image web:1 could not be fetched: manifest unknown.",
            "",
        ),
        (
            [state("db", waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling"})],
            "Its image postgres:18 could not be fetched: Back-off pulling.",
            "",
        ),
        (
            [state("web", waiting={"reason": "InvalidImageName"})],
            "Its image web:1 could not be fetched: InvalidImageName.",
            "",
        ),
        (
            [state("web", waiting={"reason": "CreateContainerConfigError", "message": "image will run as root"})],
            "It could not be started: image will run as root.",
            "",
        ),
        (
            [state("web", waiting={"reason": "RunContainerError", "message": LONG})],
            f"It could not be started: {LONG[:300]}….",
            "",
        ),
    ],
)
def test_why_it_does_not_run_is_told_in_words(statuses: list[dict[str, Any]], reason: str, container: str) -> None:
    assert pods.ending_of(told(phase="Pending", containerStatuses=statuses)) == pods.Ending(reason, container)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."},
            "The cluster ended it: The node was low on memory.",
        ),
        ({"phase": "Failed", "reason": "OutOfcpu"}, "The cluster ended it: OutOfcpu."),
        ({"phase": "Succeeded"}, "It ended."),
    ],
)
def test_what_the_cluster_did_to_it_is_told_in_words(status: dict[str, Any], reason: str) -> None:
    assert pods.ending_of(told(**status)) == pods.Ending(reason)


@pytest.mark.parametrize(
    "statuses",
    [
        [],
        [state("web", **RUNS), state("db", **RUNS)],
        [state("web", waiting={"reason": "ContainerCreating"})],
        [state("web", waiting={"reason": "ErrImagePull", "message": "pull QPS exceeded"})],
    ],
)
def test_what_runs_or_may_still_come_to_run_has_not_ended(statuses: list[dict[str, Any]]) -> None:
    assert pods.ending_of(told(phase="Pending", containerStatuses=statuses)) is None


@pytest.mark.parametrize(
    ("status", "upstream"),
    [({}, ""), ({"podIP": "10.1.2.3"}, "10.1.2.3:8000"), ({"podIP": "fd00::7"}, "[fd00::7]:8000")],
)
def test_the_upstream_is_the_address_of_the_pod(status: dict[str, Any], upstream: str) -> None:
    assert pods.instance_of(told(**status)).upstream == upstream


@pytest.mark.parametrize(
    ("web", "db", "digests"),
    [
        (f"docker.io/library/web@{DIGEST}", f"docker-pullable://postgres@{DIGEST}", (DIGEST, DIGEST)),
        (DIGEST, "", ()),
        ("web:1", DIGEST, ()),
    ],
)
def test_digests_are_told_once_all_are_known(web: str, db: str, digests: tuple[str, ...]) -> None:
    statuses = [state("db", db), state("web", web)]
    assert pods.instance_of(told(containerStatuses=statuses)).digests == digests
