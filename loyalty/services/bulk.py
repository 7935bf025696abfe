"""One coupon for each of many members, in batches that may be killed and done again.

Who is to get one is fixed when it is asked for. A batch is one transaction: it holds the issue's
row, the accounts of its members and the template, gives, and marks who was given; so nobody is
given twice, whoever works on it. The lease in the row keeps a second worker away; a killed one's
is taken over when it has passed. Events are written without outbox rows.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import structlog
from celery import current_app
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.models import BulkIssue, BulkIssueMember, Coupon, CouponTemplate
from loyalty.selectors import bulk as selectors
from loyalty.selectors.coupons import left_of
from loyalty.services import coupons, keys
from loyalty.services.working import rules_of
from members.errors import Refusal
from members.models import Member, Staff
from members.services import codes, events
from members.services.staff import require

BATCH = 1000  # members; a till waits for one batch at most
LEASE = dt.timedelta(minutes=1)
TASK = "loyalty.give_bulk"

log = structlog.get_logger(__name__)

CHOOSE = """
INSERT INTO loyalty_bulkissuemember (issue_id, member_id, outcome)
SELECT %s, chosen.id, 'waiting' FROM ({audience}) AS chosen(id)
"""

# Stock, budget and limits are read under the locks taken before. What is over is left out with its
# reason.
GIVE = """
WITH judged AS (
    SELECT m.id AS member_id, CASE WHEN m.status <> 'active' THEN m.status
        WHEN NOT %(usable)s THEN 'over'
        WHEN %(limit)s::int IS NOT NULL AND (SELECT count(*) FROM loyalty_coupon c
            WHERE c.member_id = m.id AND c.template_id = %(template)s) >= %(limit)s::int
            THEN 'limit'
        ELSE 'given' END AS verdict
    FROM members_member m WHERE m.id = ANY(%(members)s)
), numbered AS (
    SELECT member_id, verdict,
        row_number() OVER (PARTITION BY verdict ORDER BY member_id) AS number
    FROM judged
), decided AS MATERIALIZED (
    SELECT member_id, number,
        CASE WHEN verdict = 'given' AND number > %(left)s THEN %(runs_out)s ELSE verdict
        END AS outcome
    FROM numbered
), given AS (
    INSERT INTO loyalty_coupon (code, template_id, member_id, status, uses_left, issued_at,
        valid_from, expires_at, source)
    SELECT c.code, %(template)s, d.member_id, 'active', %(uses)s, %(at)s,
        %(valid_from)s, %(expires_at)s, 'bulk'
    FROM decided d JOIN unnest(%(codes)s::text[]) WITH ORDINALITY AS c(code, number)
        ON c.number = d.number
    WHERE d.outcome = 'given'
    RETURNING id, member_id
), told AS (
    INSERT INTO members_event (kind, at, member_id, data)
    SELECT 'coupon_given', %(at)s, member_id, jsonb_build_object('coupon', id,
        'template', %(template)s::bigint, 'name', %(name)s::text, 'by', %(staff)s::bigint,
        'bulk', %(issue)s::bigint)
    FROM given ORDER BY member_id
), taken AS (
    UPDATE loyalty_coupontemplate
    SET issued_count = issued_count + (SELECT count(*) FROM given),
        budget_used_fen = budget_used_fen + %(counts_fen)s * (SELECT count(*) FROM given)
    WHERE id = %(template)s
), marked AS (
    UPDATE loyalty_bulkissuemember b SET outcome = d.outcome, coupon_id = g.id
    FROM decided d LEFT JOIN given g ON g.member_id = d.member_id
    WHERE b.issue_id = %(issue)s AND b.member_id = d.member_id
        AND b.member_id = ANY(%(members)s)
    RETURNING b.outcome
)
SELECT count(*) FILTER (WHERE outcome = 'given'), count(*) FILTER (WHERE outcome <> 'given')
FROM marked
"""


def start(
    *, key: uuid.UUID, template_id: int, audience: QuerySet[Member], actor: Staff, at: dt.datetime
) -> int:
    """Fix who gets one coupon each, and have it done in the background; one event
    ``bulk_issue_started``. The issue's id; the same key again gives the same one.

    Refuses ``not_allowed``, ``coupon_not_given`` (not in use, or over), ``nobody_chosen``.
    """
    require(actor, "give_coupons")
    if not _is_usable(template_id, at):
        raise Refusal(
            "coupon_not_given",
            _("This coupon is not in use any more. Choose another one."),
            status=409,
            field="template",
        )
    answer = keys.once(
        key=key,
        kind="bulk_issue",
        content=[template_id],
        staff_id=actor.pk,
        at=at,
        effect=lambda: {"issue": _choose(template_id, audience, actor, at)},
    )
    return int(answer["issue"])


def _choose(template_id: int, audience: QuerySet[Member], actor: Staff, at: dt.datetime) -> int:
    sql, values = selectors.audience_sql(audience)
    issue = BulkIssue.objects.create(template_id=template_id, staff=actor, at=at)
    with connection.cursor() as cursor:
        cursor.execute(CHOOSE.format(audience=sql), [issue.pk, *values])
        issue.chosen_count = cursor.rowcount
    if not issue.chosen_count:
        raise Refusal("nobody_chosen", _("No member is chosen. Choose somebody first."))
    issue.save(update_fields=["chosen_count"])
    _record("bulk_issue_started", issue, actor, at)
    transaction.on_commit(lambda: _send(issue.pk))
    return issue.pk


def _send(issue_id: int) -> None:
    """Have a worker take it up. One that cannot be asked fails nothing: the sweep finds it."""
    try:
        # By name: services do not import tasks.
        current_app.signature(TASK, args=(issue_id,)).apply_async()
    except Exception as error:  # whatever the broker's client raises: the rows are there
        log.warning("bulk_issue_not_enqueued", error=str(error))


def unfinished(*, at: dt.datetime) -> list[int]:
    """The issues that nobody is working on."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=at)
    rows = BulkIssue.objects.filter(free, finished_at__isnull=True)
    return list(rows.order_by("at").values_list("pk", flat=True))


def claim(*, issue_id: int, at: dt.datetime) -> dt.datetime | None:
    """Take an issue up: the mark to show with each batch, or None while somebody else has it."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=at)
    rows = BulkIssue.objects.filter(free, pk=issue_id, status=BulkIssue.Status.RUNNING)
    return at + LEASE if rows.update(leased_until=at + LEASE) else None


def give_batch(*, issue_id: int, lease: dt.datetime, at: dt.datetime) -> dt.datetime | None:
    """Give to the next members. The mark for the next batch, or None when there is none.

    ``at`` is read anew for each batch. Raises Refusal ``busy`` when a member's lock is not had.
    """
    with locks.waiting_politely(), transaction.atomic():
        issue = (
            BulkIssue.objects.select_for_update()
            .filter(pk=issue_id, status=BulkIssue.Status.RUNNING, leased_until=lease)
            .first()
        )
        if issue is None:
            return None  # stopped, or taken over by another worker
        waiting = issue.members.filter(outcome=BulkIssueMember.Outcome.WAITING)
        members = list(waiting.order_by("member_id").values_list("member_id", flat=True)[:BATCH])
        if members:
            given, left_out = _give(issue, members, at=at)
            issue.given_count += given
            issue.left_out_count += left_out
        if len(members) < BATCH:
            issue.status, issue.finished_at = BulkIssue.Status.DONE, at
        issue.leased_until = None if issue.finished_at else at + LEASE
        issue.save()
    return issue.leased_until


def give_up(*, issue_id: int, lease: dt.datetime) -> None:
    """Leave the rest of an issue to whoever comes next."""
    BulkIssue.objects.filter(pk=issue_id, leased_until=lease).update(leased_until=None)


def _give(issue: BulkIssue, members: list[int], *, at: dt.datetime) -> tuple[int, int]:
    locks.lock_accounts(members)
    template = CouponTemplate.objects.select_for_update().get(pk=issue.template_id)
    row = rules_of(None, at)[1].template_rows.get(template.pk)
    until = coupons.validity(row, at) if row is not None else (at, at)
    left = left_of(template)
    counts_fen = (template.most_fen or 0) if template.budget_fen is not None else 0
    with connection.cursor() as cursor:
        cursor.execute(
            GIVE,
            {
                "issue": issue.pk,
                "staff": issue.staff_id,
                "template": template.pk,
                "name": template.name,
                "uses": row["uses"] if row is not None else 1,
                "usable": template.is_active and until[1] > at,
                "limit": template.per_member_limit,
                "left": len(members) if left.count is None else left.count,
                "runs_out": left.runs_out,
                "counts_fen": counts_fen,
                "members": members,
                "codes": codes.new_coupon_codes(len(members), taken=_taken),
                "valid_from": until[0],
                "expires_at": until[1],
                "at": at,
            },
        )
        given, left_out = cursor.fetchone()
    return given, left_out


def _taken(found: Any) -> list[str]:
    rows = Coupon.objects.filter(code__in=list(found))
    return list(rows.values_list("code", flat=True))


def _is_usable(template_id: int, at: dt.datetime) -> bool:
    if not CouponTemplate.objects.filter(pk=template_id, is_active=True).exists():
        return False
    row = rules_of(None, at)[1].template_rows.get(template_id)
    return row is not None and coupons.validity(row, at)[1] > at


def usable_templates(*, at: dt.datetime) -> list[CouponTemplate]:
    """The kinds of coupon that can be given now."""
    known = rules_of(None, at)[1].template_rows
    return [
        template
        for template in CouponTemplate.objects.filter(is_active=True).order_by("-pk")
        if template.pk in known and coupons.validity(known[template.pk], at)[1] > at
    ]


def cancel(*, issue_id: int, actor: Staff, at: dt.datetime) -> BulkIssue:
    """Stop after the batch that is being given; one event ``bulk_issue_stopped``.

    What was given stays given. Refuses ``not_allowed``, ``bulk_issue_over``.
    """
    require(actor, "give_coupons")
    with locks.waiting_politely(), transaction.atomic():
        issue = BulkIssue.objects.select_for_update().filter(pk=issue_id).first()
        if issue is None or issue.status != BulkIssue.Status.RUNNING:
            raise Refusal(
                "bulk_issue_over", _("This is over already: nothing is left to stop."), status=409
            )
        issue.status, issue.finished_at = BulkIssue.Status.CANCELLED, at
        issue.leased_until = None
        issue.save()
        _record("bulk_issue_stopped", issue, actor, at)
    return issue


def take_back(*, issue_id: int, actor: Staff, at: dt.datetime) -> int:
    """Withdraw the coupons of an issue that nobody has used; how many. One event
    ``bulk_issue_taken_back``, and one ``coupon_taken_back`` for each member.

    Refuses ``not_allowed``, ``bulk_issue_running``.
    """
    require(actor, "give_coupons")
    with locks.waiting_politely(), transaction.atomic():
        issue = BulkIssue.objects.select_for_update().filter(pk=issue_id).first()
        if issue is None or issue.status == BulkIssue.Status.RUNNING:
            raise Refusal("bulk_issue_running", _("Stop it first, or wait until it is done."))
        with connection.cursor() as cursor:
            values: dict[str, int | str | dt.datetime] = {
                "issue": issue_id,
                "template": issue.template_id,
                "name": issue.template.name,
                "staff": actor.pk,
                "at": at,
            }
            cursor.execute(HOLD, [issue_id])
            cursor.execute(TAKE_BACK, values)
            count = int(cursor.fetchone()[0])
        if count:
            _record("bulk_issue_taken_back", issue, actor, at, coupons=count)
    return count


# Before it is looked which are unused: a sale that is about to use one is waited for.
HOLD = """
SELECT FROM loyalty_coupon c JOIN loyalty_bulkissuemember b ON b.coupon_id = c.id
WHERE b.issue_id = %s AND c.status = 'active' ORDER BY c.id FOR UPDATE OF c
"""
TAKE_BACK = """
WITH unused AS (
    UPDATE loyalty_coupon c SET status = 'withdrawn'
    FROM loyalty_bulkissuemember b
    WHERE b.issue_id = %(issue)s AND c.id = b.coupon_id AND c.status = 'active'
        AND NOT EXISTS (SELECT FROM loyalty_couponuse u WHERE u.coupon_id = c.id AND NOT u.returned)
    RETURNING c.id, c.member_id
), told AS (
    INSERT INTO members_event (kind, at, member_id, data)
    SELECT 'coupon_taken_back', %(at)s, member_id, jsonb_build_object('coupon', id,
        'template', %(template)s::bigint, 'name', %(name)s::text, 'by', %(staff)s::bigint,
        'bulk', %(issue)s::bigint)
    FROM unused ORDER BY member_id
)
SELECT count(*) FROM unused
"""


def _record(kind: str, issue: BulkIssue, actor: Staff, at: dt.datetime, **facts: int) -> None:
    data = {"bulk": issue.pk, "template": issue.template_id, "name": issue.template.name}
    data["members"] = issue.chosen_count
    events.record(kind=kind, at=at, staff_id=actor.pk, data={**data, **facts}, outbox=False)
