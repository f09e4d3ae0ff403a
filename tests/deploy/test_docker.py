"""The image and the compose file, as far as they can be judged without Docker: everything they name exists."""

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.config import Limits, load
from tests.deploy.proxy import DEPLOY

ROOT = DEPLOY.parent
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OPERATORS = {"./tls"}
"""What the operator puts there."""
each_service = pytest.mark.parametrize("name", SERVICES)


def instructions() -> list[tuple[str, str]]:
    """Pairs of instruction and the rest, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(word, re.sub(r"\s+", " ", rest)) for word, rest in lines]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(index for index, (word, _) in enumerate(found) if word == "FROM") :]


def environment() -> dict[str, str]:
    """What the image sets for the hub."""
    pairs = (pair.split("=", 1) for word, rest in final_stage() if word == "ENV" for pair in rest.split())
    return {name: value for name, value in pairs if name.startswith("OCPI_HUB")}


def ignored(path: str) -> bool:
    """Whether the build does not see a file, the last rule that fits wins."""
    result = False
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and fnmatch.fnmatch(path, pattern.removeprefix("**/")):
            result = not line.startswith("!")
    return result


def test_what_it_copies_exists_and_is_sent_to_the_build():
    copied = [rest.split() for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    sources = [name for *names, _ in copied for name in names]
    assert {"hub", "plugins", "requirements.lock", "config.toml", "pyproject.toml"} <= set(sources)
    assert [name for name in sources if not (ROOT / name).exists() or ignored(name)] == []
    assert all(ignored(name) for name in ("data", ".git", ".venv", "tests", "deploy", "hub.key"))
    project = (ROOT / "pyproject.toml").read_text()
    for needed in re.findall(r'^(?:readme|"plugins"|license-files) = \[?"?([\w.]+)', project, re.MULTILINE):
        assert needed in sources or needed == "hub/shipped_plugins"


def test_it_ends_as_nobody_who_matters_and_answers_to_a_health_check():
    stage = dict(final_stage())
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", stage["USER"])
    assert "/health/live" in stage["HEALTHCHECK"]
    assert f":{load(None, {}).admin.port}/" in stage["HEALTHCHECK"]
    assert (json.loads(stage["ENTRYPOINT"]), json.loads(stage["CMD"])) == (["ocpi-hub"], ["serve"])
    assert "pip" not in " ".join(rest for _, rest in final_stage())
    assert [rest for word, rest in instructions() if word in ("ADD", "ARG") and "PYTHON" not in rest] == []


def test_it_is_built_on_a_python_that_the_hub_names():
    (version,) = re.findall(r"PYTHON=(3\.\d+)-slim", (DEPLOY / "Dockerfile").read_text())
    assert f"Python :: {version}" in (ROOT / "pyproject.toml").read_text()
    assert "--require-hashes" in (DEPLOY / "Dockerfile").read_text()


def test_its_environment_is_known_to_the_hub():
    config = load(None, environment())
    volumes = [rest for word, rest in final_stage() if word == "VOLUME"]
    assert [str(config.data_folder)] == volumes
    assert config.listen.host == "0.0.0.0"
    assert [rest for word, rest in final_stage() if word == "EXPOSE"] == [str(config.listen.port)]


def test_the_settings_of_compose_are_known_to_the_hub():
    hub = SERVICES["hub"]
    config = load(DEPLOY / "config/config.toml", environment() | hub["environment"])
    assert config.admin.open_metrics
    assert config.listen.public_url.startswith("https://")
    names = re.findall(r"server_name (\S+);", (DEPLOY / "nginx/ocpi-hub.conf").read_text())
    assert config.listen.public_url == f"https://{names[0]}"
    assert f"server hub:{config.listen.port} resolve;" in (DEPLOY / "nginx/upstream.compose.conf").read_text()
    assert int(hub["stop_grace_period"].rstrip("s")) >= Limits().drain + 10
    assert hub["read_only"] is True
    assert "ports" not in hub, "partners come by way of nginx alone"


@each_service
def test_a_service_names_only_what_is_there(name: str):
    service = SERVICES[name]
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert mode == ["ro"]
            assert source in OPERATORS or (DEPLOY / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    assert set(service.get("depends_on", [])) <= SERVICES.keys()
    if "build" in service:
        assert ((DEPLOY / service["build"]["context"]) / service["build"]["dockerfile"]).exists()
    else:
        assert re.search(r":v?\d", service["image"]), "a version, not what is latest"


@each_service
def test_a_service_may_do_little(name: str):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service.get("cap_add", [])) <= {"CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID"}
    assert all(port in ("443:443", "127.0.0.1:3000:3000") for port in service.get("ports", []))
    assert "privileged" not in service


def test_yaml_and_names_of_grafana_and_prometheus_fit_each_other():
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    assert source["url"].startswith("http://prometheus:")
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/ocpi-hub.yaml").read_text())["providers"][0]
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (str(home.parent) in mounted, (DEPLOY / "grafana/dashboards" / home.name).is_file()) == (True, True)
