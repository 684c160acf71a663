"""Django's settings, made of the environment."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from conversa_calendar.config import environment, postgres
from conversa_calendar.providers.google.oauth import Endpoints

ENV = environment.read()
PACKAGE = Path(__file__).resolve().parent.parent


def _database(url: str, **options: Any) -> dict[str, Any]:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host = query.pop("host", "") or parts.hostname or ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": query | options,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "TEST": {"MIRROR": "default"},
    }


def _urls() -> tuple[str, str]:
    if ENV.database_url:
        return ENV.database_url, ENV.database_owner_url
    cluster = postgres.Cluster(ENV.data_dir)
    if not cluster.is_created:
        return "postgresql:///unset", "postgresql:///unset"
    return cluster.url(), cluster.url(postgres.OWNER)


_APP_URL, _OWNER_URL = _urls()
DATABASES = {
    "default": _database(_APP_URL) | {"CONN_MAX_AGE": 600},
    "owner": _database(_OWNER_URL),
    # counts stand whatever becomes of the transaction in which they were made: see accounts.throttle
    "counters": _database(_APP_URL) | {"CONN_MAX_AGE": 600},
}

SECRET_KEY = ENV.secret_key
DEBUG = ENV.is_debug
METRICS_TOKEN = ENV.metrics_token
ALLOWED_HOSTS = list(ENV.allowed_hosts)
PUBLIC_URL = ENV.public_url
LIVE_URL = ENV.live_url
ENCRYPTION_KEYS = ENV.encryption_keys
GOOGLE_CLIENT_ID = ENV.google_client_id
GOOGLE_CLIENT_SECRET = ENV.google_client_secret
GOOGLE_ENDPOINTS = Endpoints.at(ENV.google_base_url) if ENV.google_base_url else Endpoints()
GOOGLE_PAGE_SIZE = ENV.google_page_size
GOOGLE_UNITS_A_MINUTE = ENV.google_units_a_minute
GOOGLE_UNITS_A_USER_MINUTE = ENV.google_units_a_user_minute
WEBHOOK_HOSTS = ENV.webhook_hosts
IS_HTTPS = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "procrastinate.contrib.django",
    "conversa_calendar.accounts",
    "conversa_calendar.calendars",
    "conversa_calendar.connections",
    "conversa_calendar.sync",
    "conversa_calendar.bookings",
    "conversa_calendar.formats",
    "conversa_calendar.webhooks",
    "conversa_calendar.booking_pages",
    "conversa_calendar.api",
    "conversa_calendar.dashboard",
]
MIDDLEWARE = [
    "conversa_calendar.dashboard.middleware.SecurityHeaders",
    "conversa_calendar.config.doors.Doors",
    "conversa_calendar.dashboard.middleware.Methods",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "conversa_calendar.dashboard.sessions.Limits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "conversa_calendar.dashboard.middleware.Membership",
]
ROOT_URLCONF = "conversa_calendar.config.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "dashboard" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "conversa_calendar.dashboard.context.frame",
            ]
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_FORMS = {"change_password": "conversa_calendar.accounts.password_forms.ChangePassword"}
ACCOUNT_ADAPTER = "conversa_calendar.accounts.sign_in.Adapter"
ACCOUNT_RATE_LIMITS: Any = False  # accounts.guessing counts instead: in the database, over all processes
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""  # allauth's own names the Host header
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers get no mail because somebody typed their address
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/login"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
"""Nothing may rest on a memory that each process has for itself."""
DEVICE_COOKIE_NAME = "__Host-device" if IS_HTTPS else "device"
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_IDLE_S = 12 * 3600
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_REAUTHENTICATION_TIMEOUT = 1800
CSRF_FAILURE_VIEW = "conversa_calendar.config.doors.stale_form"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
TRUSTED_PROXIES = ENV.trusted_proxies
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.trusted_proxies else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("pt-br", "Português (Brasil)"), ("es", "Español")]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
FRONTEND_DIST = PACKAGE / "dashboard" / "static" / "dist"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

_MAIL = urlsplit(ENV.email_url)
DEFAULT_FROM_EMAIL = ENV.email_from
if _MAIL.scheme in {"smtp", "smtps"}:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _MAIL.hostname or "localhost", _MAIL.port or 587
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_MAIL.username or ""), unquote(_MAIL.password or "")
    EMAIL_USE_SSL = _MAIL.scheme == "smtps"
    EMAIL_USE_TLS = not EMAIL_USE_SSL and EMAIL_PORT == 587
    EMAIL_TIMEOUT = 30  # for each answer of the server; a mail counts as under way for ten minutes
elif _MAIL.scheme == "console":
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
else:
    EMAIL_BACKEND = "conversa_calendar.config.mailbox.EmlBackend"
    EMAIL_FILE_PATH = _MAIL.path

ANSWERS_URL = ENV.answers_url
MAIL_AUTH_HOST = ENV.mail_auth_host

PROCRASTINATE_ON_APP_READY = None
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "conversa_calendar.config.logs.OneLine",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s",
        }
    },
    "filters": {"stamp": {"()": "conversa_calendar.kit.trace.Stamp"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["stamp"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"conversa_calendar": {"level": "INFO"}},
}
