"""Changes of rules from a date: planned, called off, applied once when their day begins.

Planning does the change, reads what it came to and undoes it: what cannot be done today is refused
today, by the same checks. What is kept is the difference, so that an edit of something else in
between is not undone; where the same thing was edited, the planned change is not applied but
reported.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from loyalty.models import (
    Benefit,
    Category,
    CouponTemplate,
    GiftPack,
    PlannedChange,
    Policy,
    Product,
    Tier,
    TopUpPlan,
)
from loyalty.selectors import planned
from loyalty.services import rule_changes
from members import clock
from members.errors import Refusal
from members.models import CardFace, Staff
from members.pictures import Written
from members.services import events, faces
from members.services.rows import facts_of

log = structlog.get_logger(__name__)

Status = PlannedChange.Status
FURTHEST = 366  # days
NO_RULE = frozenset({"id", "ruleset", "issued_count", "budget_used_fen"})  # keys and counts
LADDER = 0  # the subject of a change of tiers
RULES: dict[str, type[models.Model]] = {
    str(model._meta.model_name): model
    for model in (
        *(Tier, Policy, Benefit, CouponTemplate, GiftPack, TopUpPlan),
        *(Product, Category, CardFace),
    )
}


class _Undone(Exception):
    """Carries out of the transaction what was only tried."""


def plan(
    *,
    rows: Sequence[models.Model],
    store: Callable[[], object],
    from_date: dt.date,
    actor: Staff,
    at: dt.datetime,
    pictures: Sequence[Written] = (),
) -> PlannedChange:
    """Keep for a day to come what ``store`` does to ``rows`` (all of the same kind).

    ``pictures`` are those that came with it: what ``store`` kept of them is undone, too.
    Refuses what ``store`` refuses, and ``from_not_later``, ``from_too_far``, ``already_planned``,
    ``nothing_different``. The rows in memory are of no more use afterwards.
    """
    _check_day(from_date, today=clock.local_date(at))
    kind = str(rows[0]._meta.model_name)
    subject = LADDER if kind == "tier" else rows[0].pk
    with transaction.atomic():
        if subject is not None and planned.is_planned(kind, subject):
            raise Refusal(
                "already_planned",
                _("A change of this waits for its day already. Call that one off first."),
                status=409,
                field="effective_from",
            )
        lines = _differences(rows, store)
        if not lines:
            raise Refusal(
                "nothing_different",
                _("Nothing is different from now, so there is nothing to plan."),
                field="effective_from",
            )
        change = PlannedChange.objects.create(
            kind=kind,
            subject=subject,
            name="、".join(line["name"] for line in lines)[:120],
            lines=lines,
            from_date=from_date,
            planned_by=actor,
            planned_at=at,
        )
        change.pictures.set(faces.keep_pictures(pictures))
        _tell("rule_planned", change, staff_id=actor.pk, at=at)
        return change


def _check_day(day: dt.date, *, today: dt.date) -> None:
    if day <= today:
        raise Refusal(
            "from_not_later",
            _("Choose a day after today, or leave it empty: then it holds at once."),
            field="effective_from",
        )
    if day > today + dt.timedelta(days=FURTHEST):
        raise Refusal(
            "from_too_far",
            _("Choose a day within a year."),
            field="effective_from",
        )


def _differences(rows: Sequence[models.Model], store: Callable[[], object]) -> list[dict[str, Any]]:
    """What ``store`` changes in each row; afterwards nothing is changed."""
    were = [_facts(row) if row.pk is not None else {} for row in rows]
    pks = [row.pk for row in rows]
    found: list[dict[str, Any]] = []
    try:
        with transaction.atomic():
            store()
            for row, pk, before in zip(rows, pks, were, strict=True):
                after = _facts(row)
                names = [name for name in after if before.get(name) != after[name] or not before]
                if names:
                    found.append(
                        {
                            "id": pk,
                            "name": str(row),
                            "before": {name: before[name] for name in names if before},
                            "after": {name: after[name] for name in names},
                        }
                    )
            raise _Undone
    except _Undone:
        return found


def _facts(row: models.Model) -> dict[str, Any]:
    """What the database says of a row, but for its key."""
    stored = type(row)._default_manager.get(pk=row.pk)
    facts = facts_of(stored) | rule_changes.parts_of(stored)
    return {name: value for name, value in facts.items() if name not in NO_RULE}


def cancel(*, change_id: int, actor: Staff, at: dt.datetime) -> PlannedChange:
    """Call a planned change off, or put away one that could not be applied.

    Refuses ``too_late``.
    """
    with transaction.atomic():
        change = (
            PlannedChange.objects.select_for_update()
            .filter(pk=change_id, status__in=[Status.PLANNED, Status.FAILED])
            .first()
        )
        if change is None:
            raise Refusal(
                "too_late",
                _("This change is in force already, or was called off."),
                status=409,
            )
        _close(change, Status.CANCELLED, at=at)
        _tell("rule_plan_cancelled", change, staff_id=actor.pk, at=at)
        return change


def apply_due(*, at: dt.datetime) -> list[PlannedChange]:
    """Put in force what is due by now in the shop's zone; those that were, or could not be.

    However often it is asked, and by however many at once, each is applied once. One that cannot
    be applied, for whatever reason, holds up no other.
    """
    tried = []
    for change_id in planned.due_ids(clock.local_date(at)):
        try:
            tried.append(_apply_one(change_id, at=at))
        except OperationalError:  # something it needs is held by somebody: asked again in a minute
            log.warning("rule_change_waits", change=change_id, exc_info=True)
    return [change for change in tried if change is not None]


def _apply_one(change_id: int, *, at: dt.datetime) -> PlannedChange | None:
    with transaction.atomic():
        change = (
            PlannedChange.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("planned_by")
            .filter(pk=change_id, status=Status.PLANNED)
            .first()
        )
        if change is None:  # another worker has it, or had it
            return None
        change.problem = _problem(change, at=at)
        _close(change, Status.FAILED if change.problem else Status.APPLIED, at=at)
        kind = "rule_plan_failed" if change.problem else "rule_plan_applied"
        _tell(kind, change, staff_id=change.planned_by_id, at=at)
        return change


def _problem(change: PlannedChange, *, at: dt.datetime) -> dict[str, str]:
    """Do it (empty), or say in every language of the house why it cannot be done: whoever reads
    it may speak another one."""
    try:
        if not _attempt(change, at=at):
            return {}
        return _in_every_language(lambda: _attempt(change, at=at))
    except OperationalError:
        raise
    except Exception:
        # A fault of the program's own: the others of this run are none the worse for it.
        log.exception("rule_change_broke", change=change.pk)
        return _in_every_language(
            lambda: _(
                "The program made a mistake here, so this was not applied. Try it again; if it"
                " does not help, show the log to whoever runs the program."
            )
        )


def _in_every_language(say: Callable[[], str]) -> dict[str, str]:
    said = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            said[language] = say()
    return said


def _attempt(change: PlannedChange, *, at: dt.datetime) -> str:
    """Do it, or say in the language at hand why it cannot be done; then nothing is changed."""
    try:
        with transaction.atomic():
            _store(change, at=at)
            connection.check_constraints()
    except Refusal as refusal:
        return str(refusal.message)
    except IntegrityError:
        return _("It no longer fits the other rules: something else took its name or place.")
    return ""


def _store(change: PlannedChange, *, at: dt.datetime) -> None:
    model = RULES[change.kind]
    actor = change.planned_by
    rows = [_row(model, line) for line in change.lines]
    if model is Tier:
        _store_ladder([row for row in rows if isinstance(row, Tier)], actor, at)
        return
    row, after = rows[0], change.lines[0]["after"]
    relations = {
        field.name: _all_of(field.related_model, after[field.name])
        for field in model._meta.many_to_many
        if field.name in after and field.name not in rule_changes.PARTS
    }
    match row:
        case Policy():
            streaks = _streaks(after["streaks"]) if "streaks" in after else None
            rule_changes.save_policy(policy=row, streaks=streaks, actor=actor, at=at)
        case CouponTemplate():
            rule_changes.save_template(template=row, actor=actor, at=at, **relations)
        case TopUpPlan():
            rule_changes.save_plan(plan=row, actor=actor, at=at, **relations)
        case Benefit():
            prices = _pairs(Product, after["prices"]) if "prices" in after else None
            rule_changes.save_benefit(benefit=row, prices=prices, actor=actor, at=at, **relations)
        case GiftPack():
            now = {} if "coupons" in after else rule_changes.parts_of(row)
            coupons = _pairs(CouponTemplate, (now | after)["coupons"])
            rule_changes.save_pack(pack=row, coupons=coupons, actor=actor, at=at)
        case Product():
            rule_changes.save_product(product=row, actor=actor, at=at)
        case Category():
            rule_changes.save_category(category=row, actor=actor, at=at)
        case CardFace():
            faces.save_face(face=row, changes={}, actor=actor, at=at)


def _store_ladder(changed: list[Tier], actor: Staff, at: dt.datetime) -> None:
    """The whole ladder with its changed steps, highest first: no two ranks meet on the way."""
    known = {row.pk: row for row in Tier.objects.select_for_update()}
    known |= {row.pk: row for row in changed if row.pk is not None}
    tiers = [*known.values(), *(row for row in changed if row.pk is None)]
    tiers.sort(key=lambda tier: tier.rank, reverse=True)
    rule_changes.save_tiers(tiers=tiers, actor=actor, at=at)


def _row(model: type[models.Model], line: dict[str, Any]) -> models.Model:
    """The row with the change in it, held. Refuses ``changed_meanwhile``, ``gone_meanwhile``."""
    row = model()
    if line["id"] is not None:
        held = model._default_manager.select_for_update().filter(pk=line["id"]).first()
        if held is None:
            raise _gone()
        now = _facts(held)
        if any(now.get(name) != value for name, value in line["before"].items()):
            raise Refusal(
                "changed_meanwhile",
                _(
                    "Somebody changed the same thing after this was planned, so it was not"
                    " applied. Look at what it says now and plan it again if it is still wanted."
                ),
                status=409,
            )
        row = held
    for field in model._meta.concrete_fields:
        if field.name in line["after"] and not field.primary_key:
            value = line["after"][field.name]
            if field.is_relation and value is not None:
                _all_of(field.related_model, [value])
            target = field.target_field if field.is_relation else field  # type: ignore[attr-defined]
            setattr(row, field.attname, target.to_python(value))
    return row


def _pairs(model: Any, pairs: Iterable[Sequence[int]]) -> list[tuple[Any, int]]:
    """(id, number) as (row, number)."""
    known = {row.pk: row for row in _all_of(model, [pk for pk, _number in pairs])}
    return [(known[pk], number) for pk, number in pairs]


def _streaks(lines: Iterable[tuple[int, int, bool]]) -> list[tuple[int, GiftPack, bool]]:
    """(days, pack's id, whether it repeats) with the pack itself."""
    known = {pack.pk: pack for pack in _all_of(GiftPack, [pack for _days, pack, _on in lines])}
    return [(days, known[pack], repeats) for days, pack, repeats in lines]


def _all_of(model: Any, pks: Sequence[int]) -> list[Any]:
    """The rows of these ids. Refuses ``gone_meanwhile`` where one is missing."""
    found = list(model._default_manager.filter(pk__in=pks))
    if len(found) != len(set(pks)):
        raise _gone()
    return found


def _gone() -> Refusal:
    return Refusal(
        "gone_meanwhile",
        _("Something this change is about was deleted after it was planned."),
        status=409,
    )


def _close(change: PlannedChange, status: str, *, at: dt.datetime) -> None:
    """One that failed keeps its pictures until somebody has looked at it."""
    change.status, change.closed_at = status, at
    change.save(update_fields=["status", "closed_at", "problem"])
    if status != Status.FAILED and change.pictures.exists():
        change.pictures.clear()
        faces.forget_unused()


def _tell(kind: str, change: PlannedChange, *, staff_id: int, at: dt.datetime) -> None:
    facts = {
        "plan": change.pk,
        "model": change.kind,
        "name": change.name,
        "from": change.from_date.isoformat(),
    }
    if kind == "rule_planned":
        facts["lines"] = change.lines
    events.record(kind=kind, at=at, staff_id=staff_id, data=facts)
