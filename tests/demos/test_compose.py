"""Bundles: what a pasted Compose file becomes, and what is refused in it, by name and with a reason."""

import string
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ecatalog.demos.compose import REFUSED, SUPPORTED, containers_of
from ecatalog.kit.errors import Invalid
from ecatalog_client.types.containers import Container

BUNDLE = """
name: shop
x-common: &common
  restart: unless-stopped
services:
  web:
    <<: *common
    image: ltplabs/shop:2.1
    environment: {DATABASE_URL: "postgres://shop:pa$$word@db/shop", WORKERS: 2, DEBUG: false}
    depends_on: [db, cache]
    ports: ["80:8000"]
    mem_limit: 512m
    cpus: 1.5
  db:
    <<: *common
    image: postgres
    user: "999:999"
    environment: [POSTGRES_PASSWORD=pa$$word, POSTGRES_DB=shop]
    volumes: [data:/var/lib/postgresql/data]
    tmpfs: /run/postgresql:size=16m
    command: postgres -c 'max_connections=20'
    healthcheck: {test: [CMD, pg_isready]}
  cache:
    image: registry.example.com:5000/redis:7
    deploy: {resources: {limits: {cpus: "0.25", memory: 64M}}}
volumes: {data: }
"""


def read(text: str, public: str = "web", port: int = 8000) -> list[Container]:
    return containers_of(text, public, public_port=port)


def refused(text: str) -> str:
    with pytest.raises(Invalid) as raised:
        read(text)
    return str((raised.value.fields or {})["compose"])


def one(**service: Any) -> str:
    return yaml.safe_dump({"services": {"web": {"image": "a"} | service}, "volumes": {"data": None}})


def test_an_application_with_its_database_becomes_containers_the_public_one_first() -> None:
    web, cache, db = read(BUNDLE)
    assert web == Container(
        name="web",
        image="ltplabs/shop:2.1",
        environment={"DATABASE_URL": "postgres://shop:pa$word@db/shop", "WORKERS": "2", "DEBUG": "false"},
        cpu=1.5,
        memory_mb=512,
    )
    assert db == Container(
        name="db",
        image="postgres:latest",
        user="999:999",
        environment={"POSTGRES_PASSWORD": "pa$word", "POSTGRES_DB": "shop"},
        tmpfs={"/tmp": 64, "/var/lib/postgresql/data": 64, "/run/postgresql": 16},
        command=["postgres", "-c", "max_connections=20"],
    )
    assert (cache.image, cache.cpu, cache.memory_mb) == ("registry.example.com:5000/redis:7", 0.25, 64)


def test_scalars_are_what_people_wrote() -> None:
    (web,) = read("services: {web: {image: a, environment: {A: no, B: 22:22, C: 1e3, D: 2026-03-01, E: 0x10, F: 007}}}")
    assert web.environment == {"A": "no", "B": "22:22", "C": "1e3", "D": "2026-03-01", "E": "0x10", "F": "007"}


def test_what_is_needed_starts_before_what_needs_it() -> None:
    chain = {"web": ["b"], "b": ["a"], "a": [], "alone": []}
    services = {name: {"image": "x", "depends_on": needs} for name, needs in chain.items()}
    order = [container.name for container in reversed(read(yaml.safe_dump({"services": services})))]
    assert order.index("a") < order.index("b") < order.index("web")
    assert order[-1] == "web"


@pytest.mark.parametrize(
    ("service", "field", "value"),
    [
        ({"entrypoint": ["/bin/app", "--port", 8000]}, "entrypoint", ["/bin/app", "--port", "8000"]),
        ({"command": "run --name 'two words'"}, "command", ["run", "--name", "two words"]),
        ({"user": 1000}, "user", "1000:1000"),
        ({"tmpfs": ["/run", "/var/cache:size=1g,mode=1777"]}, "tmpfs", {"/tmp": 64, "/run": 64, "/var/cache": 1024}),
        ({"volumes": ["/data", "data:/more"]}, "tmpfs", {"/tmp": 64, "/data": 64, "/more": 64}),
        ({"volumes": [{"type": "volume", "source": "data", "target": "/d"}]}, "tmpfs", {"/tmp": 64, "/d": 64}),
        ({"image": "a@sha256:" + "0" * 64}, "image", "a@sha256:" + "0" * 64),
        ({"cpus": "0.5"}, "cpu", 0.5),
        ({"ports": ["8000:8000", 9000], "expose": [1], "init": True, "labels": {"a": "b"}}, "cpu", 1.0),
        ({"ports": [{"target": 8000, "published": 80}], "read_only": True, "container_name": "x"}, "cpu", 1.0),
        ({"x-more": {"anything": 1}, "depends_on": {}}, "cpu", 1.0),
    ],
)
def test_each_form_of_a_key_is_read(service: dict[str, Any], field: str, value: Any) -> None:
    (container,) = read(one(**service))
    assert getattr(container, field) == value


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_what_is_refused_is_named_with_its_reason(key: str) -> None:
    told = refused(one(**{key: ["x"]}))
    assert told == f"services.web.{key}: not supported, because {REFUSED[key]}"


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"unheard_of": 1}, "unheard_of: not supported"),
        ({"image": "No Image"}, "image: write an image"),
        ({"image": "a:${TAG}"}, "image: ${…} is not filled in here"),
        ({"environment": ["HOME"]}, "HOME has no value"),
        ({"environment": {"HOME": None}}, "HOME has no value"),
        ({"environment": {"a-b": "1"}}, "no name of a variable"),
        ({"environment": {"A": "$SECRET"}}, "not filled in here"),
        ({"environment": {"A": {"B": 1}}}, "a text or a number"),
        ({"user": "root"}, "user: write uid"),
        ({"user": "0:0"}, "user: write uid"),
        ({"user": "postgres"}, "user: write uid"),
        ({"volumes": ["/etc:/etc"]}, "'/etc' is of the machine"),
        ({"volumes": ["./src:/app"]}, "'./src' is of the machine"),
        ({"volumes": ["/var/run/docker.sock:/var/run/docker.sock"]}, "is of the machine"),
        ({"volumes": ["unknown:/data"]}, "'unknown' is of the machine"),
        ({"volumes": [{"type": "bind", "source": "/", "target": "/x"}]}, "only volumes"),
        ({"volumes": ["data:/../etc"]}, "no path inside"),
        ({"volumes": ["data:/proc/sys"]}, "is the kernel's"),
        ({"tmpfs": ["/dev:size=1m"]}, "is the kernel's"),
        ({"environment": {"ECATALOG_VISITOR_KEY": "k" * 40}}, "goes into the environment of the demo"),
        ({"tmpfs": ["/x:exec"]}, "no option here"),
        ({"tmpfs": ["/x:size=9g"]}, "1m to 4g"),
        ({"ports": ["5432:5432"]}, "5432 is not the public port"),
        ({"ports": ["8000-8010:8000-8010"]}, "a port of the container"),
        ({"mem_limit": "1k"}, "16m to 64g"),
        ({"cpus": 99}, "0.05 to 16"),
        ({"cpus": "inf"}, "0.05 to 16"),
        ({"cpus": "nan"}, "0.05 to 16"),
        ({"deploy": {"replicas": 3}}, "only resources.limits"),
        ({"deploy": {"resources": {"limits": {"pids": 1}}}}, "only resources.limits"),
        ({"depends_on": ["nobody"]}, "nobody is no service"),
        ({"depends_on": {"web": {"condition": "service_healthy"}}}, "only service_started"),
        ({"depends_on": ["web"]}, "need each other"),
        ({"read_only": False}, "what a container may write"),
        ({"command": "un'closed"}, "No closing quotation"),
    ],
)
def test_what_cannot_be_is_told_by_its_path(service: dict[str, Any], words: str) -> None:
    assert words in refused(one(**service))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "services: missing"),
        ("just words", "services: missing"),
        ("services: {}", "services: missing"),
        ("services: {web: 7}", "services.web: write a mapping"),
        ("services: {web: {}}", "services.web.image: missing"),
        ("services: {web: {image: a}}\nnetworks: {front: {}}", "networks: the containers of a copy"),
        ("services: {web: {image: a}}\nsecrets: {x: {file: y}}", "secrets: a demo sees nothing"),
        ("services: {web: {image: a}}\nvolumes: {x: {driver: nfs}}", "volumes: only names"),
        ("services: {web: {image: a, image: b}}", "'image' is there twice (line 1)"),
        ("services: {web: {image: a}, Web_2: {image: a}}", "services.Web_2: write lower-case"),
        ("services: [", "The file is"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("services: {" + ", ".join(f"s{n}: {{image: a}}" for n in range(8)) + ", web: {image: a}}", "9, of at most 8"),
        ("x" * 70_000, "longer than 64 KB"),
        ("[" * 5000, "The file is"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(text: str, words: str) -> None:
    assert words in refused(text)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = refused(one(privileged=True, network_mode="host", user="root")).splitlines()
    assert [line.partition(":")[0] for line in told] == [
        "services.web.network_mode",
        "services.web.privileged",
        "services.web.user",
    ]


def test_the_public_service_must_be_one() -> None:
    with pytest.raises(Invalid) as raised:
        read(BUNDLE, "api")
    assert raised.value.fields == {"public_service": "not one of the services (cache, db, web)"}


def test_aliases_that_multiply_are_not_followed() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip(string.ascii_lowercase, string.ascii_lowercase[1:9], strict=False):
        bomb += f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    begin = time.perf_counter()
    assert "more than 5000 values" in refused(bomb)
    assert time.perf_counter() - begin < 5, "it does not run away"


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
_JUNK = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_SCALARS, inner, max_size=4)),
    max_leaves=20,
)
_KEYS = st.sampled_from(sorted(SUPPORTED) + sorted(REFUSED)[:3])


@settings(max_examples=300, deadline=None)
@given(service=st.dictionaries(_KEYS, _JUNK, max_size=6), top=st.dictionaries(st.text(max_size=8), _JUNK, max_size=2))
def test_whatever_is_pasted_becomes_containers_or_a_refusal(service: dict[str, Any], top: dict[str, Any]) -> None:
    text = yaml.dump(top | {"services": {"web": service}}, allow_unicode=True)
    try:
        containers = read(text)
    except Invalid:
        return
    assert [container.name for container in containers] == ["web"]
    assert not containers[0].user.startswith("0")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_becomes_containers_or_a_refusal(text: str) -> None:
    with pytest.raises(Invalid):
        read(text)
