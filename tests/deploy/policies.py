"""What network policies let through, as a plug-in of the cluster decides it (kubernetes.io: Network Policies)."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Labels = dict[str, str]


@dataclass(frozen=True)
class Peer:
    """A pod with its labels and those of its namespace; or, without a namespace, an address."""

    namespace: str = ""
    labels: Labels = field(default_factory=dict)
    namespace_labels: Labels = field(default_factory=dict)
    address: str = "10.244.1.7"


def lets_through(policies: Sequence[Object], caller: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether both sides agree: what goes out of the caller, and what comes in at the target."""
    out = _allows(policies, caller, "Egress", "egress", "to", target, port, protocol)
    return out and _allows(policies, target, "Ingress", "ingress", "from", caller, port, protocol)


def _allows(
    policies: Sequence[Object],
    pod: Peer,
    kind: str,
    rules: str,
    side: str,
    other: Peer,
    port: int,
    protocol: str,
) -> bool:
    """One policy that lets it through is enough; without any for this pod and direction everything is let through."""
    found = [each for each in _selecting(policies, pod) if kind in each["spec"]["policyTypes"]]
    return not found or any(
        _has_port(rule, port, protocol) and _has_peer(rule.get(side, []), policy, other)
        for policy in found
        for rule in policy["spec"].get(rules, [])
    )


def _selecting(policies: Sequence[Object], pod: Peer) -> Iterator[Object]:
    for policy in policies:
        if policy["metadata"]["namespace"] == pod.namespace and _matches(policy["spec"]["podSelector"], pod.labels):
            yield policy


def _has_port(rule: Object, port: int, protocol: str) -> bool:
    named = rule.get("ports", [])
    return not named or any((each["port"], each["protocol"]) == (port, protocol) for each in named)


def _has_peer(peers: Sequence[Object], policy: Object, other: Peer) -> bool:
    """No peers at all are everybody."""
    return not peers or any(_is_peer(each, policy["metadata"]["namespace"], other) for each in peers)


def _is_peer(peer: Object, own_namespace: str, other: Peer) -> bool:
    if "ipBlock" in peer:
        return not other.namespace and _is_in(peer["ipBlock"], other.address)
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        is_there = _matches(peer["namespaceSelector"], other.namespace_labels)
    else:
        is_there = other.namespace == own_namespace
    return is_there and _matches(peer.get("podSelector", {}), other.labels)


def _is_in(block: Object, address: str) -> bool:
    def has(network: str) -> bool:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)

    return has(block["cidr"]) and not any(has(each) for each in block.get("except", []))


def _matches(selector: Object, labels: Labels) -> bool:
    """An empty selector selects all."""
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions), "the only operator that is known here"
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )
