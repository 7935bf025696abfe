"""What the tests of changes from a date share: the day, who plans, and what came of a plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import models

from loyalty.models import (
    Benefit,
    Category,
    CouponTemplate,
    GiftPack,
    PlannedChange,
    Policy,
    Product,
    RuleSet,
    Tier,
    TopUpPlan,
)
from loyalty.services import planned, rules
from members import clock
from members.models import CardFace, CardImage, Staff
from members.pictures import Written
from tests import factories
from tests.factories import AT

DAY = clock.local_date(AT) + dt.timedelta(days=10)
MIDNIGHT = clock.start_of_day(DAY)


@pytest.fixture
def owner(db: None) -> Staff:
    factories.policy()
    factories.tiers()
    person = factories.owner()
    rules.publish(actor=person, at=AT)
    return person


def everything() -> tuple[Any, ...]:
    """What must not move while something is only planned, or when it is refused."""
    tables: tuple[type[models.Model], ...] = (
        *(Product, Category, CardFace, CardImage, Tier, Benefit, CouponTemplate),
        *(GiftPack, TopUpPlan, Policy, RuleSet),
    )
    return tuple(list(table._default_manager.order_by("pk").values()) for table in tables)


def plan(
    *rows: models.Model,
    store: Callable[[], object],
    owner: Staff,
    day: dt.date = DAY,
    pictures: Sequence[Written] = (),
    **columns: Any,
) -> PlannedChange:
    """Plan ``store`` of these rows with other values in these columns."""
    for row in rows:
        for name, value in columns.items():
            setattr(row, name, value)
    return planned.plan(
        rows=rows, store=store, from_date=day, actor=owner, at=AT, pictures=pictures
    )


def reported(change: PlannedChange) -> str:
    """Its day comes and it cannot be applied: nothing is changed, and this is said of it."""
    before = everything()
    assert planned.apply_due(at=MIDNIGHT) == [change]
    assert everything() == before
    change.refresh_from_db()
    assert (change.status, set(change.problem)) == ("failed", {"zh-hans", "en"})
    return str(change.problem["en"])
