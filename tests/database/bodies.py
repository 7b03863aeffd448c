"""What `kubectl` sends to be created, in JSON or in protobuf."""

import json
from typing import Any

Object = dict[str, Any]
_PROTOBUF = b"k8s\x00"
_WITH_LENGTH = 2


def object_of(body: bytes) -> Object:
    """What is to be created. Some commands of kubectl speak protobuf; of that, kind and name are read."""
    if not body.startswith(_PROTOBUF):
        return dict(json.loads(body))
    whole = _texts(body[len(_PROTOBUF) :])
    version, kind = (_texts(whole[1])[number].decode() for number in (1, 2))
    name = _texts(_texts(whole[2])[1])[1].decode()
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": {}}


def _texts(message: bytes) -> dict[int, bytes]:
    """The first of each field that has a length (protobuf.dev/programming-guides/encoding)."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        length, at = _number(message, at)
        if tag & 7 == _WITH_LENGTH:
            found.setdefault(tag >> 3, message[at : at + length])
            at += length
    return found


def _number(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
