"""A mail to whoever asks for one, at once and past those that wait: the only way to know that mail arrives."""

from time import perf_counter

from ecatalog.accounts.actions import user_for
from ecatalog.accounts.model import MailSwitch
from ecatalog.accounts.throttle import TEST_MAILS, Throttle
from ecatalog.kit.actor import ADMINS, Actor
from ecatalog.kit.errors import Forbidden
from ecatalog.kit.ids import new_id
from ecatalog.notices.channels import Outgoing, Refused
from ecatalog.notices.planning import MAIL
from ecatalog.notices.post import Post
from ecatalog.web.door import Door
from ecatalog_client.types.settings import MailTest

_SHOWN = "There is no mail server: the message is shown in the log of the gateway, as all others are."
_TAKEN = "The mail server took it. Look into your mailbox, and among the unwanted mail."


async def send_test_mail(door: Door, actor: Actor) -> MailTest:
    """Answers what the mail server said. Raises Forbidden, Exhausted for who tries too often."""
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator tries the mail.")
    throttle = door.part(Throttle)
    throttle.refuse_if_exhausted(actor.id, door.address, TEST_MAILS)
    throttle.count_attempt(actor.id, door.address, TEST_MAILS)
    user = await door.db.read(user_for, actor, actor.id)
    message = Outgoing(
        id=0,
        position=0,
        channel=MAIL,
        recipient=f"user:{actor.id}",
        kind="test",
        message_id=new_id(),
        payload={},
        attempts=1,
        client_id=None,
        created_at=door.clock(),
    )
    began, why_not = perf_counter(), ""
    try:
        await door.part(Post).channels[MAIL].deliver(message)
    except Refused as refused:
        why_not = refused.reason
    words = why_not or (_TAKEN if door.part(MailSwitch).is_on else _SHOWN)
    ms = round((perf_counter() - began) * 1000)
    return MailTest(is_sent=not why_not, address=user.email, words=words, ms=ms)
