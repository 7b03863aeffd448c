"""Who reaches whom in the cluster: the table by hand, against our network policies and those of running copies."""

from functools import cache
from itertools import product

import pytest

from ecatalog_launcher.drivers import pods
from tests.deploy.policies import Object, Peer, lets_through
from tests.deploy.rendering import OVERLAYS, rendered, workloads
from tests.launcher.cluster import spec

OURS = {"kubernetes.io/metadata.name": "ecatalog"}
COPY, OTHER_COPY = (pods.pod(spec(name), "one", "demos")["metadata"]["labels"] for name in ("this", "that"))


def ours(app: str) -> Peer:
    return Peer("ecatalog", {"app": app}, OURS)


def theirs(namespace: str, labels: dict[str, str] | None = None, **marks: str) -> Peer:
    marked = {f"ecatalog.io/{name}": value for name, value in marks.items()}
    return Peer(namespace, labels or {}, {"kubernetes.io/metadata.name": namespace} | marked)


PEERS = {
    "gateway": ours("ecatalog-gateway"),
    "edge": ours("ecatalog-edge"),
    "launcher": ours("ecatalog-launcher"),
    "database": ours("ltplabs-database"),
    "tasks": ours("ecatalog-maintenance"),
    "intruder": ours("something-else"),
    "demo": theirs("demos", COPY),
    "another-demo": theirs("demos", OTHER_COPY),
    "ingress": theirs("ingress-nginx", ingress="true"),
    "prometheus": theirs("monitoring", monitoring="true"),
    "stranger": theirs("default", {"app": "ecatalog-gateway-of-somebody"}),
    "names": theirs("kube-system", {"k8s-app": "kube-dns"}),
    "names-of-node": Peer(address="169.254.20.10"),
    "internet": Peer(address="203.0.113.7"),
    "internet-6": Peer(address="2001:db8::7"),
    "private": Peer(address="10.96.0.1"),
    "metadata": Peer(address="169.254.169.254"),
}
# A demo answers on 8000.
PORTS = (53, 80, 443, 465, 587, 6443, 8000, 8080, 8081, 8443, 9090, 9100, 9101, 9102)
# By hand. The API server of the cluster has a private address. Whoever is not ours may do what its own policies allow.
TABLE = """
ingress     gateway       8080
ingress     edge          8081
prometheus  gateway       9100
prometheus  edge          9100
prometheus  launcher      9100
prometheus  database      8080
edge        gateway       9090
edge        demo          8000
edge        another-demo  8000
edge        internet      80 443
edge        internet-6    80 443
launcher    gateway       9090
launcher    demo          8000
launcher    another-demo  8000
launcher    private       443 6443 8443
launcher    internet      443 6443 8443
launcher    internet-6    443 6443 8443
gateway     private       443 465 587
gateway     internet      443 465 587
gateway     internet-6    443 465 587
database    gateway       8080
tasks       gateway       8080 9100
tasks       private       443
tasks       internet      443
tasks       internet-6    443
gateway     names         53
edge        names         53
launcher    names         53
database    names         53
tasks       names         53
intruder    names         53
gateway     names-of-node 53
edge        names-of-node 53
launcher    names-of-node 53
database    names-of-node 53
tasks       names-of-node 53
intruder    names-of-node 53
"""
# Pods that are not ours talk among themselves as they like.
FREE = {"ingress", "prometheus", "stranger", "names"}
ADDRESSES = {name for name, peer in PEERS.items() if not peer.namespace}


@cache
def policies(overlay: str) -> tuple[Object, ...]:
    copies = (pods.network_policy(spec(name), "one", "demos") for name in ("this", "that"))
    return (*(each for each in rendered(overlay) if each["kind"] == "NetworkPolicy"), *copies)


def by_hand() -> set[tuple[str, str, int]]:
    rows = [line.split() for line in TABLE.strip().splitlines()]
    return {(caller, target, int(port)) for caller, target, *ports in rows for port in ports}


def by_policies(overlay: str) -> set[tuple[str, str, int]]:
    pairs = [
        (caller, target)
        for caller, target in product(PEERS, PEERS)
        if caller != target and caller not in ADDRESSES and not (caller in FREE and target in FREE | ADDRESSES)
    ]
    return {
        (caller, target, port)
        for (caller, target), port in product(pairs, PORTS)
        if lets_through(policies(overlay), PEERS[caller], PEERS[target], port)
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_reaches_whom_is_as_in_the_table(overlay: str) -> None:
    assert by_policies(overlay) == by_hand()


def test_names_are_asked_by_udp_too() -> None:
    assert lets_through(policies("production"), PEERS["edge"], PEERS["names"], 53, "UDP")
    assert not lets_through(policies("production"), PEERS["edge"], PEERS["gateway"], 9090, "UDP")


def test_a_demo_reaches_nobody() -> None:
    assert not [
        (target, port)
        for target, port in product(PEERS, PORTS)
        if target != "demo" and lets_through(policies("production"), PEERS["demo"], PEERS[target], port)
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_selected_by_a_policy_of_its_own(overlay: str) -> None:
    apps = {template["metadata"]["labels"]["app"] for template in workloads(overlay).values()}
    selected = {each["spec"]["podSelector"].get("matchLabels", {}).get("app") for each in policies(overlay)}

    assert apps <= selected
    assert apps == {PEERS[name].labels["app"] for name in ("gateway", "edge", "launcher", "database", "tasks")}


def test_a_planted_policy_is_found() -> None:
    planted = {
        "metadata": {"namespace": "ecatalog"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
    }

    assert lets_through((*policies("production"), planted), PEERS["stranger"], PEERS["gateway"], 9090)
    assert not lets_through(policies("production"), PEERS["stranger"], PEERS["gateway"], 9090)
