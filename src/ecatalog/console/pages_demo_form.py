"""One form that adds and edits demos: what is typed becomes what the API takes, or comes back with what is wrong."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from ecatalog.access.catalog_api import changed_and_cut
from ecatalog.console.demos import DemoForm, demo_form, save_changed, save_new
from ecatalog.console.pages_demos import WEEKDAYS, plan_in
from ecatalog.console.pages_frame import Wrong, admin_of, fields_of, show, wrong_of
from ecatalog.kit.errors import CatalogError, Forbidden, Invalid, NotFound, Stale
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.demos import CreateDemo, PatchDemo
from ecatalog_client.types.launches import AddWarmPlan

_TEXTS = (
    *("name", "slug", "description", "demo_url", "status", "status_reason", "vertical", "horizontal", "project_code"),
    *("contact_name", "contact_email", "contact_phone", "compose", "public_service", "claim_path"),
)
_NUMBERS = ("port", "cpu", "memory_mb", "warm", "max_copies")
# Typed in minutes, kept in seconds.
_MINUTES = {
    "idle_minutes": "idle_seconds",
    "lifetime_minutes": "lifetime_seconds",
    "longest_minutes": "longest_seconds",
}
_NEW = {
    "demo_url": "/",
    "status": "draft",
    "port": "8000",
    "cpu": "1",
    "memory_mb": "256",
    "warm": "0",
    "idle_minutes": "15",
    "lifetime_minutes": "240",
    "longest_minutes": "0",
    "max_copies": "0",
    "is_metered": "on",
}
# Of a weekly plan, which is added with the demo when a day is ticked.
_PLAN = {"from_time": "09:00", "until_time": "17:00", "timezone": "UTC", "copies": "1"}
_ALL = (*_TEXTS, *_NUMBERS, *_MINUTES, "keywords", "environment", "image", "is_metered", "force")


async def show_new(visit: Visit) -> Response:
    return await _form(visit, _NEW)


async def show_edit(visit: Visit) -> Response:
    return await _form(visit)


async def _form(
    visit: Visit, typed: Mapping[str, str] | None = None, wrong: Wrong | None = None, status: int = 200
) -> Response:
    found = await visit.door.db.read(demo_form, admin_of(visit), visit.values.get("id", ""))
    told, kept = wrong or Wrong(), _typed_of(found)
    shown = dict.fromkeys((*_ALL, *WEEKDAYS), "") | _PLAN | (dict(typed) if typed is not None else kept)
    return await show(
        visit,
        "console/demo_form.html",
        status=status,
        found=found,
        demo=found.demo,
        typed=shown,
        weekdays=WEEKDAYS,
        has_plan=any(shown[name] for name in WEEKDAYS),
        wrong=told.beside(shown, kept) if status == Stale.status else told,
    )


def _typed_of(found: DemoForm) -> dict[str, str]:
    demo = found.demo
    if demo is None:
        return dict(_NEW)
    typed = {name: str(getattr(demo, name)) for name in (*_TEXTS, *_NUMBERS)}
    typed |= {name: str(getattr(demo, field) // 60) for name, field in _MINUTES.items()}
    typed["cpu"] = f"{demo.cpu:g}"
    typed["keywords"] = ", ".join(demo.keywords)
    typed["environment"] = "\n".join(f"{name}={value}" for name, value in demo.environment.items())
    return typed | {"image": found.image, "is_metered": "on" if demo.is_metered else ""}


def _given(form: Mapping[str, str]) -> dict[str, Any]:
    """What the API takes. Raises Invalid for lines and numbers that are none."""
    given: dict[str, Any] = {name: form[name].replace("\r\n", "\n").strip() for name in _TEXTS if name in form}
    given |= {name: form[name].strip() for name in _NUMBERS if form.get(name, "").strip()}
    given |= {field: _seconds(name, form[name]) for name, field in _MINUTES.items() if form.get(name, "").strip()}
    given["keywords"] = [word.strip() for word in form.get("keywords", "").split(",") if word.strip()]
    given["environment"] = _environment(form.get("environment", ""))
    given["is_metered"] = bool(form.get("is_metered"))
    if form.get("force"):
        given["force"] = True
    if not given.get("slug"):
        given.pop("slug", None)
    if not given.get("demo_url"):
        given.pop("demo_url", None)
    if given.get("status") not in ("draft", "active", "maintenance"):
        given.pop("status", None)
    return given


def _plan_of(form: Mapping[str, str]) -> dict[str, Any] | None:
    """The plan that is to be added; None without a day. Raises Invalid."""
    given = plan_in(form)
    return fields_of(AddWarmPlan, given) if given["weekdays"] else None


def _seconds(name: str, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit() and len(text) < 8):
        raise Invalid("Some of it is no number.", fields={name: "write whole minutes"})
    return int(text) * 60


def _environment(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if any("=" not in line for line in lines):
        raise Invalid("The environment cannot be read.", fields={"environment": "write one NAME=value a line"})
    return {name.strip(): value for name, _, value in (line.partition("=") for line in lines)}


def _wrong(error: CatalogError) -> Wrong:
    """What the API calls by other names than the form stands beside the fields of the form."""
    wrong = wrong_of(error)
    names = {"docker_image_id": "image"} | {field: name for name, field in _MINUTES.items()}
    return Wrong(words=wrong.words, fields={names.get(name, name): words for name, words in wrong.fields.items()})


async def submit_new(visit: Visit) -> Response:
    actor = admin_of(visit)
    try:
        fields = fields_of(CreateDemo, _given(visit.form))
        added = await visit.door.write(
            save_new, actor, visit.form.get("image", "").strip(), _plan_of(visit.form), **fields
        )
    except (Forbidden, NotFound):
        raise
    except CatalogError as error:
        return await _form(visit, visit.form, _wrong(error), error.status)
    return see_other(f"/console/demos/{added.demo.id}?done={'trial' if added.trial_launch_id else 'added'}")


async def submit_edit(visit: Visit) -> Response:
    actor, form, demo_id = admin_of(visit), visit.form, visit.values["id"]
    version = form.get("version", "")
    try:
        fields = fields_of(PatchDemo, _given(form))
        number = int(version) if version.isascii() and version.isdigit() else 0
        changed = await visit.door.write(
            save_changed, actor, demo_id, number, form.get("image", "").strip(), _plan_of(form), **fields
        )
        answer = await changed_and_cut(visit.door, actor, changed)
    except (Forbidden, NotFound):
        raise
    except CatalogError as error:
        return await _form(visit, form, _wrong(error), error.status)
    return see_other(f"/console/demos/{demo_id}?done={'trial' if answer.trial_launch_id else 'saved'}")


PAGES = (
    page("GET", "/console/demos/new", show_new),
    page("POST", "/console/demos/new", submit_new),
    page("GET", "/console/demos/{id}/edit", show_edit),
    page("POST", "/console/demos/{id}/edit", submit_edit),
)
