"""The pages of this room, in the order in which their addresses are tried: the named ones before those with an id."""

from ecatalog.console import (
    pages_account,
    pages_catalog,
    pages_client,
    pages_clients,
    pages_dashboard,
    pages_demo_form,
    pages_demos,
    pages_exchange,
    pages_messages,
    pages_pictures,
    pages_requests,
    pages_settings,
    pages_usage,
    pages_users,
    pages_webhooks,
)

PAGES = (
    *pages_catalog.PAGES,
    *pages_account.PAGES,
    *pages_dashboard.PAGES,
    *pages_usage.PAGES,
    *pages_clients.PAGES,
    *pages_exchange.PAGES,
    *pages_client.PAGES,
    *pages_requests.PAGES,
    *pages_demos.TABLE,
    *pages_demo_form.PAGES,
    *pages_demos.PAGES,
    *pages_pictures.PAGES,
    *pages_users.PAGES,
    *pages_messages.PAGES,
    *pages_webhooks.PAGES,
    *pages_settings.PAGES,
)
