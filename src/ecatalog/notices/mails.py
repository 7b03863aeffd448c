"""A row of the outbox as a mail: to whom it goes now, and what it says. A corrected address counts at once."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Database, Tx
from ecatalog.notices.channels import Outgoing, Refused
from ecatalog.notices.people_queries import Addressee, find_client_addressee, find_user_addressee
from ecatalog.notices.rendering import Renderer


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail before it is written for the wire. `message_id` is without brackets and host."""

    message_id: str
    name: str
    address: str
    subject: str
    text: str
    html: str
    created_at: datetime


class Mails:
    """Composes mails from rows."""

    def __init__(self, db: Database, renderer: Renderer) -> None:
        self._db = db
        self.renderer = renderer

    async def compose(self, row: Outgoing, *, is_preview: bool = False) -> Mail:
        """Raises Refused, for good, when the recipient is no longer there."""
        addressee = await self._db.read(find_addressee, row.recipient)
        if addressee is None:
            raise Refused("The recipient's account is closed, or was never there.", is_final=True)
        said = self.renderer.render(
            row.kind,
            name=addressee.name,
            locale=addressee.locale,
            message_id=row.message_id,
            values=row.payload,
            is_preview=is_preview,
        )
        return Mail(
            message_id=row.message_id,
            name=addressee.name,
            address=addressee.email,
            subject=said.subject,
            text=said.text,
            html=said.html,
            created_at=row.created_at,
        )


def find_addressee(tx: Tx, recipient: str) -> Addressee | None:
    """Who `client:ID` or `user:ID` is; None for a closed account."""
    role, _, person_id = recipient.partition(":")
    return find_client_addressee(tx, person_id) if role == "client" else find_user_addressee(tx, person_id)
