"""The operations on messages: what was sent, once more, and what each person wants to be told."""

import msgspec

from ecatalog.kit.actor import SIGNED_IN, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict
from ecatalog.notices import choices, outbox, queries
from ecatalog.notices.channels import Outgoing, Refused
from ecatalog.notices.mails import Mails
from ecatalog.notices.planning import MAIL
from ecatalog.notices.trying import send_test_mail
from ecatalog.web.door import Door
from ecatalog.web.operation import flow, read, write
from ecatalog_client.types.messages import ChooseNotices, ListMessages, Message, MessagePreview, Notices
from ecatalog_client.types.paging import Page
from ecatalog_client.types.settings import MailTest

_ADMIN = frozenset({Role.ADMIN})


async def preview_message(door: Door, actor: Actor, message_id: str) -> MessagePreview:
    """Raises NotFound, Forbidden, or Conflict when its recipient is no longer there."""
    message, row = await door.db.read(_message_and_row, actor, message_id)
    if row.channel != MAIL:
        text = msgspec.json.format(msgspec.json.encode(row.payload)).decode()
        return MessagePreview(message=message, address=row.recipient, subject="", text=text, html="")
    try:
        mail = await door.part(Mails).compose(row, is_preview=True)
    except Refused as refused:
        raise Conflict(refused.reason) from None
    return MessagePreview(message=message, address=mail.address, subject=mail.subject, text=mail.text, html=mail.html)


def _message_and_row(tx: Tx, actor: Actor, message_id: str) -> tuple[Message, Outgoing]:
    message = outbox.message_for(tx, actor, message_id)
    row = queries.find_stored(tx, message.id)
    assert row is not None, "it was found in the same snapshot"
    return message, row


OPERATIONS = (
    read(
        "GET",
        "/api/messages",
        outbox.list_messages,
        takes=ListMessages,
        gives=Page[Message],
        may=_ADMIN,
        summary="List messages and what became of them, newest first",
    ),
    flow(
        "GET",
        "/api/messages/{id}",
        preview_message,
        gives=MessagePreview,
        may=_ADMIN,
        summary="Read a message as its recipient does",
    ),
    write(
        "POST",
        "/api/messages/{id}/replay",
        outbox.replay_message,
        gives=Message,
        may=_ADMIN,
        summary="Send a message once more, under the same id",
    ),
    flow(
        "POST",
        "/api/messages/test",
        send_test_mail,
        gives=MailTest,
        may=_ADMIN,
        summary="Send a test mail to oneself at once, and tell how it went",
    ),
    read(
        "GET",
        "/api/auth/notices",
        choices.own_notices,
        gives=Notices,
        may=SIGNED_IN,
        summary="Read what one is told by mail",
    ),
    write(
        "PATCH",
        "/api/auth/notices",
        choices.choose_notices,
        takes=ChooseNotices,
        gives=Notices,
        may=SIGNED_IN,
        summary="Choose what one is told by mail, and in which language",
    ),
)
