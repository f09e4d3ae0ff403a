"""The package extrawest-ocpi."""

from hub.core.party import Party
from tests.peers.peer import Package

# It asks for pydantic 1.10.12 itself, which does not start on Python 3.12.4 and later; a newer 1.10 does, and behaves
# the same for us.
EXTRAWEST = Package(
    name="extrawest",
    title="Extrawest",
    requirements=(
        "extrawest-ocpi==2025.7.16",
        "fastapi==0.101.1",
        "starlette==0.27.0",
        "pydantic==1.10.26",
        "typing-extensions==4.15.0",
        "httpx==0.24.1",
        "httpcore==0.17.3",
        "h11==0.14.0",
        "anyio==4.11.0",
        "sniffio==1.3.1",
        "idna==3.11",
        "certifi==2025.11.12",
        "uvicorn==0.23.2",
        "click==8.3.1",
    ),
    parties={"CPO": Party("DE", "EXC"), "EMSP": Party("NL", "EXM")},
)
