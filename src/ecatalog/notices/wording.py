"""Days and times as people of a language say them. Pure; the languages are English and Portuguese."""

from datetime import datetime, time, timedelta

from ecatalog.clients.model import zone_for
from ecatalog.kit.clock import from_text

LANGUAGES = ("en", "pt")
_MONTHS = {
    "en": "January,February,March,April,May,June,July,August,September,October,November,December",
    "pt": "janeiro,fevereiro,março,abril,maio,junho,julho,agosto,setembro,outubro,novembro,dezembro",
}
_MOMENT = timedelta(milliseconds=1)


def language_of(locale: str) -> str:
    """`pt` for `pt-BR`; English for what we do not speak."""
    language = locale[:2].lower()
    return language if language in LANGUAGES else "en"


def day(instant: str, timezone: str, language: str) -> str:
    """The day of an instant: `31 March 2026`, `31 de março de 2026`."""
    return _day(from_text(instant).astimezone(zone_for(timezone)), language)


def moment(instant: str, timezone: str, language: str) -> str:
    """The instant to the minute, with its zone."""
    local = from_text(instant).astimezone(zone_for(timezone))
    return f"{_day(local, language)}, {local:%H:%M} ({timezone})"


def end(instant: str, timezone: str, language: str) -> str:
    """The end of a window: a day that is the last one, or a time of a day. Midnight belongs to the day that is over."""
    local = from_text(instant).astimezone(zone_for(timezone))
    if local.time() == time():
        return _day(local - _MOMENT, language)
    return moment(instant, timezone, language)


def _day(local: datetime, language: str) -> str:
    month = _MONTHS[language].split(",")[local.month - 1]
    return f"{local.day} de {month} de {local.year}" if language == "pt" else f"{local.day} {month} {local.year}"
