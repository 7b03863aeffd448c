"""The Docker driver on a real engine: how a copy is locked in, what it cannot reach, and that nothing is left."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import CannotStart, Home, Spec
from ecatalog_launcher.drivers.docker import DockerDriver
from ecatalog_launcher.drivers.docker_spec import INSTALLATION, PREFIX, container_name
from tests.launcher.copies import ANSWERS, PROGRAMS, only, spec, until, until_ready
from tests.launcher.engine import BASE, HOST, build, cleared, docker, docker_driver, new_installation

pytestmark = pytest.mark.proof

EDGE_PROGRAM = "import time; time.sleep(3600)"


@pytest.fixture
async def driver() -> AsyncIterator[DockerDriver]:
    """One that reaches copies from this machine."""
    build("answers", ANSWERS)
    made = docker_driver()
    with cleared(new_installation()) as installation:
        await made.open(Home(installation=installation))
        yield made
        for instance in await made.list():
            await made.stop(instance.launch_id, 0.1)
        await made.close()


def inspected(driver: DockerDriver, launch_id: str = "one", part: str = "demo") -> dict[str, Any]:
    name = container_name(driver._home.installation, launch_id, part)
    return dict(json.loads(docker("inspect", name))[0])


async def test_a_copy_is_locked_in(driver: DockerDriver) -> None:
    await driver.start(spec(memory_mb=128))
    await until_ready(driver)
    shown = inspected(driver)
    host, config = shown["HostConfig"], shown["Config"]
    (network,) = shown["NetworkSettings"]["Networks"].values()
    held = json.loads(docker("network", "inspect", network["NetworkID"]))[0]
    expected = {
        "not root": config["User"] == "65534:65534",
        "no capabilities": host["CapDrop"] == ["ALL"] and not host["CapAdd"],
        "no new privileges": "no-new-privileges" in host["SecurityOpt"],
        "the engine's seccomp filter": not any("seccomp" in option for option in host["SecurityOpt"]),
        "not privileged": host["Privileged"] is False,
        "a root that is read only": host["ReadonlyRootfs"] is True,
        "writable where asked, with a size, and nothing runs there": host["Tmpfs"]
        == {"/tmp": "rw,nosuid,nodev,noexec,mode=1777,size=64m"},
        "few processes": host["PidsLimit"] == 256,
        "bounded memory": host["Memory"] == 128 << 20,
        "no swap beside it": host["MemorySwap"] == 128 << 20,
        "bounded processor": host["NanoCpus"] == 1_000_000_000,
        "ended when it takes too much": not host["OomKillDisable"],
        "its own processes": host["PidMode"] == "",
        "its own shared memory": host["IpcMode"] == "private" and host["ShmSize"] == 16 << 20,
        "its own host name": host["UTSMode"] == "",
        "its own control groups": host["CgroupnsMode"] == "private",
        "no socket and nothing of the machine": not host["Binds"] and shown["Mounts"] == [],
        "no devices": not host["Devices"],
        "one network, its own": len(shown["NetworkSettings"]["Networks"]) == 1 and len(held["Containers"]) == 1,
        "which leads nowhere": held["Internal"] is True,
        "no published port": not any(shown["NetworkSettings"]["Ports"].values()) and not host["PublishAllPorts"],
        "not started again": host["RestartPolicy"]["Name"] == "no",
        "a log that does not grow": host["LogConfig"]
        == {"Type": "json-file", "Config": {"max-file": "1", "max-size": "1m"}},
        "few open files": {"Name": "nofile", "Hard": 4096, "Soft": 4096} in host["Ulimits"],
    }
    assert len(expected) >= 20
    assert [what for what, holds in expected.items() if not holds] == []


async def test_a_volume_of_an_image_is_bounded_and_not_on_the_disk_of_the_machine(driver: DockerDriver) -> None:
    image = build("answers", ANSWERS)
    docker("build", "--quiet", "--tag", f"{image}-roomy", "-", given=f'FROM {image}\nVOLUME ["/stuff/", "/own"]\n')
    container = Container(name="demo", image=f"{image}-roomy", tmpfs={"/own": 8})
    await driver.start(Spec(launch_id="one", attempt=1, containers=(container,), port=8000))
    await until_ready(driver)
    shown = inspected(driver)

    options = "rw,nosuid,nodev,noexec,mode=1777"
    assert shown["HostConfig"]["Tmpfs"] == {"/own": f"{options},size=8m", "/stuff": f"{options},size=64m"}
    assert shown["Mounts"] == []


LIMITS = """
import json, os, time
found = {"uid": os.getuid()}
def tries(what, attempt):
    try:
        found[what] = attempt() or "allowed"
    except BaseException as error:
        found[what] = type(error).__name__
tries("write to the root", lambda: open("/x", "w"))
tries("write to tmp", lambda: open("/tmp/x", "wb").write(b"x" * 1024) and "allowed")
tries("fill tmp", lambda: open("/tmp/y", "wb").write(b"x" * (65 << 20)))
tries("become root", lambda: os.setuid(0))
tries("change the root", lambda: os.chroot("/tmp"))
children = 0
try:
    for _ in range(400):
        if os.fork() == 0:
            time.sleep(60)
        children += 1
except BlockingIOError:
    found["fork for ever"] = children
print(json.dumps(found))
os._exit(3)
"""


async def test_what_a_copy_tries_on_its_own_machine_fails(driver: DockerDriver) -> None:
    build("limits", LIMITS)
    await driver.start(spec(image="limits"))
    found = json.loads((await _last_words(driver)).splitlines()[0])
    assert found.pop("fork for ever") < 256
    assert found == {
        "uid": 65534,
        "write to the root": "OSError",
        "write to tmp": "allowed",
        "fill tmp": "OSError",
        "become root": "PermissionError",
        "change the root": "PermissionError",
    }


async def _last_words(driver: DockerDriver) -> str:
    async def has_exited() -> bool:
        return (await only(driver)).state == "exited"

    await until(has_exited)
    return (await only(driver)).log_tail


# What a copy cannot reach -----------------------------------------------------------------------------------------

HOSTILE = """
import concurrent.futures, json, os, socket, sys
def reaches(target):
    try:
        socket.create_connection(target, timeout=0.7).close()
        return True
    except OSError:
        return False
targets = [tuple(target) for target in json.loads(os.environ["TARGETS"])]
with concurrent.futures.ThreadPoolExecutor(30) as pool:
    reached = [f"{host}:{port}" for (host, port), did in zip(targets, pool.map(reaches, targets)) if did]
try:
    socket.getaddrinfo("deb.debian.org", 80)
    reached.append("names")
except OSError:
    pass
print(json.dumps(reached)); sys.exit(3)
"""


def own_addresses() -> list[str]:
    """Every address of this machine, of each family."""
    listed = subprocess.run(["ip", "-brief", "address"], capture_output=True, text=True, check=True, timeout=10)
    words = [word for line in listed.stdout.splitlines() for word in line.split()[2:]]
    return sorted({"127.0.0.1", "::1"} | {str(ip_interface(word).ip) for word in words})


@contextmanager
def a_service_on_all_addresses() -> Iterator[int]:
    """What a careless machine offers. Yields its port."""
    with closing(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)) as listening:
        yield int(listening.getsockname()[1])


async def test_a_hostile_copy_reaches_nothing_and_the_edge_reaches_it() -> None:
    """With the edge as a container: the machine has no address on the networks, and neither has anybody else."""
    build("answers", ANSWERS)
    build("hostile", HOSTILE)
    with cleared(new_installation()) as installation, a_service_on_all_addresses() as port:
        edge = docker(
            *("run", "--detach", "--rm", "--label", f"{INSTALLATION}={installation}", "--name", f"edge-{installation}"),
            *("--label", "ecatalog.launch=none", BASE, "python3", "-c", EDGE_PROGRAM),
        )
        driver = docker_driver(attached=(f"edge-{installation}",))
        driver_home = Home(installation=f"{installation}x")
        with cleared(driver_home.installation):
            await driver.open(driver_home)
            try:
                await _try_to_reach(driver, edge, port)
            finally:
                for instance in await driver.list():
                    await driver.stop(instance.launch_id, 0.1)
                docker("rm", "--force", edge)
                await driver.close()


async def _try_to_reach(driver: DockerDriver, edge: str, port: int) -> None:
    await driver.start(spec("victim"))
    victim = await only(driver)
    victim_host = victim.upstream.rpartition(":")[0]
    targets = [(address, port) for address in own_addresses()]
    first_of_network = ".".join([*victim_host.split(".")[:3], "1"])
    targets += [(first_of_network, port), ("10.214.0.17", port), ("10.214.0.33", port)]
    targets += [(victim_host, 8000), ("169.254.169.254", 80), ("1.1.1.1", 443), ("172.17.0.1", port)]
    # The control: without our networks the same program does reach the machine.
    unhindered = HOSTILE.replace("exit(3)", "exit(0)")
    wild = docker("run", "--rm", "--env", f"TARGETS={json.dumps(targets)}", BASE, "python3", "-c", unhindered)
    assert f"172.17.0.1:{port}" in json.loads(wild), "the attack does work where nothing is in its way"
    await driver.start(spec("hostile", "hostile", TARGETS=json.dumps(targets)))

    async def has_exited() -> bool:
        return any(one.state == "exited" for one in await driver.list())

    await until(has_exited, 60)
    (tail,) = [one.log_tail for one in await driver.list() if one.state == "exited"]
    assert json.loads(tail) == []
    ask = f"import urllib.request as u; print(u.urlopen('http://{victim.upstream}/', timeout=5).status)"

    async def edge_reaches() -> bool:
        try:
            return docker("exec", edge, "python3", "-c", ask) == "200"
        except Exception:
            return False

    await until(edge_reaches)
    its_network = ip_network(f"{victim_host}/{PREFIX}", strict=False)
    assert not [each for each in own_addresses() if ip_address(each) in its_network], "this machine is not in it"


# Bundles, images, crashes -----------------------------------------------------------------------------------------


async def test_the_containers_of_a_bundle_find_each_other_by_name(driver: DockerDriver) -> None:
    asks = ANSWERS.replace(
        "self.wfile.write(repr(sorted(os.environ)).encode())",
        'import urllib.request; self.wfile.write(urllib.request.urlopen("http://db:5000/").read())',
    )
    build("asks", asks)
    bundle = Spec(
        launch_id="one",
        attempt=1,
        port=8000,
        containers=(
            Container(name="web", image="ecatalog-samples/asks:latest"),
            Container(
                name="db", image="ecatalog-samples/answers:latest", environment={"HOST": "0.0.0.0", "PORT": "5000"}
            ),
        ),
    )
    await driver.start(bundle)
    instance = await until_ready(driver)
    reader, writer = await asyncio.open_connection(*instance.upstream.split(":"))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert b"PORT" in await reader.read()
    writer.close()
    assert len(instance.digests) == 2
    await driver.stop("one", 0.1)
    assert await driver.list() == []


async def test_one_container_that_ends_ends_the_bundle(driver: DockerDriver) -> None:
    build("fails", PROGRAMS["fails"])
    web, worker = (
        Container(name="web", image="ecatalog-samples/answers:latest"),
        Container(name="worker", image="ecatalog-samples/fails:latest"),
    )
    await driver.start(Spec(launch_id="one", attempt=1, port=8000, containers=(web, worker)))
    assert "no database here" in await _last_words(driver)


async def test_an_image_is_pinned_by_its_own_id_where_no_registry_has_it(driver: DockerDriver) -> None:
    await driver.start(spec())
    (digest,) = (await until_ready(driver)).digests
    await driver.stop("one", 0.1)
    pinned = Container(name="demo", image=f"ecatalog-samples/answers:latest@{digest}")
    await driver.start(Spec(launch_id="two", attempt=1, port=8000, containers=(pinned,)))
    assert (await until_ready(driver)).digests == (digest,)
    wrong = Container(name="demo", image=f"ecatalog-samples/answers:latest@sha256:{'0' * 64}")
    with pytest.raises(CannotStart, match="could not be fetched"):
        await driver.start(Spec(launch_id="three", attempt=1, port=8000, containers=(wrong,)))


async def test_the_next_launcher_adopts_what_runs_and_keeps_its_network(driver: DockerDriver) -> None:
    await driver.start(spec(attempt=7))
    before = await until_ready(driver)
    later = docker_driver()
    await later.open(driver._home)
    assert await only(later) == before
    await later.start(spec("two"))
    addresses = {instance.upstream.rpartition(".")[0] + instance.upstream for instance in await later.list()}
    assert len(addresses) == 2, "two launches never share a network"
    await later.close()


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.15, 0.25])
async def test_a_launcher_killed_while_starting_leaves_what_the_next_one_clears(
    driver: DockerDriver, seconds: float, tmp_path: Path
) -> None:
    program = (
        "import asyncio, sys\n"
        "from ecatalog_launcher.drivers.contract import Home\n"
        "from tests.launcher.copies import spec\n"
        "from tests.launcher.engine import docker_driver\n"
        "async def main():\n"
        "    driver = docker_driver()\n"
        "    await driver.open(Home(installation=sys.argv[1]))\n"
        "    print('open', flush=True)\n"
        "    await driver.start(spec())\n"
        "    await asyncio.sleep(3600)\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, driver._home.installation, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    while b"open" not in await child.stdout.readline():
        pass
    await asyncio.sleep(seconds)
    child.kill()
    await child.wait()
    for instance in await driver.list():
        await driver.stop(instance.launch_id, 0.1)
    assert await driver.list() == []
    label = f"label={INSTALLATION}={driver._home.installation}"
    assert docker("ps", "--all", "--quiet", "--filter", label) == ""
    await driver.start(spec())
    await until_ready(driver)


async def test_an_engine_that_is_away_is_told_in_words() -> None:
    away = docker_driver()
    away._url = "unix:///nowhere/docker.sock"
    with pytest.raises(OSError, match="nowhere"):
        await away.open(Home(installation="x"))


def test_the_engine_is_real() -> None:
    assert json.loads(docker("version", "--format", "{{json .Server}}"))["ApiVersion"] >= "1.41", HOST
