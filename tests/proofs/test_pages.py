"""Every page in a real browser, as each of its readers, at a desk and on a phone, in light and dark.

What is proved: no violation that axe knows, no word in the console, no report of the content security policy, nothing
wider than the screen, each first load under 150 KB, and that everything works without scripts. Screenshots are kept.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.architecture.code import ROOT
from tests.proofs.conftest import CHROMIUM
from tests.proofs.installation import PASSWORD, Installation, running_installation

pytestmark = pytest.mark.proof

AXE = ROOT / "tests/vendor/axe.min.js"
MOST_BYTES = 150_000
DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
ONE_ID = r"/[0-9a-f]{8}-[0-9a-f-]{27}"
# By who reads them; what ends in `@` is the first page that the one before it leads to, with this shape.
CONSOLE = (
    *("/console", "/console/clients", f"/console/clients{ONE_ID}@", f"/console/clients{ONE_ID}/edit@"),
    *("/console/clients/new", "/console/clients/import", "/console/clients?q=nobody-at-all", "/console/requests"),
    *("/console/demos", f"/console/demos{ONE_ID}@", f"/console/demos{ONE_ID}/edit@", "/console/demos/new"),
    *("/console/users", f"/console/users{ONE_ID}@", "/console/users/new", "/console/audit", "/console/components"),
    *("/console/messages", "/console/messages/[0-9]+@", "/console/messages?state=dead"),
    *("/console/messages/kinds/weekly_digest/pt", "/console/webhooks", "/console/webhooks/new"),
    *("/console/health", "/console/settings"),
    *("/account", "/nothing"),
)
CLIENT = ("/", f"/demos{ONE_ID}@", "/access", "/account")
READERS = {
    "admin@ecatalog.example": CONSOLE,
    "client@bolt.example": CLIENT,
    "client@delta.example": CLIENT,
    "client@nova.example": ("/",),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation(tmp_path_factory.mktemp("pages")) as installation:
        yield installation


@pytest.fixture(scope="module")
def plain_browser(browser: Browser) -> Iterator[Browser]:
    """One whose scripts are off from the parser on: what is in `<noscript>` counts, as it does for people."""
    arguments = [*CHROMIUM, "--blink-settings=scriptEnabled=false"]
    plain = browser.browser_type.launch(executable_path="/usr/bin/chromium", args=arguments)
    yield plain
    plain.close()


class Tab:
    """A page that remembers what was said in its console."""

    def __init__(self, context: BrowserContext, place: Installation) -> None:
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.base = f"http://localhost:{place.port}"
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def _hear(self, message: Any) -> None:
        # A page that is refused is told of so by the browser itself.
        if "status of 404" not in message.text:
            self.said.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.page.wait_for_load_state("networkidle" if path != "/console" else "load")

    def find(self, shape: str) -> str:
        links = self.page.eval_on_selector_all("a[href]", "found => found.map(a => a.getAttribute('href'))")
        return str(next(link for link in links if re.fullmatch(shape, link)))

    def log_in(self, email: str) -> None:
        self.go("/")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_load_state()

    def violations(self) -> list[str]:
        """What axe finds, each with where."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
        return [f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in found["violations"]]


def keep(page: Page, name: str) -> None:
    folder = Path("artifacts/pages")
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def name_of(path: str) -> str:
    plain = re.sub(ONE_ID, "/one", path.partition("?")[0])
    return plain.strip("/").replace("/", "-") or "catalog"


def test_axe_is_what_its_makers_published() -> None:
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() in (AXE.parent / "README.md").read_text()


@pytest.mark.parametrize("email", READERS)
@pytest.mark.parametrize(("where", "scheme"), [("desk", "light"), ("phone", "light"), ("desk", "dark")])
def test_no_page_shuts_anybody_out(place: Installation, browser: Browser, email: str, where: str, scheme: Any) -> None:
    context = browser.new_context(
        viewport=PHONE if where == "phone" else DESK,
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    tab = Tab(context, place)
    found = {"login": tab_checked(tab, "/", "nobody", where, scheme)}
    tab.log_in(email)
    for path in READERS[email]:
        shown = tab.find(path.removesuffix("@")) if path.endswith("@") else path
        found[shown] = tab_checked(tab, shown, email.split("@")[1].split(".")[0], where, scheme)
    context.close()
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def tab_checked(tab: Tab, path: str, who: str, where: str, scheme: str) -> list[str]:
    tab.go(path)
    wrong = tab.violations()
    keep(tab.page, f"{who}-{name_of(path)}-{where}{'-dark' if scheme == 'dark' else ''}")
    if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("wider than the screen")
    wrong += tab.said
    tab.said.clear()
    return wrong


def test_a_first_load_is_small(place: Installation, browser: Browser) -> None:
    sizes: dict[str, int] = {}
    context = browser.new_context(viewport=PHONE)
    tab = Tab(context, place)
    tab.log_in("admin@ecatalog.example")
    state = context.storage_state()
    for path in ("/console", "/console/clients", "/console/demos", "/console/audit", "/"):
        fresh = browser.new_context(viewport=PHONE, storage_state=state)
        page = fresh.new_page()
        wire = fresh.new_cdp_session(page)
        wire.send("Network.enable")
        loaded: list[int] = []
        wire.on("Network.loadingFinished", lambda event, loaded=loaded: loaded.append(int(event["encodedDataLength"])))
        page.goto(tab.base + path)
        page.wait_for_timeout(300)
        sizes[path] = sum(loaded)
        fresh.close()
    context.close()
    print(f"bytes on the first load: {sizes}")
    assert {path: size for path, size in sizes.items() if not 10_000 < size < MOST_BYTES} == {}


def test_searching_shows_what_is_typed_without_a_button(place: Installation, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    tab = Tab(context, place)
    tab.log_in("admin@ecatalog.example")
    tab.go("/console/clients")
    tab.page.get_by_label("Search clients").press_sequentially("fern")
    expect(tab.page.get_by_text("1 client", exact=True)).to_be_visible()
    assert "q=fern" in tab.page.url, "a reload shows the same"
    assert tab.said == []
    context.close()


def test_the_dashboard_hears_of_a_copy_and_its_end(place: Installation, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    tab = Tab(context, place)
    tab.log_in("admin@ecatalog.example")
    tab.go("/console")
    expect(tab.page.get_by_text("Nobody is in a demo right now")).to_be_visible()
    client = place.login("client@acme.example")
    demo = next(each for each in client.get("/api/demos").json()["items"] if each["slug"] == "live-operations")
    client.post(f"/api/demos/{demo['id']}/open")
    live = tab.page.get_by_label("Live now", exact=True)
    expect(live.get_by_text("Alex Moreau")).to_be_visible()
    expect(live.get_by_text("In use")).to_be_visible(timeout=20_000)
    keep(tab.page, "story-dashboard-live")
    tab.page.get_by_role("button", name="Stop Live operations").click()
    expect(tab.page.get_by_text("Nobody is in a demo right now")).to_be_visible(timeout=20_000)
    assert tab.said == []
    context.close()


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_client_opens_a_demo_and_asks_for_more_time(
    place: Installation, browser: Browser, plain_browser: Browser, has_scripts: bool
) -> None:
    context = (browser if has_scripts else plain_browser).new_context(viewport=PHONE)
    tab = Tab(context, place)
    email = "client@acme.example" if has_scripts else "client@fern.example"
    tab.log_in(email)
    demo = "Live operations"
    with context.expect_page() as opened:
        tab.page.get_by_role("button", name=f"Open {demo}").click()
    opened.value.wait_for_url(re.compile(r"\.demos\.localhost"), timeout=20_000)
    keep(opened.value, f"story-demo-{'scripts' if has_scripts else 'plain'}")
    opened.value.close()
    tab.go("/")
    expect(tab.page.get_by_role("link", name=f"Go back to {demo}")).to_be_visible()
    tab.page.get_by_role("button", name=f"Stop {demo}").click()
    tab.go("/access")
    tab.page.get_by_label("Until when?").fill("2031-01-31")
    tab.page.get_by_label("What for?").fill("The board meets later.")
    tab.page.get_by_role("button", name="Send").click()
    expect(tab.page.get_by_text("Your request is sent.")).to_be_visible()
    keep(tab.page, f"story-asked-{'scripts' if has_scripts else 'plain'}")
    context.close()


def test_a_page_of_a_demo_shows_by_itself_how_a_trial_ended(place: Installation, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    tab = Tab(context, place)
    tab.log_in("admin@ecatalog.example")
    tab.go("/console/demos/new")
    tab.page.get_by_label("Name").first.fill("Tried out")
    tab.page.get_by_label("Image", exact=True).fill("ecatalog-samples/customers")
    tab.page.get_by_label("Status").select_option("active")
    tab.page.get_by_role("button", name="Add the demo").click()
    expect(tab.page.get_by_text("A copy is being tried", exact=True)).to_be_visible()
    expect(tab.page.get_by_text("A copy is being tried", exact=True)).not_to_be_visible(timeout=30_000)
    expect(tab.page.get_by_text("Answers,")).to_be_visible()
    keep(tab.page, "story-trial")
    assert tab.said == []
    context.close()


def test_a_revocation_says_before_what_it_cuts_and_after_what_it_cut(place: Installation, browser: Browser) -> None:
    client = place.login("client@bolt.example")
    demo = next(each for each in client.get("/api/demos").json()["items"] if each["slug"] == "live-operations")
    client.post(f"/api/demos/{demo['id']}/open")
    context = browser.new_context(viewport=DESK)
    tab = Tab(context, place)
    tab.log_in("admin@ecatalog.example")
    tab.go(f"/console/clients/{client.id}")
    tab.page.get_by_role("link", name="Revoke").click()
    expect(tab.page.get_by_text("1 open copy is cut within a second")).to_be_visible()
    keep(tab.page, "story-revoke-before")
    tab.page.get_by_label("Why").fill("They chose another vendor.")
    tab.page.get_by_role("button", name="Revoke now").click()
    proof = tab.page.get_by_label("Proof of the revocation")
    expect(proof).to_contain_text("1 copy and")
    expect(proof).to_contain_text("confirmed by 1 edge in")
    keep(tab.page, "story-revoke-after")
    assert client.get("/api/auth/me").status == 401
    tab.page.get_by_role("button", name="Restore access").click()
    expect(tab.page.get_by_text("It is back.")).to_be_visible()
    context.close()
