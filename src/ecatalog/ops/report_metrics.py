"""Which queries take longest, by the metrics of a running gateway: it counts since its start."""

from collections.abc import Iterable
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import msgspec
from prometheus_client.parser import text_string_to_metric_families

FAMILY = "ecatalog_query_seconds"
_SECONDS = 10.0
_BUCKET, _COUNT, _SUM = (f"{FAMILY}_{part}" for part in ("bucket", "count", "sum"))


class NoMetrics(Exception):
    """Nobody tells metrics there; the message says why."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """How often a query or an action ran, and how long it took, in seconds. 99 of 100 were no slower than `p99`."""

    query: str
    kind: str
    times: int
    seconds: float
    mean: float
    p99: float


def read_metrics(url: str) -> str:
    """The text that is there. Raises NoMetrics."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_SECONDS) as answer:
            return str(answer.read().decode())
    except (URLError, OSError, ValueError) as error:
        raise NoMetrics(
            f"No gateway tells its metrics at {url} ({error}). Name its internal port with --metrics, "
            "such as http://127.0.0.1:9100/metrics."
        ) from None


def slowest(text: str, most: int) -> list[Query]:
    """By `p99`, then by all the time that they took."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.name == FAMILY else []:
            labels = sample.labels
            of_query = found.setdefault((labels["query"], labels["kind"]), {})
            of_query[f"<{labels['le']}" if sample.name == _BUCKET else sample.name] = sample.value
    queries = [_query(*names, values) for names, values in found.items() if values.get(_COUNT)]
    return sorted(queries, key=lambda each: (-each.p99, -each.seconds, each.query))[:most]


def _query(query: str, kind: str, values: dict[str, float]) -> Query:
    times, seconds = int(values[_COUNT]), values[_SUM]
    buckets = sorted((float(name[1:]), value) for name, value in values.items() if name.startswith("<"))
    return Query(
        query=query, kind=kind, times=times, seconds=seconds, mean=seconds / times, p99=_within(buckets, 0.99 * times)
    )


def _within(buckets: Iterable[tuple[float, float]], wanted: float) -> float:
    """The upper bound under which so many are."""
    return next(bound for bound, count in buckets if count >= wanted)
