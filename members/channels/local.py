"""The demo's sender: no text leaves the machine, the page shows what it would have said."""

from __future__ import annotations

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from members import store

KEPT_S = 300


class LocalSender:
    """Keeps the last text of each phone for five minutes. Never for real customers: whoever asks
    for a code is shown it."""

    def send_code(self, *, phone: str, code: str) -> None:
        store.client().set(self._key(phone), code, ex=KEPT_S)

    def shown(self, *, phone: str) -> str:
        try:
            code = store.client().get(self._key(phone))
        except store.StoreError:
            return ""
        if not code:
            return ""
        return _("Your code is %(code)s. It is good for 5 minutes.") % {"code": code}

    @staticmethod
    def _key(phone: str) -> str:
        return "demo-text:" + salted_hmac("members.channels.local", phone).hexdigest()
