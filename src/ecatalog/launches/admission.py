"""Giving places to launches that wait, whenever one may have become free; and telling people how long it will take."""

from statistics import median

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.launches import queue_queries as places
from ecatalog.launches.queue import Engine, Forecast, admitted, forecast, stretch

# Of a demo that was never started here.
_FIRST_START_SECONDS = 3.0
_STARTS_LOOKED_AT = 10


def admit_waiting(tx: Tx, *, just_added: str = "") -> str | None:
    """Gives every place that is free; the id of a warm copy whose place a person waits for.

    The fact of the launch that was `just_added` tells about its place already.
    """
    if not places.has_waiting(tx):
        return None
    engine = places.find_engine(tx)
    if engine is None:
        return None
    chosen, could_take_a_warm_place = admitted(engine, places.list_placed(tx), places.list_waiting(tx))
    for admission in chosen:
        each = admission.launch
        places.set_admitted(tx, each.id, admission.starting_at_once)
        if each.id != just_added:
            tx.record("launch.admitted", SYSTEM, demo=each.demo_id, launch=each.id)
    if chosen:
        tx.touch("launches")
    return places.find_warm_to_spare(tx) if could_take_a_warm_place else None


def forecast_of(tx: Tx, launch_id: str) -> Forecast | None:
    """For a launch that is queued: how many are before it, and when it will be ready. None while no engine is there."""
    engine = places.find_engine(tx)
    if engine is None:
        return None
    placed, waiting = places.list_placed(tx), places.list_waiting(tx)
    demos = {each.demo_id for each in placed} | {each.demo_id for each in waiting}
    seconds = {demo_id: _start_seconds(tx, engine, demo_id) for demo_id in demos}
    return forecast(launch_id, engine, placed, waiting, now=tx.now, start_seconds=seconds)


def _start_seconds(tx: Tx, engine: Engine, demo_id: str) -> float:
    """How long a start of the demo takes alone, as the last ones tell."""
    lately = places.list_recent_starts(tx, demo_id, _STARTS_LOOKED_AT)
    return median(seconds / stretch(engine, at_once) for seconds, at_once in lately) if lately else _FIRST_START_SECONDS
