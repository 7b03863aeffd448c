"""The manifests of the whole catalog, as kustomize renders them: valid, whole, and agreeing with code and images."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from ecatalog.settings import Settings, describe_settings
from ecatalog_edge.settings import Settings as EdgeSettings
from ecatalog_launcher.settings import OWN as LAUNCHERS_OWN
from ecatalog_launcher.settings import Settings as LauncherSettings
from tests.architecture.code import ROOT
from tests.architecture.test_documents import is_command
from tests.deploy.rendering import (
    FOLDER,
    IMAGES,
    KUBERNETES,
    OVERLAYS,
    container_of,
    documents,
    environment,
    of_kind,
    rendered,
    settings_of,
    workloads,
)

DEPLOYMENTS = ("ecatalog-edge", "ecatalog-gateway", "ecatalog-launcher", "ltplabs-database")
JOBS = {
    "database-backup": "0 2 * * *",
    "database-check": "0 3 * * 0",
    "backup-test": "30 3 * * 0",
    "error-summary": "0 6 * * 1",
    "usage-archive": "0 4 1 * *",
    "usage-report": "0 6 1 * *",
    "slow-queries": "15 6 1 * *",
    "restore-drill": "30 4 1 * *",
}
TOKENS = ("edge", "launcher", "backup")
# What the customer's roadmap writes, under Maintenance.
BACKUP_OF_THE_ROADMAP = """
apiVersion: batch/v1
kind: CronJob
metadata:
  name: database-backup
spec:
  schedule: "0 2 * * *"  # Daily at 2 AM
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - name: backup
            image: ltplabs/sqlite-database:latest
            command: ["/bin/bash", "/scripts/backup.sh"]
            volumeMounts:
            - name: database-storage
              mountPath: /data
          restartPolicy: OnFailure
"""


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A folder with a strong value for each key of each secret."""
    for name in ("JWT_SECRET", "ENCRYPTION_KEY", "BACKUP_PASSWORD", *TOKENS):
        (tmp_path / name).write_text(f"{name}-k5tRzUDWXnJ0mI7iMp3yb8vQ2aEw6cHs")
    return tmp_path


def contains(whole: Any, part: Any) -> bool:
    """Whether the whole says all that the part says; of lists, something for each entry."""
    if isinstance(part, dict):
        return all(name in whole and contains(whole[name], value) for name, value in part.items())
    if isinstance(part, list) and part and isinstance(part[0], dict):
        return all(any(contains(each, wanted) for each in whole) for wanted in part)
    return bool(whole == part)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    for each in rendered(overlay):
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_parts_are_there(overlay: str) -> None:
    assert sorted(of_kind(overlay, "Deployment")) == sorted(DEPLOYMENTS)
    assert {name: each["spec"]["schedule"] for name, each in of_kind(overlay, "CronJob").items()} == JOBS
    assert set(of_kind(overlay, "Namespace")) == {"ecatalog", "demos"}
    assert set(of_kind(overlay, "Service")) == {
        "ecatalog-gateway",
        "ecatalog-edge",
        "ecatalog-launcher",
        "ltplabs-database-service",
    }
    has_ingress = overlay != "development"
    assert set(of_kind(overlay, "Ingress")) == ({"ecatalog-gateway", "ecatalog-edge"} if has_ingress else set())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_among_them(overlay: str) -> None:
    """Applying one would put known values in place of the random ones."""
    assert of_kind(overlay, "Secret") == {}


def test_nothing_is_defined_twice() -> None:
    files = [path for path in [*FOLDER.rglob("*.yaml"), *(ROOT / "database").glob("k8s-*.yaml")] if is_resource(path)]
    defined = Counter((each["kind"], each["metadata"]["name"], path) for path in files for each in documents(path))
    names = Counter((kind, name) for kind, name, _ in defined.elements())

    # Each namespace denies by default: the same name in another namespace is another object.
    assert [each for each, count in names.items() if count > 1] == [("NetworkPolicy", "default-deny")]


def is_resource(path: Path) -> bool:
    """Whether the file defines objects: the kustomization beside it says so, or its name does, in database/."""
    kustomization = path.with_name("kustomization.yaml")
    is_listed = kustomization.exists() and path.name in yaml.safe_load(kustomization.read_text()).get("resources", [])
    return is_listed or path.name.startswith("k8s-")


def test_overlays_only_change_what_the_base_defines() -> None:
    for overlay in OVERLAYS:
        said = yaml.safe_load((FOLDER / "overlays" / overlay / "kustomization.yaml").read_text())
        assert said["resources"] == ["../../base"]
        assert {each["behavior"] for each in said.get("configMapGenerator", [])} == {"merge"}


def test_the_backup_each_night_is_the_one_of_the_roadmap() -> None:
    assert contains(of_kind("production", "CronJob")["database-backup"], yaml.safe_load(BACKUP_OF_THE_ROADMAP))
    assert not contains({"spec": {"schedule": "0 3 * * *"}}, {"spec": {"schedule": "0 2 * * *"}})


# Code and manifests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_gateway_understands_its_settings(overlay: str, secrets: Path) -> None:
    settings = Settings.load(environment(overlay, "ecatalog-gateway", secrets))

    ports = {each["name"]: each["containerPort"] for each in container_of(overlay, "ecatalog-gateway")["ports"]}
    assert ports == {"http": settings.port, "grpc": settings.grpc_port, "internal": settings.internal_port}
    assert (str(settings.database), str(settings.data)) == ("/data/ltplabs.db", "/data")
    assert {settings.host, settings.grpc_host, settings.internal_host} == {"0.0.0.0"}
    assert settings.backup_time is None, "the CronJob asks for backups"
    assert set(settings.service_tokens) == set(TOKENS)
    assert settings.makes_backups
    assert settings.warnings() == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_edge_understands_its_settings(overlay: str, secrets: Path) -> None:
    settings = EdgeSettings.load(environment(overlay, "ecatalog-edge", secrets))

    ports = {each["name"]: each["containerPort"] for each in container_of(overlay, "ecatalog-edge")["ports"]}
    assert ports == {"http": settings.port, "internal": settings.internal_port}
    assert (settings.host, settings.internal_host) == ("0.0.0.0", "0.0.0.0")
    assert settings.demos_url == settings_of(overlay)["ECATALOG_DEMOS_URL"]
    assert settings.token == (secrets / "edge").read_text()
    assert settings.gateway == "ecatalog-gateway:9090"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_launcher_understands_its_settings(overlay: str, secrets: Path) -> None:
    settings = LauncherSettings.load(environment(overlay, "ecatalog-launcher", secrets))

    ports = {each["name"]: each["containerPort"] for each in container_of(overlay, "ecatalog-launcher")["ports"]}
    assert ports == {"internal": settings.internal_port}
    assert (settings.driver, settings.namespace) == ("kubernetes", "demos")
    assert settings.token == (secrets / "launcher").read_text()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_that_is_named_exists(overlay: str, secrets: Path) -> None:
    known = {name for name, _, _ in describe_settings()} | {name for name, _, _ in LAUNCHERS_OWN}
    known |= {f"{name}_FILE" for name in known} | {"ECATALOG_GATEWAY", "ECATALOG_TOKEN_FILE"}
    # What the scripts and reports of the database's image are told, which their --help names.
    known |= set(re.findall(r"ECATALOG_[A-Z_]+", (ROOT / "database/backup.sh").read_text())) | {"ECATALOG_METRICS_URL"}
    named = {name for each in workloads(overlay) for name in environment(overlay, each, secrets)}

    assert named - known == set()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_command_exists_in_the_image(overlay: str) -> None:
    copied = re.findall(r"database/([\w.-]+)", (ROOT / "database/Dockerfile").read_text())
    for name in (*JOBS, *(each for each in DEPLOYMENTS if each != "ltplabs-database")):
        program, *words = container_of(overlay, name)["command"]
        if program == "ecatalog":
            assert is_command(words), name
        else:
            assert (program, words[0].removeprefix("/scripts/")) in [("/bin/bash", each) for each in copied], name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_are_the_ones_that_we_build(overlay: str) -> None:
    images = {name: container_of(overlay, name)["image"] for name in workloads(overlay)}
    ours = {name: "ltplabs/ecatalog:latest" for name in DEPLOYMENTS if name.startswith("ecatalog-")}

    assert images == dict.fromkeys(images, "ltplabs/sqlite-database:latest") | ours
    assert set(images.values()) == set(IMAGES.values())
    assert {container_of(overlay, name)["imagePullPolicy"] for name in images} == {"IfNotPresent"}


# What objects say of each other ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_port_that_is_named_is_one_of_the_pod(overlay: str) -> None:
    ports = {
        each["spec"]["template"]["metadata"]["labels"]["app"]: {
            port["name"] for port in container_of(overlay, name)["ports"]
        }
        for name, each in of_kind(overlay, "Deployment").items()
    }
    services = of_kind(overlay, "Service")
    for service in services.values():
        assert {each["targetPort"] for each in service["spec"]["ports"]} == ports[service["spec"]["selector"]["app"]]
    for ingress in of_kind(overlay, "Ingress").values():
        (rule,) = ingress["spec"]["rules"]
        backend = rule["http"]["paths"][0]["backend"]["service"]
        assert backend["port"]["name"] in {each["name"] for each in services[backend["name"]]["spec"]["ports"]}
    for name in DEPLOYMENTS:
        container = container_of(overlay, name)
        probed = {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "readiness", "liveness")}
        assert probed <= {each["name"] for each in container["ports"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_that_is_named_exists(overlay: str) -> None:
    (of_database,) = documents(ROOT / "database/k8s-secret.yaml")
    keys = {"ltplabs-database-secret": set(of_database["stringData"]), "ecatalog-tokens": set(TOKENS)}
    for name, template in workloads(overlay).items():
        spec = template["spec"]
        assert spec["priorityClassName"] in of_kind(overlay, "PriorityClass")
        assert spec.get("serviceAccountName") in {None, *of_kind(overlay, "ServiceAccount")}
        (container,) = spec["containers"]
        assert {each["name"] for each in container["volumeMounts"]} <= {each["name"] for each in spec["volumes"]}
        for source in container["envFrom"]:
            if "configMapRef" in source:
                assert source["configMapRef"]["name"] in of_kind(overlay, "ConfigMap")
            else:
                assert source["secretRef"] == {"name": "ecatalog-more", "optional": True}
        for volume in spec["volumes"]:
            assert volume.get("persistentVolumeClaim", {"claimName": "sqlite-pvc"}) == {"claimName": "sqlite-pvc"}
            for secret, wanted in wanted_keys(volume):
                assert wanted <= keys[secret], name
        paths = [value["value"] for value in container["env"] if value["value"].startswith("/run/secrets/")]
        assert set(paths) <= mounted_secrets(spec, keys), name


def wanted_keys(volume: dict[str, Any]) -> list[tuple[str, set[str]]]:
    """Which keys of which secrets a volume shows; none for all of them."""
    sources = [each["secret"] for each in volume.get("projected", {}).get("sources", [])]
    sources += [volume["secret"] | {"name": volume["secret"]["secretName"]}] if "secret" in volume else []
    return [(each["name"], {item["key"] for item in each.get("items", [])}) for each in sources]


def mounted_secrets(spec: dict[str, Any], keys: dict[str, set[str]]) -> set[str]:
    """The files under which the pod finds its secrets."""
    mounts = {each["name"]: each["mountPath"] for each in spec["containers"][0]["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{key}"
        for volume in spec["volumes"]
        for secret, wanted in wanted_keys(volume)
        for key in wanted or keys[secret]
    }


@pytest.mark.parametrize("overlay", [each for each in OVERLAYS if each != "development"])
def test_the_ingress_has_the_hosts_of_the_settings_and_tls_for_each(overlay: str) -> None:
    settings, found = settings_of(overlay), of_kind(overlay, "Ingress")
    catalog, demos = (settings[f"ECATALOG_{name}_URL"].removeprefix("https://") for name in ("CATALOG", "DEMOS"))

    for name, host in (("ecatalog-gateway", catalog), ("ecatalog-edge", f"*.{demos}")):
        (rule,), (tls,) = found[name]["spec"]["rules"], found[name]["spec"]["tls"]
        assert rule["host"] == host
        assert tls["hosts"] == [host]


# How pods run ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_locked_in(overlay: str) -> None:
    for name, template in workloads(overlay).items():
        spec = template["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert spec["automountServiceAccountToken"] is (name == "ecatalog-launcher"), name
        # Else a service named ecatalog-edge becomes the setting ECATALOG_EDGE_PORT=tcp://…, and nothing starts again.
        assert spec["enableServiceLinks"] is False, name


def test_both_namespaces_enforce_the_restricted_standard() -> None:
    for each in of_kind("production", "Namespace").values():
        assert each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_says_what_it_takes(overlay: str) -> None:
    for name in workloads(overlay):
        resources = container_of(overlay, name)["resources"]
        for kind in ("requests", "limits"):
            assert set(resources[kind]) == {"cpu", "memory", "ephemeral-storage"}, name


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_probes_differ_by_what_follows_from_them(name: str) -> None:
    container = container_of("production", name)
    startup, ready, alive = (container[f"{each}Probe"] for each in ("startup", "readiness", "liveness"))

    assert startup["httpGet"] == alive["httpGet"]
    assert ready["httpGet"]["path"] != alive["httpGet"]["path"] == "/livez"
    patience = {name: each["periodSeconds"] * each["failureThreshold"] for name, each in (("r", ready), ("a", alive))}
    assert patience["r"] < patience["a"], "taken out of service before it is started anew"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_one_writes_and_whoever_opens_the_file_is_on_its_node(overlay: str) -> None:
    found = of_kind(overlay, "Deployment")
    for name in ("ecatalog-gateway", "ltplabs-database", "ecatalog-launcher"):
        assert (found[name]["spec"]["replicas"], found[name]["spec"]["strategy"]) == (1, {"type": "Recreate"})
    for name in ("ecatalog-gateway", *JOBS):
        affinity = workloads(overlay)[name]["spec"]["affinity"]
        (term,) = affinity["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["labelSelector"] == {"matchLabels": {"app": "ltplabs-database"}}
        assert term["topologyKey"] == "kubernetes.io/hostname"


@pytest.mark.parametrize(("overlay", "edges"), [("development", 1), ("staging", 2), ("production", 3)])
def test_edges_are_spread_and_one_stays_while_nodes_are_drained(overlay: str, edges: int) -> None:
    edge = of_kind(overlay, "Deployment")["ecatalog-edge"]["spec"]
    budgets = of_kind(overlay, "PodDisruptionBudget")

    assert edge["replicas"] == edges
    assert edge["template"]["spec"]["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    assert set(budgets) == ({"ecatalog-edge"} if edges > 1 else set())
    assert all(each["spec"]["minAvailable"] < edges for each in budgets.values())


# Production -----------------------------------------------------------------------------------------------------------


def test_production_has_no_samples_and_only_https(secrets: Path) -> None:
    settings = Settings.load(environment("production", "ecatalog-gateway", secrets))

    assert (settings.load_seed_data, settings.allow_sample_logins) == (False, False)
    assert settings.is_secure
    assert settings.log_level == "info"
    assert settings.log_json is True


def test_production_gives_more_room_than_the_base() -> None:
    def memory(overlay: str, name: str) -> str:
        return str(container_of(overlay, name)["resources"]["limits"]["memory"])

    assert (memory("staging", "ecatalog-gateway"), memory("production", "ecatalog-gateway")) == ("1Gi", "2Gi")
    assert (memory("staging", "ecatalog-edge"), memory("production", "ecatalog-edge")) == ("512Mi", "1Gi")
