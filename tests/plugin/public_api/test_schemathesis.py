"""schemathesis against the public API: odd requests by the thousand, and every answer as the document says."""

import asyncio
import sys

import openapi_spec_validator

from tests.plugin.public_api.test_charging import charge

ROUNDS = "8"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method"
)


async def test_schemathesis_finds_nothing(desk):
    user = await desk.user("anna")
    await charge(desk, user)
    key = await desk.key("all", "read", "charge", "users")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", f"{desk.url}/openapi.json",
        "--header", f"x-api-key: {key}", "--header", f"Authorization: {user.headers['Authorization']}",
        "--exclude-path", "/v1/live", "--exclude-path", "/v1/log.pdf", "--checks", CHECKS, "--max-examples", ROUNDS,
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--seed", "1", "--no-color",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-8000:]
    assert desk.app.plugins.status()[0].faults == 0


async def test_the_document_is_openapi_and_tells_nothing_of_the_hub(desk):
    document = await desk.caller().get("/openapi.json")
    openapi_spec_validator.validate(document)
    assert document["openapi"] == "3.1.0"
    assert all(path.startswith("/v1/") for path in document["paths"])
    assert "partner" not in document["info"]["description"]
