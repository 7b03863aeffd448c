"""A row of the outbox as a mail: to whom it goes now, and what it says. A corrected address counts at once."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import msgspec

from ecatalog.kit.db import Database, Tx
from ecatalog.notices.channels import Outgoing, Refused
from ecatalog.notices.people_queries import Addressee, find_client_addressee, find_user_addressee
from ecatalog.notices.rendering import Renderer

# A line of more than 998 octets is refused by mail servers (RFC 5321, 4.5.3.1.6): texts are encoded then.
_POLICY = SMTP.clone(max_line_length=200)


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
        self._renderer = renderer

    async def compose(self, row: Outgoing, *, is_preview: bool = False) -> Mail:
        """Raises Refused, for good, when the recipient is no longer there."""
        addressee = await self._db.read(find_addressee, row.recipient)
        if addressee is None:
            raise Refused("The recipient's account is closed, or was never there.", is_final=True)
        said = self._renderer.render(
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


def as_bytes(mail: Mail, sender: str, host: str) -> bytes:
    """The mail as it goes over the wire, the same at each try: its date is that of the row.

    `Auto-Submitted` keeps automatic replies away (RFC 3834).
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = _addressed(mail.name, mail.address)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = f"<{mail.message_id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    # A random boundary would make another mail of each try.
    message.set_boundary(f"=_{mail.message_id}")
    return message.as_bytes()


def _addressed(name: str, address: str) -> Address | str:
    try:
        return Address(" ".join(name.split()), addr_spec=address)
    except (ValueError, IndexError):
        return address
