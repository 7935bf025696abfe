"""On which day of a streak which gift comes, and what is shown on the way there."""

from __future__ import annotations

import pytest

from loyalty.settlement.streaks import StreakRule, Way, gifts_on, way

WEEKLY = StreakRule(7, pack=1, repeats=True)
ONCE = StreakRule(30, pack=2, repeats=False)
FORTNIGHT = StreakRule(14, pack=3, repeats=True)


@pytest.mark.parametrize(
    ("rule", "days"),
    [(WEEKLY, [7, 14, 21, 28, 35]), (ONCE, [30]), (FORTNIGHT, [14, 28])],
)
def test_the_days_it_comes_on(rule: StreakRule, days: list[int]) -> None:
    assert [day for day in range(41) if rule.comes_on(day)] == days
    ahead = [rule.next_after(day) for day in range(41)]
    behind = [rule.last_until(day) for day in range(41)]
    assert [day for day in range(1, 41) if ahead[day - 1] == day] == days
    assert [day for day in range(41) if behind[day] == day and day] == days
    assert ahead[0] == days[0]
    assert behind[0] == 0


def test_where_steps_meet_each_gives() -> None:
    assert gifts_on([WEEKLY, FORTNIGHT, ONCE], 14) == [WEEKLY, FORTNIGHT]
    assert gifts_on([WEEKLY, FORTNIGHT, ONCE], 30) == [ONCE]
    assert gifts_on([], 7) == []


# rules, streak, checked in today → done of length, days left, what comes
SHOWN: list[tuple[list[StreakRule], int, bool, Way]] = [
    ([], 0, False, Way(0, 7, 0, ())),
    ([], 7, True, Way(7, 7, 0, ())),
    ([], 7, False, Way(0, 7, 0, ())),
    ([], 8, True, Way(1, 7, 0, ())),
    ([WEEKLY], 0, False, Way(0, 7, 7, (WEEKLY,))),
    ([WEEKLY], 4, True, Way(4, 7, 3, (WEEKLY,))),
    ([WEEKLY], 6, False, Way(6, 7, 1, (WEEKLY,))),
    # The day of the gift stays full; the next morning the way begins anew.
    ([WEEKLY], 7, True, Way(7, 7, 7, (WEEKLY,))),
    ([WEEKLY], 7, False, Way(0, 7, 7, (WEEKLY,))),
    ([WEEKLY], 13, True, Way(6, 7, 1, (WEEKLY,))),
    ([WEEKLY, FORTNIGHT], 13, True, Way(6, 7, 1, (WEEKLY, FORTNIGHT))),
    ([WEEKLY, ONCE], 28, False, Way(0, 2, 2, (ONCE,))),
    ([WEEKLY, ONCE], 30, True, Way(2, 2, 5, (WEEKLY,))),
    ([ONCE], 12, True, Way(12, 30, 18, (ONCE,))),
    ([ONCE], 30, True, Way(30, 30, 0, ())),
    # Nothing comes in this streak any more: weeks, as in a shop without such gifts.
    ([ONCE], 31, True, Way(3, 7, 0, ())),
]


@pytest.mark.parametrize(("rules", "streak", "is_done", "shown"), SHOWN)
def test_the_way_to_the_next_gift(
    rules: list[StreakRule], streak: int, is_done: bool, shown: Way
) -> None:
    assert way(rules, streak, is_done=is_done) == shown
