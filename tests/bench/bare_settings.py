"""The least a framework does for a read: no middleware, no sessions, nobody logged in."""

from config import settings

globals().update({name: getattr(settings, name) for name in dir(settings) if name.isupper()})

ROOT_URLCONF = "tests.bench.bare"
MIDDLEWARE: list[str] = []
REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
