"""Pictures of demos: drawn anew, bounded, shown to who is logged in; and how forms with files are read."""

import io

import pytest
from PIL import Image

from ecatalog.app import Gateway
from ecatalog.demos.pictures import MOST_BYTES
from ecatalog.web.multipart import read_multipart
from ecatalog.web.problems import WireError
from tests.asgi import Answer, Caller
from tests.cast import Cast
from tests.console.browsing import browser, follow

KIND = "multipart/form-data; boundary=edge"


def picture(size: tuple[int, int] = (300, 200), kind: str = "PNG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, (200, 40, 40)).save(made, kind, comment=b"the secret of the cellar")
    return made.getvalue()


def body(content: bytes, **fields: str) -> bytes:
    named = "--edge\r\nContent-Disposition: form-data; name="
    parts = [f'{named}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    head = f'{named}"picture"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n'
    return b"".join(parts) + head.encode() + content + b"\r\n--edge--\r\n"


async def send(caller: Caller, demo_id: str, content: bytes, **fields: str) -> Answer:
    form = caller.with_(sec_fetch_site="same-origin", content_type=KIND)
    return await form.ask("POST", f"/console/demos/{demo_id}/picture", body(content, **fields))


async def test_a_picture_is_drawn_anew_and_shown_in_the_catalog(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    page = await follow(admin, await send(admin, people.portal, picture(kind="JPEG")))
    address = page.text.split('src="/pictures/')[1].split('"')[0]
    catalog = await browser(gateway, people.acme).get("/")
    assert f"/pictures/{address}" in catalog.text
    shown = await browser(gateway, people.acme).get(f"/pictures/{address}")
    assert (shown.status, shown.header("content-type")) == (200, "image/webp")
    assert b"cellar" not in shown.body
    assert Image.open(io.BytesIO(shown.body)).size == (960, 540)
    assert (await browser(gateway).get(f"/pictures/{address}")).status == 303
    without = await follow(admin, await send(admin, people.portal, b"", wish="remove"))
    assert "/pictures/" not in without.text


@pytest.mark.parametrize("content", [b"", b"<svg onload=alert(1)>", picture()[:80], b"GIF89a" + b"\0" * 40])
async def test_what_is_no_picture_is_refused(gateway: Gateway, people: Cast, content: bytes) -> None:
    answer = await send(browser(gateway, people.admin), people.portal, content)
    assert answer.status == 422


async def test_a_refusal_is_said_beside_the_field(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    answer = await send(admin, people.portal, b"GIF89a" + b"\0" * 40)
    assert 'id="picture-file-wrong">Damaged.' in answer.text or 'id="picture-file-wrong">Neither' in answer.text
    assert 'aria-describedby="picture-file-wrong picture-file-hint"' in answer.text
    assert '<details class="fold" open>' not in answer.text, "the other forms are left alone"
    assert 'id="picture-file-wrong">Choose a file first.' in (await send(admin, people.portal, b"")).text


async def test_a_contact_has_a_photo_and_a_phone_on_the_page_of_the_demo(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    contact = {"contact_name": "Sam Rivers", "contact_phone": "+351 210 000 000", "contact_email": "sam@ecatalog.test"}
    await Caller(gateway.asgi, people.admin.token).patch(f"/api/demos/{people.portal}", contact)
    form = admin.with_(sec_fetch_site="same-origin", content_type=KIND)
    photo = body(picture((300, 400))).replace(b'name="picture"', b'name="photo"')
    await follow(admin, await form.ask("POST", f"/console/demos/{people.portal}/photo", photo))
    page = (await browser(gateway, people.acme).get(f"/demos/{people.portal}")).text
    address = page.split('<img class="face face-lg" src="')[1].split('"')[0]
    assert Image.open(io.BytesIO((await browser(gateway, people.acme).get(address)).body)).size == (192, 192)
    assert 'href="tel:+351210000000"' in page
    refused = await form.ask(
        "POST", f"/console/demos/{people.portal}/photo", body(b"x").replace(b'"picture"', b'"photo"')
    )
    assert (refused.status, 'id="photo-file-wrong"' in refused.text) == (422, True)


async def test_a_picture_of_too_many_pixels_or_bytes_is_refused(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    assert (await send(admin, people.portal, picture((8000, 6000)))).status == 422
    assert (await send(admin, people.portal, b"x" * (MOST_BYTES + 20_000))).status == 413


async def test_only_users_may_send_more_than_a_form_holds(gateway: Gateway, people: Cast) -> None:
    for caller in (browser(gateway, people.acme), browser(gateway)):
        assert (await send(caller, people.portal, b"x" * 100_000)).status == 413
    assert (await send(browser(gateway, people.seller), people.portal, picture())).status == 403


@pytest.mark.parametrize("name", ["..%2Fltplabs.db", "x.webp", "0" * 64 + ".webp", "0" * 64])
async def test_no_other_file_is_a_picture(gateway: Gateway, people: Cast, name: str) -> None:
    assert (await browser(gateway, people.admin).get(f"/pictures/{name}")).status == 404


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"--edge\r\n\r\nno name\r\n--edge--",
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--edge--',
        b"".join(b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(51)) + b"--edge--",
    ],
)
def test_a_form_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        read_multipart(KIND.encode(), raw)


def test_fields_and_files_are_told_apart() -> None:
    fields, files = read_multipart(KIND.encode(), body(b"\0\r\n\xff", name="Zo\u00eb"))
    assert (fields, files) == ({"name": "Zo\u00eb"}, {"picture": b"\0\r\n\xff"})
