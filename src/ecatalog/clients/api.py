"""The operations on clients. Ending and prolonging access spans rooms and is in the access room."""

from ecatalog.clients import actions
from ecatalog.kit.actor import SIGNED_IN
from ecatalog.web.operation import read
from ecatalog_client.types.clients import Client, ListClients
from ecatalog_client.types.paging import Page

OPERATIONS = (
    read(
        "GET",
        "/api/clients",
        actions.list_clients,
        takes=ListClients,
        gives=Page[Client],
        may=SIGNED_IN,
        scope="clients:read",
        summary="List clients, newest first",
    ),
    read(
        "GET",
        "/api/clients/{id}",
        actions.client_for,
        gives=Client,
        may=SIGNED_IN,
        scope="clients:read",
        summary="Read a client",
    ),
)
