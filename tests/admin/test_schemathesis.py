"""schemathesis against the admin API: thousands of odd requests, and every answer as the document says."""

import asyncio
import sys

ROUNDS = "6"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method"
)


async def test_schemathesis_finds_nothing(net):
    # What the examples in the document are about is there, so that they get behind the doors.
    await net.app.partners.invite("ACME", ["NL-TNM:CPO"])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", f"{net.app.admin_url}/openapi.json",
        "--header", f"x-api-key: {net.api.keys['admin']}", "--checks", CHECKS, "--max-examples", ROUNDS,
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--seed", "1", "--no-color",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-8000:]
