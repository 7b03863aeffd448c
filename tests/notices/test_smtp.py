"""Mail servers as operators have them: STARTTLS or TLS with a login, and what is said of those that do not fit."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecatalog.kit.db import Database, Tx
from ecatalog.notices.channels import Outgoing, Refused
from ecatalog.notices.links import Links
from ecatalog.notices.mails import Mails
from ecatalog.notices.rendering import Renderer
from ecatalog.notices.smtp import MailServer, SmtpChannel
from ecatalog.settings import BadSetting, Settings
from tests.cast import Cast
from tests.notices.mailbox import Mailbox, serving, tls_pair


def row(cast: Cast) -> Outgoing:
    return Outgoing(
        id=1,
        position=1,
        channel="mail",
        recipient=f"user:{cast.seller.id}",
        kind="invitation",
        message_id="an-id",
        payload={"client": None},
        attempts=1,
        client_id=None,
        created_at=datetime(2026, 3, 10, 12, tzinfo=UTC),
    )


def channel(db: Database, url: str, password: str = "", tls: ssl.SSLContext | None = None) -> SmtpChannel:
    mails = Mails(db, Renderer(Links("s" * 43, "http://localhost:8080")))
    return SmtpChannel(mails, MailServer.of(url, password), "Demos <demos@ecatalog.test>", tls=tls)


@pytest.mark.parametrize(("mode", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
async def test_mail_goes_over_tls_with_a_login(
    db: Database, cast: Cast, tmp_path: Path, mode: str, scheme: str
) -> None:
    box, (server, client) = Mailbox(), tls_pair(tmp_path)
    async with serving(box, tls=server, mode=mode) as port:
        sending = channel(db, f"{scheme}://us%40x@localhost:{port}", "a secret", client)
        await sending.deliver(row(cast))
        await sending.deliver(row(cast))
        await sending.close()

    assert box.logins == ["us@x:a secret"]
    assert [mail["Message-ID"] for mail in box.mails] == ["<an-id@ecatalog.test>"] * 2


async def test_a_wrong_password_is_for_the_operator_to_mend(db: Database, cast: Cast, tmp_path: Path) -> None:
    box, (server, client) = Mailbox(), tls_pair(tmp_path)
    async with serving(box, tls=server, mode="starttls") as port:
        with pytest.raises(Refused, match="535") as refused:
            await channel(db, f"smtp://us@localhost:{port}", "wrong", client).deliver(row(cast))

    assert not refused.value.is_final


@pytest.mark.parametrize(("mode", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
async def test_a_certificate_of_nobody_we_know_is_refused(
    db: Database, cast: Cast, tmp_path: Path, mode: str, scheme: str
) -> None:
    box, (server, _) = Mailbox(), tls_pair(tmp_path)
    async with serving(box, tls=server, mode=mode) as port:
        with pytest.raises(Refused, match="was not reached") as refused:
            await channel(db, f"{scheme}://us@localhost:{port}", "a secret").deliver(row(cast))

    assert not refused.value.is_final
    assert box.logins == []


async def test_what_would_be_read_as_another_address_is_not_written_to(
    db: Database, cast: Cast, mailbox: Mailbox
) -> None:
    """Such as an older version let in: by the grammar of mail it is that of the administrator."""
    await db.write(_rename, cast.seller.id, f"x<{cast.admin.email}>")
    with pytest.raises(Refused, match="no address") as refused:
        await channel(db, f"smtp://localhost:{mailbox.port}?starttls=never").deliver(row(cast))

    assert refused.value.is_final
    assert mailbox.mails == []


def _rename(tx: Tx, user_id: str, email: str) -> None:
    tx.run("UPDATE users SET email = :email WHERE id = :id", email=email, id=user_id)


async def test_a_server_without_starttls_gets_nothing(db: Database, cast: Cast, mailbox: Mailbox) -> None:
    with pytest.raises(Refused, match="was not reached"):
        await channel(db, f"smtp://localhost:{mailbox.port}").deliver(row(cast))

    assert mailbox.mails == []


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://us:secret@mail.example.com",
        "smtp://mail.example.com?starttls=perhaps",
        "smtps://mail.example.com?starttls=never",
        "smtp://mail.example.com:0",
        "smtp://mail.example.com/path",
    ],
)
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(BadSetting, match="ECATALOG_SMTP_URL"):
        Settings(smtp_url=url, mail_from="demos@example.com")


@pytest.mark.parametrize("sender", ["", "demos", "Demos <>", "Demos\n<demos@example.com>"])
def test_mails_need_a_sender(sender: str) -> None:
    with pytest.raises(BadSetting, match="ECATALOG_MAIL_FROM"):
        Settings(smtp_url="smtps://mail.example.com", mail_from=sender)


def test_ports_are_the_usual_ones() -> None:
    urls = ("smtp://m.test", "smtps://m.test", "smtp://m.test?starttls=never", "smtp://m.test:2525")

    assert [MailServer.of(url, "").port for url in urls] == [587, 465, 25, 2525]


def test_the_zone_of_the_team_is_one() -> None:
    with pytest.raises(BadSetting, match="ECATALOG_OFFICE_TIMEZONE"):
        Settings(office_timezone="Europe/Atlantis")
