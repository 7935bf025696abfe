"""No sender is set up: nobody is told that a text is on its way."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from members.errors import Refusal


class NoSender:
    """Refuses with ``texts_not_set_up``."""

    def send_code(self, *, phone: str, code: str) -> None:
        raise Refusal(
            "texts_not_set_up",
            _("Texts are not set up here yet. Ask at the counter to open your card."),
            status=503,
        )

    def shown(self, *, phone: str) -> str:
        return ""
