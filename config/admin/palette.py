"""The search that is everywhere: pages by a part of their name, members as at the counter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from members.models import Staff
from members.selectors import find as members
from members.services.staff import may
from members.text import name_key, plain

LIMIT = 8


@dataclass(frozen=True, slots=True)
class Hit:
    title: str
    note: str
    link: str
    icon: str


def find(words: str, *, pages: Iterable[Mapping[str, Any]], actor: Staff) -> list[Hit]:
    """Members first when digits are typed, else pages first; at most ``LIMIT`` of each."""
    wanted = plain(words).lower()
    if not wanted:
        return []
    places = _pages(wanted, pages)
    people = _members(wanted) if may(actor, "find") else []
    return people + places if wanted[0].isdigit() else places + people


def _pages(wanted: str, groups: Iterable[Mapping[str, Any]]) -> list[Hit]:
    found = []
    for group in groups:
        for item in group["items"]:
            title = str(item["title"])
            if wanted in title.lower() or wanted in name_key(title):
                note = str(group["title"] or _("Page"))
                found.append(Hit(title, note, str(item["link"]), str(item["icon"])))
    return found[:LIMIT]


def _members(wanted: str) -> list[Hit]:
    return [
        Hit(
            member.masked_name or _("Member"),
            member.masked_phone,
            reverse("admin:members_member_change", args=[member.pk]),
            "person",
        )
        for member in members.search(wanted, limit=LIMIT)
    ]
