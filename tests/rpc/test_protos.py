"""proto/ keeps what it promised: stubs that were made before go on to fit, and everything is named and explained."""

import copy
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.architecture.code import ROOT


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("protos", ROOT / "scripts/protos.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROTOS = load()
CALL = "ecatalog.v1.CallRequest"


def test_nothing_that_was_promised_is_broken() -> None:
    assert PROTOS.breaks(PROTOS.promised(), PROTOS.shape_of(PROTOS.files())) == []


def test_everything_new_is_promised_too() -> None:
    assert PROTOS.promised() == PROTOS.shape_of(PROTOS.files()), "run make proto"


def test_everything_is_named_and_explained() -> None:
    assert PROTOS.faults(PROTOS.files()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda shape: shape.pop(CALL), f"{CALL} is gone"),
        (lambda shape: shape[CALL].pop("2"), "has no 2"),
        (lambda shape: shape[CALL].update({"1": ["name", "string"]}), "was operation string and is name string"),
        (lambda shape: shape[CALL].update({"3": ["input", "string"]}), "was input bytes and is input string"),
        (lambda shape: shape[CALL].update({"2": ["path", "string"]}), "was path repeated string"),
        (
            lambda shape: shape["ecatalog.v1.CatalogService"].update({"Follow": ["CallRequest", "FollowEvent"]}),
            "Follow was CallRequest stream FollowEvent",
        ),
    ],
)
def test_a_planted_break_is_found(change: Any, told: str) -> None:
    shape = copy.deepcopy(PROTOS.promised())
    change(shape)

    (found,) = PROTOS.breaks(PROTOS.promised(), shape)
    assert told in found


def test_what_is_added_breaks_nothing() -> None:
    shape = copy.deepcopy(PROTOS.promised())
    shape[CALL]["99"] = ["more", "string"]
    shape["ecatalog.v1.NewService"] = {"Do": ["A", "B"]}

    assert PROTOS.breaks(PROTOS.promised(), shape) == []


BAD = """
syntax = "proto3";
package other;
service Things { rpc doIt(bad_name) returns (Fine); }
message bad_name { string BadField = 1; }
message Fine { string fine_field = 1; }
"""


def test_planted_faults_are_found(tmp_path: Path) -> None:
    (tmp_path / "Bad.proto").write_text(BAD)

    found = "\n".join(PROTOS.faults(PROTOS.files(tmp_path)))

    for word in (
        "package",
        "lower case",
        "SomethingService",
        "Things has no comment",
        "VerbNoun",
        "doIt has no comment",
    ):
        assert word in found
    assert "bad_name is no CamelCase" in found
    assert "BadField is no lower_case_name" in found
    assert "fine_field" not in found
