from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class CardImage(models.Model):
    """A logo or background as we wrote it (``members.pictures``), under the hash of its content.

    In the database: a backup, a second web machine and a restored copy need nothing else. Its
    address is its content, so it may be kept for ever by whoever saw it.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)
    body = models.BinaryField()
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    # Every pixel lies between these two, channel by channel.
    darkest = models.CharField(max_length=7)
    lightest = models.CharField(max_length=7)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="cardimage_hash"
            ),
            models.CheckConstraint(
                condition=Q(darkest__regex="^#[0-9a-f]{6}$") & Q(lightest__regex="^#[0-9a-f]{6}$"),
                name="cardimage_colours_hex",
            ),
            models.CheckConstraint(
                condition=Q(width__gte=1) & Q(height__gte=1), name="cardimage_has_a_size"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"
