"""Accounts, lots and entries. Balances change only through ``loyalty.services.ledger.post``."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models import Member, Staff
from members.models.base import append_only


class Account(models.Model):
    """One member's points, principal or bonus.

    Points balance = what is left in lots − debt, and may be negative; money never is.
    """

    class Kind(models.TextChoices):
        POINTS = "points", _("points")
        PRINCIPAL = "principal", _("principal")
        BONUS = "bonus", _("bonus")

    member = models.ForeignKey(Member, models.PROTECT, related_name="accounts", db_index=False)
    kind = models.CharField(_("kind"), max_length=9, choices=Kind)
    balance = models.BigIntegerField(_("balance"), default=0)
    debt = models.BigIntegerField(_("points owed"), default=0)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["member", "kind"], name="account_one_a_kind"),
            models.CheckConstraint(
                condition=Q(kind="points")
                | (Q(kind__in=["principal", "bonus"]) & Q(balance__gte=0) & Q(debt=0)),
                name="account_money_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(debt__gte=0) & Q(balance__gte=-F("debt")),
                name="account_debt_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.balance}"


class Lot(models.Model):
    """A parcel: points with their expiry, or one top-up with its principal and bonus (or a gift
    of bonus alone). What is left never exceeds what was issued, and is never negative."""

    class Asset(models.TextChoices):
        POINTS = "points", _("points")
        VALUE = "value", _("stored value")

    member = models.ForeignKey(Member, models.PROTECT, related_name="lots")
    asset = models.CharField(max_length=6, choices=Asset)
    points_issued = models.BigIntegerField(default=0)
    points_left = models.BigIntegerField(default=0)
    principal_issued = models.BigIntegerField(default=0)
    principal_left = models.BigIntegerField(default=0)
    bonus_issued = models.BigIntegerField(default=0)
    bonus_left = models.BigIntegerField(default=0)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=24)
    order = models.ForeignKey(
        "loyalty.Order", models.PROTECT, null=True, related_name="lots", db_index=False
    )
    top_up = models.ForeignKey("loyalty.TopUp", models.PROTECT, null=True, related_name="lots")

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        indexes = [
            models.Index(
                fields=["member", "asset"],
                condition=Q(points_left__gt=0) | Q(principal_left__gt=0) | Q(bonus_left__gt=0),
                name="lot_open",
            ),
            models.Index(
                fields=["expires_at"], condition=Q(points_left__gt=0), name="lot_points_expiry"
            ),
            models.Index(fields=["order"], name="lot_order"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(asset="points")
                    & Q(principal_issued=0)
                    & Q(bonus_issued=0)
                    & Q(expires_at__isnull=False)
                )
                | (Q(asset="value") & Q(points_issued=0) & Q(expires_at__isnull=True)),
                name="lot_one_asset",
            ),
            models.CheckConstraint(
                condition=Q(points_left__gte=0) & Q(points_left__lte=F("points_issued")),
                name="lot_points_within_issued",
            ),
            models.CheckConstraint(
                condition=Q(principal_left__gte=0) & Q(principal_left__lte=F("principal_issued")),
                name="lot_principal_within_issued",
            ),
            models.CheckConstraint(
                condition=Q(bonus_left__gte=0) & Q(bonus_left__lte=F("bonus_issued")),
                name="lot_bonus_within_issued",
            ),
        ]

    def __str__(self) -> str:
        return f"lot {self.pk}"


class Entry(models.Model):
    """An append-only movement: this account, that counter side.

    ``lot`` is null for a movement of points debt. Balance = Σ delta; a lot's rest = Σ delta of
    its entries; debt = −Σ delta without a lot. ``list_fen`` is the list price of the goods that
    this draw covers (on the first entry of a lot's draw), for the law's refund formula.
    """

    class Side(models.TextChoices):
        ISSUED = "issued", _("issued")
        REDEEMED = "redeemed", _("redeemed")
        EXPIRED = "expired", _("expired")
        CASH = "cash", _("cash")
        REVENUE = "revenue", _("revenue")
        GIVEN = "given", _("given")
        CLAWBACK = "clawback", _("taken back")
        RETURNED = "returned", _("returned")
        ADJUSTMENT = "adjustment", _("adjustment")
        IMPORT = "import", _("import")
        MERGED = "merged", _("merged cards")
        UPGRADE = "upgrade", _("tier upgrade")

    account = models.ForeignKey(Account, models.PROTECT, related_name="entries", db_index=False)
    lot = models.ForeignKey(Lot, models.PROTECT, null=True, related_name="entries", db_index=False)
    side = models.CharField(_("counter side"), max_length=10, choices=Side)
    delta = models.BigIntegerField(_("change"))
    balance_after = models.BigIntegerField(_("balance after"))
    list_fen = models.BigIntegerField(default=0)
    at = models.DateTimeField(_("when"))
    order = models.ForeignKey(
        "loyalty.Order", models.PROTECT, null=True, related_name="entries", db_index=False
    )
    refund = models.ForeignKey("loyalty.Refund", models.PROTECT, null=True, related_name="entries")
    top_up = models.ForeignKey("loyalty.TopUp", models.PROTECT, null=True, related_name="entries")
    reason = models.CharField(_("reason"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        indexes = [
            models.Index(fields=["account", "-id"], name="entry_account"),
            models.Index(fields=["lot"], name="entry_lot"),
            models.Index(fields=["order"], name="entry_order"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(delta=0), name="entry_moves_something"),
            models.CheckConstraint(
                condition=Q(
                    side__in=[
                        "issued",
                        "redeemed",
                        "expired",
                        "cash",
                        "revenue",
                        "given",
                        "clawback",
                        "returned",
                        "adjustment",
                        "import",
                        "merged",
                        "upgrade",
                    ]
                ),
                name="entry_side_known",
            ),
        ]
        triggers = append_only("entry")

    def __str__(self) -> str:
        return f"{self.delta:+d} {self.side}"


class ClientKey(models.Model):
    """One intent, one effect: the client's own key, claimed in the effect's transaction.

    The same key with the same content replays ``response``; with other content it is refused.
    """

    key = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=16)
    content_hash = models.CharField(max_length=64)
    staff = models.ForeignKey(Staff, models.PROTECT, null=True, db_index=False)
    response = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("client key")
        verbose_name_plural = _("client keys")
        indexes = [models.Index(fields=["at"], name="clientkey_at")]

    def __str__(self) -> str:
        return str(self.key)
