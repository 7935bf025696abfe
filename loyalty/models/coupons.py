from __future__ import annotations

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils.translation import gettext_lazy as _

from loyalty.models.rules import ScopedRule
from members.models import Member


class CouponTemplate(ScopedRule):
    """The kind of a coupon: what it is worth, where, when, and how many there may be.

    ``budget_fen`` is the most that all its coupons together may take off. Of it,
    ``budget_used_fen`` is what those given so far can come to, used or not; 0 without a budget.
    """

    class Kind(models.TextChoices):
        AMOUNT_OFF = "amount_off", _("amount off")
        PERCENT = "percent", _("percent")
        EXCHANGE = "exchange", _("exchange for an article")
        PASS = "pass", _("multi-use pass")
        NTH_UNIT = "nth_unit", _("nth unit")
        MULTIPLIER = "multiplier", _("points multiplier")

    name = models.CharField(_("name"), max_length=60)
    label = models.CharField(_("face label"), max_length=12, blank=True)
    hint = models.CharField(_("where to use it"), max_length=60, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    amount_fen = models.BigIntegerField(_("amount off"), default=0)
    rate_pm = models.PositiveSmallIntegerField(_("pay per mille"), default=1000)
    cap_fen = models.BigIntegerField(_("at most"), null=True, blank=True)
    threshold_fen = models.BigIntegerField(_("from"), default=0)
    threshold_on_list = models.BooleanField(_("threshold counts at list price"), default=False)
    nth_n = models.PositiveSmallIntegerField(_("every nth unit"), default=0)
    multiplier_pm = models.PositiveIntegerField(_("points × per mille"), default=1000)
    uses = models.PositiveSmallIntegerField(_("uses"), default=1)
    stackable = models.BooleanField(_("stacks with other coupons"), default=False)
    not_with_member_discount = models.BooleanField(_("not with member discount"), default=False)
    valid_days = models.PositiveSmallIntegerField(_("valid for days"), null=True, blank=True)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid through"), null=True, blank=True)
    code = models.CharField(
        _("typed discount code"), max_length=24, null=True, blank=True, unique=True
    )
    stock = models.PositiveIntegerField(_("stock"), null=True, blank=True)
    issued_count = models.PositiveIntegerField(default=0, editable=False)
    budget_fen = models.BigIntegerField(_("budget"), null=True, blank=True)
    budget_used_fen = models.BigIntegerField(default=0, editable=False)
    per_member_limit = models.PositiveSmallIntegerField(
        _("at most per member"), null=True, blank=True
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("coupon template")
        verbose_name_plural = _("coupon templates")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="amount_off") & Q(amount_fen__gte=1))
                | (Q(kind="percent") & Q(rate_pm__range=(1, 999)))
                | Q(kind="exchange")
                | (Q(kind="pass") & Q(uses__gte=1))
                | (Q(kind="nth_unit") & Q(nth_n__range=(2, 99)) & Q(rate_pm__range=(0, 999)))
                | (Q(kind="multiplier") & Q(multiplier_pm__range=(1001, 100000))),
                name="coupontemplate_explainable",
            ),
            models.CheckConstraint(
                condition=Q(kind="pass") | Q(uses=1), name="coupontemplate_only_pass_many_uses"
            ),
            models.CheckConstraint(
                condition=Q(threshold_fen=0)
                | ~Q(kind="amount_off")
                | Q(threshold_fen__gt=F("amount_fen")),
                name="coupontemplate_threshold_above_value",
            ),
            models.CheckConstraint(
                condition=Q(threshold_fen__gte=0)
                & (Q(cap_fen__isnull=True) | (Q(kind="percent") & Q(cap_fen__gte=1))),
                name="coupontemplate_amounts_sane",
            ),
            models.CheckConstraint(
                condition=(
                    # A comparison with NULL is NULL, and a CHECK lets NULL pass.
                    Q(valid_days__isnull=False, valid_days__gte=1)
                    & Q(valid_from__isnull=True, valid_to__isnull=True)
                )
                | (
                    Q(valid_days__isnull=True, valid_from__isnull=False, valid_to__isnull=False)
                    & Q(valid_to__gte=F("valid_from"))
                ),
                name="coupontemplate_validity_one_way",
            ),
            models.CheckConstraint(
                condition=Q(stock__isnull=True) | Q(issued_count__lte=F("stock")),
                name="coupontemplate_stock_kept",
            ),
            models.CheckConstraint(
                condition=Q(threshold_on_list=False) | Q(threshold_fen__gte=1),
                name="coupontemplate_list_price_threshold",
            ),
            models.CheckConstraint(
                condition=Q(budget_fen__isnull=True)
                | (Q(budget_fen__gte=1) & Q(kind="amount_off"))
                | (Q(budget_fen__gte=1) & Q(kind="percent", cap_fen__isnull=False)),
                name="coupontemplate_budget_countable",
            ),
            models.CheckConstraint(
                condition=Q(budget_fen__isnull=True)
                | (
                    Q(budget_used_fen__lte=F("budget_fen"))
                    & Q(
                        budget_used_fen__gte=F("issued_count")
                        * Case(When(kind="percent", then=F("cap_fen")), default=F("amount_fen"))
                    )
                ),
                name="coupontemplate_budget_kept",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=["all", "categories", "products"]),
                name="coupontemplate_scope_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def most_fen(self) -> int | None:
        """The most that one coupon can take off; None where nobody can say."""
        if self.kind == self.Kind.AMOUNT_OFF:
            return self.amount_fen
        return self.cap_fen if self.kind == self.Kind.PERCENT else None


class Coupon(models.Model):
    """The member's own coupon: 14 digits starting with 8, a check digit at the end.

    Usable from ``valid_from`` (inclusive) to ``expires_at`` (exclusive).
    """

    class Status(models.TextChoices):
        ACTIVE = "active", _("usable")
        USED = "used", _("used")
        WITHDRAWN = "withdrawn", _("withdrawn")
        EXPIRED = "expired", _("expired")

    code = models.CharField(_("code"), max_length=14, unique=True)
    template = models.ForeignKey(
        CouponTemplate, models.PROTECT, verbose_name=_("coupon"), db_index=False
    )
    member = models.ForeignKey(Member, models.PROTECT, related_name="coupons")
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.ACTIVE)
    uses_left = models.PositiveSmallIntegerField(_("uses left"), default=1)
    issued_at = models.DateTimeField(_("issued"))
    valid_from = models.DateTimeField(_("usable from"))
    expires_at = models.DateTimeField(_("usable until"))
    source = models.CharField(_("given for"), max_length=24)
    given_by_order = models.ForeignKey(
        "loyalty.Order", models.PROTECT, null=True, related_name="given_coupons"
    )

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        indexes = [
            models.Index(
                fields=["member", "expires_at"],
                condition=Q(status="active"),
                name="coupon_wallet",
            ),
            models.Index(fields=["template", "status"], name="coupon_template_status"),
            models.Index(fields=["expires_at"], condition=Q(status="active"), name="coupon_expiry"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex="^8[0-9]{13}$"), name="coupon_code_14_digits"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("valid_from")), name="coupon_validity_forward"
            ),
            models.CheckConstraint(
                condition=(Q(status="active") & Q(uses_left__gte=1))
                | (Q(status="used") & Q(uses_left=0))
                | Q(status__in=["withdrawn", "expired"]),
                name="coupon_status_matches_uses",
            ),
        ]

    def __str__(self) -> str:
        return self.code
