"""People who open, enter, stop and reset demos without a pause, whatever happens to the services meanwhile."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

from tests.proofs.installation import Person
from tests.proofs.raw import Line

# Nobody clicks faster, and whoever meets a closed door does not knock a thousand times a second.
_LONGEST_PAUSE = 0.1


class Visitor(threading.Thread):
    """One person. Each of its doings begins only while `gate` is open."""

    def __init__(self, person: Person, edge_port: int, demos: Sequence[str], gate: threading.Event, seed: int) -> None:
        super().__init__(daemon=True)
        self.error: BaseException | None = None
        self.answers: Counter[str] = Counter()
        self._person = person
        self._edge_port = edge_port
        self._demos = demos
        self._gate = gate
        self._chance = random.Random(seed)
        self._is_busy = threading.Lock()
        self._is_over = False

    def run(self) -> None:
        while not self._is_over:
            self._gate.wait()
            with self._is_busy:
                if self._gate.is_set():
                    self._do_something()
            time.sleep(self._chance.uniform(0, _LONGEST_PAUSE))

    def rest(self) -> None:
        """Returns once nothing is under way. The gate is closed."""
        with self._is_busy:
            pass

    def end(self) -> None:
        """The gate is closed."""
        self._is_over = True
        self._gate.set()
        self.join(timeout=30)

    def _do_something(self) -> None:
        try:
            self._chance.choices((self._open, self._enter, self._stop, self._reset), (5, 4, 3, 1))[0]()
        except OSError:
            self.answers["cut off"] += 1  # Whom they asked was killed.
        except BaseException as error:
            self.error = self.error or error

    def _open(self) -> None:
        self._ask("open", "POST", f"/api/demos/{self._chance.choice(self._demos)}/open")

    def _enter(self) -> None:
        launch_id = self._one_of_mine("running")
        if not launch_id:
            return
        answer = self._person.post(f"/api/launches/{launch_id}/enter")
        if answer.status != 200:
            return
        address = urlsplit(answer.json()["url"])
        with closing(Line(self._edge_port, address.hostname or "")) as line:
            entered = line.ask("GET", f"{address.path}?{address.query}")
            cookie = entered.headers.get("set-cookie", "").partition(";")[0]
            shown = line.ask("GET", "/", {"Cookie": cookie})
        self.answers[f"entered {shown.status}"] += 1

    def _stop(self) -> None:
        launch_id = self._one_of_mine()
        if launch_id:
            self._ask("stop", "DELETE", f"/api/launches/{launch_id}")

    def _reset(self) -> None:
        launch_id = self._one_of_mine()
        if launch_id:
            self._ask("reset", "POST", f"/api/launches/{launch_id}/reset")

    def _one_of_mine(self, *states: str) -> str | None:
        answer = self._person.get("/api/launches")
        mine = [
            launch["id"]
            for launch in (answer.json()["items"] if answer.status == 200 else [])
            if launch["wanted"] == "running"
            and launch["state"] in (states or ("queued", "starting", "running"))
            and self._person.id in (launch["client_id"], launch["user_id"])
        ]
        return self._chance.choice(mine) if mine else None

    def _ask(self, what: str, method: str, path: str) -> None:
        status = self._person.ask(method, path).status
        self.answers[f"{what} {status}"] += 1
        assert status < 500 or status == 503, (method, path, status)


@contextmanager
def at_rest(visitors: Sequence[Visitor], gate: threading.Event) -> Iterator[None]:
    """While the block lasts nobody asks for anything. What a visitor could not expect fails here."""
    gate.clear()
    for visitor in visitors:
        visitor.rest()
        if visitor.error is not None:
            raise visitor.error
    yield
    gate.set()
