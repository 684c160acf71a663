"""One embedded PostgreSQL for the whole run, a fresh database for each worker, the emulator in process.

Nothing of the product is mocked: requests to Google go through the product's own transport seam into the emulator's
WSGI application.
"""

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("TEST_DATA_DIR", ROOT / ".cache" / "tests"))
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")

os.environ["DATA_DIR"] = str(CACHE / WORKER)
os.environ["EMAIL_URL"] = f"file://{CACHE / WORKER / 'mail'}"
os.environ.update(
    DJANGO_SETTINGS_MODULE="conversa_calendar.config.settings",
    GOOGLE_CLIENT_ID="demo-client",
    GOOGLE_CLIENT_SECRET="demo-secret",
    GOOGLE_BASE_URL="http://127.0.0.1:8085",
    PUBLIC_URL="http://testserver",
    ALLOWED_HOSTS="testserver",
    DJANGO_ALLOW_ASYNC_UNSAFE="true",
    GCAL_EMULATOR_SCHEMAS=str(files("googleapiclient").joinpath("discovery_cache/documents/calendar.v3.json")),
)

from tests.support import database  # noqa: E402

_cluster = database.prepare(CACHE, WORKER)

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core import mail  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from gcal_emulator import schemas  # noqa: E402

from tests.support.cast import Cast, build_cast  # noqa: E402
from tests.support.google import Google  # noqa: E402

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
setup_test_environment()


@pytest.fixture(autouse=True)
def _answers_fit_googles_document() -> Iterator[None]:
    """Whatever the emulator answered in a test has to fit the schemas of Google's own discovery document."""
    yield
    problems, schemas.found[:] = list(schemas.found), []
    assert problems == []


@pytest.fixture(scope="session")
def migrated() -> None:
    call_command("migrate", database="owner", verbosity=0)


@pytest.fixture
def db(migrated: None) -> Iterator[None]:
    """Real transactions; every table, and the postbox, is emptied before each test."""
    database.empty()
    mail.outbox.clear()
    yield


@pytest.fixture
def cast(db: None) -> Cast:
    """Alice administers, Bob is an agent, Charlie administers another account."""
    return build_cast()


@pytest.fixture
def google(db: None) -> Iterator[Google]:
    """An emulated Google in process, empty."""
    emulator = Google()
    with emulator.installed():
        yield emulator
