"""A browser without a window: the session cookie, and the links and forms of the pages that come back."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from ecatalog.app import Gateway
from tests.asgi import Answer, Caller
from tests.cast import Person

_VALUED = {"input", "select", "textarea", "button"}


def browser(gateway: Gateway, person: Person | None = None) -> Caller:
    """Somebody's browser, with the session cookie of that person."""
    cookie = {"cookie": f"ecatalog={person.token}"} if person else {}
    return Caller(gateway.asgi, headers=cookie)


def places(answer: Answer) -> str:
    """Where a redirect leads."""
    return answer.header("location") or ""


async def follow(caller: Caller, answer: Answer) -> Answer:
    """The page that a form leads to. Fails when it leads nowhere."""
    assert answer.status == 303, (answer.status, answer.text)
    return await caller.get(places(answer))


@dataclass
class Form:
    """A form, and what it would send if somebody only pressed its button."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where a form that asks (GET) leads."""
        return f"{self.action}?{urlencode(self.fields)}" if self.fields else self.action


class Html(HTMLParser):
    """The links and forms of a page, and the texts of its labels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self._form: Form | None = None
        self._select = self._textarea = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and given.get("href", "").startswith("/"):
            self.links.append(given["href"])
        elif tag == "form":
            self._form = Form(given.get("method", "get").upper(), given["action"])
            self.forms.append(self._form)
        elif self._form is not None and tag in _VALUED | {"option"} and "disabled" not in given:
            self._take(tag, given)

    def _take(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name = given.get("name", "")
        if tag == "select":
            self._select = name
            return
        if tag == "option":
            if self._select not in self._form.fields or "selected" in given:
                self._form.fields[self._select] = given.get("value", "")
            return
        is_box = given.get("type") in ("checkbox", "radio")
        if name and (not is_box or "checked" in given) and tag != "button":
            self._form.fields[name] = given.get("value", "on" if is_box else "")
        if tag == "textarea":
            self._textarea = name

    def handle_data(self, data: str) -> None:
        if self._textarea and self._form is not None:
            # The first line break belongs to the source, not to the text.
            self._form.fields[self._textarea] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = ""
        if tag == "form":
            self._form = None
