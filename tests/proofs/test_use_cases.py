"""The eight use cases as people do them, in a real browser, at a desk and on a phone; each step is kept as a picture.

What is proved besides: no word in the console, which is also where the browser reports what the content security policy
stopped, and nothing wider than the screen.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.proofs.installation import Installation, running_installation
from tests.proofs.test_pages import DESK, PHONE, Tab

pytestmark = pytest.mark.proof

ADMIN = "admin@ecatalog.example"
NEW_PASSWORD = "a quite different battery staple"
_MOMENT_MS = 3000
WHERE = {"desk": DESK, "phone": PHONE}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation(tmp_path_factory.mktemp("use-cases")) as installation:
        yield installation


class Somebody(Tab):
    """A person at a browser of their own, who keeps a picture of what they see."""

    def __init__(self, context: BrowserContext, place: Installation, where: str) -> None:
        super().__init__(context, place)
        self.context = context
        self.where = where

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def sees(self, words: str) -> None:
        expect(self.page.get_by_text(words).first).to_be_visible(timeout=30_000)

    def keeps(self, name: str) -> None:
        """A picture of the whole page, which is not wider than the screen; it may show itself anew meanwhile."""
        self.page.screenshot(path=self._file(name), full_page=True)
        self.page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=_MOMENT_MS)

    def catches(self, name: str, page: Page) -> None:
        """A picture of a page that may go on by itself at any moment: there is none when it does so just then."""
        with suppress(PlaywrightTimeout):
            page.screenshot(path=self._file(name), full_page=True, timeout=_MOMENT_MS)

    def _file(self, name: str) -> Path:
        folder = Path("artifacts/use-cases")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}-{self.where}.png"

    def leaves(self) -> None:
        assert self.said == []
        self.context.close()


@pytest.fixture(params=WHERE)
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def somebody(browser: Browser, place: Installation, where: str, email: str = "") -> Somebody:
    """Somebody at a fresh browser, logged in if there is an address."""
    person = Somebody(browser.new_context(viewport=WHERE[where], reduced_motion="reduce"), place, where)
    if email:
        person.log_in(email)
    return person


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def create_client(admin: Somebody, name: str) -> str:
    """By the form, as an administrator; the path of its page."""
    admin.go("/console/clients/new")
    admin.page.get_by_label("Name").fill(name)
    admin.page.get_by_label("Company").fill("Gull Shipping")
    admin.page.get_by_label("E-mail address").fill(f"{name.split()[0].lower()}-{admin.where}@gull.example")
    admin.page.get_by_label("Access until").fill(day(20))
    admin.keeps("create-1-form")
    admin.press("Create the client")
    admin.sees("The client is created.")
    return admin.page.url.removeprefix(admin.base).partition("?")[0]


def test_authentication(place: Installation, browser: Browser, where: str) -> None:
    person = somebody(browser, place, where)
    person.go("/")
    person.page.get_by_label("E-mail address").fill(ADMIN)
    person.page.get_by_label("Password").fill("not this one at all")
    person.press("Log in")
    person.sees("The e-mail address or the password is wrong.")
    person.keeps("login-1-refused")
    person.said.clear()  # The browser itself tells of the 401.
    person.log_in(ADMIN)
    person.sees("What goes on now")
    person.keeps("login-2-dashboard")
    if where == "phone":
        person.page.get_by_label("Show the menu").check(force=True)
        person.keeps("login-3-menu")
    person.press("Log out")
    person.sees("Live demos, ready when you are.")
    person.leaves()


def test_add_demo(place: Installation, browser: Browser, where: str) -> None:
    admin = somebody(browser, place, where, ADMIN)
    admin.go("/console/demos")
    admin.follow("New demo")
    admin.page.get_by_label("Name").first.fill(f"Fleet view {where}")
    admin.page.get_by_label("Image", exact=True).fill("ecatalog-samples/customers")
    admin.page.get_by_label("Status").select_option("active")
    admin.keeps("add-1-form")
    admin.press("Add the demo")
    admin.sees("A copy is being tried")
    admin.catches("add-2-trial", admin.page)
    admin.sees("Answers,")
    admin.keeps("add-3-published")
    admin.leaves()


def test_open_demo(place: Installation, browser: Browser, where: str) -> None:
    client = somebody(browser, place, where, "client@acme.example")
    client.keeps("open-1-catalog")
    client.page.get_by_role("heading").get_by_role("link", name="Live operations").click()
    client.keeps("open-2-demo")
    with client.context.expect_page() as opened:
        client.press("Open Live operations")
    demo = opened.value
    expect(demo.locator(".phases li").first).to_be_visible()
    client.catches("open-3-waiting", demo)
    demo.wait_for_url(re.compile(r"\.demos\.localhost"), timeout=30_000)
    demo.wait_for_load_state()
    client.catches("open-4-in-it", demo)
    client.go("/")
    client.page.get_by_role("link", name="Go back to Live operations").wait_for()
    client.keeps("open-5-catalog-with-copy")
    client.press("Stop Live operations")
    client.sees("The copy is stopping.")
    client.leaves()


def test_create_client(place: Installation, browser: Browser, where: str) -> None:
    admin = somebody(browser, place, where, ADMIN)
    create_client(admin, "Nora Lund")
    admin.page.get_by_label("Demo to give").select_option(label="Customer portal")
    admin.press("Give")
    admin.sees("The demo is given")
    admin.keeps("create-2-client")
    admin.press("Invitation link")
    link = admin.page.get_by_role("textbox").input_value()
    admin.keeps("create-3-invitation")
    admin.leaves()
    client = somebody(browser, place, where)
    client.page.goto(link)
    client.keeps("create-4-password")
    client.page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    client.page.get_by_label("The same password again").fill(NEW_PASSWORD)
    client.press("Save the password and go on")
    client.sees("Yours to try until")
    client.keeps("create-5-catalog")
    client.page.goto(link)
    client.sees("This link has been used")
    client.keeps("create-6-link-used")
    client.said.clear()  # The browser itself tells of the 403.
    client.leaves()


def test_client_usage_analytics(place: Installation, browser: Browser, where: str) -> None:
    admin = somebody(browser, place, where, ADMIN)
    admin.go("/console/clients?q=moreau")
    admin.follow("Alex Moreau")
    expect(admin.page.locator(".chart-drawn canvas")).to_be_visible()
    admin.page.get_by_text("The same as a table").click()
    admin.keeps("usage-1-client")
    admin.page.get_by_text("Take it along as a table (CSV)").click()
    with admin.page.expect_download() as taken:
        admin.press("Export")
    assert taken.value.suggested_filename.endswith(".csv")
    assert Path(taken.value.path()).read_text(encoding="utf-8-sig").count("\n") > 2
    admin.leaves()


def test_renew_client_access(place: Installation, browser: Browser, where: str) -> None:
    admin = somebody(browser, place, where, ADMIN)
    path = create_client(admin, "Rosa Lima")
    admin.press("Renew by 7 days")
    admin.sees("The new end counts from now on.")
    admin.press("Invitation link")
    link = admin.page.get_by_role("textbox").input_value()
    client = somebody(browser, place, where)
    client.page.goto(link)
    client.page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    client.page.get_by_label("The same password again").fill(NEW_PASSWORD)
    client.press("Save the password and go on")
    client.go("/access")
    client.page.get_by_label("Until when?").fill(day(90))
    client.page.get_by_label("What for?").fill("The board meets in spring.")
    client.keeps("renew-1-asking")
    client.press("Send")
    client.sees("Your request is waiting for an answer.")
    client.keeps("renew-2-asked")
    admin.go("/console/requests")
    admin.keeps("renew-3-inbox")
    admin.page.locator("li.request", has_text="Rosa Lima").get_by_role("button", name="Approve").click()
    expect(admin.page.locator("li.request", has_text="Rosa Lima")).to_have_count(0)
    admin.keeps("renew-4-approved")
    admin.go(path)
    admin.sees("Request approved")
    client.go("/access")
    client.sees("Approved")
    client.keeps("renew-5-answer")
    admin.leaves()
    client.leaves()


def test_revoke_client_access(place: Installation, browser: Browser, where: str) -> None:
    client = place.login("client@delta.example" if where == "phone" else "client@bolt.example")
    demo = next(each for each in client.get("/api/demos").json()["items"] if each["status"] == "active")
    opened = client.post(f"/api/demos/{demo['id']}/open").status
    admin = somebody(browser, place, where, ADMIN)
    admin.go(f"/console/clients/{client.id}")
    admin.follow("Revoke")
    admin.sees("is logged out everywhere")
    admin.sees("open copy is cut within a second" if opened < 300 else "so nothing is cut")
    admin.keeps("revoke-1-before")
    admin.page.get_by_label("Why").fill("They chose another vendor.")
    admin.press("Revoke now")
    expect(admin.page.get_by_label("Proof of the revocation")).to_contain_text("confirmed by")
    admin.keeps("revoke-2-proof")
    assert client.get("/api/auth/me").status == 401
    admin.press("Restore access")
    admin.sees("It is back.")
    admin.leaves()


@pytest.mark.parametrize("choice", ["Let it run to its end", "Stop it now"])
def test_remove_demo(place: Installation, browser: Browser, where: str, choice: str) -> None:
    admin = somebody(browser, place, where, ADMIN)
    admin.go("/console/demos/new")
    admin.page.get_by_label("Name").first.fill(f"Old tour {where} {choice[:4]}")
    admin.page.get_by_label("Opens at").fill("https://tour.example.com/")
    admin.press("Add the demo")
    admin.follow("Remove")
    admin.page.get_by_label(choice).check()
    admin.keeps(f"remove-1-{choice[:4].lower()}")
    admin.press("Remove")
    admin.sees("It is out of the catalog. Its history stays.")
    admin.keeps("remove-2-removed")
    admin.press("Restore as a draft")
    admin.sees("It is back.")
    admin.leaves()
