"""All settings, from typed environment variables (docs/operations lists them)."""

from datetime import timedelta
from pathlib import Path

from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.admin import look
from config.env import data_folder, database, env, running_servers, secret_key
from config.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_folder(BASE_DIR)
_SERVERS = running_servers(DATA_DIR)
# Where this folder's own web server listens, for commands that ask it.
WEB_PORT = _SERVERS.get("web", "8000")

# demo: a trial on one's own machine, with printed logins. production: real customers.
HUITOU_ENV = env.str("HUITOU_ENV", "demo")
TESTING = HUITOU_ENV == "test"
PRODUCTION = HUITOU_ENV == "production"
DEBUG = env.bool("DEBUG", False)

SECRET_KEY, SECRET_KEY_IS_KEPT = secret_key(DATA_DIR)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]", "testserver"]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "config",
    "members",
    "loyalty",
    "campaigns",
    "analytics",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.admin.apps.OfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "django_celery_beat",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_prometheus",
    "axes",
    "csp",
]
if TESTING:
    INSTALLED_APPS += ["zeal"]

MIDDLEWARE = [
    "config.middleware.CallerMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.ChosenLanguageMiddleware",
    "config.uploads.UploadLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.AdminScriptsMiddleware",
    "axes.middleware.AxesMiddleware",
]
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
if METRICS_TOKEN:  # counting costs each request a twentieth; only for somebody who reads it
    MIDDLEWARE = [
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        *MIDDLEWARE,
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    ]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Where things are kept ---------------------------------------------------------------------
# A process that serves takes DATABASE_POOL (config.wsgi sets it): about six times the requests a
# second. Waiting for a lock longer than this is answered with "busy", never with a hanging page.
DATABASE_URL = env.str(
    "DATABASE_URL", _SERVERS.get("database_url", "postgresql://postgres@127.0.0.1:5432/huitou")
)
DATABASES = {
    "default": database(
        DATABASE_URL,
        pool=env.int("DATABASE_POOL_SIZE", 6) if env.bool("DATABASE_POOL", False) else 0,
        lock_timeout_ms=env.int("DATABASE_LOCK_TIMEOUT_MS", 5000),
        # A pooler between us and the database may have to do without prepared statements.
        prepared=env.bool("DATABASE_PREPARED", True),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", _SERVERS.get("redis_url", "redis://127.0.0.1:6379/0"))
CACHES = {
    "default": {
        "BACKEND": "config.cache.ValkeyCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "huitou",
        # One more try reaches a restarted server; more would hold up every page of a lost one.
        "OPTIONS": {
            "socket_connect_timeout": 0.5,
            "socket_timeout": 1,
            "retry": Retry(NoBackoff(), 1),
        },
    }
}
# Read from the cache: a session costs no database statement on the sale's hot path and can be
# ended at once (a signed cookie cannot). Kept in the database as well: the counter stays open
# while Valkey is away.
SESSION_ENGINE = "config.sessions"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", str(DATA_DIR / "media")))
_static_backend = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
    if TESTING or DEBUG
    else "whitenoise.storage.CompressedManifestStaticFilesStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _static_backend},
}
WHITENOISE_USE_FINDERS = TESTING or DEBUG
# A template may name a file that one of the libraries does not ship; that is no reason for a 500.
WHITENOISE_MANIFEST_STRICT = False

# --- People ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "members.Staff"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "members.backends.StaffBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Tests make many logins; they assert nothing about the strength of a hash.
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
UNFOLD = look.UNFOLD
AXES_ENABLED = env.bool("AXES_ENABLED", not TESTING)
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "loyalty.counter.sign_in.locked_out"
OTP_TOTP_ISSUER = "Huitou"

# --- Language and time -------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
USE_I18N = True
TIME_ZONE = env.str("TIME_ZONE", "Asia/Shanghai")
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

# --- The demo shop ------------------------------------------------------------------------------
# How many members move into it on the first start, each with their year of orders.
DEMO_MEMBERS = env.int("DEMO_MEMBERS", 5000)

# --- Members -----------------------------------------------------------------------------------
# The country whose phone numbers are written without a country code.
PHONE_REGION = env.str("PHONE_REGION", "CN")
# The first digits of every card number we issue; 9 is nobody's bank card (ISO/IEC 7812).
CARD_PREFIX = env.str("CARD_PREFIX", "9012")
# How texts leave. The local sender shows them on the page, so it is for trials only.
TEXT_SENDER = env.str(
    "TEXT_SENDER",
    "members.channels.absent.NoSender" if PRODUCTION else "members.channels.local.LocalSender",
)

# WeChat: an official account that opens the card by itself, a mini-program with one-tap phone
# authorisation. Each is off without its pair (docs/operations/wechat.md).
WECHAT_APPID = env.str("WECHAT_APPID", "")
WECHAT_SECRET = env.str("WECHAT_SECRET", "")
WECHAT_MINI_APPID = env.str("WECHAT_MINI_APPID", "")
WECHAT_MINI_SECRET = env.str("WECHAT_MINI_SECRET", "")
# Through a proxy, or to a stand-in for a trial.
WECHAT_API_URL = env.str("WECHAT_API_URL", "https://api.weixin.qq.com")
WECHAT_OPEN_URL = env.str("WECHAT_OPEN_URL", "https://open.weixin.qq.com")

# --- What a browser may do ---------------------------------------------------------------------
# HTTPS is on in production; `make run HTTPS=1` turns it on with a certificate of its own.
HTTPS = env.bool("HTTPS", PRODUCTION)
TRUST_PROXY = env.bool("TRUST_PROXY", False)
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = PRODUCTION and HTTPS
# Load balancers ask for the state of a machine by plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31536000 if PRODUCTION and HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION and HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "huitou_session"
CSRF_COOKIE_NAME = "huitou_csrf"
CSRF_FAILURE_VIEW = "loyalty.counter.api.csrf_failed"
SESSION_COOKIE_AGE = 14 * 3600  # one working day; seconds
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # bytes
LONGEST_REQUEST_BYTES = 11 * 1024 * 1024  # two pictures of 5 MB and their form

# --- Programs' interface -----------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
}
SPECTACULAR_SETTINGS = {"TITLE": "Huitou", "VERSION": "1", "SERVE_INCLUDE_SCHEMA": False}

# --- Work behind the pages ---------------------------------------------------------------------
# A task is taken off the queue when it is done, so a killed worker's task comes back; the sweeps
# over our own rows find what the queue lost. Enqueueing never holds up or fails a request.
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": env.int("TASK_VISIBILITY_SECONDS", 900),
    "socket_connect_timeout": 0.5,
    "global_keyprefix": "huitou:",
}
CELERY_TASK_DEFAULT_QUEUE = "huitou"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 600  # seconds
CELERY_TASK_ALWAYS_EAGER = env.bool("CELERY_TASK_ALWAYS_EAGER", False)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "config.beat:WatchedScheduler"
# Sweeps: what a lost task or a killed worker left behind. One that nobody took in time is dropped,
# since the next one does its work.
CELERY_BEAT_SCHEDULE = {
    "drain-outbox": {
        "task": "members.drain_outbox",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 30},
    },
    "tidy": {
        "task": "loyalty.tidy",
        "schedule": crontab(minute=45, hour=4),
        "options": {"expires": 3000},
    },
    "sweep-bulk": {
        "task": "loyalty.sweep_bulk",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 30},
    },
    # Rules from a date hold from midnight of the shop's zone (loyalty.services.planned).
    "apply-planned": {
        "task": "loyalty.apply_planned",
        "schedule": crontab(),
        "options": {"expires": 50},
    },
    # Asked for every hour, done once a local day of the shop (loyalty.services.nightly).
    **{
        f"nightly-{job}": {
            "task": f"loyalty.nightly_{job}",
            "schedule": crontab(minute=minute),
            "options": {"expires": 3000},
        }
        for job, minute in (
            ("expiry", 5),
            ("tiers", 15),
            ("birthdays", 20),  # by the tier that the night left somebody in
            ("reconcile", 25),
        )
    },
}

LOGGING = logging_settings(
    level=env.str("LOG_LEVEL", "WARNING" if TESTING else "INFO"),
    json_lines=env.str("LOG_FORMAT", "json") == "json",
)
