"""Tags put on members and taken off by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.models import Member, Staff, Tag
from members.services import events

MOST = 20_000  # members at once: a second or two


def put_on(*, tag_id: int, member_ids: Collection[int], actor: Staff, at: dt.datetime) -> int:
    """Put a tag on these members; how many did not have it. One event ``tagged`` for each.

    Refuses ``tag_unknown``, ``too_many_members``.
    """
    tag = _tag(tag_id, member_ids)
    through = Member.tags.through
    with transaction.atomic():
        having = set(
            through.objects.filter(tag_id=tag_id, member_id__in=member_ids).values_list(
                "member_id", flat=True
            )
        )
        new = sorted(set(member_ids) - having)
        through.objects.bulk_create(
            [through(member_id=member_id, tag_id=tag_id) for member_id in new],
            ignore_conflicts=True,
        )
        _record("tagged", tag, new, actor, at)
    return len(new)


def take_off(*, tag_id: int, member_ids: Collection[int], actor: Staff, at: dt.datetime) -> int:
    """Take a tag off these members; how many had it. One event ``untagged`` for each.

    Refuses ``tag_unknown``, ``too_many_members``.
    """
    tag = _tag(tag_id, member_ids)
    through = Member.tags.through
    with transaction.atomic():
        rows = through.objects.filter(tag_id=tag_id, member_id__in=member_ids)
        having = sorted(rows.values_list("member_id", flat=True))
        rows.delete()
        _record("untagged", tag, having, actor, at)
    return len(having)


def _tag(tag_id: int, member_ids: Collection[int]) -> Tag:
    if len(member_ids) > MOST:
        raise Refusal(
            "too_many_members",
            _("At most %(most)s members at once. Narrow the list down.") % {"most": f"{MOST:,}"},
        )
    tag = Tag.objects.filter(pk=tag_id).first()
    if tag is None:
        raise Refusal("tag_unknown", _("Choose a tag."), status=404, field="tag")
    return tag


def _record(kind: str, tag: Tag, member_ids: list[int], actor: Staff, at: dt.datetime) -> None:
    facts = {"tag": tag.pk, "name": tag.name, "by": actor.pk}
    events.record_many(kind=kind, at=at, data_by_member=dict.fromkeys(member_ids, facts))
