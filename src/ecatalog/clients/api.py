"""The operations on clients. What moves or ends access spans rooms and is in the access room."""

from ecatalog.clients import actions
from ecatalog.kit.actor import SALES, SIGNED_IN
from ecatalog.web.operation import read, write
from ecatalog_client.types.clients import Client, CreateClient, ListClients
from ecatalog_client.types.paging import Page

OPERATIONS = (
    write(
        "POST",
        "/api/clients",
        actions.create_client,
        takes=CreateClient,
        gives=Client,
        may=SALES,
        scope="clients:write",
        status=201,
        summary="Create a client, with access from a start to an end",
    ),
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
