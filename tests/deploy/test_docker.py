"""The image, as far as it can be judged without Docker: everything that it names exists."""

import fnmatch
import json
import re
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hub.config import load
from tests.deploy.proxy import DEPLOY

ROOT = DEPLOY.parent


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


def test_what_every_node_writes_to_is_its_users():
    stage = final_stage()
    made = [
        rest
        for word, rest in stage
        if word == "RUN" and "install -d -o ocpi-hub -g ocpi-hub -m 0700 /data /key" in rest
    ]
    assert len(made) == 1
    assert f"--uid {dict(stage)['USER'].partition(':')[0]} " in made[0]


def test_it_holds_every_extra_for_which_there_is_no_pip_in_it():
    """PostgreSQL for several nodes, OpenTelemetry, MQTT and PDFs; and the lock has all that these need."""
    (extras,) = re.findall(r'"ocpi-hub\[([a-z,]+)\]"', (DEPLOY / "Dockerfile").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) == project["optional-dependencies"].keys() - {"mutation", "test"}
    locked = set(
        map(canonicalize_name, re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    )
    wanted = [
        *project["dependencies"],
        *(each for name in extras.split(",") for each in project["optional-dependencies"][name]),
    ]
    assert needed(wanted) - locked == set()


def needed(wanted: list[str]) -> set[str]:
    """The names of these distributions and of all that they need here."""
    found: set[str] = set()
    left = [(Requirement(each), "") for each in wanted]
    while left:
        requirement, extra = left.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        found.add(name)
        for each in metadata.requires(name) or []:
            further = Requirement(each)
            if canonicalize_name(further.name) not in found:
                left += [(further, extra) for extra in requirement.extras or {""}]
    return found
