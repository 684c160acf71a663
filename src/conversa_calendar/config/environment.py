"""The environment, read once and checked: a wrong or missing setting ends with one sentence, not a traceback."""

import base64
import binascii
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A setting is wrong or missing; the message says which and why."""


@dataclass(frozen=True)
class Environment:
    """Everything that an operator can set."""

    data_dir: Path
    database_url: str
    database_owner_url: str
    database_backup_url: str
    secret_key: str
    encryption_keys: tuple[tuple[str, bytes], ...]
    public_url: str
    live_url: str
    google_client_id: str
    google_client_secret: str
    google_base_url: str
    email_url: str
    email_from: str
    answers_url: str
    mail_auth_host: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: int
    google_page_size: int
    google_units_a_minute: int
    google_units_a_user_minute: int
    metrics_token: str
    webhook_hosts: tuple[str, ...]
    is_debug: bool


def read() -> Environment:
    """The present environment. Raises SettingsError."""
    data_dir = Path(os.environ.get("DATA_DIR", ".data")).absolute()
    public_url = _origin("PUBLIC_URL")
    database_url = _database("DATABASE_URL")
    owner_url = _database("DATABASE_OWNER_URL") or database_url
    return Environment(
        data_dir=data_dir,
        database_url=database_url,
        database_owner_url=owner_url,
        database_backup_url=_database("DATABASE_BACKUP_URL") or owner_url,
        secret_key=os.environ.get("SECRET_KEY", "") or _kept_secret(data_dir, "secret_key"),
        encryption_keys=_encryption_keys(data_dir),
        public_url=public_url,
        live_url=os.environ.get("LIVE_URL", ""),
        google_client_id=os.environ.get("GOOGLE_CLIENT_ID", ""),
        google_client_secret=os.environ.get("GOOGLE_CLIENT_SECRET", ""),
        google_base_url=_origin("GOOGLE_BASE_URL"),
        email_url=_email_url(data_dir),
        email_from=os.environ.get("EMAIL_FROM", "Calendar <calendar@localhost>"),
        answers_url=_answers_url(),
        mail_auth_host=os.environ.get("MAIL_AUTH_HOST", "").strip().lower(),
        allowed_hosts=_hosts(public_url),
        trusted_proxies=_number("TRUSTED_PROXIES", 0),
        google_page_size=_number("GOOGLE_PAGE_SIZE", 2500),
        google_units_a_minute=_number("GOOGLE_UNITS_A_MINUTE", 8000),
        google_units_a_user_minute=_number("GOOGLE_UNITS_A_USER_MINUTE", 480),
        metrics_token=os.environ.get("METRICS_TOKEN", ""),
        webhook_hosts=_named_ports("WEBHOOK_HOSTS"),
        is_debug=_is_debug(public_url),
    )


def _database(name: str) -> str:
    """An address of PostgreSQL, or nothing."""
    text = os.environ.get(name, "")
    if not text:
        return ""
    if not text.startswith(("postgres://", "postgresql://")):
        raise SettingsError(f"{name} must begin with postgresql://; only PostgreSQL is supported.")
    try:
        is_whole = urlsplit(text).port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise SettingsError(f"{name} must be an address such as postgresql://role:password@host:5432/database.")
    return text


def _origin(name: str) -> str:
    text = os.environ.get(name, "").rstrip("/")
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise SettingsError(f"{name} must be an address such as https://calendar.example.com, not “{text}”.")
    return text


def _hosts(public_url: str) -> tuple[str, ...]:
    named = tuple(host for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host)
    own = (urlsplit(public_url).hostname or "",) if public_url else ()
    return (*named, *own, "127.0.0.1", "localhost", "[::1]")


def _named_ports(name: str) -> tuple[str, ...]:
    """`host:port` pairs separated by commas."""
    found = tuple(text.strip().lower() for text in os.environ.get(name, "").split(",") if text.strip())
    for text in found:
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal():
            raise SettingsError(f"{name} must hold host:port pairs separated by commas, not “{text}”.")
    return found


def _email_url(data_dir: Path) -> str:
    text = os.environ.get("EMAIL_URL", "") or f"file://{data_dir}/mail"
    if urlsplit(text).scheme not in {"smtp", "smtps", "console", "file"}:
        raise SettingsError("EMAIL_URL must begin with smtp://, smtps://, console: or file:///.")
    return text


def _answers_url() -> str:
    """The mailbox in which guests' answers arrive, or nothing."""
    text = os.environ.get("ANSWERS_URL", "")
    parts = urlsplit(text)
    if text and (parts.scheme not in {"imap", "imaps"} or not parts.hostname or not parts.username):
        raise SettingsError("ANSWERS_URL must be a mailbox such as imaps://user:password@mail.example.com/INBOX.")
    return text


def _encryption_keys(data_dir: Path) -> tuple[tuple[str, bytes], ...]:
    """`id:base64` pairs separated by commas, the first one active."""
    text = os.environ.get("ENCRYPTION_KEYS", "") or f"local:{_kept_secret(data_dir, 'encryption_key')}"
    keys = []
    for pair in text.split(","):
        name, _, value = pair.strip().partition(":")
        try:
            key = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        except (binascii.Error, ValueError):
            key = b""
        if not name or len(key) != 32:
            raise SettingsError("ENCRYPTION_KEYS must hold id:key pairs whose keys are 32 bytes in base64.")
        keys.append((name, key))
    return tuple(keys)


def _kept_secret(data_dir: Path, name: str) -> str:
    """A secret drawn once and kept in the data directory, readable by its owner only."""
    path = data_dir / name
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return path.read_text().strip()


def _is_debug(public_url: str) -> bool:
    """Pages that show settings and code are for the machine of who writes it."""
    is_wanted = os.environ.get("DEBUG", "") == "1"
    if is_wanted and public_url.startswith("https://"):
        raise SettingsError(
            "DEBUG=1 shows strangers the inside of this installation; unset it where PUBLIC_URL is https."
        )
    return is_wanted


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise SettingsError(f"{name} must be a number, not “{text}”.")
    return int(text)
