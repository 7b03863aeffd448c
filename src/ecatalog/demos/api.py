"""The operations on the catalog."""

from ecatalog.demos import actions
from ecatalog.kit.actor import SIGNED_IN
from ecatalog.web.operation import read
from ecatalog_client.types.demos import Demo, ListDemos
from ecatalog_client.types.paging import Page

# What a client reads depends on its grants and on whether it is revoked, never on the time.
FOLLOWS = ("demos", "client_demo_access", "clients")

OPERATIONS = (
    read(
        "GET",
        "/api/demos",
        actions.list_demos,
        takes=ListDemos,
        gives=Page[Demo],
        may=SIGNED_IN,
        summary="List the catalog by name",
        follows=FOLLOWS,
    ),
    read(
        "GET",
        "/api/demos/{id}",
        actions.demo_for,
        gives=Demo,
        may=SIGNED_IN,
        summary="Read a demo",
        follows=FOLLOWS,
    ),
)
