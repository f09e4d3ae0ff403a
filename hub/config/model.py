"""Every setting of the hub: its name, type, bounds, default and meaning.

A new section is a `Section` struct and a field of `Config`. Its keys go into config.toml and
docs/configuration.md; a test compares both with what stands here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field, structs

from hub.config.origin import Origin
from hub.config.section import Section
from hub.config.storing import Journal, Node, Store
from hub.config.telling import Log, Telemetry
from hub.core.catalogue import CATALOGUE, EXTRAS, ExtraModule
from hub.core.custom import CustomModule, operations
from hub.core.modules import Catalogue
from hub.core.redact import database_at


class Hub(Section, frozen=True):
    """Who this hub is, and where it keeps its files."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="Name of the hub, as partners see it.")] = (
        "OCPI Hub"
    )
    party: Annotated[str, Meta(description="Country code and party id of the hub itself, with a dash between.")] = (
        "XX-HUB"
    )
    website: Annotated[
        str | None,
        Meta(description="Website of the hub's operator, as partners see it.", examples=["https://hub.example"]),
    ] = None
    list_parties: Annotated[
        bool,
        Meta(description="Whether credentials for OCPI 2.3.0 list the parties that can be reached through the hub."),
    ] = True
    plugins: Annotated[str, Meta(min_length=1, description="Folder with the hub's plugins.")] = "plugins"
    data: Annotated[
        str, Meta(min_length=1, description="Folder with the database, the key and the control socket.")
    ] = "data"
    extra_modules: Annotated[
        tuple[ExtraModule, ...],
        Meta(description="Modules that come with the hub and are off, because not every platform knows them."),
    ] = ()
    event_loop: Annotated[
        Literal["uvloop", "asyncio"],
        Meta(description="Event loop to run on: uvloop is faster, asyncio is Python's own."),
    ] = "uvloop"

    def __post_init__(self) -> None:
        structs.force_setattr(self, "party", self.party.upper())


class Listen(Section, frozen=True):
    """Where the hub accepts connections."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on; 0.0.0.0 or :: for every interface.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 picks a free one.")] = 8000
    public_url: Annotated[
        str | None,
        Meta(
            description="URL under which partners reach the hub. Without it: http://host:port, with TLS https.",
            examples=["https://hub.example"],
        ),
    ] = None
    backlog: Annotated[int, Meta(ge=1, le=65535, description="Connections that may wait to be accepted.")] = 1024
    certificate: Annotated[
        str | None,
        Meta(
            description="PEM file with the hub's certificate and those between it and its root: the hub speaks TLS.",
            examples=["fullchain.pem"],
        ),
    ] = None
    key: Annotated[
        str | None,
        Meta(
            description="PEM file with the certificate's private key. Without it: in the file of the certificate.",
            examples=["privkey.pem"],
        ),
    ] = None
    client_ca: Annotated[
        str | None,
        Meta(
            description="PEM file with the authorities of client certificates. Without it: none are asked for.",
            examples=["clients.pem"],
        ),
    ] = None
    client_certificates: Annotated[
        Literal["required", "optional"],
        Meta(description="Whether clients without a certificate are let in, when client_ca is set."),
    ] = "required"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks of proxies in front whose X-Forwarded-For is believed."),
    ] = ()

    def base_url(self, port: int) -> str:
        """URL under which partners reach the hub, without a slash at the end.

        `port` is the one that was really bound: the configured one may be 0.
        """
        if self.public_url:
            return self.public_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{port}"


class Limits(Section, frozen=True):
    """What one message may cost."""

    request_body: Annotated[
        int, Meta(ge=1024, le=1 << 30, description="Largest request body the hub accepts, in bytes.")
    ] = 1_048_576
    response_body: Annotated[
        int, Meta(ge=1024, le=1 << 30, description="Largest answer the hub accepts from a partner, in bytes.")
    ] = 16_777_216
    header_bytes: Annotated[
        int, Meta(ge=1024, le=1 << 20, description="Largest head (all headers together), in bytes.")
    ] = 16_384
    timeout: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds a message may take, counted from its receipt."),
    ] = 30.0
    slow_request: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds a partner may take to send its request.")
    ] = 10.0
    keepalive: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds an idle connection from a partner stays open.")
    ] = 75.0
    drain: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds that requests under way get when the hub stops.")
    ] = 10.0


class PartnerLimits(Section, frozen=True):
    """What each partner may ask of the hub, where it has no limits of its own."""

    requests: Annotated[
        float, Meta(ge=0, le=1_000_000, description="Requests of one partner per second; 0 for no limit.")
    ] = 1000.0
    broadcasts: Annotated[
        float, Meta(ge=0, le=1_000_000, description="Broadcasts of one partner per second; 0 for no limit.")
    ] = 100.0
    burst: Annotated[
        float,
        Meta(ge=0, le=3600, description="Seconds for which a partner may save up what it did not send."),
    ] = 5.0
    parallel: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Requests of one partner at the same time; 0 for no limit.")
    ] = 500
    wrong_tokens: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="Requests with a wrong token from one address per minute; 0: no limit."),
    ] = 60


class Upstream(Section, frozen=True):
    """How the hub reaches its partners."""

    connections: Annotated[int, Meta(ge=1, le=10_000, description="Connections at a time to one platform.")] = 32
    idle: Annotated[float, Meta(gt=0, le=3600, description="Seconds an idle connection to a platform is kept.")] = 30.0
    connect_timeout: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds to open a connection, TLS included.")
    ] = 5.0
    dns_timeout: Annotated[float, Meta(gt=0, le=3600, description="Seconds to look up a host name.")] = 5.0
    allow_private: Annotated[
        tuple[str, ...],
        Meta(description="Networks that are not public, but that partners may live in all the same."),
    ] = ()
    ca_file: Annotated[
        str | None,
        Meta(description="PEM file with authorities to trust beside those of the system.", examples=["partners.pem"]),
    ] = None


class Routing(Section, frozen=True):
    """How messages find their way."""

    agreements: Annotated[
        Literal["open", "closed"], Meta(description="What holds between two parties when no agreement says otherwise.")
    ] = "open"
    page_limit: Annotated[int, Meta(ge=1, le=10_000, description="Most objects on one page of GET All.")] = 100
    ask_timeout: Annotated[
        float, Meta(gt=0, le=60, description="Seconds that eMSPs have to authorise a token nobody knows.")
    ] = 5.0
    hint_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="Days that the hub remembers which party is behind a session or reservation."),
    ] = 60
    validation: Annotated[
        Literal["enforce", "report", "off"],
        Meta(description="Pushes that break a rule of OCPI: refused, passed on and reported, or not looked at."),
    ] = "enforce"
    show_owner: Annotated[
        bool,
        Meta(description="Whether objects for OCPI 2.1.1 platforms keep country_code and party_id, unknown there."),
    ] = True
    broadcast_at_once: Annotated[
        int, Meta(ge=1, le=10_000, description="Deliveries of one broadcast at the same time.")
    ] = 64
    broadcasts: Annotated[
        int, Meta(ge=1, le=100_000, description="Broadcasts of one platform that may be under way.")
    ] = 200


class Sync(Section, frozen=True):
    """How the hub keeps its mirror in step by asking (pull)."""

    enabled: Annotated[
        bool, Meta(description="Whether the hub pulls at all: on connection, on return, and from time to time.")
    ] = True
    interval: Annotated[float, Meta(ge=60, le=604_800, description="Seconds between two pulls from a platform.")] = (
        21_600.0
    )
    splay: Annotated[
        float, Meta(ge=0, le=1, description="Part of the interval by which a pull may come earlier, at random.")
    ] = 0.1
    pages: Annotated[int, Meta(ge=1, le=1_000_000, description="Most pages of one pull.")] = 10_000
    objects: Annotated[int, Meta(ge=1, le=1_000_000_000, description="Most objects of one pull.")] = 5_000_000
    timeout: Annotated[float, Meta(gt=0, le=86_400, description="Seconds one pull may take.")] = 3600.0


class Liveness(Section, frozen=True):
    """How the hub finds out that a platform is away."""

    idle: Annotated[
        float,
        Meta(
            gt=0,
            le=86_400,
            description="Seconds without a message after which the hub asks whether a platform is there.",
        ),
    ] = 300.0
    probe_timeout: Annotated[float, Meta(gt=0, le=60, description="Seconds a platform has to answer that.")] = 5.0


class Admin(Section, frozen=True):
    """Where the hub's operator reaches it: the admin API, its documentation, metrics and health."""

    enabled: Annotated[bool, Meta(description="Whether there is an admin listener at all.")] = True
    host: Annotated[
        str, Meta(min_length=1, description="Address of the admin listener; partners need not reach it.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port of the admin listener; 0 picks a free one.")] = 8001
    open_metrics: Annotated[
        bool, Meta(description="Whether /metrics is told without a key to all who reach the admin listener.")
    ] = False
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks of proxies before the admin listener whose X-Forwarded-For is believed."),
    ] = ()
    names: Annotated[tuple[str, ...], Meta(description="Names with a dot by which it is called, as hub.example.")] = ()


class PluginOptions(Section, frozen=True):
    """The keys that every `[plugins.<file stem>]` table may hold beside the plugin's own."""

    enabled: Annotated[bool, Meta(description="Whether the plugin is loaded.")] = True
    order: Annotated[
        int, Meta(ge=-1_000_000, le=1_000_000, description="Place among the plugins: the lowest runs first.")
    ] = 0
    timeout: Annotated[float, Meta(gt=0, le=3600, description="Seconds one call of the plugin may take.")] = 1.0
    on_error: Annotated[
        Literal["skip", "refuse"],
        Meta(description="A message whose plugin fails goes on without it (skip), or is refused (refuse)."),
    ] = "skip"


class TlsFiles(Struct, frozen=True):
    """The files that the listener's TLS is made of, as absolute paths."""

    certificate: Path
    key: Path
    client_ca: Path | None
    client_required: bool


class Config(Struct, frozen=True, kw_only=True):
    """The whole configuration, and where it came from.

    Paths in it are relative to `folder`: that of the file, or the current one when there is no file.
    """

    hub: Hub = Hub()
    listen: Listen = Listen()
    limits: Limits = Limits()
    partner_limits: PartnerLimits = PartnerLimits()
    upstream: Upstream = Upstream()
    routing: Routing = Routing()
    sync: Sync = Sync()
    liveness: Liveness = Liveness()
    admin: Admin = Admin()
    journal: Journal = Journal()
    store: Store = Store()
    node: Node = Node()
    telemetry: Telemetry = Telemetry()
    log: Log = Log()
    modules: dict[str, CustomModule] = {}
    plugins: dict[str, dict[str, object]] = {}
    folder: Path = field(default_factory=Path.cwd)
    origin: Origin = Origin()
    worker: int = 0
    """Which of the processes of `serve --workers` this is, from 1 on; 0 where it is the only one."""

    @property
    def source(self) -> Path | None:
        """The file it was read from."""
        return self.origin.file

    @property
    def plugins_folder(self) -> Path:
        """Absolute path of the folder with plugins."""
        return self.folder / self.hub.plugins

    @property
    def data_folder(self) -> Path:
        """Absolute path of the folder with hub.sock and hub.lock; hub.db and hub.key, where nothing else is said."""
        return self.folder / self.hub.data

    @property
    def key_file(self) -> Path:
        """Absolute path of the file with the key that tokens are encrypted with."""
        return self.folder / self.store.key_file if self.store.key_file else self.data_folder / "hub.key"

    @property
    def lock_file(self) -> Path:
        """Absolute path of the file that is locked while this process uses the data folder."""
        return self.data_folder / f"hub{self._worker}.lock"

    @property
    def control_socket(self) -> Path:
        """Absolute path of the socket that commands reach this process by; `hub.asking.sockets` finds those of all."""
        return self.data_folder / f"hub{self._worker}.sock"

    @property
    def _worker(self) -> str:
        return f"-{self.worker}" if self.worker else ""

    @property
    def database(self) -> Path | str:
        """Where all is kept: the path of an SQLite file, or the URL of a PostgreSQL database. A URL is a secret."""
        return self.store.url or self.data_folder / "hub.db"

    @property
    def database_name(self) -> str:
        """Where all is kept, for people: without the password."""
        return database_at(self.store.url) if self.store.url else str(self.data_folder / "hub.db")

    @property
    def ca_file(self) -> Path | None:
        """Absolute path of `upstream.ca_file`."""
        return self.folder / self.upstream.ca_file if self.upstream.ca_file is not None else None

    @property
    def tls_files(self) -> TlsFiles | None:
        """What `listen` says about TLS; None where the hub speaks plain HTTP."""
        listen = self.listen
        if listen.certificate is None:
            return None
        client_ca = self.folder / listen.client_ca if listen.client_ca is not None else None
        return TlsFiles(
            self.folder / listen.certificate,
            self.folder / (listen.key or listen.certificate),
            client_ca,
            listen.client_certificates == "required",
        )

    @property
    def catalogue(self) -> Catalogue:
        """Every operation of the hub, but for those that plugins add."""
        extra = [row for name in dict.fromkeys(self.hub.extra_modules) for row in EXTRAS[name]]
        custom = [row for name, module in self.modules.items() for row in operations(name, module)]
        return CATALOGUE.plus((*extra, *custom))

    def __repr__(self) -> str:
        """Only the source: plugins may keep secrets in their tables."""
        return f"Config(source={self.source})"


def sections() -> Mapping[str, type[Section]]:
    """The struct of every fixed section, by its name in config.toml."""
    return {
        item.encode_name: item.type
        for item in structs.fields(Config)
        if isinstance(item.type, type) and issubclass(item.type, Section)
    }
