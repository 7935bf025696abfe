"""What two memberships hold, side by side, before they become one."""

from __future__ import annotations

from dataclasses import dataclass

from loyalty.models import Account, Coupon, MemberStats, Tier
from members.models import Member


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    member: Member
    tier: Tier | None
    points: int
    principal_fen: int
    bonus_fen: int
    coupons: int
    orders: int
    net_fen: int
    checkins: int
    cards: int
    tags: tuple[str, ...]
    notes: int

    @property
    def value_fen(self) -> int:
        return self.principal_fen + self.bonus_fen

    @property
    def mark(self) -> str:
        """What somebody saw before saying yes."""
        facts = (self.points, self.principal_fen, self.bonus_fen, self.coupons, self.orders)
        return ":".join(str(fact) for fact in facts)


def side_of(member: Member) -> Side:
    """What a member brings. Points may be negative: they are owed."""
    balances = dict(Account.objects.filter(member=member).values_list("kind", "balance"))
    stats = MemberStats.objects.select_related("tier").get(pk=member.pk)
    return Side(
        member=member,
        tier=stats.tier,
        points=balances["points"],
        principal_fen=balances["principal"],
        bonus_fen=balances["bonus"],
        coupons=Coupon.objects.filter(member=member, status=Coupon.Status.ACTIVE).count(),
        orders=stats.orders_count,
        net_fen=stats.net_fen,
        checkins=stats.checkins_count,
        cards=member.cards.count(),
        tags=tuple(tag.name for tag in member.tags.all()),
        notes=member.notes.count(),
    )
