"""Taking over receipts from another system as facts: one transaction, all of it or nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext as _

from loyalty import locks
from loyalty.imports import facts, points, staging, standing
from loyalty.imports.journey import JourneyFolder, parse_day
from loyalty.imports.problems import Problems
from loyalty.imports.staging import Progress, Staged
from loyalty.services import rules
from members import clock
from members.errors import Refusal
from members.models import Staff
from members.services import events

IMPORTING = 7_310_522  # number of the advisory lock


@dataclass(slots=True)
class Summary:
    """What an import found and what it added, by count; ``paid_fen`` and ``points`` of the orders
    added. ``found`` is what could be read, ``problems`` the rows left out."""

    found: Staged
    added: dict[str, int] = field(default_factory=dict)
    paid_fen: int = 0
    points: int = 0
    problems: Problems = field(default_factory=Problems)

    @property
    def is_new(self) -> bool:
        """Whether anything was added."""
        return any(self.added.values())


def read_zone(name: str) -> ZoneInfo:
    """The zone by its name in the time zone database. Raises Refusal ``zone_unknown``."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise Refusal(
            "zone_unknown",
            _("There is no time zone “%(name)s”. Write it like Asia/Shanghai or UTC.")
            % {"name": name},
        ) from error


def import_receipts(
    *,
    folder: Path,
    before: str,
    zone: str,
    with_points: bool,
    actor: Staff | None,
    at: dt.datetime,
    progress: Progress,
) -> Summary:
    """Take over everything in ``folder``, receipts only of local days before ``before``.

    ``zone`` says what the receipts' local times mean. What is there already (by its number) is
    left as it is, so a repeat adds nothing. Rows that cannot be read are left out, with their
    whole receipt, and listed in the summary.

    Raises Refusal, with nothing changed: ``zone_unknown``, ``date_unreadable``,
    ``folder_missing``, ``file_missing``, ``file_unreadable``, ``file_not_utf8``,
    ``column_missing``, ``row_unreadable``, ``import_running``, ``busy``.
    """
    meaning = read_zone(zone)
    until = parse_day(before)
    source = JourneyFolder(folder)
    source.check()
    with locks.waiting_politely(), transaction.atomic():
        _be_alone()
        staging.make_tables()
        progress(_("Reading receipts …"))
        found = staging.fill(source, before=until, zone=meaning, progress=progress)
        summary = Summary(found=found, problems=source.problems)
        start = dt.datetime.combine(until, dt.time.min, tzinfo=meaning)
        _add(summary, source, with_points=with_points, start=start, progress=progress)
        if summary.is_new:
            _record(summary, before=until, zone=zone, actor=actor, at=at)
        staging.drop_tables()
        progress(_("Committing …"))
    return summary


def _be_alone() -> None:
    """One import at a time; until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [IMPORTING])
        if not cursor.fetchone()[0]:
            raise Refusal(
                "import_running", _("Another import is running. Wait until it has ended.")
            )


def _add(
    summary: Summary,
    source: JourneyFolder,
    *,
    with_points: bool,
    start: dt.datetime,
    progress: Progress,
) -> None:
    problems = summary.problems
    policy = rules.policy() if with_points else None
    progress(_("Adding articles and members …"))
    added = summary.added
    added["shops"] = facts.add_shops()
    added |= facts.add_articles()
    added["members"] = facts.add_members(until=start)
    if added["members"]:
        standing.add(zone=clock.shop_zone().key)
    progress(_("Adding orders …"))
    orders = facts.add_orders(
        earn_per_yuan_pm=policy.earn_per_yuan_pm if policy else 0,
        problems=problems,
        file=source.file_name("receipt_lines"),
    )
    summary.found.left_out += orders.pop("orders_left_out")
    added |= orders
    if added["orders"]:
        members, summary.paid_fen = _touched()
        # Late and by primary key, before anything of a member is counted or changed.
        book = locks.lock_accounts(members)
        progress(_("Working out members' figures …"))
        standing.work_out()
        if policy:
            progress(_("Giving points …"))
            summary.points = points.give(book=book, months=policy.points_months)
    files = {stem: source.file_name(stem) for stem in ("campaign_targets", "coupon_redemptions")}
    added |= facts.add_campaigns(problems=problems, files=files)


def _touched() -> tuple[list[int], int]:
    """The members with a new order, and what all new orders were paid with (fen)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT member_id FROM import_new_order WHERE member_id > 0")
        members = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT sum(o.other_fen)::bigint FROM import_new_order n"
            " JOIN loyalty_order o ON o.id = n.id"
        )
        return members, cursor.fetchone()[0]


def _record(
    summary: Summary, *, before: dt.date, zone: str, actor: Staff | None, at: dt.datetime
) -> None:
    """One event for the whole import; new categories make a new version of the rules."""
    data = {
        "before": before.isoformat(),
        "zone": zone,
        "paid_fen": summary.paid_fen,
        "points": summary.points,
        "rows_left_out": len(summary.problems.found),
        **summary.added,
    }
    events.record(
        kind="receipts_imported",
        at=at,
        staff_id=actor.pk if actor else None,
        data=data,
        outbox=False,
    )
    if summary.added["categories"]:
        rules.publish(actor=actor, at=at)
