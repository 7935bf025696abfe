"""What stands in the way of closing an account."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from loyalty.locks import lock_accounts, waiting_politely
from members.errors import Refusal
from members.models import Member


def refuse_while_money_is_left(member: Member, _at: dt.datetime) -> None:
    """Closing guard: prepaid principal belongs to the member and is paid back first.

    Bonus and points lapse with the membership. Refuses with ``money_left`` (``principal_fen``).
    """
    with waiting_politely():
        accounts = lock_accounts([member.pk])
    account = accounts.rows.get((member.pk, "principal"))
    if account is not None and account.balance:
        raise Refusal(
            "money_left",
            _("There is still money on this card. Pay it back first, then close it."),
            status=409,
            details={"principal_fen": account.balance},
        )
