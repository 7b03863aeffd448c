"""The operations of analytics, as JSON or, for who accepts it, CSV."""

from ecatalog.analytics import actions, model
from ecatalog.kit.actor import SIGNED_IN, USERS
from ecatalog.web.operation import read
from ecatalog_client.types.analytics import AnalyticsSpan, ClientUsage, DemoUsage, UsageSummary

OPERATIONS = (
    read(
        "GET",
        "/api/analytics/clients/{id}",
        actions.client_usage,
        takes=AnalyticsSpan,
        gives=ClientUsage,
        may=SIGNED_IN,
        scope="usage:read",
        table=model.table_of_client,
        is_long=True,
        summary="What a client used, by day and by demo; CSV by demo",
    ),
    read(
        "GET",
        "/api/analytics/demos/{id}",
        actions.demo_usage,
        takes=AnalyticsSpan,
        gives=DemoUsage,
        may=USERS,
        scope="usage:read",
        table=model.table_of_demo,
        is_long=True,
        summary="How a demo was used, by day and by client; CSV by client",
    ),
    read(
        "GET",
        "/api/analytics/summary",
        actions.usage_summary,
        takes=AnalyticsSpan,
        gives=UsageSummary,
        may=USERS,
        scope="usage:read",
        table=model.table_of_summary,
        is_long=True,
        summary="What all clients used, by day; CSV by day",
    ),
)
