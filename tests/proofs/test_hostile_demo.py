"""A hostile demo in a real browser: what it tries on the catalog and on a sibling demo comes to nothing.

The client is signed in to the catalog and inside both demos, in one browser. Every attack has its control: the same
thing done to the hostile demo's own host, or by the sibling itself, works.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.proofs.installation import PASSWORD, Person
from tests.proofs.pair import Pair, running_pair
from tests.proofs.traces import wait_for
from tests.proofs.websites import PLAIN, Website, running_website

pytestmark = pytest.mark.proof

CLIENT, ADMIN = "client@acme.example", "admin@ecatalog.example"
HOSTILE = "<!doctype html><html><head><title>Hostile</title></head><body>hostile</body></html>"
SIBLING = "<!doctype html><html><head><title>Sibling</title></head><body>the secret plan</body></html>"
SETTLE = 400  # Milliseconds in which an attack that works would have worked.


@dataclass
class Scene:
    """The browser of a client that is in the catalog and in both demos; `page` is a page of the hostile demo."""

    pair: Pair
    context: BrowserContext
    page: Page
    hostile: Website
    sibling: Website
    own: str
    other: str
    catalog: str

    def attack(self, script: str) -> Any:
        """Runs a script in the hostile page; it is a function of own, other and catalog, which are origins."""
        found = self.page.evaluate(script, {"own": self.own, "other": self.other, "catalog": self.catalog})
        self.page.wait_for_timeout(SETTLE)
        return found

    def refuse_all(self) -> None:
        """The sibling has heard nothing, and the catalog's session is as it was."""
        assert self.sibling.heard == []
        self.session_stands()

    def session_stands(self) -> None:
        told = self.context.request.get(f"{self.catalog}/api/auth/me")
        assert told.status == 200
        assert told.json()["client"]["email"] == CLIENT
        launches = admin(self.pair).get("/api/launches?state=queued").json()["items"]
        assert launches == [], "a demo was opened in the client's name"


def admin(pair: Pair) -> Person:
    return pair.login(ADMIN)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("hostile")) as started:
        yield started


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[Website, Website]]:
    with running_website({"/": HOSTILE, "/worker.js": "// stays"}) as hostile, running_website({"/": SIBLING}) as other:
        yield hostile, other


@pytest.fixture
def scene(pair: Pair, sites: tuple[Website, Website], browser: Browser) -> Iterator[Scene]:
    hostile, sibling = sites
    client = pair.login(CLIENT)
    context = browser.new_context()
    catalog = f"http://localhost:{pair.port}"
    sign_in(context, catalog)
    own_page, own = come_in(pair, context, client, "live-operations", hostile)
    sibling_page, other = come_in(pair, context, client, "support-desk", sibling)
    sibling_page.close()
    for site in sites:
        site.heard.clear()
        site.fields.clear()
    yield Scene(pair, context, own_page, hostile, sibling, own, other, catalog)
    context.close()


def sign_in(context: BrowserContext, catalog: str) -> None:
    page = context.new_page()
    page.goto(f"{catalog}/login")
    page.fill("input[name=email]", CLIENT)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{catalog}/")
    page.close()


def come_in(pair: Pair, context: BrowserContext, client: Person, slug: str, site: Website) -> tuple[Page, str]:
    """A page of the demo, and its origin."""
    launch = pair.open_running(client, slug, site.address)
    page = context.new_page()
    page.goto(client.post(f"/api/launches/{launch}/enter").json()["url"])
    return page, page.url.rstrip("/")


def status_of(page: Page, url: str) -> int:
    """Goes there; the status of what is shown."""
    reply = page.goto(url)
    assert reply is not None
    return reply.status


def test_a_fetch_post_does_nothing(scene: Scene) -> None:
    scene.attack(
        """async ({own, other, catalog}) => {
          for (const url of [own + '/act', other + '/act', catalog + '/logout', catalog + '/api/auth/logout'])
            for (const mode of ['no-cors', 'cors'])
              for (const type of ['text/plain', 'application/json'])
                await fetch(url, {method: 'POST', mode, credentials: 'include', body: '{}',
                  headers: {'Content-Type': type}}).catch(() => null);
        }"""
    )
    assert scene.hostile.methods("/act") == ["POST"] * 4
    scene.refuse_all()


def test_a_form_post_does_nothing(scene: Scene) -> None:
    def send(url: str, **fields: str) -> int:
        script = """([url, fields]) => {
          const form = Object.assign(document.createElement('form'), {action: url, method: 'POST'});
          for (const [name, value] of Object.entries(fields))
            form.append(Object.assign(document.createElement('input'), {name, value}));
          document.body.append(form);
          form.submit();
        }"""
        with scene.page.expect_navigation() as going:
            scene.page.evaluate(script, [url, fields])
        status = going.value.status
        scene.page.goto(scene.own)
        return status

    assert send(f"{scene.own}/act") == 200
    assert send(f"{scene.other}/act") == 403
    assert send(f"{scene.catalog}/logout") == 403
    assert send(f"{scene.catalog}/login", email="sales@ecatalog.example", password=PASSWORD) == 403
    scene.refuse_all()


def test_a_websocket_is_not_opened(scene: Scene) -> None:
    outcomes = scene.attack(
        """({own, other, catalog}) => Promise.all([other + '/live', catalog + '/', catalog + '/api/launches'].map(
          url => new Promise(done => {
            const socket = new WebSocket(url.replace('http', 'ws'));
            socket.onopen = () => done('open');
            socket.onclose = () => done('closed');
          })))"""
    )
    assert outcomes == ["closed"] * 3
    streamed = scene.attack(
        """({other}) => new Promise(done => {
          const stream = new EventSource(other + '/events', {withCredentials: true});
          stream.onopen = () => done('open');
          stream.onerror = () => done('closed');
        })"""
    )
    assert streamed == "closed"
    scene.refuse_all()
    page = scene.context.new_page()
    page.goto(scene.other)
    page.evaluate("() => { new WebSocket(location.origin.replace('http', 'ws') + '/live') }")
    wait_for(lambda: scene.sibling.methods("/live") == ["GET"], "the sibling's own socket reaches it")


def test_an_iframe_shows_nothing(scene: Scene) -> None:
    scene.attack(
        """({own, other, catalog}) => {
          for (const url of [own + '/framed', other + '/', catalog + '/', catalog + '/login'])
            for (const [tag, name] of [['iframe', 'src'], ['embed', 'src'], ['object', 'data']])
              document.body.append(Object.assign(document.createElement(tag), {[name]: url}));
        }"""
    )
    wait_for(lambda: len(scene.hostile.methods("/framed")) == 3, "a demo may frame its own pages")
    shown = [frame.content() for frame in scene.page.frames[1:]]
    assert sum(PLAIN in text for text in shown) == 3
    assert not any("secret plan" in text or "password" in text or "Sign out" in text for text in shown)
    scene.refuse_all()


def test_a_popup_cannot_be_read(scene: Scene) -> None:
    read = """async (url) => {
      const popup = window.open(url);
      await new Promise(done => setTimeout(done, 1000));
      const said = [];
      for (const get of [w => w.document.body.innerText, w => w.location.href, w => w.localStorage.length])
        try { said.push(String(get(popup))); } catch (error) { said.push(error.name); }
      return [popup.closed, ...said];
    }"""
    assert scene.page.evaluate(read, f"{scene.own}/popup")[1:3] == [PLAIN, f"{scene.own}/popup"]
    assert scene.page.evaluate(read, scene.other) == [False, *["SecurityError"] * 3]
    assert scene.page.evaluate(read, scene.catalog)[0] is True, "the catalog severs who opened it"
    assert scene.sibling.methods("/act") == []
    scene.session_stands()


def test_a_tossed_cookie_counts_for_nothing(scene: Scene) -> None:
    domain = "Domain=demos.localhost; Path=/"
    names = ("demo", "__Host-demo", "ecatalog", "__Host-ecatalog", "")
    scene.hostile.fields += [("Set-Cookie", f"{name}=planted; {domain}") for name in (*names, "theirs")]
    scene.hostile.fields += [("Set-Cookie", "mine=1; Path=/")]
    scene.page.goto(f"{scene.own}/toss")
    scene.attack(
        """() => {
          for (const domain of ['demos.localhost', 'localhost'])
            for (const name of ['demo', 'Demo', 'ecatalog', ''])
              for (const path of ['/', '/plan', ...Array(20).keys()].map(String))
                document.cookie = `${name}=tossed${path}; Domain=${domain}; Path=/plan/${path}`;
          document.cookie = 'demo=tossed; Domain=demos.localhost; Path=/plan';
        }"""
    )
    page = scene.context.new_page()
    for path in ("/", "/plan", "/plan/1"):
        assert status_of(page, scene.other + path) == 200, path
    heard = " ".join(one.fields.get("cookie", "") for one in scene.sibling.heard)
    assert not any(word in heard for word in ("planted", "demo=", "ecatalog=", "mine")), heard
    assert {cookie["value"] for cookie in scene.context.cookies(scene.catalog)}.isdisjoint({"planted", "tossed"})
    scene.page.goto(f"{scene.own}/again")
    assert scene.hostile.heard[-1].fields["cookie"].count("mine=1") == 1, "its own cookies stay its own"
    scene.session_stands()


def test_no_service_worker_is_left_behind(scene: Scene) -> None:
    tried = scene.attack(
        """async () => {
          localStorage.setItem('left', 'behind');
          await (await caches.open('left')).add('/cached');
          const script = await (await fetch('/worker.js')).text();
          const refused = await navigator.serviceWorker.register('/worker.js').catch(error => error.name);
          return [script, refused, (await navigator.serviceWorker.getRegistrations()).length];
        }"""
    )
    assert tried == ["// stays", "TypeError", 0]
    assert scene.hostile.methods("/worker.js") == ["GET"], "for the plain request alone"
    boss = admin(scene.pair)
    client = scene.pair.login(CLIENT)
    assert boss.patch(f"/api/clients/{client.id}/revoke", {"reason": "over"}).status == 200
    try:
        assert status_of(scene.page, scene.own) == 403
        left = scene.page.evaluate("async () => [localStorage.getItem('left'), await caches.keys(), document.cookie]")
        assert left == [None, [], ""]
    finally:
        assert boss.patch(f"/api/clients/{client.id}/restore").status == 200


def test_document_cookie_has_nothing_of_ours(scene: Scene) -> None:
    assert scene.attack("() => { document.cookie = 'mine=1'; return document.cookie; }") == "mine=1"
    held = {cookie["name"]: cookie for cookie in scene.context.cookies([scene.own, scene.other, scene.catalog])}
    assert held["demo"]["httpOnly"]
    assert held["ecatalog"]["httpOnly"]
    assert held["ecatalog"]["sameSite"] == "Strict"
    scene.page.goto(f"{scene.own}/told")
    assert scene.hostile.heard[-1].fields["cookie"] == "mine=1", "and its server is not sent them either"


def test_a_cors_read_gets_nothing(scene: Scene) -> None:
    """Although the sibling itself would allow it."""
    scene.sibling.fields += [
        ("Access-Control-Allow-Origin", scene.own),
        ("Access-Control-Allow-Credentials", "true"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    ]
    read = """async ({own, other, catalog}) => {
      const said = [];
      for (const url of [own + '/read', other + '/', catalog + '/api/auth/me', catalog + '/api/openapi.json'])
        said.push(await fetch(url, {credentials: 'include'}).then(answer => answer.text(), error => error.name));
      return said;
    }"""
    assert scene.attack(read) == [PLAIN, *["TypeError"] * 3]
    loaded = scene.attack(
        """({other, catalog}) => Promise.all(
          ['img', 'script', 'video'].flatMap(tag => [other + '/asset', catalog + '/api/auth/me'].map(src =>
            new Promise(done => document.body.append(Object.assign(document.createElement(tag),
              {src, onload: () => done('loaded'), onerror: () => done('refused'), onloadeddata: () => done('loaded')}))
          ))))"""
    )
    assert loaded == ["refused"] * 6
    scene.refuse_all()


def test_a_redirect_tells_no_code_and_changes_nothing(scene: Scene) -> None:
    client = scene.pair.login(CLIENT)
    launch = scene.pair.open_running(client, "live-operations", scene.hostile.address)
    way_in = client.post(f"/api/launches/{launch}/enter").json()["url"]
    code = way_in.partition("code=")[2]
    scene.page.goto(way_in)
    seen = scene.attack(
        """() => JSON.stringify([location.href, document.referrer, history.state,
          performance.getEntries().map(entry => entry.name), navigation.entries().map(entry => entry.url)])"""
    )
    assert code not in seen
    assert not any(code in one.target + str(one.fields) for one in scene.hostile.heard)
    assert status_of(scene.page, way_in) == 403, "it works once"

    scene.page.goto(scene.own)
    scene.hostile.moved = {"/307": (307, f"{scene.other}/act"), "/code": (302, f"{scene.other}/.ecatalog/enter?code=x")}
    scene.attack(
        """async ({own}) => {
          for (const mode of ['no-cors', 'cors'])
            await fetch('/307', {method: 'POST', mode, credentials: 'include', body: 'x'}).catch(() => null);
        }"""
    )
    with scene.page.expect_navigation() as going:
        scene.page.evaluate(
            """() => {
              const form = Object.assign(document.createElement('form'), {action: '/307', method: 'POST'});
              document.body.append(form);
              form.submit();
            }"""
        )
    assert going.value.status == 403
    assert scene.hostile.methods("/307") == ["POST"] * 3
    assert status_of(scene.page, f"{scene.own}/code") == 403
    scene.refuse_all()


def test_a_message_is_heard_by_nobody(scene: Scene) -> None:
    heard = scene.attack(
        """async ({own, other, catalog}) => {
          const said = [];
          window.addEventListener('message', event => said.push([event.origin, event.data]));
          window.postMessage('to itself', '*');
          for (const url of [other, catalog, catalog + '/api/docs']) {
            const popup = window.open(url);
            for (let step = 0; step < 10; step++) {
              for (const data of ['logout', {type: 'ecatalog', active: 60}, {method: 'POST', url: '/act'}])
                popup.postMessage(data, '*');
              await new Promise(done => setTimeout(done, 50));
            }
          }
          return said;
        }"""
    )
    assert heard == [[scene.own, "to itself"]]
    assert {one.target for one in scene.sibling.heard} == {"/"}
    scene.session_stands()


def test_a_confused_host_leads_nowhere(scene: Scene) -> None:
    label, other = (url.removeprefix("http://").partition(".")[0] for url in (scene.own, scene.other))
    edge, port = scene.pair.edge_port, scene.pair.port
    statuses = {
        f"http://{label}.demos.localhost:{edge}/": 200,
        f"http://{label.upper()}.DEMOS.localhost:{edge}/": 200,
        f"http://{other}@{label}.demos.localhost:{edge}/": 200,
        f"http://{label}.demos.localhost:{port}/": 421,
        f"http://{label}.demos.localhost:{port}/api/auth/me": 421,
        f"http://{label}.demos.localhost.:{edge}/": 404,
        f"http://{other}.{label}.demos.localhost:{edge}/": 404,
        f"http://demos.localhost:{edge}/": 404,
        f"http://localhost:{edge}/": 404,
        f"http://127.0.0.1:{edge}/": 404,
    }
    page = scene.context.new_page()
    for url, status in statuses.items():
        assert status_of(page, url) == status, url
    scene.page.evaluate(
        """(host) => fetch('/named', {headers: {'X-Forwarded-Host': host, 'X-Original-Host': host, 'Forwarded': host,
          'X-Ecatalog-Visitor': 'admin'}})""",
        scene.other,
    )
    wait_for(lambda: scene.hostile.methods("/named") == ["GET"], "it asks its own host")
    fields = scene.hostile.heard[-1].fields
    assert fields["host"] == fields["x-forwarded-host"] == scene.own.removeprefix("http://")
    assert other not in str(fields)
    assert "x-ecatalog-visitor" not in fields
    scene.refuse_all()
