"""Gifts for days running: on which day of a streak which gift comes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WEEK = 7


@dataclass(frozen=True, slots=True)
class StreakRule:
    """A gift pack on day ``days`` of a streak; if it ``repeats``, on each further ``days``-th."""

    days: int
    pack: int
    repeats: bool

    def comes_on(self, day: int) -> bool:
        return day == self.days or (self.repeats and day > 0 and day % self.days == 0)

    def next_after(self, day: int) -> int | None:
        """The first day after ``day`` on which it comes; None: not in this streak any more."""
        if day < self.days:
            return self.days
        return (day // self.days + 1) * self.days if self.repeats else None

    def last_until(self, day: int) -> int:
        """The last day up to ``day`` on which it came; 0: it has not come yet."""
        if day < self.days:
            return 0
        return day // self.days * self.days if self.repeats else self.days


@dataclass(frozen=True, slots=True)
class Way:
    """The stretch of a streak that is shown: from the gift before to the one ahead.

    ``done`` of ``length`` days lie behind. ``left`` days lead to ``coming``, the gifts ahead:
    none where nothing more comes in this streak, or where no such gift is set up.
    """

    done: int
    length: int
    left: int
    coming: tuple[StreakRule, ...]


def gifts_on(rules: Sequence[StreakRule], day: int) -> list[StreakRule]:
    """The gifts of one day of a streak; several where steps meet."""
    return [rule for rule in rules if rule.comes_on(day)]


def way(rules: Sequence[StreakRule], streak: int, *, is_done: bool) -> Way:
    """Where a member stands after ``streak`` days. ``is_done``: today's check-in is one of them.

    On the day of a gift the full stretch stays until the next day begins.
    """
    after = [day for rule in rules if (day := rule.next_after(streak)) is not None]
    ahead = min(after, default=0)
    stays = is_done and streak > 0
    if stays and gifts_on(rules, streak):
        start, end = _before(rules, streak - 1), streak
    elif ahead:
        start, end = _before(rules, streak), ahead
    else:
        start = (streak - stays) // WEEK * WEEK
        end = start + WEEK
    return Way(
        done=streak - start,
        length=end - start,
        left=ahead - streak if ahead else 0,
        coming=tuple(gifts_on(rules, ahead)) if ahead else (),
    )


def _before(rules: Sequence[StreakRule], day: int) -> int:
    return max((rule.last_until(day) for rule in rules), default=0)
