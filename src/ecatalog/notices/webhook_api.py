"""The operations on webhooks, and on what was delivered to them."""

from ecatalog.kit.actor import ADMINS
from ecatalog.notices import webhook_keeping as webhooks
from ecatalog.web.operation import flow, read, write
from ecatalog_client.types.messages import Message
from ecatalog_client.types.paging import Page
from ecatalog_client.types.webhooks import (
    CreateWebhook,
    ListDeliveries,
    NewWebhook,
    PatchWebhook,
    Webhook,
    WebhookTest,
)

OPERATIONS = (
    read(
        "GET",
        "/api/webhooks",
        webhooks.list_webhooks,
        gives=list[Webhook],
        may=ADMINS,
        summary="List the webhooks, newest first",
    ),
    flow(
        "POST",
        "/api/webhooks",
        webhooks.new_webhook,
        takes=CreateWebhook,
        gives=NewWebhook,
        may=ADMINS,
        status=201,
        summary="Add a webhook; its secret is shown once",
    ),
    flow(
        "PATCH",
        "/api/webhooks/{id}",
        webhooks.patch_webhook,
        takes=PatchWebhook,
        gives=Webhook,
        may=ADMINS,
        matches=webhooks.webhook_for,
        summary="Change a webhook; turn it off, or on again",
    ),
    flow(
        "DELETE",
        "/api/webhooks/{id}",
        webhooks.remove_webhook,
        gives=None,
        may=ADMINS,
        status=204,
        summary="Remove a webhook, and end what waits for it",
    ),
    flow(
        "POST",
        "/api/webhooks/{id}/rotate",
        webhooks.rotate_secret,
        gives=NewWebhook,
        may=ADMINS,
        summary="Sign with a new secret, shown once; the old one signs too for 24 hours",
    ),
    flow(
        "POST",
        "/api/webhooks/{id}/test",
        webhooks.try_webhook,
        gives=WebhookTest,
        may=ADMINS,
        summary="Send a test at once, and tell how it went",
    ),
    read(
        "GET",
        "/api/webhooks/{id}/deliveries",
        webhooks.list_deliveries,
        takes=ListDeliveries,
        gives=Page[Message],
        may=ADMINS,
        summary="List what was sent to a webhook or waits for it, newest first",
    ),
    write(
        "POST",
        "/api/webhooks/{id}/deliveries/{message_id}/replay",
        webhooks.replay_delivery,
        gives=Message,
        may=ADMINS,
        summary="Send a message once more, under the same id",
    ),
)
