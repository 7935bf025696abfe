"""Every constraint of loyalty's tables refuses the bad value it is there for."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from functools import partial

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Model

from loyalty.models import (
    Account,
    Approval,
    Benefit,
    BirthdayGift,
    BulkIssue,
    BulkIssueMember,
    Category,
    CheckIn,
    Coupon,
    CouponTemplate,
    CouponUse,
    Entry,
    GiftPack,
    GiftPackCoupon,
    HeldSale,
    LedgerSeal,
    Loan,
    Lot,
    MemberPrice,
    MemberStats,
    NightlyRun,
    Order,
    OrderLine,
    OrderStep,
    PastCampaign,
    PastRedemption,
    PastTarget,
    PlannedChange,
    Policy,
    Product,
    QuotaUse,
    Refund,
    RefundLine,
    RuleSet,
    SpendConfirmation,
    StreakGift,
    StreakStep,
    Tender,
    Tier,
    TierPurchase,
    TopUp,
    TopUpPlan,
)
from tests import factories
from tests.constraints import (
    change,
    declared,
    positive_fields,
    refused_by,
    triggers,
    twin,
)
from tests.factories import AT

pytestmark = pytest.mark.django_db

DAY = dt.date(2026, 5, 20)
EVE = dt.date(2026, 5, 19)
HOUR = dt.timedelta(hours=1)
CODE = "80000000000025"

CATALOGUE = [
    change(Category, "category_name_not_empty", name=""),
    twin(Category, "category_unique"),
    change(MemberPrice, "memberprice_not_negative", price_fen=-1),
    twin(MemberPrice, "memberprice_unique"),
    change(Product, "product_sku_not_empty", sku=""),
    change(Product, "product_price_not_negative", price_fen=-1),
    twin(Product, "Product.sku", barcode=None),
    twin(Product, "Product.barcode", sku="other"),
]

COUPONS = [
    change(Coupon, "coupon_code_14_digits", code="70000000000014"),
    change(Coupon, "coupon_code_14_digits", code="8000000000001"),
    change(Coupon, "coupon_code_14_digits", code="8000000000001a"),
    change(Coupon, "coupon_validity_forward", expires_at=AT, valid_from=AT),
    change(Coupon, "coupon_status_matches_uses", uses_left=0),
    change(Coupon, "coupon_status_matches_uses", status="used"),
    change(Coupon, "coupon_status_matches_uses", status="lost"),
    twin(Coupon, "Coupon.code"),
    change(BulkIssue, "bulkissue_finished_when_over", status="done", chosen_count=1),
    change(BulkIssue, "bulkissue_finished_when_over", status="cancelled"),
    change(BulkIssue, "bulkissue_finished_when_over", status="resting"),
    change(BulkIssue, "bulkissue_finished_when_over", finished_at=AT),
    change(BulkIssue, "bulkissue_within_chosen", chosen_count=0),
    change(BulkIssue, "bulkissue_done_with_all", status="done", finished_at=AT),
    change(BulkIssueMember, "bulkissuemember_coupon_if_given", coupon=None),
    change(BulkIssueMember, "bulkissuemember_coupon_if_given", outcome="stock"),
    change(BulkIssueMember, "bulkissuemember_coupon_if_given", outcome="lost", coupon=None),
    twin(BulkIssueMember, "bulkissuemember_once"),
    change(CouponTemplate, "coupontemplate_explainable", amount_fen=0),
    change(CouponTemplate, "coupontemplate_explainable", kind="percent", rate_pm=0),
    change(CouponTemplate, "coupontemplate_explainable", kind="percent", rate_pm=1000),
    change(CouponTemplate, "coupontemplate_explainable", kind="pass", uses=0),
    change(CouponTemplate, "coupontemplate_explainable", kind="nth_unit", nth_n=1, rate_pm=500),
    change(CouponTemplate, "coupontemplate_explainable", kind="nth_unit", nth_n=2, rate_pm=1000),
    change(CouponTemplate, "coupontemplate_explainable", kind="multiplier", multiplier_pm=1000),
    change(CouponTemplate, "coupontemplate_explainable", kind="lottery"),
    change(CouponTemplate, "coupontemplate_only_pass_many_uses", uses=2),
    change(CouponTemplate, "coupontemplate_threshold_above_value", threshold_fen=2000),
    change(CouponTemplate, "coupontemplate_amounts_sane", threshold_fen=-1),
    change(CouponTemplate, "coupontemplate_amounts_sane", cap_fen=100),
    change(CouponTemplate, "coupontemplate_amounts_sane", kind="percent", rate_pm=500, cap_fen=0),
    change(CouponTemplate, "coupontemplate_validity_one_way", valid_days=0),
    change(CouponTemplate, "coupontemplate_validity_one_way", valid_days=None),
    change(CouponTemplate, "coupontemplate_validity_one_way", valid_from=DAY, valid_to=DAY),
    change(CouponTemplate, "coupontemplate_validity_one_way", valid_days=None, valid_from=DAY),
    change(CouponTemplate, "coupontemplate_validity_one_way", valid_days=None, valid_to=DAY),
    change(
        CouponTemplate,
        "coupontemplate_validity_one_way",
        valid_days=None,
        valid_from=DAY,
        valid_to=EVE,
    ),
    change(CouponTemplate, "coupontemplate_stock_kept", stock=1, issued_count=2),
    change(CouponTemplate, "coupontemplate_list_price_threshold", threshold_on_list=True),
    change(CouponTemplate, "coupontemplate_budget_countable", budget_fen=0),
    change(CouponTemplate, "coupontemplate_budget_countable", kind="exchange", budget_fen=2000),
    change(
        CouponTemplate,
        "coupontemplate_budget_countable",
        kind="percent",
        rate_pm=500,
        budget_fen=2000,
    ),
    change(CouponTemplate, "coupontemplate_budget_kept", budget_fen=2000, budget_used_fen=2001),
    change(CouponTemplate, "coupontemplate_budget_kept", budget_fen=2000, issued_count=1),
    change(CouponTemplate, "coupontemplate_scope_known", scope="some"),
    twin(CouponTemplate, "CouponTemplate.code"),
    change(GiftPack, "giftpack_bonus_positive", bonus_fen=-1),
    change(GiftPack, "giftpack_tier_whole", tier_days=None),
    change(GiftPack, "giftpack_tier_whole", tier_days=0),
    change(GiftPack, "giftpack_tier_whole", tier=None),
    change(GiftPackCoupon, "giftpackcoupon_count_sane", count=0),
    change(GiftPackCoupon, "giftpackcoupon_count_sane", count=101),
    twin(GiftPackCoupon, "giftpackcoupon_unique"),
]

LEDGER = [
    change(Account, "account_money_not_negative", kind="bonus", debt=1),
    change(Account, "account_money_not_negative", kind="bonus", balance=-1, debt=1),
    change(Account, "account_money_not_negative", kind="gold"),
    change(Account, "account_debt_not_negative", debt=-1),
    change(Account, "account_debt_not_negative", balance=-2, debt=1),
    twin(Account, "account_one_a_kind"),
    twin(Entry, "entry_moves_something", delta=0),
    twin(Entry, "entry_side_known", side="magic"),
    change(Lot, "lot_one_asset", asset="value"),
    change(Lot, "lot_one_asset", asset="gold"),
    change(Lot, "lot_one_asset", principal_issued=1),
    change(Lot, "lot_one_asset", bonus_issued=1),
    change(Lot, "lot_one_asset", expires_at=None),
    change(Lot, "lot_points_within_issued", points_left=-1),
    change(Lot, "lot_points_within_issued", points_left=101),
    change(Lot, "lot_principal_within_issued", principal_left=-1),
    change(Lot, "lot_principal_within_issued", principal_left=1),
    change(Lot, "lot_bonus_within_issued", bonus_left=-1),
    change(Lot, "lot_bonus_within_issued", bonus_left=1),
    change(TopUp, "topup_positive", paid_fen=0),
    change(TopUp, "topup_positive", bonus_fen=-1),
    change(TopUp, "topup_tender_outside", tender="stored"),
    twin(TopUp, "TopUp.key"),
    change(TopUpPlan, "topupplan_pay_positive", pay_fen=0),
]

ORDERS = [
    *(
        change(Order, "order_amounts_not_negative", **{column: -1})
        for column in (
            "gross_fen",
            "base_fen",
            "points_fen",
            "stored_cover_fen",
            "principal_fen",
            "bonus_fen",
            "rounding_fen",
            "other_fen",
            "points_used",
            "points_earned",
            "basis_fen",
        )
    ),
    change(Order, "order_parts_add_up", other_fen=4999),
    change(Order, "order_parts_add_up", base_fen=8999),
    change(Order, "order_never_dearer", gross_fen=8999),
    change(Order, "order_refund_within_paid", refunded_base_fen=-1),
    change(Order, "order_refund_within_paid", refunded_base_fen=9001),
    change(Order, "order_refund_within_paid", refunded_basis_fen=7501),
    change(Order, "order_refund_within_paid", refunded_net_fen=7501),
    change(Order, "order_undone_is_not_valid", status="refunded"),
    change(Order, "order_undone_is_not_valid", status="voided"),
    change(Order, "order_undone_is_not_valid", status="lost", is_valid=False),
    change(Order, "order_guest_has_no_account", member=None),
    twin(Order, "Order.key", external_no=None),
    twin(Order, "Order.external_no", key=None),
    change(OrderLine, "orderline_not_negative", quantity=-1),
    change(OrderLine, "orderline_not_negative", list_fen=-1),
    change(OrderLine, "orderline_not_negative", base_fen=-1),
    change(OrderLine, "orderline_parts_add_up", list_fen=10001),
    change(OrderLine, "orderline_parts_add_up", coupon_off_fen=1),
    change(OrderLine, "orderline_parts_add_up", other_fen=5001),
    twin(OrderLine, "orderline_index_unique"),
    twin(OrderStep, "orderstep_index_unique"),
    change(Tender, "tender_positive", amount_fen=0),
    change(Tender, "tender_kind_known", kind="shells"),
    twin(Tender, "tender_one_a_kind"),
    twin(CouponUse, "couponuse_once_an_order"),
    change(SpendConfirmation, "spendconfirmation_status_known", status="later"),
    change(SpendConfirmation, "spendconfirmation_spends", stored_fen=-1),
    change(SpendConfirmation, "spendconfirmation_spends", points=-1),
    change(SpendConfirmation, "spendconfirmation_spends", points_fen=-1),
    change(SpendConfirmation, "spendconfirmation_spends", stored_fen=0),
    change(SpendConfirmation, "spendconfirmation_ends", expires_at=AT),
    change(SpendConfirmation, "spendconfirmation_used_if_approved", used_at=AT),
    twin(SpendConfirmation, "spendconfirmation_one_pending"),
    twin(HeldSale, "heldsale_unique"),
    change(Refund, "refund_parts_add_up", base_fen=2),
    change(Refund, "refund_parts_add_up", other_fen=2),
    change(Refund, "refund_not_negative", base_fen=-1),
    change(Refund, "refund_not_negative", points_fen=-1),
    change(Refund, "refund_not_negative", principal_fen=-1),
    change(Refund, "refund_not_negative", bonus_fen=-1),
    change(Refund, "refund_not_negative", other_fen=-1),
    change(Refund, "refund_approved_by_another", staff=1, approved_by=1),
    change(RefundLine, "refundline_not_negative", quantity=-1),
    change(RefundLine, "refundline_not_negative", base_fen=-1),
    twin(RefundLine, "refundline_once"),
    twin(PastCampaign, "PastCampaign.external_no"),
    twin(PastTarget, "pasttarget_unique"),
    twin(PastRedemption, "pastredemption_unique"),
]

RULES = [
    change(Benefit, "benefit_explainable", rate_pm=0),
    change(Benefit, "benefit_explainable", rate_pm=1000),
    change(Benefit, "benefit_explainable", kind="nth_unit", nth_n=1),
    change(Benefit, "benefit_explainable", kind="amount_off", amount_fen=0),
    change(Benefit, "benefit_explainable", kind="amount_off", amount_fen=1, threshold_fen=-1),
    change(Benefit, "benefit_explainable", kind="multiplier", multiplier_pm=1000),
    change(Benefit, "benefit_explainable", kind="special"),
    change(Benefit, "benefit_explainable", kind="lottery"),
    change(Benefit, "benefit_stored_value_whole_order", only_stored_value=True, scope="products"),
    change(
        Benefit, "benefit_stored_value_whole_order", only_stored_value=True, kind="member_price"
    ),
    change(Benefit, "benefit_when_whole", when="monthdays"),
    change(Benefit, "benefit_when_whole", when="weekdays"),
    change(Benefit, "benefit_when_whole", when="dates"),
    change(Benefit, "benefit_when_whole", when="dates", date_from=DAY),
    change(Benefit, "benefit_when_whole", when="dates", date_to=DAY),
    change(Benefit, "benefit_when_whole", when="dates", date_from=DAY, date_to=EVE),
    change(Benefit, "benefit_when_whole", when="never"),
    change(Benefit, "benefit_quota_whole", quota=1),
    change(Benefit, "benefit_quota_whole", quota_period="day"),
    change(Benefit, "benefit_quota_whole", quota=1, quota_period="hour"),
    change(Benefit, "benefit_lends_by_a_special_one", return_days=14),
    change(Benefit, "benefit_lends_by_a_special_one", kind="special", text="借书", return_days=0),
    change(Benefit, "benefit_lends_by_a_special_one", kind="special", text="借书", return_days=366),
    change(Benefit, "benefit_scope_known", scope="some"),
    change(Policy, "policy_one_row", id=2),
    change(Policy, "policy_step_positive", step_points=0),
    change(Policy, "policy_step_positive", step_value_fen=0),
    change(Policy, "policy_cap_sane", points_cap_pm=1001),
    change(Policy, "policy_months_sane", points_months=0),
    change(Policy, "policy_months_sane", points_months=121),
    change(Policy, "policy_tender_known", default_tender="stored"),
    change(Policy, "policy_words_known", rounding="fen"),
    change(Policy, "policy_words_known", progress="week"),
    change(Policy, "policy_words_known", clawback="sue"),
    twin(RuleSet, "RuleSet.content_hash"),
    twin(PlannedChange, "plannedchange_one_at_a_time"),
    change(PlannedChange, "plannedchange_kind_known", kind="shop"),
    change(PlannedChange, "plannedchange_status_known", status="late", closed_at=AT),
    change(PlannedChange, "plannedchange_closed_at", closed_at=AT),
    change(PlannedChange, "plannedchange_closed_at", status="applied"),
    change(Tier, "tier_threshold_not_negative", threshold_fen=-1),
    change(Tier, "tier_dual_track_whole", dual_threshold_fen=30000),
    change(Tier, "tier_dual_track_whole", dual_checkins=10),
    change(Tier, "tier_dual_track_whole", dual_threshold_fen=30000, dual_checkins=0),
    change(Tier, "tier_dual_track_whole", dual_threshold_fen=-1, dual_checkins=10),
    change(Tier, "tier_dual_track_whole", dual_threshold_fen=50100, dual_checkins=10),
    change(Tier, "tier_price_of_a_step_up", price_points=0),
    change(Tier, "tier_price_of_a_step_up", price_points=5000, threshold_fen=0),
    change(Tier, "tier_keep_months_sane", keep_months=0),
    change(Tier, "tier_keep_months_sane", keep_months=121),
    twin(Tier, "Tier.name", rank=9, threshold_fen=9_000_000),
    twin(Tier, "Tier.rank", name="另一个", threshold_fen=9_000_000),
]

STANDING = [
    twin(Approval, "Approval.key", status="withdrawn", decided_at=AT),
    change(Approval, "approval_says_what", kind="wish"),
    change(Approval, "approval_says_what", member=None),
    change(Approval, "approval_says_what", account="gold"),
    change(Approval, "approval_says_what", amount=0),
    change(Approval, "approval_says_what", order=1),
    change(Approval, "approval_says_what", kind="refund", account=""),
    change(Approval, "approval_void_is_whole", kind="void", account="", order=1, shop=1),
    change(Approval, "approval_reason_not_empty", reason=""),
    change(Approval, "approval_decided_when_over", status="approved"),
    change(Approval, "approval_decided_when_over", status="approved", decided_at=AT),
    change(Approval, "approval_decided_when_over", status="withdrawn"),
    change(Approval, "approval_decided_when_over", decided_at=AT),
    change(Approval, "approval_decided_when_over", status="lost"),
    change(
        *(Approval, "approval_by_two_people"),
        status="approved",
        decided_by=F("asked_by"),
        decided_at=AT,
    ),
    change(
        *(Approval, "approval_decided_after_it_was_asked"),
        status="withdrawn",
        decided_at=AT - HOUR,
    ),
    change(Approval, "approval_declined_says_why", answer="不对"),
    twin(Approval, "approval_waiting_once", key=uuid.UUID(int=5)),
    change(CheckIn, "checkin_streak_positive", streak=0),
    change(Loan, "loan_due_after_it_was_lent", due_on=DAY),
    change(Loan, "loan_ended_when_over", status="returned"),
    change(Loan, "loan_ended_when_over", status="lost"),
    change(Loan, "loan_ended_when_over", ended_at=AT),
    change(Loan, "loan_ended_when_over", ended_shop=1),
    change(Loan, "loan_ended_when_over", ended_by=1),
    change(Loan, "loan_ended_after_it_was_lent", status="returned", ended_at=AT - HOUR),
    change(Loan, "loan_undone_gives_its_use_back", status="cancelled", ended_at=AT),
    twin(Loan, "Loan.quota_use"),
    change(BirthdayGift, "birthdaygift_year_sane", year=1999),
    change(BirthdayGift, "birthdaygift_year_sane", year=3000),
    twin(BirthdayGift, "birthdaygift_once_a_year"),
    change(StreakGift, "streakgift_days_sane", days=1),
    twin(StreakGift, "streakgift_once"),
    change(StreakStep, "streakstep_days_sane", days=1),
    change(StreakStep, "streakstep_days_sane", days=366),
    twin(StreakStep, "streakstep_days_once"),
    twin(CheckIn, "checkin_once_a_day"),
    change(TierPurchase, "tierpurchase_costs_points", points=0),
    change(TierPurchase, "tierpurchase_costs_points", points_fen=-1),
    change(TierPurchase, "tierpurchase_to_another_tier", tier_before=F("tier")),
    change(TierPurchase, "tierpurchase_undone_after", undone_at=AT - HOUR),
    change(MemberStats, "stats_counts_not_negative", orders_count=-1),
    change(MemberStats, "stats_counts_not_negative", checkins_count=-1),
    change(QuotaUse, "quotause_number_from_one", number=0),
    twin(QuotaUse, "quotause_number_once"),
    change(NightlyRun, "nightlyrun_job_known", job="party"),
    change(NightlyRun, "nightlyrun_finished_with_result", finished_at=AT),
    change(NightlyRun, "nightlyrun_finished_with_result", result={}),
    twin(NightlyRun, "nightlyrun_once_a_day"),
    twin(LedgerSeal, "ledgerseal_range_forward", first_id=0),
    twin(LedgerSeal, "ledgerseal_range_forward", first_id=3),
    twin(LedgerSeal, "ledgerseal_range_forward", first_id=3, last_id=3, entries=-1),
    twin(LedgerSeal, "ledgerseal_hex", first_id=3, last_id=4, content="a"),
    twin(LedgerSeal, "ledgerseal_hex", first_id=3, last_id=4, chain="A" * 64),
    twin(LedgerSeal, "LedgerSeal.first_id"),
]

BAD = [*CATALOGUE, *COUPONS, *LEDGER, *ORDERS, *RULES, *STANDING]

# Their bad value is the row's own id, or needs a row of another kind: tests of their own.
OF_THEIR_OWN = {"category_not_own_parent", "approval_one_waiting_of_an_order"}

House = dict[type[Model], Model]


def _rules() -> House:
    tier = factories.tiers()["银卡"]
    template = factories.coupon_template("满减", code="MAY")
    pack = GiftPack.objects.create(name="礼", tier=tier, tier_days=30)
    benefit = factories.benefit("九折", Benefit.Kind.PERCENT, rate_pm=900)
    category = Category.objects.create(name="饮品")
    product = factories.product(barcode="6901234567892")
    return {
        Benefit: benefit,
        Category: category,
        CouponTemplate: template,
        GiftPack: pack,
        GiftPackCoupon: GiftPackCoupon.objects.create(pack=pack, template=template),
        MemberPrice: MemberPrice.objects.create(benefit=benefit, product=product, price_fen=1),
        Policy: factories.policy(),
        Product: product,
        PlannedChange: PlannedChange.objects.create(
            kind="tier",
            subject=0,
            lines=[],
            from_date=DAY,
            planned_by=factories.manager(),
            planned_at=AT,
        ),
        RuleSet: RuleSet.objects.create(content_hash="a", snapshot={}, created_at=AT),
        Tier: tier,
        StreakStep: StreakStep.objects.create(days=7, pack=pack),
        TopUpPlan: TopUpPlan.objects.create(name="充500", pay_fen=50000),
    }


@pytest.fixture
def house() -> House:
    """One good row of everything."""
    found = _rules()
    shop = factories.shop()
    member = factories.member()
    lot = factories.give_points(member, 100)
    template, benefit = found[CouponTemplate], found[Benefit]
    assert isinstance(template, CouponTemplate)
    assert isinstance(benefit, Benefit)
    coupon = factories.coupon(member, template, CODE)
    order = Order.objects.create(
        key=uuid.UUID(int=1),
        external_no="R-1",
        shop=shop,
        member=member,
        at=AT,
        local_date=DAY,
        gross_fen=10000,
        base_fen=9000,
        points_used=1000,
        points_fen=1000,
        stored_cover_fen=3000,
        principal_fen=2500,
        bonus_fen=500,
        other_fen=5000,
        points_earned=75,
        basis_fen=7500,
    )
    line = OrderLine.objects.create(
        order=order,
        index=0,
        quantity=1,
        list_fen=10000,
        price_off_fen=1000,
        base_fen=9000,
        points_fen=1000,
        stored_cover_fen=3000,
        other_fen=5000,
    )
    refund = Refund.objects.create(
        order=order, shop=shop, at=AT, local_date=DAY, base_fen=1, other_fen=1, tender="cash"
    )
    campaign = PastCampaign.objects.create(external_no="C-1", starts=DAY, ends=DAY)
    checkin = CheckIn.objects.create(member=member, day=DAY, at=AT)
    gold = factories.tiers()["金卡"]
    quota_use = QuotaUse.objects.create(
        benefit=benefit, member=member, period="2026-05", number=1, at=AT
    )
    issue = BulkIssue.objects.create(
        template=template, staff=factories.owner(), at=AT, chosen_count=2, given_count=1
    )
    return found | {
        Account: member.accounts.get(kind="bonus"),
        Approval: Approval.objects.create(
            key=uuid.UUID(int=4),
            kind="adjust",
            member=member,
            account="points",
            amount=5000,
            reason="补登",
            asked_by=factories.staff("chu"),
            asked_at=AT,
        ),
        BulkIssue: issue,
        BulkIssueMember: BulkIssueMember.objects.create(
            issue=issue, member=member, outcome="given", coupon=coupon
        ),
        CheckIn: checkin,
        BirthdayGift: BirthdayGift.objects.create(member=member, year=2026, tier=gold, at=AT),
        StreakGift: StreakGift.objects.create(checkin=checkin, days=7),
        Coupon: coupon,
        CouponUse: CouponUse.objects.create(order=order, coupon=coupon, saved_fen=1),
        Entry: Entry.objects.get(),
        Lot: lot,
        MemberStats: MemberStats.objects.get(),
        Order: order,
        OrderLine: line,
        SpendConfirmation: SpendConfirmation.objects.create(
            member=member,
            shop=shop,
            stored_fen=30000,
            points=0,
            points_fen=0,
            cart_hash="h",
            created_at=AT,
            expires_at=AT + dt.timedelta(seconds=60),
        ),
        HeldSale: HeldSale.objects.create(
            key=uuid.UUID(int=1),
            staff=factories.cashier(),
            shop=shop,
            content={"lines": []},
            saved_at=AT,
        ),
        LedgerSeal: LedgerSeal.objects.create(
            first_id=1, last_id=2, entries=2, content="a" * 64, chain="b" * 64, at=AT
        ),
        NightlyRun: NightlyRun.objects.create(job="expiry", local_date=DAY, started_at=AT),
        OrderStep: OrderStep.objects.create(
            order=order, index=0, kind="percent", amount_fen=1, shares_fen=[1]
        ),
        PastCampaign: campaign,
        PastTarget: PastTarget.objects.create(campaign=campaign, member=member),
        PastRedemption: PastRedemption.objects.create(
            campaign=campaign, member=member, coupon_no="1", day=DAY
        ),
        Loan: Loan.objects.create(
            member=member,
            benefit=benefit,
            shop=shop,
            quota_use=quota_use,
            lent_at=AT,
            lent_on=DAY,
            due_on=DAY + dt.timedelta(days=14),
        ),
        QuotaUse: quota_use,
        Refund: refund,
        RefundLine: RefundLine.objects.create(refund=refund, line=line, base_fen=1),
        TierPurchase: TierPurchase.objects.create(
            member=member, tier_id=found[Tier].pk, until=DAY, points=5000, points_fen=5000, at=AT
        ),
        Tender: Tender.objects.create(order=order, kind="cash", amount_fen=1),
        TopUp: TopUp.objects.create(
            key=uuid.UUID(int=2),
            member=member,
            shop=shop,
            at=AT,
            local_date=DAY,
            paid_fen=1,
            tender="cash",
        ),
    }


def test_refused(house: House) -> None:
    found = [(str(bad), refused_by(partial(bad.store, house[bad.model]))) for bad in BAD]
    assert found == [(str(bad), bad.constraint) for bad in BAD]


def test_a_category_does_not_lie_in_itself() -> None:
    category = Category.objects.create(name="饮品")
    bad = change(Category, "category_not_own_parent", parent=category)
    assert refused_by(lambda: bad.store(category)) == bad.constraint


def test_every_constraint_has_its_bad_value() -> None:
    assert {bad.constraint for bad in BAD} | OF_THEIR_OWN == declared("loyalty")


def test_no_negative_numbers(house: House) -> None:
    bad = [change(model, "", **{field: -1}) for model, field in positive_fields("loyalty")]
    stored = [one for one in bad if refused_by(partial(one.store, house[one.model])) is None]
    assert stored == []


def _sql(statement: str) -> Callable[[], None]:
    def run() -> None:
        with connection.cursor() as cursor:
            # What the inserts left pending would refuse a TRUNCATE first.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(statement)

    return run


APPEND_ONLY = {
    "entry_no_change": [
        ("UPDATE loyalty_entry SET delta = delta + 1", "UPDATE of loyalty_entry"),
        ("DELETE FROM loyalty_entry", "DELETE of loyalty_entry"),
    ],
    "entry_no_truncate": [("TRUNCATE loyalty_entry", "TRUNCATE of loyalty_entry")],
    "ledgerseal_no_change": [
        ("UPDATE loyalty_ledgerseal SET entries = 1", "UPDATE of loyalty_ledgerseal"),
        ("DELETE FROM loyalty_ledgerseal", "DELETE of loyalty_ledgerseal"),
    ],
    "ledgerseal_no_truncate": [("TRUNCATE loyalty_ledgerseal", "TRUNCATE of loyalty_ledgerseal")],
    "ruleset_no_change": [
        ("UPDATE loyalty_ruleset SET snapshot = '{}'", "UPDATE of loyalty_ruleset"),
        ("DELETE FROM loyalty_ruleset", "DELETE of loyalty_ruleset"),
    ],
    "ruleset_no_truncate": [("TRUNCATE loyalty_ruleset CASCADE", "TRUNCATE of loyalty_ruleset")],
}


@pytest.mark.parametrize(
    ("statement", "words"), [case for cases in APPEND_ONLY.values() for case in cases]
)
def test_what_is_written_stays(statement: str, words: str, house: House) -> None:
    with (
        pytest.raises(DatabaseError, match=f"append-only: {words} refused"),
        transaction.atomic(),
    ):
        _sql(statement)()
    assert list(Entry.objects.values_list("delta", flat=True)) == [100]
    assert list(RuleSet.objects.values_list("content_hash", flat=True)) == ["a"]


THRESHOLDS = [
    ({"threshold_fen": 0}, "tier_thresholds_rise"),
    ({"threshold_fen": 200100}, "tier_thresholds_rise"),
    ({"threshold_fen": 200101}, "tier_thresholds_rise"),
    ({"rank": 7}, "tier_thresholds_rise"),
    ({"threshold_fen": 200101, "is_active": False}, None),
    ({"threshold_fen": 200099}, None),
]


@pytest.mark.parametrize(("values", "constraint"), THRESHOLDS)
def test_thresholds_rise_with_rank(values: dict[str, int], constraint: str | None) -> None:
    silver = factories.tiers()["银卡"]
    assert refused_by(lambda: change(Tier, "", **values).store(silver)) == constraint


def test_a_new_tier_between_two_must_lie_between_them() -> None:
    factories.tiers()
    assert (
        refused_by(lambda: Tier.objects.create(name="白金", rank=9, threshold_fen=1))
        == "tier_thresholds_rise"
    )


def test_thresholds_may_cross_on_the_way() -> None:
    """Looked at when all is done: all steps can be moved up in any order."""
    tiers = factories.tiers()

    def move_up() -> None:
        Tier.objects.filter(pk=tiers["银卡"].pk).update(threshold_fen=300000)
        Tier.objects.filter(pk=tiers["金卡"].pk).update(threshold_fen=500000)

    assert refused_by(move_up) is None


def test_every_trigger_is_tried() -> None:
    assert {*APPEND_ONLY, "tier_thresholds_rise"} == triggers("loyalty")


def test_one_request_of_an_order_waits(house: House) -> None:
    first, order = house[Approval], house[Order]
    assert isinstance(first, Approval)
    assert isinstance(order, Order)
    of_order = {"kind": "refund", "account": "", "order": order, "shop": order.shop}
    Approval.objects.filter(pk=first.pk).update(**of_order)
    bad = twin(Approval, "approval_one_waiting_of_an_order", key=uuid.UUID(int=6), **of_order)
    assert refused_by(lambda: bad.store(first)) == bad.constraint
