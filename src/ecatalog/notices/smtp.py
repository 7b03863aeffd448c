"""Mail by SMTP: a few connections that are kept open, STARTTLS or TLS, and what each kind of refusal means."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from ecatalog.notices.channels import GAPS, Outgoing, Refused
from ecatalog.notices.mails import Mail, Mails
from ecatalog.notices.mime import as_bytes

_LANES = 4
_SECONDS_TO_ANSWER = 30.0
# Servers close what is idle after five minutes (RFC 5321, 4.5.3.2.7), and some of them much sooner.
_SECONDS_IDLE = 20.0
_MOST_PER_CONNECTION = 500
_SENDABLE = re.compile(r"[^@\s<>()\[\],;:\\\"]+@[^@\s<>()\[\],;:\\\"]+")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `tls` is `starttls` (demanded), `implicit`, or `none` for a server on this machine."""

    host: str
    port: int
    tls: str
    username: str = ""
    password: str = ""

    @classmethod
    def of(cls, url: str, password: str) -> "MailServer":
        """Of `smtp://user@host:port?starttls=never` or `smtps://…`, which the settings have checked."""
        parts = urlsplit(url)
        is_plain = parse_qs(parts.query).get("starttls") == ["never"]
        tls = "implicit" if parts.scheme == "smtps" else "none" if is_plain else "starttls"
        port = parts.port or {"implicit": 465, "starttls": 587, "none": 25}[tls]
        return cls(parts.hostname or "", port, tls, unquote(parts.username or ""), password)


class SmtpChannel:
    """Delivers rows as mails. `tls` replaces the system's trust, for a server with a certificate of one's own."""

    name = "mail"
    lanes = _LANES
    gaps = GAPS
    find_heads = None

    def __init__(self, mails: Mails, server: MailServer, sender: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._mails = mails
        self._server = server
        self._sender = sender
        self._from = parseaddr(sender)[1]
        self._host = self._from.rpartition("@")[2]
        self._tls = tls
        self._idle: list[_Line] = []

    async def deliver(self, message: Outgoing) -> None:
        mail = await self._mails.compose(message)
        content = as_bytes(mail, self._sender, self._host)
        async with self._line() as line:
            await _hand_over(line, self._from, mail, content)

    async def close(self) -> None:
        lines, self._idle = self._idle, []
        await asyncio.gather(*(line.end() for line in lines))

    @asynccontextmanager
    async def _line(self) -> AsyncIterator["_Line"]:
        """A connection that answers; it is kept when the mail was taken or refused in order, else it is closed.

        Nothing is awaited after the answer: what came in between would take it for none, and repeat the mail.
        """
        line = await self._take() or await self._connect()
        try:
            yield line
        except Refused:
            self._keep(line)
            raise
        except BaseException:
            line.cut()
            raise
        self._keep(line)

    async def _take(self) -> "_Line | None":
        while self._idle:
            line = self._idle.pop()
            if line.is_fresh():
                return line
            await line.end()
        return None

    def _keep(self, line: "_Line") -> None:
        if line.smtp.is_connected:
            line.rest()
            self._idle.append(line)

    async def _connect(self) -> "_Line":
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            tls_context=self._tls,
            timeout=_SECONDS_TO_ANSWER,
        )
        try:
            await smtp.connect()
            if server.username:
                await smtp.login(server.username, server.password)
        except aiosmtplib.SMTPAuthenticationError as error:
            smtp.close()
            raise Refused(f"The mail server did not take our login: {_words(error)}") from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            smtp.close()
            raise Refused(f"The mail server {server.host}:{server.port} was not reached: {_words(error)}") from error
        except BaseException:
            smtp.close()
            raise
        return _Line(smtp)


class _Line:
    """A connection, how many mails went over it, and since when it rests."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        self.smtp = smtp
        self.mails = 0
        self._resting_since = 0.0

    def rest(self) -> None:
        self._resting_since = asyncio.get_running_loop().time()

    def is_fresh(self) -> bool:
        is_rested = asyncio.get_running_loop().time() - self._resting_since >= _SECONDS_IDLE
        return self.smtp.is_connected and not is_rested and self.mails < _MOST_PER_CONNECTION

    def cut(self) -> None:
        self.smtp.close()

    async def end(self) -> None:
        with suppress(aiosmtplib.SMTPException, OSError):
            await self.smtp.quit(timeout=1)
        self.smtp.close()


async def _hand_over(line: _Line, sender: str, mail: Mail, content: bytes) -> None:
    """One mail. Raises Refused. If it says that the connection broke, the mail may have been taken all the same."""
    smtp, address = line.smtp, _wire_address(mail.address)
    if not _SENDABLE.fullmatch(address):  # Read by the grammar of mail, it might be somebody else's.
        raise Refused(f"{mail.address} is no address that mail can be sent to.", is_final=True)
    if not address.isascii() and not smtp.supports_extension("smtputf8"):
        raise Refused(f"The mail server takes no address such as {mail.address} (SMTPUTF8).", is_final=True)
    line.mails += 1
    try:
        await smtp.mail(sender, options=[] if address.isascii() else ["SMTPUTF8"], encoding="utf-8")
        await smtp.rcpt(address, encoding="utf-8")
        await smtp.data(content)
    except aiosmtplib.SMTPResponseException as error:
        await _begin_anew(line)
        raise _refusal(error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        line.cut()
        raise Refused(f"The connection to the mail server broke before it answered: {_words(error)}") from error


async def _begin_anew(line: _Line) -> None:
    try:
        await line.smtp.rset()
    except (aiosmtplib.SMTPException, OSError):
        line.cut()


def _refusal(error: aiosmtplib.SMTPResponseException) -> Refused:
    """A 5xx about the recipient or the mail is final (RFC 5321, 4.2.1); one about us an operator may mend."""
    is_about_us = isinstance(error, aiosmtplib.SMTPSenderRefused) or error.code in (530, 534, 535, 538)
    is_final = 500 <= error.code < 600 and not is_about_us
    return Refused(f"The mail server said {_words(error)}", is_final=is_final)


def _wire_address(address: str) -> str:
    """The address with its domain in the form that every server knows (IDNA)."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address


def _words(error: BaseException) -> str:
    said = str(error) or type(error).__name__
    if isinstance(error, aiosmtplib.SMTPResponseException):
        said = f"{error.code}: {error.message}"
    return " ".join(said.split())[:300]
