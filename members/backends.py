"""How a signed-in person is recognised."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend

from members.models import Staff
from members.selectors import staff


class StaffBackend(ModelBackend):
    """Django's own; only the read that every request of a signed-in person makes is plain SQL."""

    def get_user(self, user_id: int) -> Staff | None:
        person = staff.by_id(user_id)
        return person if person is not None and self.user_can_authenticate(person) else None
