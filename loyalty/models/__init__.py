from loyalty.models.approvals import Approval
from loyalty.models.birthdays import BirthdayGift
from loyalty.models.bulk import BulkIssue, BulkIssueMember
from loyalty.models.catalogue import Category, MemberPrice, Product
from loyalty.models.confirmations import SpendConfirmation
from loyalty.models.coupons import Coupon, CouponTemplate
from loyalty.models.gifts import GiftPack, GiftPackCoupon, TopUpPlan
from loyalty.models.held import HeldSale
from loyalty.models.ledger import Account, ClientKey, Entry, Lot
from loyalty.models.loans import Loan
from loyalty.models.nightly import NightlyRun
from loyalty.models.orders import (
    CouponUse,
    Order,
    OrderLine,
    OrderStep,
    Tender,
    TopUp,
)
from loyalty.models.past import PastCampaign, PastRedemption, PastTarget
from loyalty.models.planned import PlannedChange
from loyalty.models.refunds import Refund, RefundLine
from loyalty.models.rules import Benefit, Policy, RuleSet, Tier
from loyalty.models.seals import LedgerSeal
from loyalty.models.standing import CheckIn, MemberStats, QuotaUse, TierPurchase
from loyalty.models.streaks import StreakGift, StreakStep

__all__ = [
    "Account",
    "Approval",
    "Benefit",
    "BirthdayGift",
    "BulkIssue",
    "BulkIssueMember",
    "Category",
    "CheckIn",
    "ClientKey",
    "Coupon",
    "CouponTemplate",
    "CouponUse",
    "Entry",
    "GiftPack",
    "GiftPackCoupon",
    "HeldSale",
    "LedgerSeal",
    "Loan",
    "Lot",
    "MemberPrice",
    "MemberStats",
    "NightlyRun",
    "Order",
    "OrderLine",
    "OrderStep",
    "PastCampaign",
    "PastRedemption",
    "PastTarget",
    "PlannedChange",
    "Policy",
    "Product",
    "QuotaUse",
    "Refund",
    "RefundLine",
    "RuleSet",
    "SpendConfirmation",
    "StreakGift",
    "StreakStep",
    "Tender",
    "Tier",
    "TierPurchase",
    "TopUp",
    "TopUpPlan",
]
