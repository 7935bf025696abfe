"""One coupon for each of many: who gets it, who does not, once each, whatever happens."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty import tasks
from loyalty.locks import lock_accounts
from loyalty.models import BulkIssue, BulkIssueMember, Coupon, CouponTemplate
from loyalty.selectors import bulk as selectors
from loyalty.selectors import reconciliation
from loyalty.selectors.inputs import current_rules
from loyalty.services import bulk, coupons, redeeming, rules, undoing
from members.errors import Refusal
from members.models import Event, Member, Outbox, Staff
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT

SECOND = dt.timedelta(seconds=1)
ROOT = Path(__file__).resolve().parents[2]


def publish(owner: Staff, **changes: object) -> CouponTemplate:
    template = factories.coupon_template("满80减20", 2000, 8000)
    CouponTemplate.objects.filter(pk=template.pk).update(**changes)
    rules.publish(actor=owner, at=AT)
    template.refresh_from_db()
    return template


def people(count: int, **more: object) -> list[Member]:
    return [factories.member(f"+86138001{number:05}", **more) for number in range(count)]  # type: ignore[arg-type]


def begin(template: CouponTemplate, owner: Staff) -> BulkIssue:
    number = bulk.start(
        key=uuid.uuid4(),
        template_id=template.pk,
        audience=Member.objects.all(),
        actor=owner,
        at=AT,
    )
    return BulkIssue.objects.get(pk=number)


def run(issue: BulkIssue, at: dt.datetime = AT) -> BulkIssue:
    with time_machine.travel(at, tick=False):
        tasks.give_bulk(issue.pk)
    issue.refresh_from_db()
    return issue


def outcomes(issue: BulkIssue) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in issue.members.all():
        found[row.outcome] = found.get(row.outcome, 0) + 1
    return found


@pytest.mark.django_db
def test_everybody_chosen_gets_one_or_a_reason() -> None:
    owner = factories.owner()
    template = publish(owner, per_member_limit=1, stock=4, issued_count=0)
    everybody = people(6)
    Member.objects.filter(pk=everybody[0].pk).update(status="frozen")
    Member.objects.filter(pk=everybody[1].pk).update(
        status="closed", name="", phone=None, phone_proved_at=None
    )
    factories.coupon(everybody[2], template)
    CouponTemplate.objects.filter(pk=template.pk).update(issued_count=1, stock=3)
    template.refresh_from_db()
    seen = selectors.preview(audience=Member.objects.all(), template=template)
    assert (seen.chosen, seen.gets) == (6, 2)
    assert dict(seen.left_out) == {"frozen": 1, "closed": 1, "limit": 1, "stock": 1}
    issue = run(begin(template, owner))
    assert (issue.status, issue.chosen_count, issue.given_count, issue.left_out_count) == (
        *("done", 6, 2),
        4,
    )
    assert outcomes(issue) == {"given": 2, "frozen": 1, "closed": 1, "limit": 1, "stock": 1}
    assert dict(selectors.left_out(issue.pk)) == dict(seen.left_out)
    coupon = Coupon.objects.filter(source="bulk").order_by("member_id").first()
    assert coupon is not None
    assert (coupon.member_id, coupon.uses_left, coupon.status) == (everybody[3].pk, 1, "active")
    assert (coupon.valid_from, coupon.expires_at) == coupons.validity(
        rules.rulebook(*_rules()).template_rows[template.pk], AT
    )
    events = Event.objects.filter(kind="coupon_given").order_by("pk")
    assert [event.member_id for event in events] == [person.pk for person in everybody[3:5]]
    assert not Outbox.objects.filter(event__in=events).exists()
    assert Event.objects.get(kind="bulk_issue_started").staff_id == owner.pk
    assert reconciliation.run().is_clean


def _rules() -> tuple[int, str]:
    found = current_rules()
    assert found is not None
    return found


@pytest.mark.django_db
def test_asked_twice_with_one_key_it_is_one_issue() -> None:
    owner = factories.owner()
    template = publish(owner)
    people(2)
    key = uuid.uuid4()
    numbers = {
        bulk.start(
            key=key, template_id=template.pk, audience=Member.objects.all(), actor=owner, at=AT
        )
        for _twice in range(2)
    }
    assert numbers == set(BulkIssue.objects.values_list("pk", flat=True))


@pytest.mark.django_db
def test_a_worker_is_asked_after_the_commit_and_may_be_away(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    owner = factories.owner()
    template = publish(owner)
    people(1)
    sent: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async",
        lambda self: sent.append((self["task"], tuple(self["args"]))),
    )
    with django_capture_on_commit_callbacks(execute=True):
        issue = begin(template, owner)
        assert sent == []
    assert sent == [("loyalty.give_bulk", (issue.pk,))]

    def away(self: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr("celery.canvas.Signature.apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        second = begin(template, owner)
    assert bulk.unfinished(at=AT) == [issue.pk, second.pk]
    with time_machine.travel(AT, tick=False):
        tasks.sweep_bulk()
    assert set(BulkIssue.objects.values_list("status", flat=True)) == {"done"}


@pytest.mark.django_db
def test_done_twice_gives_nobody_twice() -> None:
    owner = factories.owner()
    template = publish(owner)
    people(5)
    issue = run(run(begin(template, owner)))
    assert Coupon.objects.count() == issue.given_count == 5
    assert bulk.claim(issue_id=issue.pk, at=AT + 99 * SECOND) is None


@pytest.mark.django_db
def test_a_batch_asks_as_much_for_many_as_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = factories.owner()
    template = publish(owner)
    people(40)
    asked = []
    for size in (5, 20):
        monkeypatch.setattr(bulk, "BATCH", size)
        issue = begin(template, owner)
        lease = bulk.claim(issue_id=issue.pk, at=AT)
        assert lease is not None
        with CaptureQueriesContext(
            connection,
        ) as queries:
            bulk.give_batch(issue_id=issue.pk, lease=lease, at=AT)
        asked.append(len(queries))
    assert asked[0] == asked[1]
    assert Coupon.objects.count() == 25


@pytest.mark.django_db
def test_stopped_it_stays_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BATCH", 2)
    owner = factories.owner()
    template = publish(owner)
    people(5)
    issue = begin(template, owner)
    lease = bulk.claim(issue_id=issue.pk, at=AT)
    assert lease is not None
    lease = bulk.give_batch(issue_id=issue.pk, lease=lease, at=AT)
    bulk.cancel(issue_id=issue.pk, actor=owner, at=AT + SECOND)
    assert lease is not None
    assert bulk.give_batch(issue_id=issue.pk, lease=lease, at=AT + SECOND) is None
    run(issue, AT + 100 * SECOND)
    assert (issue.status, issue.given_count, Coupon.objects.count()) == ("cancelled", 2, 2)
    with pytest.raises(Refusal) as refused:
        bulk.cancel(issue_id=issue.pk, actor=owner, at=AT)
    assert refused.value.code == "bulk_issue_over"
    assert reconciliation.run().is_clean


@pytest.mark.django_db
def test_what_nobody_used_is_taken_back() -> None:
    owner = factories.owner()
    template = publish(owner)
    people(3)
    issue = begin(template, owner)
    with pytest.raises(Refusal) as refused:
        bulk.take_back(issue_id=issue.pk, actor=owner, at=AT)
    assert refused.value.code == "bulk_issue_running"
    run(issue)
    first = Coupon.objects.order_by("pk").first()
    assert first is not None
    Coupon.objects.filter(pk=first.pk).update(status="used", uses_left=0)
    assert bulk.take_back(issue_id=issue.pk, actor=owner, at=AT) == 2
    assert bulk.take_back(issue_id=issue.pk, actor=owner, at=AT) == 0
    assert sorted(Coupon.objects.values_list("status", flat=True)) == [
        *("used", "withdrawn", "withdrawn")
    ]
    assert Event.objects.filter(kind="coupon_taken_back").count() == 2


@pytest.mark.django_db
def test_a_pass_used_once_stays_and_an_untouched_one_goes() -> None:
    """Whatever the kind says meanwhile of how many uses a new one has."""
    owner, shop = factories.owner(), factories.shop()
    factories.policy()
    template = publish(owner, kind="pass", amount_fen=0, threshold_fen=0, uses=3)
    members = people(3)
    issue = run(begin(template, owner))
    used = Coupon.objects.get(member=members[0])
    done = redeeming.redeem_pass(
        key=uuid.uuid4(),
        member_id=members[0].pk,
        coupon_id=used.pk,
        shop=shop,
        actor=owner,
        at=AT + SECOND,
    )
    CouponTemplate.objects.update(uses=5)
    assert selectors.count_unused(issue.pk) == 2
    assert bulk.take_back(issue_id=issue.pk, actor=owner, at=AT + 2 * SECOND) == 2
    used.refresh_from_db()
    assert (used.status, used.uses_left) == ("active", 2)
    undoing.void(
        key=uuid.uuid4(),
        order_id=done["order"],
        reason="",
        shop=shop,
        actor=owner,
        at=AT + 3 * SECOND,
    )
    assert selectors.count_unused(issue.pk) == 1
    assert bulk.take_back(issue_id=issue.pk, actor=owner, at=AT + 4 * SECOND) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "role", "code"),
    [
        ({"is_active": False}, "owner", "coupon_not_given"),
        ({}, "cashier", "not_allowed"),
        (
            {"valid_days": None, "valid_from": "2026-01-01", "valid_to": "2026-05-19"},
            "owner",
            "coupon_not_given",
        ),
    ],
)
def test_refused_before_anything_is_written(
    changes: dict[str, object], role: str, code: str
) -> None:
    person = factories.staff("who", role)
    template = publish(person, **changes)
    people(1)
    with pytest.raises(Refusal) as refused:
        begin(template, person)
    assert refused.value.code == code
    assert not BulkIssue.objects.exists()


@pytest.mark.django_db
def test_nobody_chosen_is_no_issue() -> None:
    owner = factories.owner()
    template = publish(owner)
    for nobody in (Member.objects.none(), Member.objects.filter(name="?")):
        with pytest.raises(Refusal) as refused:
            bulk.start(
                key=uuid.uuid4(), template_id=template.pk, audience=nobody, actor=owner, at=AT
            )
        assert refused.value.code == "nobody_chosen"
    assert not BulkIssue.objects.exists()


@pytest.mark.django_db
def test_a_coupon_taken_out_of_use_meanwhile_goes_to_nobody_more() -> None:
    owner = factories.owner()
    template = publish(owner)
    people(2)
    issue = begin(template, owner)
    CouponTemplate.objects.filter(pk=template.pk).update(is_active=False)
    assert outcomes(run(issue)) == {"over": 2}


CROWD = """
WITH people AS (
    INSERT INTO members_member (public_id, name, pinyin, phone, phone_tail, gender, region,
        language, status, joined_at, joined_channel, is_test)
    SELECT gen_random_uuid(), '', '', '+86139' || lpad(n::text, 8, '0'), '0000', '', '',
        'zh-hans', 'active', %(at)s, 'counter', false
    FROM generate_series(1, %(count)s) AS n RETURNING id
), accounts AS (
    INSERT INTO loyalty_account (member_id, kind, balance, debt)
    SELECT id, kind, 0, 0 FROM people, unnest(ARRAY['points', 'principal', 'bonus']) AS kind
)
INSERT INTO loyalty_memberstats (member_id, orders_count, net_fen, basis_fen, checkins_count,
    category_weeks) SELECT id, 0, 0, 0, 0, '{}' FROM people
"""


def crowd(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CROWD, {"at": AT, "count": count})


WORKER = """
import django, sys
django.setup()
from loyalty import tasks
for issue in sys.argv[1:]:
    tasks.give_bulk(int(issue))
"""


def worker(live_db: LiveDatabase, *issues: BulkIssue) -> subprocess.Popen[bytes]:
    env = {**live_db.env, "DJANGO_SETTINGS_MODULE": "config.settings"}
    numbers = [str(issue.pk) for issue in issues]
    return subprocess.Popen([sys.executable, "-c", WORKER, *numbers], cwd=ROOT, env=env)


def test_a_killed_workers_issue_goes_on_and_gives_each_one(live_db: LiveDatabase) -> None:
    owner = factories.owner()
    template = publish(owner, per_member_limit=1)
    crowd(30_000)
    issue = begin(template, owner)
    dead = worker(live_db, issue)
    with psycopg.connect(live_db.url, autocommit=True) as outside:
        given = 0
        while not given:
            row = outside.execute("SELECT given_count FROM loyalty_bulkissue").fetchone()
            given = row[0] if row else 0
            assert dead.poll() is None
    dead.kill()
    assert dead.wait() == -9
    issue.refresh_from_db()
    assert 0 < issue.given_count < 30_000
    assert issue.leased_until is not None
    # Nobody takes it from a worker that may still be alive; after its lease the next one does.
    assert bulk.unfinished(at=issue.leased_until - SECOND) == []
    assert bulk.claim(issue_id=issue.pk, at=issue.leased_until - SECOND) is None
    with time_machine.travel(issue.leased_until, tick=True):
        tasks.sweep_bulk()
        tasks.sweep_bulk()
    issue.refresh_from_db()
    assert (issue.status, issue.given_count, issue.left_out_count) == ("done", 30_000, 0)
    assert Coupon.objects.count() == 30_000
    assert Coupon.objects.values("member").distinct().count() == 30_000
    assert Event.objects.filter(kind="coupon_given").count() == 30_000
    assert not BulkIssueMember.objects.exclude(outcome="given").exists()
    assert reconciliation.run().is_clean


def test_two_workers_and_a_till_keep_stock_budget_and_limit(live_db: LiveDatabase) -> None:
    """Two issues of each coupon at once, and tills that give the same coupons beside: one of them
    ends by its stock, the other by its budget."""
    owner = factories.owner()
    templates = [
        publish(owner, per_member_limit=1, stock=1500),
        publish(owner, per_member_limit=1, budget_fen=1500 * 2000 + 1999),
    ]
    crowd(2000)
    book = rules.rulebook(*_rules())
    members = list(Member.objects.order_by("pk").values_list("pk", flat=True))
    issues = [[begin(template, owner) for template in templates] for _twice in range(2)]
    workers = [worker(live_db, *each) for each in issues]

    def till() -> None:
        for member_id in members[::40]:
            for template in templates:
                with transaction.atomic():
                    lock_accounts([member_id])
                    coupons.issue(
                        member_id=member_id,
                        template=book.template_rows[template.pk],
                        count=1,
                        source="welcome",
                        order_id=None,
                        at=AT,
                    )
        connection.close()

    thread = threading.Thread(target=till)
    thread.start()
    thread.join()
    assert [each.wait() for each in workers] == [0, 0]
    for template, end in zip(templates, ("stock", "budget"), strict=True):
        given = Coupon.objects.filter(template=template)
        assert (given.count(), given.values("member").distinct().count()) == (1500, 1500)
        template.refresh_from_db()
        assert template.issued_count == 1500
        lost = BulkIssueMember.objects.filter(issue__template=template, coupon=None)
        assert set(lost.values_list("outcome", flat=True)) == {"limit", end}
    assert (templates[0].budget_used_fen, templates[1].budget_used_fen) == (0, 1500 * 2000)
    assert set(BulkIssue.objects.values_list("status", flat=True)) == {"done"}
    assert reconciliation.run().is_clean
