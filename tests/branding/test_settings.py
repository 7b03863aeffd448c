"""What a company decides about its catalog: on the settings page and over the API, on every page and in mails."""

import base64
import io
import re

import pytest
from PIL import Image

from ecatalog.app import Gateway
from ecatalog.branding.queries import set_text
from tests.asgi import Answer, Caller
from tests.cast import Cast, facts
from tests.console.browsing import browser, follow

KIND = "multipart/form-data; boundary=edge"


def logo(size: tuple[int, int] = (400, 100)) -> bytes:
    made = io.BytesIO()
    Image.new("RGBA", size, (200, 40, 40, 120)).save(made, "PNG")
    return made.getvalue()


def body(file: bytes, **fields: str) -> bytes:
    named = "--edge\r\nContent-Disposition: form-data; name="
    parts = [f'{named}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    head = f'{named}"logo"; filename="l.png"\r\nContent-Type: image/png\r\n\r\n'
    return b"".join(parts) + head.encode() + file + b"\r\n--edge--\r\n"


async def send(caller: Caller, file: bytes = b"", /, **fields: str) -> Answer:
    form = caller.with_(sec_fetch_site="same-origin", content_type=KIND)
    return await form.ask("POST", "/console/settings", body(file, **fields))


async def test_name_texts_and_colour_are_on_the_login_page_and_in_the_frame(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    given = {"name": "Acme Showroom", "welcome": "Try <b>it</b>.", "contact": "Call Sam.", "colour": "#FFCC00"}
    page = await follow(admin, await send(admin, **given))
    assert "Acme Showroom</span>" in page.text
    assert "Text on it is black, with a contrast of" in page.text
    login = (await browser(gateway).get("/login")).text
    assert "· Acme Showroom</title>" in login
    assert "Try &lt;b&gt;it&lt;/b&gt;." in login
    assert "Call Sam." in login
    address = re.findall(r'href="(/branding/colour\.css\?v=\w+)"', login)[0]
    styles = await browser(gateway).get(address)
    assert (styles.status, styles.header("content-type")) == (200, "text/css; charset=utf-8")
    assert "--tblr-primary: light-dark(" in styles.text
    assert "style=" not in re.sub(r'rel="stylesheet"', "", login), "the policy of the pages forbids styles in them"


async def test_a_logo_is_drawn_anew_and_taken_away(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    page = await follow(admin, await send(admin, logo()))
    address = re.findall(r'src="(/branding/logo\?v=\w+)"', page.text)[0]
    shown = await browser(gateway).get(address)
    assert (shown.status, shown.header("content-type")) == (200, "image/webp")
    drawn = Image.open(io.BytesIO(shown.body))
    assert (drawn.size, drawn.mode) == ((384, 96), "RGBA")
    assert 'width="128" height="32"' in page.text, "its shape is told, so that nothing jumps"
    page = await follow(admin, await send(admin, no_logo="on"))
    assert "/branding/logo" not in page.text
    assert (await browser(gateway).get(address)).status == 404


async def test_the_api_changes_the_same(gateway: Gateway, people: Cast) -> None:
    admin = Caller(gateway.asgi, people.admin.token)
    drawn = base64.b64encode(logo((64, 64))).decode()
    changed = await admin.patch("/api/settings", {"name": "Showroom", "colour": "#123456", "logo": drawn})
    assert changed.status == 200, changed.text
    assert changed.json() == (await admin.get("/api/settings")).json()
    assert {name: changed.json()[name] for name in ("name", "colour", "version")} == {
        "name": "Showroom",
        "colour": "#123456",
        "version": 2,
    }
    assert (await gateway.db.read(facts, "settings.edited"))[0]["details"] == {"fields": ["colour", "logo", "name"]}
    stale = admin.with_(if_match='"1"')
    assert (await stale.patch("/api/settings", {"name": "Another"})).status == 412


async def test_changing_nothing_is_no_fact(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    await follow(admin, await send(admin, name="E-Catalog", colour="#1f6f62"))
    assert await gateway.db.read(facts, "settings.edited") == []


@pytest.mark.parametrize(
    ("given", "beside"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"colour": "red; } body { display: none"}, "colour"),
        ({"welcome": "x" * 201}, "welcome"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    gateway: Gateway, people: Cast, given: dict[str, str], beside: str
) -> None:
    answer = await send(browser(gateway, people.admin), **given)
    assert answer.status == 422
    assert f'id="{beside}-wrong"' in answer.text


async def test_what_is_no_picture_is_refused_beside_its_field(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    answer = await send(admin, b"<svg onload=alert(1)>")
    assert answer.status == 422
    assert 'id="logo-wrong"' in answer.text
    api = Caller(gateway.asgi, people.admin.token)
    for text in ("no base64", base64.b64encode(b"GIF89a").decode()):
        assert (await api.patch("/api/settings", {"logo": text})).status == 422


async def test_of_two_who_save_the_second_is_told(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    await follow(admin, await send(admin, name="Mine", version="1"))
    answer = await send(admin, name="Yours", version="1")
    assert answer.status == 412
    assert 'value="Yours"' in answer.text, "what was typed is still there"
    assert "Meanwhile it says: Mine" in answer.text


async def test_settings_of_the_process_are_shown_without_secrets(
    gateway: Gateway, people: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECATALOG_LOG_LEVEL", "warning")
    monkeypatch.setenv("JWT_SECRET_FILE", "/run/secrets/jwt")
    page = (await browser(gateway, people.admin).get("/console/settings")).text
    assert "ECATALOG_LOG_LEVEL" in page
    assert "the file /run/secrets/jwt" in page
    assert "s" * 43 not in page


async def test_without_a_mail_server_a_test_is_shown_in_the_log(gateway: Gateway, people: Cast) -> None:
    answer = await browser(gateway, people.admin).send_form("/console/settings/mail")
    assert "There is no mail server: the message is shown in the log" in answer.text


@pytest.mark.parametrize("written", ["garbage", '{"colour": "#12345"}', '{"colour": "#123456;} body {display: none}"}'])
async def test_what_somebody_wrote_by_hand_breaks_no_page(gateway: Gateway, people: Cast, written: str) -> None:
    admin = browser(gateway, people.admin)
    await gateway.db.write(set_text, written)

    assert (await admin.get("/")).status == 200
    assert (await admin.get("/branding/colour.css")).body == b""
