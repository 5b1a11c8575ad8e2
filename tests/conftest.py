"""What all tests share: the optional reference data, and a client for the service."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import anyio
import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from hypothesis import settings as hypothesis_settings

from scantrail.logs import Level, configure
from scantrail.settings import Settings, read_settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.vocabulary.events import Events
from scantrail.wiring import Stores, read_events
from scantrail.wiring import stores as open_stores

# how long an example takes says more about what else the machine does than about the code
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the project; tests that need it skip without it."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("SHARED_DATA", root.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the reference data in {folder.name}/, beside the project")
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small simulated log, its sites and its labels."""
    folder = tmp_path_factory.mktemp("simulated")
    write(simulate(SimulationConfig(3_000, seed=5, anomaly_rate=0.01)), folder)
    return folder


@pytest.fixture(scope="session")
def simulated_log(simulated: Path) -> tuple[Settings, Events]:
    """Settings for the small simulated log, without learned detectors, and its events."""
    settings = read_settings({}, sites=str(simulated / "sites.csv"), artifacts="none")
    return settings, read_events(simulated / "scans.tsv", settings)


Call = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def call() -> Callable[[FastAPI], Call]:
    """Calls an app in process: `call(app)("POST", "/path", content=b"…")`."""

    def bind(app: FastAPI) -> Call:
        def send(method: str, path: str, **more: object) -> httpx.Response:
            async def go() -> httpx.Response:
                transport = httpx.ASGITransport(app, raise_app_exceptions=False)
                async with httpx.AsyncClient(
                    transport=transport, base_url="http://localhost"
                ) as client:
                    return await client.request(method, path, **more)  # type: ignore[arg-type]

            return anyio.run(go)

        return send

    return bind


@pytest.fixture
def logged() -> Iterator[Callable[[str], Callable[[], list[dict[str, object]]]]]:
    """Logs as the service does: `lines = logged("info")`, then `lines()` gives each line."""
    root, own = logging.getLogger(), logging.getLogger("scantrail")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()

    def begin(level: Level) -> Callable[[], list[dict[str, object]]]:
        configure("json", level, stream)
        return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]

    yield begin
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    """The stores that a test's `settings` name."""
    opened = open_stores(settings)
    yield opened
    opened.close()


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of a kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'scantrail.sqlite'}"
        return
    server = sa.make_url(
        os.environ.get("TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1/postgres")
    )
    name = f"scantrail_test_{uuid4().hex}"
    control = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with control.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except sa.exc.OperationalError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"needs PostgreSQL (apt-get install postgresql): {error.orig}")
    yield server.set(database=name).render_as_string(hide_password=False)
    with control.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    control.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind in turn."""
    with empty_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database that a module's tests share, of each kind in turn."""
    with empty_database(request.param, tmp_path_factory.mktemp("database")) as url:
        yield url
