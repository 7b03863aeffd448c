"""A real SMTP server on loopback for tests: aiosmtpd, with and without TLS, that may be told to refuse or hang up."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Mailbox:
    """What arrived, in order. `answer` is what the server says to a mail, `None` for nothing at all (it hangs up)."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.connections = 0
        self.logins: list[str] = []
        self.answer: Callable[[EmailMessage], str | None] = lambda mail: "250 OK"
        self.rcpt_answer = "250 OK"
        self._came = asyncio.Condition()

    async def wait_for(self, count: int) -> list[EmailMessage]:
        """The mails, as soon as there are so many."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.mails) >= count)
        return self.mails

    async def to(self, address: str, subject: str = "") -> EmailMessage:
        """The first mail to this address whose subject has these words, as soon as it is there."""
        async with self._came:
            await self._came.wait_for(lambda: self._find(address, subject) is not None)
        found = self._find(address, subject)
        assert found is not None
        return found

    async def another(self, address: str, than: EmailMessage) -> EmailMessage:
        """The mail to this address that came after that one, as soon as it is there."""

        def after() -> list[EmailMessage]:
            mine = [mail for mail in self.mails if address in mail["To"]]
            return mine[mine.index(than) + 1 :]

        async with self._came:
            await self._came.wait_for(after)
        return after()[0]

    def subjects(self, address: str) -> list[str]:
        return [mail["Subject"] for mail in self.mails if address in mail["To"]]

    def _find(self, address: str, subject: str) -> EmailMessage | None:
        return next((m for m in self.mails if address in m["To"] and subject in m["Subject"]), None)

    # what aiosmtpd calls --------------------------------------------------------------------------------------

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=default)
        assert isinstance(mail, EmailMessage)
        answer = self.answer(mail)
        if answer is None or answer.startswith("250"):
            async with self._came:
                self.mails.append(mail)
                self._came.notify_all()
        if answer is None:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "451 never sent"
        return answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append(f"{given.login.decode()}:{given.password.decode()}")
        return AuthResult(success=given.password == b"a secret", handled=False)


def body_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


@asynccontextmanager
async def serving(mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, mode: str = "none") -> AsyncIterator[int]:
    """Serves the mailbox on a free port; `mode` is `none`, `starttls` or `implicit`, with a login unless it is none."""
    loop = asyncio.get_running_loop()

    def connect() -> SMTP:
        mailbox.connections += 1
        options: dict[str, Any] = {"hostname": "mail.test", "enable_SMTPUTF8": True, "loop": loop}
        if mode == "starttls":
            options |= {"tls_context": tls, "require_starttls": True}
        if mode != "none":
            options |= {
                "authenticator": mailbox.authenticate,
                "auth_required": mode == "starttls",
                "auth_require_tls": mode == "starttls",
            }
        return SMTP(mailbox, **options)

    server = await loop.create_server(connect, "127.0.0.1", mailbox.port, ssl=tls if mode == "implicit" else None)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox.port
    finally:
        server.close()


def tls_pair(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for localhost, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, private)
    return server, ssl.create_default_context(cafile=str(certificate))
