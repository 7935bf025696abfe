"""How a text reaches a member's phone. One file a provider; the settings name the one in use."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class TextSender(Protocol):
    """Sends texts to phones."""

    def send_code(self, *, phone: str, code: str) -> None:
        """Send a login code to a phone in E.164. Raises ``Refusal`` when it cannot be sent."""

    def shown(self, *, phone: str) -> str:
        """The text for a phone that may be shown on the page itself: the demo's, else ""."""


@lru_cache(maxsize=4)
def _sender(path: str) -> TextSender:
    sender: TextSender = import_string(path)()
    return sender


def text_sender() -> TextSender:
    """The sender that ``settings.TEXT_SENDER`` names."""
    return _sender(settings.TEXT_SENDER)
