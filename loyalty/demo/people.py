"""Who comes to the demo shop: names, phones and habits, each decided by the member's number."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹"
GIVEN = (
    "伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀英 霞 平 刚 桂英 欣怡 梓涵 子轩 浩然 "
    "雨桐 诗涵 宇航 俊杰 思远 佳怡 晨曦 若曦 一诺 梦琪 天佑 嘉豪 雅婷 文博 晓燕 建国 志强 海燕"
).split()
PHONE_HEADS = ("135", "136", "137", "138", "139", "150", "158", "177", "186", "188")


@dataclass(frozen=True, slots=True)
class Habit:
    """How often somebody comes. ``share`` in per mille of all members."""

    name: str
    share: int
    orders: tuple[int, int]  # a year, from … to
    gap_days: float  # between two visits
    stops: bool = False  # has not come for months


HABITS = (
    Habit("loyal", 70, (24, 40), 6.0),
    Habit("regular", 180, (8, 18), 14.0),
    Habit("occasional", 300, (3, 6), 45.0),
    Habit("once", 250, (1, 1), 1.0),
    Habit("asleep", 150, (3, 8), 12.0, stops=True),
    Habit("never", 50, (0, 0), 1.0),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One member-to-be. ``joined`` and ``visits`` are local wall-clock times."""

    number: int
    name: str
    phone: str
    gender: str
    birthday: tuple[int, int, int]
    joined: dt.datetime
    visits: tuple[dt.datetime, ...]
    shop: int
    favourites: tuple[int, ...]
    tops_up: bool
    uses_points: bool


def _habit(draw: random.Random) -> Habit:
    at = draw.randrange(1000)
    for habit in HABITS:
        if at < habit.share:
            return habit
        at -= habit.share
    return HABITS[-1]


def _clock(draw: random.Random) -> dt.timedelta:
    hour = draw.choices((8, 9, 10, 12, 13, 15, 16, 18, 20), (9, 9, 5, 7, 6, 7, 5, 4, 2))[0]
    return dt.timedelta(hours=hour, minutes=draw.randrange(60), seconds=draw.randrange(60))


def _visits(draw: random.Random, habit: Habit, joined: dt.date, today: dt.date) -> list[dt.date]:
    last = today - dt.timedelta(days=draw.randint(70, 200) if habit.stops else 0)
    days = []
    day = joined
    for _number in range(draw.randint(*habit.orders)):
        if day > last:
            break
        days.append(day)
        day += dt.timedelta(days=max(1, round(draw.expovariate(1 / habit.gap_days))))
    return days


def people(count: int, *, today: dt.date, shops: int, articles: int) -> Iterator[Person]:
    """The first ``count`` members of the demo shop; the year ends with today."""
    for number in range(count):
        draw = random.Random(f"huitou {number}")  # noqa: S311 (no secret: a demo)
        habit = _habit(draw)
        joined = today - dt.timedelta(days=int(358 * draw.random() ** 0.8) + 2)
        name = SURNAMES[draw.randrange(len(SURNAMES))] + draw.choice(GIVEN)
        head = PHONE_HEADS[number % len(PHONE_HEADS)]
        visits = _visits(draw, habit, joined, today)
        first = dt.datetime.combine(joined, dt.time()) + _clock(draw)
        times = [dt.datetime.combine(day, dt.time()) + _clock(draw) for day in visits]
        if times:
            times[0] = first + dt.timedelta(minutes=2)
        yield Person(
            number=number,
            name=name,
            phone=f"+86{head}{(number * 7919 + 20000003) % 10**8:08d}",
            gender=draw.choice(("f", "f", "m")),
            birthday=(draw.randint(1965, 2007), draw.randint(1, 12), draw.randint(1, 28)),
            joined=first,
            visits=tuple(sorted(times)),
            shop=draw.choices(range(shops), (5, 3, 2)[:shops])[0],
            favourites=tuple(draw.sample(range(articles), 4)),
            tops_up=habit.name in {"loyal", "regular"} and draw.random() < 0.35,
            uses_points=draw.random() < 0.3,
        )
