"""Refusals: errors for people, with a stable code and a sentence that says what to do."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """Something was asked that cannot be done; nothing was changed.

    ``code`` is stable for machines and tests, ``message`` is a sentence in the user's language
    (lazily translated), ``details`` carries numbers a client may show, ``status`` the HTTP status.
    """

    def __init__(
        self,
        code: str,
        message: str | Promise,
        *,
        status: int = 400,
        details: dict[str, Any] | None = None,
        field: str = "",
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.details = details or {}
        self.field = field

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """The one error shape of every JSON answer."""
        error: dict[str, Any] = {"code": self.code, "message": str(self.message)}
        if self.field:
            error["field"] = self.field
        if self.details:
            error["details"] = self.details
        return {"error": error}


def member_unknown() -> Refusal:
    """Nobody was found; says neither that a card exists nor whose it might be."""
    return Refusal(
        "member_unknown",
        _("No such member. Check the number, or open a card."),
        status=404,
        field="member",
    )
