"""The settings of the process as administrators read them: each with its value and where that comes from.

They are read once, at the start; whoever runs the machine changes them. No secret is shown.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

import msgspec

from ecatalog.settings import SECRETS, Settings, variable


class ProcessSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One variable; `source` says in words where its value comes from."""

    variable: str
    about: str
    value: str
    source: str
    is_given: bool


def process_settings(settings: Settings, env: Mapping[str, str]) -> list[ProcessSetting]:
    """All of them, in the order of the reference."""
    return [_setting(each, settings, env) for each in fields(Settings)]


def _setting(field: Any, settings: Settings, env: Mapping[str, str]) -> ProcessSetting:
    name, value = variable(field.name), getattr(settings, field.name)
    source = _source(name, value != field.default, env)
    shown = ("set" if value else "not set") if field.name in SECRETS else as_text(value)
    return ProcessSetting(
        variable=name, about=field.metadata["about"], value=shown, source=source, is_given=source != _BY_ITSELF
    )


_BY_ITSELF = "as it comes"


def _source(name: str, is_changed: bool, env: Mapping[str, str]) -> str:
    if env.get(f"{name}_FILE", "").strip():
        return f"the file {env[f'{name}_FILE'].strip()}"
    if env.get(name, "").strip():
        return "the environment"
    return "the command line, or made at the start" if is_changed else _BY_ITSELF


def as_text(value: object) -> str:
    """A value as one writes it."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value in (None, "") else str(value)


class MailSetting(msgspec.Struct, frozen=True, kw_only=True):
    """What mail takes: whether there is a server, and the settings that say so."""

    is_on: bool
    lines: list[ProcessSetting]


_MAIL = ("smtp_url", "smtp_password", "mail_from", "office_timezone")


def mail_setting(settings: Settings, env: Mapping[str, str]) -> MailSetting:
    names = {variable(name) for name in _MAIL}
    lines = [each for each in process_settings(settings, env) if each.variable in names]
    return MailSetting(is_on=bool(settings.smtp_url), lines=lines)
