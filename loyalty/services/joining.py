"""Opening a card: the member, their accounts and figures, and the welcome gift."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from loyalty.locks import lock_accounts
from loyalty.models import Account, MemberStats, Tier
from loyalty.services import gifts
from loyalty.services.working import rules_of
from members import clock
from members.models import Member, Shop, Staff
from members.services import members


def join(
    *,
    phone: str | None,
    name: str = "",
    shop: Shop | None,
    actor: Staff | None,
    at: dt.datetime,
    channel: str = "counter",
    external_no: str | None = None,
    is_phone_proved: bool = False,
) -> Member:
    """A new member in the lowest tier, with a card, three accounts and the welcome gift.

    One event ``joined``. Refuses as ``members.services.members.register`` does: of two who join
    with one phone at the same moment, the second is told ``already_member``.
    """
    with transaction.atomic():
        member = members.register(
            phone=phone,
            name=name,
            shop=shop,
            actor=actor,
            at=at,
            channel=channel,
            external_no=external_no,
            is_phone_proved=is_phone_proved,
        )
        Account.objects.bulk_create(
            Account(member=member, kind=kind) for kind in Account.Kind.values
        )
        tier_id = (
            Tier.objects.filter(is_active=True)
            .order_by("rank")
            .values_list("pk", flat=True)
            .first()
        )
        MemberStats.objects.create(
            member=member, tier_id=tier_id, tier_since=clock.local_date(at) if tier_id else None
        )
        _welcome(member, at=at)
    return member


def _welcome(member: Member, *, at: dt.datetime) -> None:
    _ruleset_id, rulebook = rules_of(None, at)
    # A snapshot taken before there were welcome gifts does not name one.
    pack = rulebook.packs.get(rulebook.policy.get("welcome_pack_id") or 0)
    if pack is not None:
        gifts.give(
            member_id=member.pk,
            pack=pack,
            rulebook=rulebook,
            accounts=lock_accounts([member.pk]),
            source="welcome",
            order_id=None,
            at=at,
        )
