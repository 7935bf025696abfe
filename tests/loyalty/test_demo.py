"""The demo shop: deterministic, reconciled, and every order can be worked out again."""

from __future__ import annotations

import pytest

from loyalty.demo import fill, shop
from loyalty.models import Account, Lot, MemberStats, Order
from loyalty.services import rules
from loyalty.settlement import calculator
from loyalty.settlement.replay import inputs_from_json
from members.models import Member
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


def test_a_small_demo_shop_is_whole_and_can_be_replayed() -> None:
    shop.ensure_demo(passwords={"cashier": factories.PASSWORD}, at=AT)
    known = Member.objects.count()
    made = fill.fill(at=AT, members=60)
    assert Member.objects.count() == known + 60
    assert Order.objects.exclude(inputs=None).count() == made + 2
    fill.hand_back(at=AT)
    for order in Order.objects.exclude(inputs=None).select_related("ruleset"):
        assert order.ruleset is not None
        book = rules.rulebook(order.ruleset_id or 0, order.ruleset.content_hash)
        result = calculator.settle(book.sale(inputs_from_json(order.inputs or {})))
        assert (result.gross_fen, result.base_fen, result.other_fen, result.points_earned) == (
            order.gross_fen,
            order.base_fen,
            order.other_fen,
            order.points_earned,
        )
    for account in Account.objects.all():
        assert account.balance == sum(account.entries.values_list("delta", flat=True))
    assert MemberStats.objects.filter(tier__rank__gt=0).count() > 3
    assert Lot.objects.filter(top_up__isnull=False).exists()
