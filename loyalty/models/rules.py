"""What the shop decided: tiers, benefits, the points policy; and the snapshots of all of it."""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.catalogue import Category, Product
from members.models import CardFace, Shop, Tag
from members.models.base import append_only

THRESHOLDS_RISE = """
IF EXISTS (
    SELECT 1 FROM loyalty_tier a JOIN loyalty_tier b ON a.rank < b.rank
    WHERE a.is_active AND b.is_active AND a.threshold_fen >= b.threshold_fen
) THEN
    RAISE EXCEPTION 'tier thresholds must rise with rank'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'tier_thresholds_rise';
END IF;
RETURN NULL;
"""


class Tier(models.Model):
    """A step of the ladder. A member stands in it from progress ≥ ``threshold_fen``.

    Dual track: also reached with ``dual_threshold_fen`` and ``dual_checkins`` check-ins, both.
    ``price_points``: also to be had for so many points.
    """

    name = models.CharField(_("name"), max_length=40, unique=True)
    rank = models.PositiveSmallIntegerField(_("rank"), unique=True)
    threshold_fen = models.BigIntegerField(_("from spend of"))
    dual_threshold_fen = models.BigIntegerField(_("or from spend of"), null=True, blank=True)
    dual_checkins = models.PositiveIntegerField(_("with check-ins"), null=True, blank=True)
    price_points = models.PositiveIntegerField(_("or for points"), null=True, blank=True)
    keep_months = models.PositiveSmallIntegerField(_("kept for months"), default=12)
    grace_days = models.PositiveSmallIntegerField(_("grace days"), default=0)
    upgrade_pack = models.ForeignKey(
        "loyalty.GiftPack",
        models.PROTECT,
        verbose_name=_("upgrade gift"),
        null=True,
        blank=True,
        related_name="+",
    )
    birthday_pack = models.ForeignKey(
        "loyalty.GiftPack",
        models.PROTECT,
        verbose_name=_("birthday gift"),
        null=True,
        blank=True,
        related_name="+",
    )
    face = models.ForeignKey(
        CardFace, models.PROTECT, verbose_name=_("card face"), null=True, blank=True
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        ordering = ["rank"]
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold_fen__gte=0), name="tier_threshold_not_negative"
            ),
            models.CheckConstraint(
                condition=(Q(dual_threshold_fen__isnull=True) & Q(dual_checkins__isnull=True))
                | (
                    # A comparison with NULL is NULL, and a CHECK lets NULL pass.
                    Q(dual_threshold_fen__isnull=False, dual_threshold_fen__gte=0)
                    & Q(dual_checkins__isnull=False, dual_checkins__gte=1)
                    & Q(dual_threshold_fen__lt=F("threshold_fen"))
                ),
                name="tier_dual_track_whole",
            ),
            models.CheckConstraint(
                condition=Q(keep_months__range=(1, 120)), name="tier_keep_months_sane"
            ),
            models.CheckConstraint(
                condition=Q(price_points__isnull=True)
                | (Q(price_points__gte=1) & Q(threshold_fen__gte=1)),
                name="tier_price_of_a_step_up",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="tier_thresholds_rise",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=THRESHOLDS_RISE,
            )
        ]

    def __str__(self) -> str:
        return self.name


class ScopedRule(models.Model):
    """What it touches, where and when: shared by benefits and coupon templates."""

    class Scope(models.TextChoices):
        ALL = "all", _("everything")
        CATEGORIES = "categories", _("categories")
        PRODUCTS = "products", _("articles")

    scope = models.CharField(_("applies to"), max_length=10, choices=Scope, default=Scope.ALL)
    categories = models.ManyToManyField(Category, verbose_name=_("categories"), blank=True)
    products = models.ManyToManyField(Product, verbose_name=_("articles"), blank=True)
    shops = models.ManyToManyField(Shop, verbose_name=_("only in shops"), blank=True)
    channels = ArrayField(
        models.CharField(max_length=16),
        verbose_name=_("only by channels"),
        default=list,
        blank=True,
    )
    time_from = models.TimeField(_("from hour"), null=True, blank=True)
    time_to = models.TimeField(_("to hour"), null=True, blank=True)
    first_order_only = models.BooleanField(_("first order only"), default=False)

    class Meta:
        abstract = True


class Benefit(ScopedRule):
    """Who + when + what + scope. Named columns; combinations nobody could explain are refused."""

    class Kind(models.TextChoices):
        PERCENT = "percent", _("percent")
        MEMBER_PRICE = "member_price", _("member price")
        NTH_UNIT = "nth_unit", _("nth unit")
        AMOUNT_OFF = "amount_off", _("amount off")
        MULTIPLIER = "multiplier", _("points multiplier")
        SPECIAL = "special", _("special benefit")

    class When(models.TextChoices):
        ALWAYS = "always", _("always")
        MONTHDAYS = "monthdays", _("days of the month")
        WEEKDAYS = "weekdays", _("weekdays")
        BIRTHDAY = "birthday", _("on the birthday")
        BIRTHDAY_MONTH = "birthday_month", _("in the birthday month")
        HOLIDAYS = "holidays", _("on holidays")
        DATES = "dates", _("from date to date")

    class QuotaPeriod(models.TextChoices):
        NONE = "", _("no limit")
        DAY = "day", _("a day")
        WEEK = "week", _("a week")
        MONTH = "month", _("a month")
        YEAR = "year", _("a year")
        EVER = "ever", _("once and for all")

    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    rank = models.IntegerField(_("order"), default=0)
    rate_pm = models.PositiveSmallIntegerField(_("pay per mille"), default=1000)
    nth_n = models.PositiveSmallIntegerField(_("every nth unit"), default=0)
    amount_fen = models.BigIntegerField(_("amount off"), default=0)
    threshold_fen = models.BigIntegerField(_("from"), default=0)
    multiplier_pm = models.PositiveIntegerField(_("points × per mille"), default=1000)
    text = models.CharField(_("in words"), max_length=200, blank=True)
    stacks = models.BooleanField(_("stacks"), default=False)
    only_stored_value = models.BooleanField(_("only when paid by stored value"), default=False)
    tiers = models.ManyToManyField(Tier, verbose_name=_("for tiers"), blank=True)
    tags = models.ManyToManyField(Tag, verbose_name=_("for tags"), blank=True)
    when = models.CharField(_("when"), max_length=14, choices=When, default=When.ALWAYS)
    days = ArrayField(
        models.PositiveSmallIntegerField(), verbose_name=_("days"), default=list, blank=True
    )
    date_from = models.DateField(_("from date"), null=True, blank=True)
    date_to = models.DateField(_("to date"), null=True, blank=True)
    quota = models.PositiveIntegerField(_("times"), default=0)
    quota_period = models.CharField(
        _("per"), max_length=5, choices=QuotaPeriod, default=QuotaPeriod.NONE, blank=True
    )
    return_days = models.PositiveSmallIntegerField(
        _("to be brought back within days"), null=True, blank=True
    )
    stops_when_overdue = models.BooleanField(
        _("nothing more while something is overdue"), default=True
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("benefit")
        verbose_name_plural = _("benefits")
        ordering = ["rank", "id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="percent") & Q(rate_pm__range=(1, 999)))
                | (Q(kind="nth_unit") & Q(rate_pm__range=(0, 999)) & Q(nth_n__range=(2, 99)))
                | (Q(kind="amount_off") & Q(amount_fen__gte=1) & Q(threshold_fen__gte=0))
                | (Q(kind="multiplier") & Q(multiplier_pm__range=(1001, 100000)))
                | (Q(kind="special") & ~Q(text=""))
                | Q(kind="member_price"),
                name="benefit_explainable",
            ),
            models.CheckConstraint(
                condition=Q(only_stored_value=False) | (Q(kind="percent") & Q(scope="all")),
                name="benefit_stored_value_whole_order",
            ),
            models.CheckConstraint(
                condition=(Q(when__in=["monthdays", "weekdays"]) & ~Q(days=[]))
                | (
                    Q(when="dates", date_from__isnull=False, date_to__isnull=False)
                    & Q(date_to__gte=F("date_from"))
                )
                | Q(when__in=["always", "birthday", "birthday_month", "holidays"]),
                name="benefit_when_whole",
            ),
            models.CheckConstraint(
                condition=(Q(quota=0) & Q(quota_period=""))
                | (Q(quota__gte=1) & Q(quota_period__in=["day", "week", "month", "year", "ever"])),
                name="benefit_quota_whole",
            ),
            models.CheckConstraint(
                condition=Q(return_days__isnull=True)
                | (Q(kind="special") & Q(return_days__range=(1, 365))),
                name="benefit_lends_by_a_special_one",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=["all", "categories", "products"]),
                name="benefit_scope_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleSet(models.Model):
    """A snapshot of all active rules, stored once per content hash. Never changes."""

    content_hash = models.CharField(max_length=64, unique=True)
    snapshot = models.JSONField()
    created_at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("version of the rules")
        verbose_name_plural = _("versions of the rules")
        triggers = append_only("ruleset")

    def __str__(self) -> str:
        return f"{self.pk} {self.content_hash[:8]}"


class Policy(models.Model):
    """The shop's one sheet of settings for points, rounding and stored value (one row)."""

    class Rounding(models.TextChoices):
        NONE = "none", _("to the fen")
        JIAO = "jiao", _("down to the jiao")
        YUAN = "yuan", _("down to the yuan")

    class Progress(models.TextChoices):
        TRAILING = "trailing", _("the last 365 days")
        LIFETIME = "lifetime", _("since joining")

    class Clawback(models.TextChoices):
        DEBT = "debt", _("kept as a debt")
        FORGIVE = "forgive", _("forgiven")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    earn_per_yuan_pm = models.PositiveIntegerField(_("points per ¥1, per mille"), default=1000)
    step_points = models.PositiveIntegerField(_("points per step"), default=100)
    step_value_fen = models.PositiveIntegerField(_("worth of a step"), default=100)
    points_cap_pm = models.PositiveSmallIntegerField(_("points pay at most"), default=1000)
    points_minimum = models.PositiveIntegerField(_("points from"), default=0)
    points_months = models.PositiveSmallIntegerField(_("points valid for months"), default=12)
    points_grace_days = models.PositiveSmallIntegerField(
        _("grace days of returned points"), default=0
    )
    coupon_grace_days = models.PositiveSmallIntegerField(
        _("grace days of returned coupons"), default=0
    )
    earn_on_bonus = models.BooleanField(_("bonus earns points"), default=False)
    earn_on_points = models.BooleanField(_("points earn points"), default=False)
    rounding = models.CharField(
        _("rounding"), max_length=4, choices=Rounding, default=Rounding.NONE
    )
    progress = models.CharField(
        _("progress counts"), max_length=8, choices=Progress, default=Progress.TRAILING
    )
    clawback = models.CharField(
        _("points short at a refund"), max_length=7, choices=Clawback, default=Clawback.DEBT
    )
    checkin_points = models.PositiveIntegerField(_("points per check-in"), default=0)
    welcome_pack = models.ForeignKey(
        "loyalty.GiftPack",
        models.PROTECT,
        verbose_name=_("welcome gift"),
        null=True,
        blank=True,
        related_name="+",
    )
    top_up_max_balance_fen = models.BigIntegerField(_("most a card may hold"), default=500000)
    top_up_max_unproved_fen = models.BigIntegerField(
        _("most until its phone is confirmed"), default=100000
    )
    # What one person may do alone; above it a second one approves. Empty: never asked.
    adjust_limit_fen = models.PositiveIntegerField(
        _("correction of stored value alone up to"), null=True, blank=True, default=20000
    )
    adjust_limit_points = models.PositiveIntegerField(
        _("correction of points alone up to"), null=True, blank=True, default=2000
    )
    refund_limit_fen = models.PositiveIntegerField(
        _("refund alone up to"), null=True, blank=True, default=20000
    )
    default_tender = models.CharField(_("usual tender"), max_length=8, default="cash")
    ruleset = models.ForeignKey(RuleSet, models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="policy_one_row"),
            models.CheckConstraint(
                condition=Q(step_points__gte=1) & Q(step_value_fen__gte=1),
                name="policy_step_positive",
            ),
            models.CheckConstraint(
                condition=Q(points_cap_pm__range=(0, 1000)), name="policy_cap_sane"
            ),
            models.CheckConstraint(
                condition=Q(points_months__range=(1, 120)), name="policy_months_sane"
            ),
            models.CheckConstraint(
                condition=Q(default_tender__in=["cash", "wechat", "alipay", "card"]),
                name="policy_tender_known",
            ),
            models.CheckConstraint(
                condition=Q(rounding__in=["none", "jiao", "yuan"])
                & Q(progress__in=["trailing", "lifetime"])
                & Q(clawback__in=["debt", "forgive"]),
                name="policy_words_known",
            ),
        ]

    def __str__(self) -> str:
        return str(_("policy"))

    def most_fen(self, *, is_phone_proved: bool) -> int:
        """What a card may hold at most, principal and bonus together."""
        if is_phone_proved:
            return self.top_up_max_balance_fen
        return min(self.top_up_max_unproved_fen, self.top_up_max_balance_fen)
