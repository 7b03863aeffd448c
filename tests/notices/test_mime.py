"""What is written for the wire is what was meant, whatever the words: read back with the standard library."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr

from hypothesis import example, given
from hypothesis import strategies as st

from ecatalog.notices.mails import Mail
from ecatalog.notices.mime import as_bytes
from tests.notices.mailbox import body_of

# Whatever people type and can be seen; surrogates are no characters.
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=80)


def mail_of(name: str = "Ana", subject: str = "Hello", text: str = "Hello.\n", html: str = "<p>Hello.</p>\n") -> Mail:
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    return Mail(
        message_id="an-id", name=name, address="ana@acme.test", subject=subject, text=text, html=html, created_at=at
    )


def read(mail: Mail, sender: str = "Demos <demos@ecatalog.test>") -> EmailMessage:
    found = message_from_bytes(as_bytes(mail, sender, "ecatalog.test"), policy=default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


@given(WORDS, WORDS)
@example('O"Neill, \\ Ana', "=?utf-8?q?no?=")
@example("José", "Olá, é já amanhã " * 9)
@example("=?utf-8?q?The_administrator?=", "Hello")
def test_names_and_subjects_come_as_they_are(name: str, subject: str) -> None:
    found = read(mail_of(name=name, subject=subject))

    assert found["Subject"] == " ".join(subject.split())
    # The parser of Python 3.11 puts a space between encoded words of a name, where RFC 2047 (6.2) has none.
    whose, address = parseaddr(message_from_bytes(as_bytes(mail_of(name=name), "a@b.test", "b.test"))["To"])
    assert address == "ana@acme.test"
    assert str(make_header(decode_header(whose))) == " ".join(name.split())


@given(st.lists(WORDS, min_size=1, max_size=5))
@example(["a" * 2000, "." * 80, "From here", "= =3D", "trailing "])
def test_bodies_come_as_they_are_in_lines_that_servers_take(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    mail = mail_of(text=text, html=f"<p>{text}</p>\n")

    assert max(map(len, as_bytes(mail, "demos@ecatalog.test", "ecatalog.test").split(b"\r\n"))) <= 998
    assert body_of(read(mail)).rstrip("\n") == text.rstrip("\n")
    assert text.rstrip("\n") in body_of(read(mail), "html")


def test_a_try_is_the_same_mail_as_the_one_before() -> None:
    assert as_bytes(mail_of(), "demos@x.test", "x.test") == as_bytes(mail_of(), "demos@x.test", "x.test")


def test_the_heads_say_who_and_that_nobody_answers() -> None:
    found = read(mail_of(), "Équipe <demos@ecatalog.test>")

    assert parseaddr(found["From"]) == ("Équipe", "demos@ecatalog.test")
    assert found["Message-ID"] == "<an-id@ecatalog.test>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Date"].datetime == datetime(2026, 3, 10, 12, tzinfo=UTC)
