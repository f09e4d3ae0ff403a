"""The package py-ocpi."""

from hub.core.party import Party
from tests.peers.peer import Package

PY_OCPI = Package(
    name="pyocpi",
    title="py-ocpi",
    requirements=(
        "py-ocpi==0.3.1",
        "fastapi==0.68.2",
        "starlette==0.14.2",
        "pydantic==1.10.26",
        "typing-extensions==4.15.0",
        "httpx==0.23.3",
        "httpcore==0.16.3",
        "rfc3986==1.5.0",
        "h11==0.14.0",
        "anyio==4.11.0",
        "sniffio==1.3.1",
        "idna==3.11",
        "certifi==2025.11.12",
        "uvicorn==0.23.2",
        "click==8.3.1",
    ),
    parties={"CPO": Party("FR", "PYC"), "EMSP": Party("BE", "PYM")},
    tls=True,
)
