from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Shop(models.Model):
    """A place of sale."""

    code = models.CharField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=80)
    address = models.CharField(_("address"), max_length=200, blank=True)
    phone = models.CharField(pgettext_lazy("of a shop", "phone"), max_length=32, blank=True)
    is_active = models.BooleanField(_("open for business"), default=True)

    class Meta:
        verbose_name = _("shop")
        verbose_name_plural = _("shops")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=~Q(code=""), name="shop_code_not_empty"),
            models.CheckConstraint(condition=~Q(name=""), name="shop_name_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


class StaffManager(UserManager["Staff"]):
    """Whoever sets a shop up with `manage.py createsuperuser` owns it."""

    def create_superuser(self, *args: Any, **more: Any) -> Staff:
        more.setdefault("role", Staff.Role.OWNER)
        return super().create_superuser(*args, **more)


class Staff(AbstractUser):
    """A person who works here: a role, the shops they serve, a PIN for shared counters."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        MANAGER = "manager", _("manager")
        CASHIER = "cashier", _("cashier")

    display_name = models.CharField(pgettext_lazy("of a person", "name"), max_length=40, blank=True)
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.CASHIER)
    shops = models.ManyToManyField(Shop, verbose_name=_("shops"), blank=True, related_name="staff")
    pin_hash = models.CharField(max_length=128, blank=True, editable=False)
    # Their own card, which they may not ring up themselves.
    member = models.OneToOneField(
        "members.Member",
        models.SET_NULL,
        verbose_name=_("own card"),
        null=True,
        blank=True,
        related_name="staff_person",
    )
    is_test = models.BooleanField(_("for tests, left out of the figures"), default=False)

    objects: ClassVar[StaffManager] = StaffManager()

    class Meta(AbstractUser.Meta):
        verbose_name = _("staff member")  # type: ignore[assignment]
        verbose_name_plural = _("staff")  # type: ignore[assignment]
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["owner", "manager", "cashier"]), name="staff_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username


class SavedView(models.Model):
    """A list with its filters, kept under a name by whoever looks at it often."""

    staff = models.ForeignKey(Staff, models.CASCADE, related_name="views", db_index=False)
    page = models.CharField(max_length=60)
    name = models.CharField(_("name"), max_length=40)
    query = models.CharField(max_length=1000)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="savedview_has_name"),
            models.UniqueConstraint(fields=["staff", "page", "name"], name="savedview_once"),
        ]

    def __str__(self) -> str:
        return self.name
