"""What the shell itself offers: the description of everything, and the sign of life."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec

from ecatalog.kit.actor import ANYBODY, Actor
from ecatalog.web.answers import encode
from ecatalog.web.door import Door
from ecatalog.web.openapi import describe
from ecatalog.web.operation import Operation, flow


class Alive(msgspec.Struct, frozen=True):
    """The process answers. It touches nothing else: whether it can work is what /readyz says, inside."""

    status: str = "ok"


async def show_life(door: Door, actor: Actor) -> Alive:
    return Alive()


def with_shell_operations(operations: Sequence[Operation], *, version: str, url: str) -> list[Operation]:
    """The operations, and with them the description of all of them, made and encoded when it is first asked for."""

    @cache
    def description() -> msgspec.Raw:
        return msgspec.Raw(encode(describe(listed, version=version, url=url)))

    async def show_description(door: Door, actor: Actor) -> msgspec.Raw:
        return description()

    tags = {each.tag for each in operations}
    listed = [
        *operations,
        flow("GET", "/livez", show_life, gives=Alive, may=ANYBODY, summary="Whether the process lives"),
        flow(
            "GET",
            "/api/openapi.json",
            show_description,
            gives=dict[str, Any],
            may=ANYBODY,
            summary="This description, in OpenAPI 3.1",
        ),
    ]
    listed = [each if each.tag in tags else replace(each, tag="service") for each in listed]
    return listed
