"""Everything that runs while the edge is measured: a fast demo, the edge with a real gateway, and the peers."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from bench.servers import ECATALOG, ask, free_ports
from bench.world import SMALL, Caller, make_world

HERE = Path(__file__).parent
CHP = HERE / "peers" / "chp"
SMALL_BODY = b"x" * 1024
_SECONDS_TO_START = 30.0


@dataclass(frozen=True)
class Way:
    """One way to the demo: where it is asked, and with which fields."""

    name: str
    port: int
    host: str
    cookie: str = ""
    pid: int = 0

    @property
    def fields(self) -> dict[str, str]:
        return {"Host": self.host} | ({"Cookie": self.cookie} if self.cookie else {})

    def get(self, path: str) -> tuple[int, bytes]:
        """One request, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=self.fields)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@dataclass(frozen=True)
class Place:
    """The ways by name, and the gateway whose client uses ours."""

    direct: Way
    ours: Way
    chp: Way
    nginx: Way
    gateway_port: int
    callers: tuple[Caller, ...]
    bystander: Way

    @property
    def proxies(self) -> tuple[Way, ...]:
        return self.ours, self.chp, self.nginx

    def enter(self, caller: Caller) -> Way:
        """The way of another client through the edge."""
        return _enter(self.gateway_port, self.ours.port, caller, self.ours.pid)


@contextmanager
def running(folder: Path, server_core: int, client_core: int, *, large_mib: int) -> Iterator[Place]:
    """All of it, while the block lasts: proxies on one core; demo, gateway and load on the other."""
    with ExitStack() as stack:
        ports = free_ports(10)
        demo, sockets, nginx, auth, chp, chp_api, *own = ports
        _make_files(folder / "demo", large_mib)
        direct = Way("direct", demo, f"127.0.0.1:{demo}")
        start = _Starter(stack, folder)
        start.nginx(client_core, "demo", _demo_config(folder / "demo", demo, sockets))
        start.process("sockets", client_core, [sys.executable, "-m", "bench_edge.echo", str(sockets)], {})
        start.nginx(server_core, "auth", _auth_config(auth))
        pid = start.nginx(server_core, "nginx", _front_config(nginx, auth, demo))
        peer = Way("nginx with auth_request", nginx, f"127.0.0.1:{nginx}", pid=pid)
        proxy = [str(CHP / "node_modules" / ".bin" / "configurable-http-proxy"), "--ip", "127.0.0.1", "--log-level"]
        proxy += ["error", "--port", str(chp), "--api-ip", "127.0.0.1", "--api-port", str(chp_api)]
        proxy += ["--default-target", f"http://127.0.0.1:{demo}"]
        pid = start.process("chp", server_core, proxy, {"CONFIGPROXY_AUTH_TOKEN": "x"})
        other = Way("configurable-http-proxy", chp, f"127.0.0.1:{chp}", pid=pid)
        ours, bystander, callers = _start_ours(start, folder, own, demo, (server_core, client_core))
        for way in (direct, peer, other, ours):
            _wait_until(way)
        yield Place(direct, ours, other, peer, own[0], callers, bystander)


class _Starter:
    """Starts programs on a core, and ends them with the block."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder

    def process(self, name: str, core: int, command: Sequence[str], env: dict[str, str]) -> int:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                env={"PATH": os.environ["PATH"], "HOME": str(self._folder)} | env,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=HERE.parent,
            )
        self._stack.callback(_stop, process)
        return process.pid

    def nginx(self, core: int, name: str, config: str) -> int:
        path = self._folder / f"{name}.conf"
        path.write_text(f"pid {self._folder}/{name}.pid;\nerror_log {self._folder}/{name}.error.log crit;\n{config}")
        return self.process(name, core, ["nginx", "-c", str(path), "-g", "daemon off; master_process off;"], {})


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _make_files(folder: Path, large_mib: int) -> None:
    folder.mkdir()
    (folder / "small").write_bytes(SMALL_BODY)
    with (folder / "large").open("wb") as file:
        for _ in range(large_mib):
            file.write(b"\0" * (1024 * 1024))


_COMMON = "worker_processes 1; events { worker_connections 8192; }"


def _demo_config(folder: Path, port: int, sockets: int) -> str:
    return f"""{_COMMON}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 300;
  default_type application/octet-stream;
  upstream sockets {{ server 127.0.0.1:{sockets}; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {folder};
    location /new/ {{ alias {folder}/; add_header X-Answer $request_id; }}
    location /ws {{
      proxy_pass http://sockets; proxy_http_version 1.1; proxy_read_timeout 600;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""


def _auth_config(port: int) -> str:
    """The service that nginx asks: it says yes to everybody, which is as quick as such a service can be."""
    return f"""{_COMMON}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300;
  server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }}
}}
"""


def _front_config(port: int, auth: int, demo: int) -> str:
    """As its manual shows it: a subrequest per request, kept connections to both."""
    return f"""{_COMMON}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300;
  upstream demo {{ server 127.0.0.1:{demo}; keepalive 64; keepalive_requests 1000000000; }}
  upstream auth {{ server 127.0.0.1:{auth}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      auth_request /auth; proxy_pass http://demo; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
    location = /auth {{
      internal; proxy_pass http://auth; proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
}}
"""


def _start_ours(
    start: _Starter, folder: Path, ports: Sequence[int], demo: int, cores: tuple[int, int]
) -> tuple[Way, Way, tuple[Caller, ...]]:
    """A gateway and an edge, the ways of two of its clients, and its other clients."""
    port, grpc, internal, edge = ports
    world = make_world(folder / "world.db", SMALL)
    connection = apsw.Connection(str(world.file))
    connection.execute("UPDATE launches SET upstream = ?", (f"127.0.0.1:{demo}",))
    connection.close()
    words = {"database": world.file, "folder": folder, "port": port, "second_port": grpc, "third_port": internal}
    env = {name: text.format_map(words) for name, text in ECATALOG.env.items()}
    demos = {"ECATALOG_DEMOS_URL": f"http://demos.localhost:{edge}", "ECATALOG_LOG_LEVEL": "info"}
    start.process("gateway", cores[1], ECATALOG.command, env | demos)
    token = folder / "tokens" / "edge"
    _until(lambda: token.exists() and _answers(port), "the gateway does not start")
    own = {
        "ECATALOG_TOKEN": token.read_text().strip(),
        "ECATALOG_GATEWAY": f"127.0.0.1:{grpc}",
        "ECATALOG_EDGE_PORT": str(edge),
        "ECATALOG_INTERNAL_PORT": "0",
        "ECATALOG_LOG_JSON": "true",
        "ECATALOG_EDGE_REQUESTS_PER_SECOND": "1000000",
    }
    pid = start.process("edge", cores[0], [sys.executable, "-m", "ecatalog", "edge"], own | demos)
    _until(lambda: _answers(edge), "the edge does not start")
    ours, bystander = (_enter(port, edge, each, pid) for each in world.callers[:2])
    return ours, bystander, world.callers[2:]


def _enter(port: int, edge: int, caller: Caller, pid: int) -> Way:
    """The way of a client, who comes in as everybody does."""
    launches = json.loads(ask(port, "GET", "/api/launches?state=running", caller.token)[1])["items"]
    launch_id = launches[0]["id"]
    ends = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < ends:
        url = json.loads(ask(port, "POST", f"/api/launches/{launch_id}/enter", caller.token)[1])["url"]
        host, path = url.removeprefix("http://").split("/", 1)
        connection = http.client.HTTPConnection("127.0.0.1", edge, timeout=10)
        connection.request("GET", f"/{path}", headers={"Host": host})
        answer = connection.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").split(";")[0]
        connection.close()
        if answer.status == 303:
            return Way("the edge", edge, host, cookie, pid)
        time.sleep(0.2)
    raise RuntimeError("nobody comes in through the edge")


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
    except OSError:
        return False
    return True


def _wait_until(way: Way) -> None:
    def is_there() -> bool:
        try:
            return way.get("/small") == (200, SMALL_BODY)
        except OSError:
            return False

    _until(is_there, f"{way.name} does not answer with the demo's bytes")


def _until(condition: Callable[[], bool], problem: str) -> None:
    ends = time.monotonic() + _SECONDS_TO_START
    while not condition():
        if time.monotonic() > ends:
            raise RuntimeError(problem)
        time.sleep(0.05)
