"""From bytes to the fields that an action takes: the JSON body or the query string, checked against its
Struct.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect as shape

from ecatalog.kit.errors import Invalid
from ecatalog.web.limits import refuse_deep
from ecatalog.web.problems import malformed, not_json

_MAX_QUERY_FIELDS = 50
# Of a field's name in a refusal, which goes into headers: whoever sends names chooses how long they are.
_LONGEST_NAME = 100
_YEAR = re.compile(r"\d{4}-")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`(?: - at `(.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*?)`(?: - at `(.*)`)?", re.DOTALL)
_AT = re.compile(r"(.*) - at `(?:key in )?(.*)`", re.DOTALL)

Fields = dict[str, Any]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The input of an operation that takes none: whatever is given is refused by name."""


def body_reader(takes: type[msgspec.Struct]) -> Callable[[bytes, bytes | None], Fields]:
    """A function from body and Content-Type to fields by name; no body counts as an empty object."""
    decode = msgspec.json.Decoder(takes).decode
    fields_of = _picker(takes)

    def read(body: bytes, content_type: bytes | None) -> Fields:
        if body:
            _refuse_other_types(content_type)
            refuse_deep(body)
        try:
            _refuse_nul(body, lambda: msgspec.json.decode(body))
            return fields_of(decode(body or b"{}"))
        except msgspec.ValidationError as error:
            raise invalid(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed(f"The body is not JSON: {error}.") from None

    return read


def object_reader(takes: type[msgspec.Struct] | None) -> Callable[[bytes], Fields]:
    """A function from one JSON object to fields by name, for doors without a body and a query string.

    Texts count as the numbers that they spell, as they do in a query string. Nothing counts as an empty object.
    """
    kind = takes or Nothing
    fields_of, instants = _picker(kind), _instants_of(kind)

    def read(raw: bytes) -> Fields:
        refuse_deep(raw)
        try:
            found = msgspec.json.decode(raw or b"{}")
            _refuse_nul(raw, lambda: found)
            if isinstance(found, dict):
                _refuse_counts(found, instants)
            return fields_of(msgspec.convert(found, kind, strict=False))
        except msgspec.ValidationError as error:
            raise invalid(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed(f"The input is not JSON: {error}.") from None

    return read


def query_reader(takes: type[msgspec.Struct]) -> Callable[[bytes], Fields]:
    """A function from the raw query string to fields by name."""
    fields_of, instants = _picker(takes), _instants_of(takes)

    def read(query: bytes) -> Fields:
        pairs = _pairs(query)
        _refuse_counts(pairs, instants)
        try:
            return fields_of(msgspec.convert(pairs, takes, strict=False))
        except msgspec.ValidationError as error:
            raise invalid(error) from None

    return read


@cache
def _picker(takes: type[msgspec.Struct]) -> Callable[[msgspec.Struct], Fields]:
    names = tuple(field.name for field in msgspec.structs.fields(get_origin(takes) or takes))
    instants = _instants_of(takes)

    def fields_of(given: msgspec.Struct) -> Fields:
        fields = {name: value for name in names if (value := getattr(given, name)) is not msgspec.UNSET}
        for name in instants.intersection(fields):
            _refuse_far(name, fields[name])
        return fields

    return fields_of


def _refuse_far(name: str, instant: datetime | None) -> None:
    """Raises Invalid for an instant that could not be told in every time zone."""
    if instant is not None and not 1900 <= instant.year < 9000:
        raise Invalid(f"The field {name} cannot be used: the year is out of range.", fields={name: "out of range"})


def _refuse_nul(raw: bytes, found: Callable[[], Any]) -> None:
    """Raises Invalid for a NUL in a text, which databases and logs take for its end."""
    if b"\\u0000" in raw and _has_nul(found()):
        raise Invalid("A text holds the character NUL: leave it out.")


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


@cache
def _instants_of(takes: type[msgspec.Struct]) -> frozenset[str]:
    found = shape.type_info(takes)
    fields = found.fields if isinstance(found, shape.StructType) else ()
    return frozenset(field.encode_name for field in fields if shape.DateTimeType in map(type, _kinds_of(field.type)))


def _kinds_of(kind: shape.Type) -> tuple[shape.Type, ...]:
    return kind.types if isinstance(kind, shape.UnionType) else (kind,)


def _refuse_counts(found: dict[str, Any], instants: frozenset[str]) -> None:
    """Raises Invalid for an instant that is no RFC 3339 text: `7` is not seven seconds after 1970, as msgspec takes it
    where texts count as numbers.
    """
    for name in instants.intersection(found):
        if found[name] is not None and not _YEAR.match(str(found[name])):
            problem = "it is not an RFC 3339 instant such as 2026-03-31T12:00:00Z"
            raise Invalid(f"The field {name} cannot be used: {problem}.", fields={name: problem})


def _refuse_other_types(content_type: bytes | None) -> None:
    kind = (content_type or b"").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise not_json()


def _pairs(query: bytes) -> dict[str, str]:
    """The query string as one value per name.

    Raises Invalid for a name given twice, WireError for no query string.
    """
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_QUERY_FIELDS
        )
    except ValueError:
        raise malformed("The query string cannot be read: encode it as UTF-8 with percent signs.") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if "\0" in value:
            raise Invalid("A text holds the character NUL: leave it out.", fields={name[:_LONGEST_NAME]: "holds NUL"})
        if name in found:
            name = name[:_LONGEST_NAME]
            raise Invalid(f"Give {name} once.", fields={name: "given twice"})
        found[name] = value
    return found


def invalid(error: msgspec.ValidationError) -> Invalid:
    """The refusal of an input, in our words: which field, and what is wrong with it."""
    text = str(error)
    if found := _UNKNOWN.fullmatch(text):
        name = _join(found[2], found[1])
        return Invalid(f"There is no field {name}: check its spelling.", fields={name: "unknown"})
    if found := _MISSING.fullmatch(text):
        name = _join(found[2], found[1])
        return Invalid(f"The field {name} is missing.", fields={name: "missing"})
    if found := _AT.fullmatch(text):
        name, problem = _join(found[2], ""), _in_words(found[1])
        return Invalid(f"The field {name} cannot be used: {problem}.", fields={name: problem})
    return Invalid(f"The input cannot be used: {_in_words(text)}.")


def _join(place: str | None, name: str) -> str:
    """`$.demos[…]` and `port` as `demos[…].port`."""
    inside = (place or "$").removeprefix("$").removeprefix(".")
    return ".".join(part for part in (inside, name) if part)[:_LONGEST_NAME]


_WORDS = (
    (re.compile(r"Expected str of length >= 1"), "it is empty"),
    (re.compile(r"Expected str of length >= (\d+)"), r"it needs at least \1 characters"),
    (re.compile(r"Expected str of length <= (\d+)"), r"it may have at most \1 characters"),
    (re.compile(r"Expected (?:int|float) >= (\S+)"), r"it must be at least \1"),
    (re.compile(r"Expected (?:int|float) <= (\S+)"), r"it must be at most \1"),
    (re.compile(r"Invalid enum value .*", re.DOTALL), "it is none of the known values"),
)
_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_KIND = re.compile(r"\b(?:" + "|".join(_KINDS) + r")\b")


def _in_words(text: str) -> str:
    """What msgspec says, in words of people; what it says otherwise stays as it is."""
    text = text.replace("`", "").strip()
    for pattern, words in _WORDS:
        if pattern.fullmatch(text):
            return pattern.sub(words, text)
    text = text[:1].lower() + text[1:]
    return _KIND.sub(lambda found: _KINDS[found[0]], text).replace(" | ", " or ")
