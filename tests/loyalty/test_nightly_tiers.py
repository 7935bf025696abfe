"""The ladder at night: down to the tier earned, kept for another while, grace, a simulated year."""

from __future__ import annotations

import datetime as dt

import pytest

from loyalty.card import presenters as card
from loyalty.counter import presenters as counter
from loyalty.models import CheckIn, GiftPack, MemberStats, Policy, StreakStep, Tier
from loyalty.services import checkins, nightly_tiers, rules
from loyalty.services.checkout import Cart, CartLine
from loyalty.services.nightly_tiers import Moved
from members.models import Event, Member
from tests import factories
from tests.factories import AT
from tests.loyalty.test_undoing import settle

pytestmark = pytest.mark.django_db

TODAY = dt.date(2026, 5, 20)  # AT in Shanghai
DAY = dt.timedelta(days=1)
UNTIL = TODAY - DAY


def standing(member: Member) -> tuple[str | None, dt.date | None, dt.date | None]:
    return MemberStats.objects.values_list("tier__name", "tier_since", "tier_until").get(
        member=member
    )


def placed(tier: str, *, until: dt.date = UNTIL, spent_fen: int = 0, phone: str = "1234") -> Member:
    """A member in a tier, with one order 100 days ago that earned no tier by itself."""
    member = factories.member(f"+861380000{phone}", tier=tier)
    if spent_fen:
        settle(
            int(phone),
            Cart((CartLine(amount_fen=spent_fen),), member_id=member.pk),
            at=AT - dt.timedelta(days=100),
        )
    MemberStats.objects.filter(member=member).update(
        tier=factories.tiers()[tier], tier_since=dt.date(2025, 5, 19), tier_until=until
    )
    return member


def night(at: dt.datetime = AT) -> Moved:
    return nightly_tiers.move_tiers(at=at)


def tier_events(member: Member) -> list[tuple[int, int | None]]:
    rows = Event.objects.filter(kind="tier_changed", member=member, data__order=None)
    return [(row.data["before"], row.data["after"]) for row in rows.order_by("pk")]


@pytest.fixture(autouse=True)
def _rules() -> None:
    factories.policy()
    factories.tiers()


def test_down_to_the_tier_earned_with_one_event() -> None:
    gold, member = factories.tiers()["金卡"], placed("金卡", spent_fen=60000)
    assert night() == Moved(down=1)
    assert standing(member) == ("银卡", TODAY, dt.date(2027, 5, 20))
    assert tier_events(member) == [(gold.pk, factories.tiers()["银卡"].pk)]
    assert night() == Moved()
    assert len(tier_events(member)) == 1


def test_the_lowest_tier_is_kept_for_good() -> None:
    member = placed("黑卡")
    assert night() == Moved(down=1)
    assert standing(member) == ("普通", TODAY, None)


def test_kept_for_another_year_since_unchanged_and_without_event() -> None:
    member = placed("银卡", spent_fen=50100)
    MemberStats.objects.filter(member=member).update(tier_since=dt.date(2025, 5, 19))
    before = Event.objects.count()
    assert night() == Moved(renewed=1)
    assert standing(member) == ("银卡", dt.date(2025, 5, 19), dt.date(2027, 5, 19))
    assert Event.objects.count() == before
    assert night() == Moved()


def test_never_up() -> None:
    member = placed("银卡", spent_fen=300000)
    assert night() == Moved(renewed=1)
    assert standing(member)[0] == "银卡"


def test_not_before_the_last_day_is_over() -> None:
    member = placed("金卡", until=TODAY)
    assert night() == Moved()
    assert standing(member)[0] == "金卡"
    assert night(AT + dt.timedelta(days=1)) == Moved(down=1)


def test_grace_days_are_waited_for() -> None:
    Tier.objects.filter(name="金卡").update(grace_days=7)
    member = placed("金卡", until=TODAY - dt.timedelta(days=7))
    assert night() == Moved()
    assert standing(member)[0] == "金卡"
    assert night(AT + dt.timedelta(days=1)) == Moved(down=1)


def test_an_order_leaves_the_window_after_365_days() -> None:
    member = placed("银卡", spent_fen=50100)
    bought = AT - dt.timedelta(days=100)
    MemberStats.objects.filter(member=member).update(
        tier_until=(bought + dt.timedelta(days=364)).date()
    )
    year = dt.timedelta(days=365)
    still = MemberStats.objects.filter(member=member)
    assert night(bought + year - dt.timedelta(seconds=1)) == Moved(renewed=1)
    still.update(tier_until=(bought + dt.timedelta(days=364)).date())
    assert night(bought + year) == Moved(down=1)


def test_progress_since_joining_never_fades() -> None:
    factories.policy(progress="lifetime")
    rules.publish(actor=None, at=AT)
    member = placed("银卡", spent_fen=50100)
    later = AT + dt.timedelta(days=3650)
    assert night(later) == Moved(renewed=1)
    # The nights that were missed count as kept: the next look is within a year.
    assert standing(member) == ("银卡", dt.date(2025, 5, 19), dt.date(2036, 5, 19))


def test_the_second_track_holds_a_tier_by_check_ins() -> None:
    Tier.objects.filter(name="金卡").update(dual_threshold_fen=50000, dual_checkins=3)
    one, other = placed("金卡", spent_fen=50000), placed("金卡", spent_fen=50000, phone="5678")
    for member, days in ((one, 3), (other, 2)):
        for number in range(days):
            day = TODAY - dt.timedelta(days=number)
            CheckIn.objects.create(member=member, day=day, at=AT)
        MemberStats.objects.filter(member=member).update(checkins_count=days)
    rules.publish(actor=None, at=AT)
    assert night() == Moved(down=1, renewed=1)
    assert (standing(one)[0], standing(other)[0]) == ("金卡", "普通")


def test_a_tier_no_longer_in_use_is_left_for_the_next_below() -> None:
    member = placed("金卡", spent_fen=300000)
    Tier.objects.filter(name="金卡").update(is_active=False)
    rules.publish(actor=None, at=AT)
    assert night() == Moved(down=1)
    assert standing(member)[0] == "银卡"


def test_by_day_a_tier_no_longer_in_use_still_counts() -> None:
    """A purchase, a check-in and a gift lift nobody to a tier below the one that is held."""
    member = placed("金卡", until=TODAY)
    Tier.objects.filter(name="金卡").update(is_active=False)
    silver = factories.tiers()["银卡"]
    pack = GiftPack.objects.create(name="试用银卡", points=1, tier=silver, tier_days=30)
    Policy.objects.update(checkin_points=1)
    StreakStep.objects.create(days=2, pack=pack)
    rules.publish(actor=None, at=AT)
    before = standing(member)
    settle(1, Cart((CartLine(amount_fen=60000),), member_id=member.pk), at=AT - DAY)
    for at in (AT - DAY, AT):
        checkins.check_in(member_id=member.pk, shop=None, actor=None, at=at)
    assert standing(member) == before
    assert not Event.objects.filter(kind="tier_changed").exists()
    # The better one is still to be had, and is what the card and the counter point to.
    held, book = counter.standing_of(member.pk, at=AT)
    assert held is not None
    assert book is not None
    way = card.progress(held, book)
    assert way is not None
    assert (way["name"], way["missing_fen"]) == ("黑卡", 940100)
    assert counter.member_view(held, book)["next_tier"]["name"] == "黑卡"
    settle(2, Cart((CartLine(amount_fen=1000000),), member_id=member.pk), at=AT)
    assert standing(member)[0] == "黑卡"


def test_a_closed_member_is_left_alone() -> None:
    member = placed("金卡")
    Member.objects.filter(pk=member.pk).update(
        status="closed", phone=None, name="", phone_proved_at=None
    )
    assert night() == Moved()
    assert standing(member)[0] == "金卡"


def test_batches_reach_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly_tiers, "BATCH", 2)
    people = [placed("金卡", phone=f"{number:04}") for number in range(1, 6)]
    assert night() == Moved(down=5)
    assert {standing(person)[0] for person in people} == {"普通"}


def test_a_year_of_nights() -> None:
    """Promoted by a sale, kept for 12 months, one order in the window, then down step by step."""
    member = factories.member()
    settle(1, Cart((CartLine(amount_fen=210000),), member_id=member.pk), at=AT)
    assert standing(member) == ("金卡", TODAY, dt.date(2027, 5, 20))
    settle(
        2, Cart((CartLine(amount_fen=60000),), member_id=member.pk), at=AT + dt.timedelta(days=200)
    )
    seen = [standing(member)[0]]
    changed_on = []
    for day in range(1, 760):
        night(AT + dt.timedelta(days=day))
        tier = standing(member)[0]
        if tier != seen[-1]:
            seen.append(tier)
            changed_on.append(TODAY + dt.timedelta(days=day))
    assert seen == ["金卡", "银卡", "普通"]
    assert changed_on == [dt.date(2027, 5, 21), dt.date(2028, 5, 22)]
    assert len(tier_events(member)) == 2
