"""Whatever happens, in whatever order: who may be served is served, and once a cut is answered nothing passes any more.

A gateway, two edges and a demo run for real (`access_world.py`); the model of `access_model.py` says who may. After
every step each open connection and each way in is tried: the demo answers exactly those that the model allows.
"""

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proofs.access_machine import AccessMachine

pytestmark = pytest.mark.proof

EXAMPLES = {"ci": 20, "full": 280}  # a story ends after 39 steps on average, most of 50
STEPS = {"ci": 20, "full": 50}


def test_exactly_who_may_is_served_whatever_happens(scale: str) -> None:
    AccessMachine.steps = AccessMachine.cuts = AccessMachine.waited = 0
    chosen = settings(
        max_examples=EXAMPLES[scale],
        stateful_step_count=STEPS[scale],
        derandomize=scale == "ci",
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        run_state_machine_as_test(AccessMachine, settings=chosen)
    finally:
        structlog.reset_defaults()
    print(f"{AccessMachine.steps} steps, {AccessMachine.cuts} connections cut by the time of the answer")
    print(f"{AccessMachine.waited} answers said that an edge was away")
