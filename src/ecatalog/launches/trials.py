"""Trials: what a demo would be started from is started once, and published only if it answers."""

from typing import Any

from ecatalog.demos.actions import planned_containers
from ecatalog.demos.images import image_for
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.launches import outcome_queries, queries
from ecatalog.launches.moves import end_launch, row_for
from ecatalog.launches.opening import add_copy
from ecatalog.launches.specs import LaunchSettings, spec_of

# However long the demo's own lifetime is.
_LONGEST_TRIAL = 900


def needs_trial(tx: Tx, demo_id: str, made: NewDemo, *, was_active: bool) -> bool:
    """Whether other copies would be started of an active demo than until now; what runs elsewhere is not ours."""
    if made.status != "active" or (made.docker_image_id is None and not made.compose):
        return False
    now = queries.settings_of(tx, demo_id)
    return not was_active or now is None or spec_of(now).hash != spec_of(_settings_of(tx, demo_id, made)).hash


def _settings_of(tx: Tx, demo_id: str, made: NewDemo) -> LaunchSettings:
    image = None if made.docker_image_id is None else image_for(tx, SYSTEM, made.docker_image_id)
    return LaunchSettings(
        demo_url=made.demo_url,
        docker_image_id=made.docker_image_id,
        image_name=image.image_name if image else None,
        image_tag=image.image_tag if image else None,
        registry_url=image.registry_url if image else None,
        digest=image.digest if image else None,
        containers=planned_containers(tx, demo_id, made),
        port=made.port,
        environment=made.environment,
        cpu=made.cpu,
        memory_mb=made.memory_mb,
        tmpfs=made.tmpfs,
        run_as=made.run_as,
        claim_path=made.claim_path,
        max_copies=made.max_copies,
        lifetime_seconds=min(made.lifetime_seconds, _LONGEST_TRIAL),
    )


def begin_trial(tx: Tx, actor: Actor, demo_id: str, made: NewDemo, changes: dict[str, Any]) -> str:
    """Starts one copy of what the demo would be; the id of that launch. The changes are made when it answers.

    An earlier trial that is under way is given up.
    """
    for earlier in outcome_queries.list_trials(tx, demo_id):
        outcome_queries.end_trial(tx, earlier.launch_id)
        end_launch(tx, actor, row_for(tx, earlier.launch_id), "A newer change took its place.")
    settings = _settings_of(tx, demo_id, made)
    row = add_copy(tx, actor, demo_id, settings, spec_of(settings), kind="trial")
    assert row is not None, "a trial belongs to nobody, so that nothing stands in its way"
    outcome_queries.add_trial(tx, row.id, demo_id, changes, actor.user_id)
    return row.id
