from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.models.shops import Shop, Staff


def masked(phone: str) -> str:
    """A phone as staff may see it: 138****1234."""
    national = phone.removeprefix("+86")
    return f"{national[:3]}****{national[-4:]}"


class Tag(models.Model):
    """A set of members, by hand or by rule; with the tier the only notion of audience."""

    class Kind(models.TextChoices):
        BASIC = "basic", _("basic")
        BEHAVIOUR = "behaviour", _("behaviour")
        VALUE = "value", _("value")

    name = models.CharField(_("name"), max_length=40, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.BASIC)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="tag_name_not_empty"),
            models.CheckConstraint(
                condition=Q(kind__in=["basic", "behaviour", "value"]), name="tag_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """The person who holds a card."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        FROZEN = "frozen", _("frozen")
        CLOSED = "closed", _("closed")

    class Gender(models.TextChoices):
        UNKNOWN = "", _("not said")
        FEMALE = "f", _("female")
        MALE = "m", _("male")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=40, blank=True)
    pinyin = models.CharField(max_length=40, blank=True, editable=False)
    phone = models.CharField(_("phone"), max_length=16, null=True, blank=True, unique=True)
    phone_tail = models.CharField(max_length=4, blank=True, editable=False)
    # When its holder first showed that they have this phone: by a texted code, or by WeChat.
    phone_proved_at = models.DateTimeField(_("phone confirmed"), null=True, editable=False)
    external_no = models.CharField(
        _("number in another system"), max_length=64, null=True, blank=True, unique=True
    )
    gender = models.CharField(_("gender"), max_length=1, choices=Gender, blank=True)
    birth_year = models.PositiveSmallIntegerField(_("year of birth"), null=True, blank=True)
    birth_month = models.PositiveSmallIntegerField(_("month of birth"), null=True, blank=True)
    birth_day = models.PositiveSmallIntegerField(_("day of birth"), null=True, blank=True)
    region = models.CharField(_("region"), max_length=40, blank=True)
    language = models.CharField(_("language"), max_length=8, default="zh-hans")
    status = models.CharField(_("status"), max_length=6, choices=Status, default=Status.ACTIVE)
    joined_at = models.DateTimeField(_("joined"))
    joined_shop = models.ForeignKey(
        Shop, models.PROTECT, verbose_name=_("joined at"), null=True, blank=True
    )
    joined_channel = models.CharField(_("joined by"), max_length=32, blank=True)
    assigned_staff = models.ForeignKey(
        Staff,
        models.SET_NULL,
        verbose_name=_("assigned staff member"),
        null=True,
        blank=True,
        related_name="assigned_members",
    )
    tags = models.ManyToManyField(Tag, verbose_name=_("tags"), blank=True, related_name="members")
    is_test = models.BooleanField(_("for tests, left out of the figures"), default=False)
    # What only the member has. A card open in a browser ends when the epoch moves on.
    pin_hash = models.CharField(max_length=128, blank=True, editable=False, db_default="")
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # Two memberships of one person became one: this one is closed, its cards lead to the other.
    merged_into = models.ForeignKey(
        "self",
        models.PROTECT,
        verbose_name=_("merged into"),
        null=True,
        editable=False,
        related_name="merged",
        db_index=False,
    )

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        indexes = [
            models.Index(
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
                name="member_merged_into",
            ),
            models.Index(fields=["phone_tail"], name="member_phone_tail"),
            models.Index(fields=["pinyin"], name="member_pinyin", opclasses=["text_pattern_ops"]),
            models.Index(fields=["joined_at"], name="member_joined"),
            models.Index(
                fields=["birth_month", "birth_day"],
                condition=Q(birth_month__isnull=False),
                name="member_birthday",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(phone__isnull=True) | Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="member_phone_e164",
            ),
            models.CheckConstraint(
                condition=Q(phone_proved_at__isnull=True) | Q(phone__isnull=False),
                name="member_proved_has_phone",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "frozen", "closed"]), name="member_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="closed") | (Q(phone__isnull=True) & Q(name="")),
                name="member_closed_is_anonymous",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | Q(status="closed"),
                name="member_merged_is_closed",
            ),
            models.CheckConstraint(
                condition=(Q(birth_month__isnull=True) & Q(birth_day__isnull=True))
                | (
                    # NULL BETWEEN … is NULL, and a CHECK lets NULL pass.
                    Q(birth_month__isnull=False, birth_month__range=(1, 12))
                    & Q(birth_day__isnull=False, birth_day__range=(1, 31))
                ),
                name="member_birthday_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.masked_phone or str(self.public_id)[:8]

    @property
    def masked_phone(self) -> str:
        """The phone as staff may see it: 138****1234."""
        return masked(self.phone) if self.phone else ""

    @property
    def masked_name(self) -> str:
        """The name as a bystander at the counter may see it: 王*敏."""
        if len(self.name) < 2:
            return self.name
        if len(self.name) == 2:
            return f"{self.name[0]}*"
        return f"{self.name[0]}{'*' * min(len(self.name) - 2, 3)}{self.name[-1]}"


class FormerPhone(models.Model):
    """A second phone of a member, from a membership that was merged into theirs."""

    phone = models.CharField(_("phone"), max_length=16, unique=True)
    tail = models.CharField(max_length=4)
    member = models.ForeignKey(
        Member, models.PROTECT, verbose_name=_("member"), related_name="former_phones"
    )
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("former phone")
        verbose_name_plural = _("former phones")
        indexes = [models.Index(fields=["tail"], name="formerphone_tail")]
        constraints = [
            models.CheckConstraint(
                condition=Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"), name="formerphone_e164"
            ),
        ]

    def __str__(self) -> str:
        return masked(self.phone)


class MemberNote(models.Model):
    """What staff should know about a member, in somebody's own words."""

    member = models.ForeignKey(
        Member, models.PROTECT, verbose_name=_("member"), related_name="notes"
    )
    text = models.CharField(_("note"), max_length=300)
    staff = models.ForeignKey(Staff, models.PROTECT, verbose_name=_("by"), db_index=False)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="membernote_not_empty"),
        ]

    def __str__(self) -> str:
        return self.text
