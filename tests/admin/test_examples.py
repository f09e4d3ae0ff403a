"""docs/admin-api.md: each example is run as it stands, by curl."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/admin-api.md").read_text()
BLOCKS = [each for each in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if each.startswith("curl")]
HERE = "http://127.0.0.1:8001"


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
async def test_every_example_does_what_it_says(net):
    assert len(BLOCKS) > 5
    for block in BLOCKS:
        careful = 'set -e; curl() { command curl -sS --fail-with-body "$@"; echo; }'
        shell = f"{careful}\n{block.replace(HERE, net.app.admin_url)}"
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", shell, env={"KEY": net.api.keys["admin"], "PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{block}\n{output.decode()}"
        answers = [json.loads(line) for line in output.splitlines()]
        assert len(answers) == block.count("curl ")
        assert not [each for each in answers if "error" in each]


async def test_the_error_on_the_page_is_what_the_hub_says(api):
    (written,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert json.loads(written) == await api.call("GET", "/partners?limit=0", status=400)


async def test_every_scope_and_status_is_explained(net):
    statuses = set(re.findall(r"\d{3}", " ".join(re.findall(r"^\| (\d{3}[^|]*) \|", PAGE, re.MULTILINE))))
    spec = await (await net.api.raw("GET", "/openapi.json")).json()
    told = {
        status
        for path in spec["paths"].values()
        for each in path.values()
        for status in each["responses"]
        if status >= "300"
    }
    assert told <= statuses
    assert {each["x-scope"] for path in spec["paths"].values() for each in path.values()} == set(
        re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    )
