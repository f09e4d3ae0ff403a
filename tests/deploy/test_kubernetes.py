"""The manifests for Kubernetes: right by its schema, whole, what the hub knows, and what nginx takes."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import kubernetes_validate
import pytest
import yaml

import hub
from hub.config import Admin, Config, load
from tests.deploy.proxy import DEPLOY, needs_nginx, nginx
from tests.deploy.test_docker import environment, final_stage
from tests.ports import free_port
from tests.raw import ask, request
from tests.support import running

FOLDER = DEPLOY / "kubernetes"
BASE, TRY = FOLDER / "base", FOLDER / "try"
URL = "postgresql://hub:PASSWORD@db.example/hub?sslmode=verify-full"
GIVEN = {"ocpi-hub-tls": {"tls.crt", "tls.key"}}
"""Secrets that the operator makes, as nginx.yaml says; and the keys in them."""
OLDEST = "1.30"


def read(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


def manifests(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.yaml") if file.name != "kustomization.yaml")


def name_of(found: dict[str, Any]) -> str:
    return f"{found['kind']}/{found['metadata']['name']}"


ALL = [(file, each) for folder in (BASE, TRY) for file in manifests(folder) for each in read(file)]
OBJECTS = [each for file, each in ALL if ".example." not in file.name]
(SECRET,) = [each for file, each in ALL if each["kind"] == "Secret"]
WORKLOADS = [each for each in OBJECTS if each["kind"] in ("Deployment", "StatefulSet")]
each_object = pytest.mark.parametrize("found", [each for _, each in ALL], ids=name_of)
each_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)


def one(name: str) -> dict[str, Any]:
    """The object of this kind and name."""
    (found,) = [each for each in OBJECTS if name_of(each) == name]
    return found


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod(workload)["containers"]
    return found


def selected(labels: dict[str, str]) -> list[dict[str, Any]]:
    """The workloads whose pods have these labels."""
    return [each for each in WORKLOADS if labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()]


def settings(folder: Path) -> Config:
    """The configuration that a node works with."""
    (folder / "config.toml").write_text(one("ConfigMap/ocpi-hub")["data"]["config.toml"])
    told = {}
    for each in container(one("Deployment/ocpi-hub"))["env"]:
        told[each["name"]] = each["value"] if "value" in each else SECRET["stringData"][key_of(each)]
    return load(folder / "config.toml", environment() | told)


def key_of(variable: dict[str, Any]) -> str:
    source = variable["valueFrom"]["secretKeyRef"]
    assert source["name"] == SECRET["metadata"]["name"]
    return str(source["key"])


@each_object
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_it_is_what_kubernetes_takes(found: dict[str, Any], version: str):
    kubernetes_validate.validate(found, version, strict=True)


@each_object
def test_it_says_where_it_belongs(found: dict[str, Any]):
    """So that each file can be applied by itself, too."""
    namespace = one("Namespace/ocpi-hub")["metadata"]["name"]
    assert found["kind"] == "Namespace" or found["metadata"]["namespace"] == namespace


@pytest.mark.parametrize("folder", [BASE, TRY], ids=lambda each: each.name)
def test_the_kustomization_lists_every_file(folder: Path):
    (listed,) = read(folder / "kustomization.yaml")
    assert listed.keys() == {"apiVersion", "kind", "resources"}
    files = [file.name for file in manifests(folder) if ".example." not in file.name]
    assert sorted(listed["resources"]) == sorted([*files, *(["../base"] if folder == TRY else [])])


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed (https://kubernetes.io)")
def test_kubectl_makes_of_it_what_stands_there():
    done = subprocess.run(["kubectl", "kustomize", TRY], check=True, capture_output=True, text=True, timeout=60)
    rendered = {name_of(each): each for each in yaml.safe_load_all(done.stdout)}
    assert rendered == {name_of(each): each for each in OBJECTS}


def test_its_settings_are_known_to_the_hub(tmp_path):
    config = settings(tmp_path)
    assert config.store.url == URL
    assert config.admin.host == config.listen.host == "0.0.0.0"
    (served,) = re.findall(r"server_name (\S+);", (DEPLOY / "nginx/ocpi-hub.conf").read_text())
    assert config.listen.public_url == f"https://{served}"
    node = container(one("Deployment/ocpi-hub"))
    mounts = {each["name"]: each["mountPath"] for each in node["volumeMounts"]}
    assert mounts["key"] == str(config.key_file.parent)
    assert mounts["data"] == str(config.data_folder)
    assert mounts["config"] == str(Path(dict(final_stage())["COPY"].split()[1]).parent)
    ports = {each["name"]: each["containerPort"] for each in node["ports"]}
    assert ports == {"ocpi": config.listen.port, "admin": config.admin.port}


def test_a_node_has_the_time_that_it_needs(tmp_path):
    """To start, to go on without its database, and to stop."""
    config, workload = settings(tmp_path), one("Deployment/ocpi-hub")
    node, spec = container(workload), workload["spec"]
    _, pause = node["lifecycle"]["preStop"]["exec"]["command"]
    assert pod(workload)["terminationGracePeriodSeconds"] > int(pause) + config.limits.drain + config.limits.timeout
    assert lasts(node["readinessProbe"]) == config.node.alone
    assert spec["progressDeadlineSeconds"] > lasts(node["startupProbe"]) >= 600
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    proxy = pod(one("Deployment/nginx"))
    (waits,) = re.findall(r"proxy_read_timeout (\d+)s;", (DEPLOY / "nginx/ocpi-hub.conf").read_text())
    assert proxy["terminationGracePeriodSeconds"] > int(pause) + int(waits)


def lasts(probe: dict[str, Any]) -> float:
    """Seconds until it is told that a probe fails."""
    return float(probe["periodSeconds"] * probe["failureThreshold"])


async def test_the_probes_ask_for_what_the_hub_answers(tmp_path):
    node = container(one("Deployment/ocpi-hub"))
    paths = {node[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"/health/live", "/health/ready"}
    assert {node[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness", "readiness")} == {"admin"}
    async with running(tmp_path, admin=Admin(port=0)) as app, aiohttp.ClientSession() as session:
        for path in paths:
            # The kubelet calls a pod by its address.
            async with session.get(f"{app.admin_url}{path}", headers={"Host": "10.42.0.7:8001"}) as answer:
                assert answer.status == 200


@each_workload
def test_it_may_do_little(workload: dict[str, Any]):
    """More than the level `restricted` of the namespace asks for."""
    assert one("Namespace/ocpi-hub")["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    spec, runs = pod(workload), container(workload)
    assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert runs["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert runs["resources"]["requests"].keys() == {"cpu", "memory"}
    assert runs["resources"]["limits"].keys() == {"memory"}
    assert all(each["emptyDir"].get("sizeLimit") for each in spec["volumes"] if "emptyDir" in each)


def test_a_node_runs_as_the_user_of_the_image():
    user, group = map(int, dict(final_stage())["USER"].split(":"))
    context = pod(one("Deployment/ocpi-hub"))["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (user, group)
    assert container(one("Deployment/ocpi-hub"))["image"].endswith(f"/ocpi-hub:{hub.__version__}")


@each_workload
def test_what_it_names_is_there(workload: dict[str, Any]):
    spec, runs = pod(workload), container(workload)
    claims = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
    assert {each["name"] for each in spec["volumes"]} | claims == {each["name"] for each in runs["volumeMounts"]}
    secrets = {SECRET["metadata"]["name"]: SECRET["stringData"].keys(), **GIVEN}
    for volume in spec["volumes"]:
        if "configMap" in volume:
            assert one(f"ConfigMap/{volume['configMap']['name']}")
        elif "secret" in volume:
            # Root owns it, and the group of the pod may read it: as hub.store.crypto wants it of a key.
            assert volume["secret"]["defaultMode"] == 0o440
            assert {each["key"] for each in volume["secret"]["items"]} <= secrets[volume["secret"]["secretName"]]
    for variable in runs.get("env", []):
        assert "value" in variable or key_of(variable) in SECRET["stringData"]
    ports = {each["name"] for each in runs["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        for way in ("httpGet", "tcpSocket"):
            assert runs.get(probe, {}).get(way, {"port": min(ports)})["port"] in ports
    assert re.search(r":v?\d", runs["image"]), "a version, not what is latest"
    assert workload["spec"]["selector"]["matchLabels"] == workload["spec"]["template"]["metadata"]["labels"]
    assert workload["kind"] != "StatefulSet" or one(f"Service/{workload['spec']['serviceName']}")


@pytest.mark.parametrize("service", [each for each in OBJECTS if each["kind"] == "Service"], ids=name_of)
def test_a_service_leads_to_ports_that_are_there(service: dict[str, Any]):
    (behind,) = selected(service["spec"]["selector"])
    ports = {each["name"]: each["containerPort"] for each in container(behind)["ports"]}
    for port in service["spec"]["ports"]:
        assert ports[port["targetPort"]] == port["port"]


def test_of_what_there_is_more_than_one_all_but_one_stay():
    for workload in WORKLOADS:
        budgets = [
            each["spec"]
            for each in OBJECTS
            if each["kind"] == "PodDisruptionBudget"
            and each["spec"]["selector"]["matchLabels"] == workload["spec"]["selector"]["matchLabels"]
        ]
        assert [each["maxUnavailable"] for each in budgets] == [1] * (workload["spec"]["replicas"] > 1)
        if budgets:
            apart = pod(workload)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
            assert apart[0]["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
            labels = workload["spec"]["selector"]["matchLabels"]
            assert all(each["podAffinityTerm"]["labelSelector"]["matchLabels"] == labels for each in apart)
    assert one("Deployment/ocpi-hub")["spec"]["replicas"] == 3


def allowed(source: str, target: str, port: int) -> bool:
    """Whether pods of one workload may speak with those of another, by both their policies."""
    policies = {
        name_of(selected(each["spec"]["podSelector"]["matchLabels"])[0]): each["spec"]
        for each in OBJECTS
        if each["kind"] == "NetworkPolicy"
    }
    peers = {name_of(each): each["spec"]["template"]["metadata"]["labels"] for each in WORKLOADS}

    def fits(rules: list[dict[str, Any]], side: str, peer: str) -> bool:
        return any(
            port in [each["port"] for each in rule["ports"]]
            and any(
                "podSelector" in each and each["podSelector"]["matchLabels"].items() <= peers[peer].items()
                for each in rule.get(side, [{"podSelector": {"matchLabels": {}}}])
            )
            for rule in rules
            if "ports" in rule
        )

    out = fits(policies[source].get("egress", []), "to", target)
    return out and fits(policies[target].get("ingress", []), "from", source)


def test_who_may_speak_with_whom():
    hub_, proxy, database = "Deployment/ocpi-hub", "Deployment/nginx", "StatefulSet/postgresql"
    ways = [
        (source, target, port)
        for source in (hub_, proxy, database)
        for target in (hub_, proxy, database)
        for port in (443, 5432, 8000, 8001)
        if allowed(source, target, port)
    ]
    assert ways == [(hub_, database, 5432), (proxy, hub_, 8000)]
    for each in OBJECTS:
        if each["kind"] == "NetworkPolicy":
            assert each["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert len([each for each in OBJECTS if each["kind"] == "NetworkPolicy"]) == len(WORKLOADS)


def test_nginx_works_with_the_configuration_that_all_have():
    data = one("ConfigMap/ocpi-hub-nginx")["data"]
    assert data.keys() == {"ocpi-hub.conf", "upstream.conf"}
    assert data["ocpi-hub.conf"] == (DEPLOY / "nginx/ocpi-hub.conf").read_text()
    (mount,) = [each for each in container(one("Deployment/nginx"))["volumeMounts"] if each["name"] == "tls"]
    (secret,) = [each["secret"] for each in pod(one("Deployment/nginx"))["volumes"] if each["name"] == "tls"]
    files = re.findall(r"ssl_certificate(?:_key)? (\S+);", data["ocpi-hub.conf"])
    assert files == [f"{mount['mountPath']}/{each['path']}" for each in secret["items"]]
    (service,) = re.findall(r"server ([\w-]+):8000;", data["upstream.conf"])
    assert one(f"Service/{service}")["spec"]["ports"][0]["port"] == 8000
    sysctls = {each["name"]: each["value"] for each in pod(one("Deployment/nginx"))["securityContext"]["sysctls"]}
    assert sysctls == {"net.ipv4.ip_unprivileged_port_start": "443"}


@needs_nginx
async def test_nginx_takes_it(tmp_path):
    upstream = one("ConfigMap/ocpi-hub-nginx")["data"]["upstream.conf"].replace("ocpi-hub:8000", "127.0.0.1:9")
    async with nginx(tmp_path / "nginx", free_port(), upstream) as proxy:
        answer = await ask(proxy.url, request("GET", "/ocpi/versions"), within=15, tls=proxy.tls)
        assert (answer.status, json.loads(answer.body)["status_code"]) == (502, 3000)
