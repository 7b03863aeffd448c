"""Without a mail server, mails are shown: on the console and in the log of whoever runs the catalog. None is lost."""

import structlog

from ecatalog.notices.channels import GAPS, Outgoing
from ecatalog.notices.mails import Mails

_log = structlog.get_logger("ecatalog.notices")


class ConsoleChannel:
    """The working twin of SMTP. What it shows has the links that work once, as the mail would: whoever reads the log of
    a catalog owns it."""

    name = "mail"
    lanes = 1
    gaps = GAPS
    find_heads = None

    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    async def deliver(self, message: Outgoing) -> None:
        mail = await self._mails.compose(message)
        _log.info(
            "message.shown",
            to=f"{mail.name} <{mail.address}>",
            subject=mail.subject,
            text=mail.text,
            message=mail.message_id,
            message_kind=message.kind,
        )

    async def close(self) -> None:
        """Nothing is open."""
