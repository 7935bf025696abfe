"""One WeChat account opens one card, until it is removed or the card is nobody's any more."""

from __future__ import annotations

import datetime as dt

import pytest

from members.errors import Refusal
from members.models import Event, Identity, Member
from members.selectors import identities as found
from members.services import absorbing, identities, member_sessions, members
from members.wechat import Subject
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

LATER = AT + dt.timedelta(days=1)
WEB = Subject("wx00000000000000aa", "oWeb-0001", "oUnion-1")
OTHER_APP = Subject("wx00000000000000cc", WEB.openid)
SAME_OWNER = Subject("wx00000000000000bb", "oMini-0001", "oUnion-1")
OTHER_PHONE = "+8613900005678"


def link(member: Member, subject: Subject = WEB, at: dt.datetime = AT) -> Identity:
    return identities.link(member_id=member.pk, subject=subject, at=at)


def holder(subject: Subject = WEB) -> int | None:
    identity = found.of_subject(subject)
    return identity.member_id if identity else None


def told(member: Member) -> list[str]:
    rows = Event.objects.filter(member=member).order_by("pk")
    return list(rows.values_list("kind", flat=True))


def test_a_linked_account_opens_the_card() -> None:
    member = factories.member()
    assert holder() is None
    link(member)
    assert holder() == member.pk
    assert told(member) == ["identity_linked"]
    assert Event.objects.get().data == {"provider": "wechat"}


def test_linked_again_only_the_day_is_news() -> None:
    member = factories.member()
    link(member)
    assert link(member, Subject(WEB.app_id, WEB.openid), LATER).at == LATER
    row = Identity.objects.get()
    assert (row.at, row.union_id) == (LATER, "oUnion-1")
    assert told(member) == ["identity_linked"]


def test_who_proved_another_phone_last_takes_the_account_along() -> None:
    first, second = factories.member(), factories.member(OTHER_PHONE, "李明")
    link(first)
    link(second, at=LATER)
    assert holder() == second.pk
    assert Identity.objects.count() == 1
    assert told(first) == ["identity_linked", "identity_removed"]
    assert told(second) == ["identity_linked"]


def test_the_same_openid_of_another_app_is_somebody_else() -> None:
    link(factories.member())
    assert holder(OTHER_APP) is None
    second = factories.member(OTHER_PHONE, "李明")
    link(second, OTHER_APP)
    assert holder(OTHER_APP) == second.pk
    assert Identity.objects.count() == 2


def test_another_app_of_the_same_owner_knows_the_account() -> None:
    member = factories.member()
    link(member)
    assert holder(SAME_OWNER) == member.pk
    assert holder(Subject(SAME_OWNER.app_id, SAME_OWNER.openid)) is None


def test_a_link_of_its_own_goes_before_the_owners() -> None:
    first, second = factories.member(), factories.member(OTHER_PHONE, "李明")
    link(first)
    link(second, SAME_OWNER, LATER)
    assert (holder(), holder(SAME_OWNER)) == (first.pk, second.pk)


def test_removed_is_removed_and_said_once() -> None:
    member = factories.member()
    link(member)
    link(member, SAME_OWNER)
    assert identities.remove_all(member_id=member.pk, at=LATER) == 2
    assert identities.remove_all(member_id=member.pk, at=LATER) == 0
    assert (holder(), holder(SAME_OWNER)) == (None, None)
    assert told(member) == ["identity_linked", "identity_linked", "identity_removed"]


def test_logged_out_everywhere_wechat_opens_nothing() -> None:
    member = factories.member()
    link(member)
    member_sessions.end_all(member_id=member.pk, at=LATER)
    assert holder() is None
    assert told(member) == ["identity_linked", "logged_out_everywhere"]


def test_with_the_membership_it_ends() -> None:
    member = factories.member()
    link(member)
    members.close(member_id=member.pk, actor=None, at=LATER)
    assert not Identity.objects.exists()
    with pytest.raises(Refusal) as refused:
        link(member, at=LATER)
    assert refused.value.code == "member_closed"
    assert not Identity.objects.exists()


def test_merged_it_opens_the_card_that_stays() -> None:
    kept, merged = factories.member(), factories.member(OTHER_PHONE, "李明")
    link(merged)
    link(kept, SAME_OWNER)
    held = absorbing.hold_both(kept_id=kept.pk, merged_id=merged.pk)
    absorbing.absorb(kept=held[0], merged=held[1], at=LATER)
    assert (holder(), holder(SAME_OWNER)) == (kept.pk, kept.pk)
