"""Whose card an account elsewhere opens."""

from __future__ import annotations

from members.models import Identity
from members.wechat import Subject


def of_subject(subject: Subject) -> Identity | None:
    """The link of this WeChat account, with its member; through another app of the same owner if
    this one was never linked itself."""
    rows = Identity.objects.select_related("member").filter(provider=Identity.Provider.WECHAT)
    found = rows.filter(app_id=subject.app_id, subject=subject.openid).first()
    if found is None and subject.union_id:
        found = rows.filter(union_id=subject.union_id).order_by("-at", "-pk").first()
    return found


def of_member(member_id: int) -> list[Identity]:
    """The accounts that open this member's card, the first linked first."""
    return list(Identity.objects.filter(member_id=member_id).order_by("pk"))
