"""The compose files, as far as they can be judged without Docker: what they name exists, and the hub takes it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.config import Config, Limits, load
from tests.deploy.proxy import DEPLOY
from tests.deploy.test_docker import environment, final_stage

FILES = {"one": DEPLOY / "compose.yaml", "cluster": DEPLOY / "cluster/compose.yaml"}
COMPOSE: dict[str, dict[str, Any]] = {name: yaml.safe_load(file.read_text()) for name, file in FILES.items()}
OPERATORS = {"../tls", "./tls"}
"""What the operator puts there."""
NODES = ["node-1", "node-2", "node-3"]
SECRET = "s3cret:/?#@"
"""The password of the database, in .env."""
each_file = pytest.mark.parametrize("file", FILES)
each_service = pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file, compose in COMPOSE.items() for name in compose["services"]]
)


def service(file: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE[file]["services"][name]
    return found


def settings(file: str, name: str) -> Config:
    """The configuration that this service works with."""
    told = {
        key: re.sub(r"\$\{HUB_DATABASE_PASSWORD:\?[^}]+\}", lambda _: SECRET, value)
        for key, value in service(file, name)["environment"].items()
    }
    assert not any("$" in value for value in told.values())
    return load(DEPLOY / "config/config.toml", environment() | told)


@each_file
def test_it_is_what_compose_takes(file: str):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILES[file]]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("file", "name"), [("one", "hub"), *(("cluster", name) for name in NODES)])
def test_its_settings_are_known_to_the_hub(file: str, name: str):
    config, hub = settings(file, name), service(file, name)
    assert (config.admin.open_metrics, config.admin.host) == (True, "0.0.0.0")
    (served,) = re.findall(r"server_name (\S+);", (DEPLOY / "nginx/ocpi-hub.conf").read_text())
    assert config.listen.public_url == f"https://{served}"
    assert int(hub["stop_grace_period"].rstrip("s")) >= Limits().drain + 10
    assert hub["read_only"] is True
    assert "ports" not in hub, "partners come by way of nginx alone"
    (upstream,) = [each.split(":")[0] for each in service(file, "nginx")["volumes"] if "upstream" in each.split(":")[1]]
    assert f"server {name}:{config.listen.port} resolve" in (FILES[file].parent / upstream).read_text()


@each_service
def test_a_service_names_only_what_is_there(file: str, name: str):
    compose, here = COMPOSE[file], service(file, name)
    for volume in here.get("volumes", []):
        source, target, *mode = volume.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert mode == ["ro"]
            assert source in OPERATORS or (FILES[file].parent / source).exists(), source
        else:
            assert source in compose["volumes"]
    assert set(here["networks"]) <= compose["networks"].keys()
    assert set(here.get("depends_on", [])) <= compose["services"].keys()
    if "build" in here:
        context = FILES[file].parent / here["build"]["context"]
        assert context.resolve() == DEPLOY.parent
        assert (context / here["build"]["dockerfile"]).exists()
    else:
        assert re.search(r":v?\d", here["image"]), "a version, not what is latest"


@each_service
def test_a_service_may_do_little(file: str, name: str):
    here = service(file, name)
    assert here["cap_drop"] == ["ALL"]
    assert here["security_opt"] == ["no-new-privileges:true"]
    assert set(here.get("cap_add", [])) <= {"CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID"}
    assert all(port in ("443:443", "127.0.0.1:3000:3000") for port in here.get("ports", []))
    assert "privileged" not in here


@each_file
def test_nothing_is_defined_that_nobody_uses(file: str):
    compose = COMPOSE[file]
    for kind in ("networks", "volumes"):
        used = {each.split(":")[0] for here in compose["services"].values() for each in here.get(kind, [])}
        assert compose[kind].keys() <= used, kind


def test_the_nodes_are_alike_but_for_their_names():
    one, two, three = (service("cluster", name) for name in NODES)
    assert [each.pop("hostname") for each in (one, two, three)] == NODES
    assert one == two == three
    assert one["mem_limit"] == "512m"


def test_the_nodes_share_database_and_key():
    config, node = settings("cluster", "node-1"), service("cluster", "node-1")
    assert config.store.url is not None
    user, host, name = re.fullmatch(r"postgresql://(\w+)@([\w-]+)/(\w+)", config.store.url).groups()
    database = service("cluster", host)
    made = database["environment"]
    assert (made["POSTGRES_USER"], made["POSTGRES_DB"]) == (user, name)
    assert made["POSTGRES_PASSWORD"] == node["environment"]["PGPASSWORD"]
    assert f"--username={user}" in database["healthcheck"]["test"]
    assert config.key_file == Path("/key/hub.key")
    (key,) = [volume for volume in node["volumes"] if volume.startswith("hub-key:")]
    assert key == f"hub-key:{config.key_file.parent}", "the first node makes the key, so it may write there"


def test_nobody_but_the_nodes_gets_to_the_database():
    networks, services = COMPOSE["cluster"]["networks"], COMPOSE["cluster"]["services"]
    assert services["postgresql"]["networks"] == ["database"]
    assert networks["database"] == {"internal": True}
    assert {name for name, each in services.items() if "database" in each["networks"]} == {"postgresql", *NODES}
    assert "ports" not in services["postgresql"]


def test_what_a_node_writes_to_belongs_to_its_user():
    node = service("cluster", "node-1")
    user, group = dict(final_stage())["USER"].split(":")
    assert node["tmpfs"] == ["/tmp", f"/data:uid={user},gid={group},mode=0700"]
    database = service("cluster", "postgresql")
    user, group = database["user"].split(":")
    assert f"/run/postgresql:uid={user},gid={group},mode=0775" in database["tmpfs"]
    assert (database["read_only"], service("cluster", "nginx")["read_only"]) == (True, True)


def test_it_is_over_for_a_node_only_when_it_had_its_time():
    node, config = service("cluster", "node-1"), settings("cluster", "node-1")
    assert int(node["stop_grace_period"].rstrip("s")) > config.limits.drain + config.limits.timeout
    assert f":{config.admin.port}/health/ready" in " ".join(node["healthcheck"]["test"])


def test_prometheus_asks_every_node():
    found = yaml.safe_load((DEPLOY / "cluster/prometheus.yml").read_text())
    (job,) = found.pop("scrape_configs")
    port = settings("cluster", "node-1").admin.port
    assert job == {"job_name": "ocpi-hub", "static_configs": [{"targets": [f"{name}:{port}" for name in NODES]}]}
    alone = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert found == {key: value for key, value in alone.items() if key != "scrape_configs"}


@each_file
def test_yaml_and_names_of_grafana_and_prometheus_fit_each_other(file: str):
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    assert source["url"].startswith("http://prometheus:")
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/ocpi-hub.yaml").read_text())["providers"][0]
    mounted = [volume.split(":")[1] for volume in service(file, "grafana")["volumes"]]
    assert provider["options"]["path"] in mounted
    home = Path(service(file, "grafana")["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (str(home.parent) in mounted, (DEPLOY / "grafana/dashboards" / home.name).is_file()) == (True, True)
    assert json.loads((DEPLOY / "grafana/dashboards" / home.name).read_text())["title"]
