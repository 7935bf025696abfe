"""What to do next for a member: the birthday speaks before its day and on it, never after."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation

from loyalty.admin import next_steps
from loyalty.models import Tier
from loyalty.selectors import inputs
from loyalty.services import rules
from loyalty.services.working import rules_of
from loyalty.settlement.rulebook import is_birthday, next_birthday
from tests import factories
from tests.factories import AT

TODAY = "Birthday today: congratulate them."
TOMORROW = "Birthday in 1 day: congratulate them."

# The birthday (month, day), the day in the shop, what is said.
BIRTHDAYS: list[tuple[tuple[int, int] | None, str, str]] = [
    ((5, 20), "2026-05-12", ""),
    ((5, 20), "2026-05-13", "Birthday in 7 days: congratulate them."),
    ((5, 20), "2026-05-17", "Birthday in 3 days: congratulate them."),
    ((5, 20), "2026-05-19", TOMORROW),
    ((5, 20), "2026-05-20", TODAY),
    ((5, 20), "2026-05-21", ""),
    ((5, 20), "2026-05-31", ""),
    ((6, 2), "2026-05-29", "Birthday in 4 days: congratulate them."),
    # The turn of the year.
    ((1, 2), "2026-12-30", "Birthday in 3 days: congratulate them."),
    ((1, 1), "2026-12-31", TOMORROW),
    ((1, 1), "2027-01-01", TODAY),
    ((12, 31), "2027-01-01", ""),
    # 29 February: on its day in a leap year, on the 28th in others.
    ((2, 29), "2027-02-27", TOMORROW),
    ((2, 29), "2027-02-28", TODAY),
    ((2, 29), "2027-03-01", ""),
    ((2, 29), "2028-02-28", TOMORROW),
    ((2, 29), "2028-02-29", TODAY),
    ((2, 29), "2028-03-01", ""),
    ((2, 28), "2028-02-29", ""),
    (None, "2026-05-20", ""),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("birthday", "day", "words"), BIRTHDAYS)
def test_a_birthday(birthday: tuple[int, int] | None, day: str, words: str) -> None:
    month, number = birthday or (None, None)
    member = factories.member(birth_month=month, birth_day=number)
    rules.publish(actor=None, at=AT)
    at = dt.datetime.fromisoformat(f"{day}T12:00+08:00")
    standing = inputs.load(member_id=member.pk, at=at)
    assert standing is not None
    with translation.override("en"):
        said = next_steps.of_member(standing, rules_of(standing, at)[1], at=at)
    assert [sentence for sentence in said if "irthday" in sentence] == ([words] if words else [])


@pytest.mark.django_db
def test_the_day_is_the_shops() -> None:
    member = factories.member(birth_month=5, birth_day=20)
    rules.publish(actor=None, at=AT)
    for hour, words in (("15:59", TODAY), ("16:00", "")):
        at = dt.datetime.fromisoformat(f"2026-05-20T{hour}+00:00")
        standing = inputs.load(member_id=member.pk, at=at)
        assert standing is not None
        with translation.override("en"):
            said = next_steps.of_member(standing, rules_of(standing, at)[1], at=at)
        assert (TODAY in said) is bool(words)


def test_a_birthday_is_kept_once_a_year() -> None:
    first = dt.date(2027, 1, 1)
    days = [first + dt.timedelta(days=number) for number in range(2 * 365 + 1)]
    for birthday in ((2, 28), (2, 29), (3, 1), (12, 31), (1, 1)):
        kept = [day for day in days if is_birthday(day, birthday)]
        assert [day.year for day in kept] == [2027, 2028]
        assert next_birthday(first, birthday) == kept[0]
        assert next_birthday(kept[0], birthday) == kept[0]
        assert next_birthday(kept[0] + dt.timedelta(days=1), birthday) == kept[1]
    assert not is_birthday(first, None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("points", "words"),
    [
        (4999, []),
        (5000, ["Has the points for 金卡, 5,000 points: tell them at the next visit."]),
        (20000, ["Has the points for 黑卡, 20,000 points: tell them at the next visit."]),
    ],
)
def test_points_enough_for_a_tier(points: int, words: list[str]) -> None:
    member = factories.member(points=points)
    Tier.objects.filter(name="金卡").update(price_points=5000)
    Tier.objects.filter(name="黑卡").update(price_points=20000)
    rules.publish(actor=None, at=AT)
    standing = inputs.load(member_id=member.pk, at=AT)
    assert standing is not None
    with translation.override("en"):
        said = next_steps.of_member(standing, rules_of(standing, AT)[1], at=AT)
    assert [sentence for sentence in said if "points for" in sentence] == words
