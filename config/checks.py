"""Questions asked at each start: is this fit to serve? Each answer says what to do."""

import shutil
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

LOW_DISK = 1024**3  # bytes


@register(Tags.security)
def secrets_and_names(**_kwargs: Any) -> Sequence[CheckMessage]:
    """What production must be told, since nothing can guess it."""
    if not settings.PRODUCTION:
        return []
    found: list[CheckMessage] = []
    if not settings.SECRET_KEY_IS_KEPT:
        found.append(
            Error(
                "There is no SECRET_KEY: every restart would end all sessions and void all codes.",
                hint="Set SECRET_KEY_FILE to a file with at least 50 random characters.",
                id="huitou.E001",
            )
        )
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "ALLOWED_HOSTS does not name the site.",
                hint="Set ALLOWED_HOSTS to its host names, separated by commas: card.example.com",
                id="huitou.E002",
            )
        )
    found += [
        Error(
            f"CSRF_TRUSTED_ORIGINS has {origin}, which is no origin by HTTPS.",
            hint="Write it as https://card.example.com",
            id="huitou.E003",
        )
        for origin in settings.CSRF_TRUSTED_ORIGINS
        if not origin.startswith("https://")
    ]
    if not settings.HTTPS:
        found.append(
            Error(
                "HTTPS is off in production: logins and cards would travel in the clear.",
                hint="Remove HTTPS=false, put a proxy with a certificate in front and set "
                "TRUST_PROXY=true there.",
                id="huitou.E004",
            )
        )
    if settings.DEBUG:
        found.append(
            Error(
                "DEBUG is on in production: error pages would show secrets.",
                hint="Remove DEBUG from the environment.",
                id="huitou.E005",
            )
        )
    return found


@register
def environment_name(**_kwargs: Any) -> Sequence[CheckMessage]:
    if settings.HUITOU_ENV in ("demo", "production", "test"):
        return []
    return [
        Error(
            f"HUITOU_ENV is {settings.HUITOU_ENV!r}.",
            hint="Set it to demo (a trial, the default) or production.",
            id="huitou.E006",
        )
    ]


@register
def disk_space(**_kwargs: Any) -> Sequence[CheckMessage]:
    folder = next(path for path in (settings.DATA_DIR, *settings.DATA_DIR.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free >= LOW_DISK:
        return []
    return [
        Warning(
            f"Only {free // 1024**2} MB are free where the data lies ({folder}).",
            hint="Make room before PostgreSQL has to stop.",
            id="huitou.W001",
        )
    ]
