"""What the settings of mail may say."""

from email.utils import parseaddr
from urllib.parse import parse_qs, urlsplit
from zoneinfo import available_timezones

from ecatalog.settings_text import BadSetting, variable


def refuse_bad_mail(smtp_url: str, mail_from: str) -> None:
    """Raises BadSetting for an address of a mail server that is none, or without a sender."""
    if not smtp_url:
        return
    if not _is_server(smtp_url):
        raise BadSetting(
            f"{variable('smtp_url')} is {smtp_url!r}: write smtp://user@host:587, smtps://user@host:465 or "
            f"smtp://host:25?starttls=never, and the password into {variable('smtp_password')}."
        )
    name, _, domain = parseaddr(mail_from)[1].rpartition("@")
    if not name or not domain or not mail_from.isprintable():
        raise BadSetting(f"{variable('mail_from')} is {mail_from!r}: write who mails are from, as demos@example.com.")


def refuse_bad_zone(name: str) -> None:
    """Raises BadSetting for a time zone that there is not."""
    if name != "UTC" and name not in available_timezones():
        raise BadSetting(f"{variable('office_timezone')} is {name!r}: write a time zone such as Europe/Lisbon.")


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    options = parse_qs(parts.query, keep_blank_values=True)
    is_known = options in ({}, {"starttls": ["never"]}, {"starttls": ["required"]})
    is_plain_tls = parts.scheme == "smtps" and bool(options)
    is_bare = parts.path in ("", "/") and not parts.fragment and parts.password is None
    return parts.scheme in {"smtp", "smtps"} and is_named and is_known and not is_plain_tls and is_bare
