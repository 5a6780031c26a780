"""All settings. What an operator may change comes from the environment; README.md lists what matters."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import django_stubs_ext
from django.utils.csp import CSP

from chatsite import env, postgres

django_stubs_ext.monkeypatch()  # lets ModelAdmin and its kin be written with their type, as mypy wants them

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("VAR_DIR", "") or BASE_DIR / "var").absolute()

# Who reaches us, and where ------------------------------------------------------------------------------------------
HOST = os.environ.get("HOST", "") or "127.0.0.1"
PORT = env.port("PORT", 8000)
PUBLIC = env.public_url(default=f"http://127.0.0.1:{PORT}")
PUBLIC_ORIGIN = f"{PUBLIC.scheme}://{PUBLIC.netloc}"
SECURE = PUBLIC.scheme == "https"
BEHIND_PROXY = env.flag("BEHIND_PROXY")
DEBUG = env.flag("DEBUG")
SECRET_KEY = env.secret_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS = [PUBLIC.hostname, *(["localhost", "127.0.0.1"] if not SECURE else [])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_ORIGIN]
# Origins whose pages may open our socket, compared whole: scheme, host and port.
SOCKET_ORIGINS = {PUBLIC_ORIGIN}
if PUBLIC.hostname == "127.0.0.1":
    SOCKET_ORIGINS.add(PUBLIC_ORIGIN.replace("127.0.0.1", "localhost"))

# Rooms --------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "django_htmx",
    "chatsite",
    "accounts",
    "catalog",
    "usage",
    "conversations",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "chatsite.headers.without_prefetching",
    "chatsite.zones.in_the_readers_zone",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "chatsite.compressing.CompressedStatic",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",  # what the browser asks for; a member's own choice comes below
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.languages.chosen",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["django.templatetags.i18n"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.preferences.preferred",
            ],
        },
    }
]

# Data ---------------------------------------------------------------------------------------------------------------
# Without DATABASE_URL the embedded PostgreSQL listens on a socket in VAR_DIR; see chatsite/postgres.py.
EMBEDDED_DATABASE = not os.environ.get("DATABASE_URL")
DATABASES = {"default": env.database(default=postgres.places(VAR_DIR).url)}
LEASE_SECONDS = env.seconds("LEASE_SECONDS", 15)  # a worker that is not heard of for so long has lost its answers
CATALOGUE_SECONDS = env.seconds("CATALOGUE_SECONDS", 1)  # that a process keeps what it read of models and prices
PROCESS = env.process()
# Seconds that one statement may take, its waiting for locks too. Migrations, backups and the like take what they need.
STATEMENT_SECONDS = {"web": 10, "worker": 30}.get(PROCESS, 0)
DATABASES["default"] |= {
    "CONN_MAX_AGE": 0,  # the pool keeps connections; under ASGI every request's thread would leave one behind
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        **DATABASES["default"].get("OPTIONS", {}),  # type: ignore[dict-item]  # environ's config is untyped
        # Its reconnecting waits twice as long each time: after two seconds it gives up, and whoever asks next begins it
        # anew. Else a database that was away for five minutes would stay so for up to five more.
        "pool": {"min_size": 1, "max_size": 10, "timeout": 5, "max_idle": 60, "reconnect_timeout": 2},
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        # ... and its locks: one that is frozen in the middle of a flush would keep every reaper waiting.
        "options": f"-c idle_in_transaction_session_timeout={LEASE_SECONDS * 1000:.0f}"
        f" -c statement_timeout={STATEMENT_SECONDS * 1000}",
        "application_name": f"chat_{PROCESS}",  # what an administrator of the database sees, and `restore` looks for
    },
}
# Where LISTEN connects, when DATABASE_URL leads through a transaction pooler.
DATABASE_LISTEN_URL = os.environ.get("DATABASE_LISTEN_URL", "")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

# Signing in ---------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.ClosedAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # members are added by an administrator, who vouches for the address
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "accounts.links.LinkTokens"  # noqa: S105  # a class, no password
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers get no mail from us
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""  # its default is the Host header
CAN_MAIL = bool(os.environ.get("EMAIL_URL"))
EMAIL_TIMEOUT = 10  # seconds; without it a server that says nothing is waited for without end
# Our proxy appends the client's address to X-Forwarded-For. Without one, that header is the client's own word.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600  # seconds; a set-password link lives three days
# Failed sign-ins are counted here, per address and per account. In the database, because N web processes must share one
# count and there is nothing but Postgres to share; a process of its own memory would allow N times the guesses, and
# forget them when it restarts. accounts/migrations/0002 makes the table.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        # At its default of 300 rows a guesser could push out the counts that hold them back.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
SESSION_ENGINE = "accounts.sessions"  # in the database, by digests of their keys

# Safety -------------------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "conversations.views.replying.form_too_old"
CSRF_COOKIE_HTTPONLY = False  # the page's script puts the newest one into every form
SECURE_SSL_REDIRECT = SECURE and BEHIND_PROXY  # without a proxy's word for it nobody knows how a request came
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"
# W008: see SECURE_SSL_REDIRECT. W021: whether a whole domain goes into browsers' lists is for its owner to say.
SILENCED_SYSTEM_CHECKS = ["security.W008", "security.W021"]
DEFAULT_EXCEPTION_REPORTER_FILTER = "chatsite.reports.Scrubbed"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "blob:"],  # an image that was chosen, before it is sent
    "font-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "worker-src": [CSP.SELF],  # for the page without a network
    # 'self' covers the page's own websocket in the browsers of 2026, as CSP3 says.
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # bytes; far above a question: a longer one still reaches its form

# Files --------------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
with suppress(OSError):  # WhiteNoise warns at every start about a folder that is not there
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# Words --------------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"  # of the code itself, and of whoever asks for none of these
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]  # each by its own name
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "chatsite.formats"
TIME_ZONE = "UTC"
USE_TZ = True
globals().update(env.email())  # EMAIL_BACKEND, EMAIL_HOST and their kin
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "") or f"chat@{PUBLIC.hostname}"

# Models -------------------------------------------------------------------------------------------------------------
DEEPSEEK_API_KEY = ""
globals().update(env.api_keys())  # DEEPSEEK_API_KEY and every other …_API_KEY that a provider's row may name
PROVIDER_KEYS_SECRETS = env.provider_keys_secrets(VAR_DIR / "provider_keys_secret")  # encrypt what the admin enters
PRIVATE_PROVIDERS = env.hosts("PRIVATE_PROVIDERS")  # hosts in our own network that providers may be at
DEEPSEEK_BASE_URL = os.environ.get("DEEPSEEK_BASE_URL", "") or "https://api.deepseek.com"
LOCAL_MODEL_URL = os.environ.get("LOCAL_MODEL_URL", "")  # set by `manage.py up` for the model it starts
QUESTION_LIMIT = 200_000  # characters of one question

# Pages --------------------------------------------------------------------------------------------------------------
# What a page shows of a conversation at first, and every time that somebody scrolls beyond it.
PAGE_MESSAGES, PAGE_BYTES = 50, 50_000  # of their words; as HTML they are up to five times as long

# Answers ------------------------------------------------------------------------------------------------------------
HEARTBEAT_SECONDS = env.seconds("HEARTBEAT_SECONDS", 4)
GRACE_SECONDS = env.seconds("GRACE_SECONDS", 60)  # for running answers when a worker is told to go
REAPER_SECONDS = env.seconds("REAPER_SECONDS", 5)
PROVIDER_CLOCKS = {
    "connect": env.seconds("CONNECT_SECONDS", 10),
    "first_event": env.seconds("FIRST_EVENT_SECONDS", 660),
    "idle": env.seconds("IDLE_SECONDS", 120),
    "total": env.seconds("TOTAL_SECONDS", 3600),
}

# Money --------------------------------------------------------------------------------------------------------------
CURRENCY = env.choice("CURRENCY", "USD", "CNY")  # in which limits are set and costs are shown; prices may be in another
TEAM_ZONE = env.zone("TEAM_ZONE")  # at whose midnight days, weeks and months of limits begin

# For those who run it ------------------------------------------------------------------------------------------------
METRICS_TOKEN = env.token("METRICS_TOKEN")  # shows /metrics to whoever carries it; unset, to nobody
METRICS_HOST = os.environ.get("METRICS_HOST", "") or "127.0.0.1"
METRICS_PORT = env.port("METRICS_PORT", 9100) if os.environ.get("METRICS_PORT") else None  # a worker's
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "traced": {"()": "chatsite.logs.Traced"},
        "brief": {"()": "chatsite.logs.Brief"},
        "discreet": {"()": "chatsite.logs.Discreet"},
    },
    "formatters": {"line": {"()": "chatsite.logs.Line"}, "json": {"()": "chatsite.logs.Json"}},
    "handlers": {
        "nowhere": {"class": "logging.NullHandler"},
        "stderr": {
            "class": "chatsite.logs.Stderr",
            "formatter": env.choice("LOG_FORMAT", "line", "json"),
            "filters": ["traced", "brief", "discreet"],
        },
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        # A stranger's Host header is answered with 400; a traceback of each would let anybody fill the disk.
        "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
        "daphne": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},  # its INFO lines name every url
    },
}
