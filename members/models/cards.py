from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models.images import CardImage
from members.models.people import Member


class CardFace(models.Model):
    """How a card looks; a tier names the face its members carry."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    brand_colour = models.CharField(_("brand colour"), max_length=7, default="#7A4B2A")
    text_colour = models.CharField(_("text colour"), max_length=7, default="#FFFFFF")
    slogan = models.CharField(_("slogan"), max_length=60, blank=True)
    logo = models.ForeignKey(
        CardImage,
        models.PROTECT,
        verbose_name=_("logo"),
        null=True,
        blank=True,
        related_name="+",
    )
    background = models.ForeignKey(
        CardImage,
        models.PROTECT,
        verbose_name=_("background"),
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        verbose_name = _("card face")
        verbose_name_plural = _("card faces")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(brand_colour__regex="^#[0-9A-Fa-f]{6}$")
                & Q(text_colour__regex="^#[0-9A-Fa-f]{6}$"),
                name="cardface_colours_hex",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Card(models.Model):
    """A numbered card: 16 digits with our prefix and a check digit (e-card, physical or both)."""

    class Form(models.TextChoices):
        ECARD = "ecard", _("e-card")
        PHYSICAL = "physical", _("physical card")
        BOTH = "both", _("e-card and physical card")

    class Status(models.TextChoices):
        UNBOUND = "unbound", _("not handed out")
        ACTIVE = "active", _("active")
        FROZEN = "frozen", _("frozen")
        LOST = "lost", _("reported lost")
        REPLACED = "replaced", _("replaced")

    number = models.CharField(_("card number"), max_length=16, unique=True)
    member = models.ForeignKey(
        Member, models.PROTECT, verbose_name=_("member"), null=True, related_name="cards"
    )
    form = models.CharField(_("form"), max_length=8, choices=Form, default=Form.ECARD)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.ACTIVE)
    issued_at = models.DateTimeField(_("issued"))

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        constraints = [
            models.CheckConstraint(condition=Q(number__regex="^[0-9]{16}$"), name="card_number_16"),
            models.CheckConstraint(
                condition=Q(status__in=["unbound", "active", "frozen", "lost", "replaced"]),
                name="card_status_known",
            ),
            models.CheckConstraint(
                condition=Q(form__in=["ecard", "physical", "both"]), name="card_form_known"
            ),
            models.CheckConstraint(
                condition=(Q(status="unbound") & Q(member__isnull=True))
                | (~Q(status="unbound") & Q(member__isnull=False)),
                name="card_bound_has_member",
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(status__in=["active", "frozen"]),
                name="card_one_in_use_per_member",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number[:4]} {self.number[4:8]} **** {self.number[-4:]}"
