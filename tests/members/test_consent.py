"""Consents: append-only answers by purpose and channel; the newest one holds."""

from __future__ import annotations

import datetime as dt

import pytest

from members.errors import Refusal
from members.models import Consent, Event
from members.services import consent
from members.services.consent import OFFERS_INBOX, OFFERS_SMS, TERMS, Question
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


def answer(member_id: int, answers: dict[Question, bool], *, days: int = 0) -> int:
    written = consent.answer(
        member_id=member_id,
        answers=answers,
        source="card",
        actor=None,
        at=AT + dt.timedelta(days=days),
    )
    return len(written)


def may_text(member_id: int) -> bool:
    return consent.allows(member_id=member_id, purpose="marketing", channel="sms")


def test_silence_is_a_no_and_writes_nothing() -> None:
    member = factories.member()
    assert not may_text(member.pk)
    assert answer(member.pk, {OFFERS_SMS: False}) == 0
    assert not Event.objects.exists()


def test_given_and_taken_back_at_once() -> None:
    member = factories.member()
    assert answer(member.pk, {OFFERS_SMS: True, TERMS: True}) == 2
    assert may_text(member.pk)
    assert not consent.allows(member_id=member.pk, purpose="marketing", channel="inbox")
    assert answer(member.pk, {OFFERS_SMS: False}, days=1) == 1
    assert not may_text(member.pk)
    rows = Consent.objects.filter(purpose="marketing").order_by("id")
    assert list(rows.values_list("granted", "text_version")) == [
        (True, OFFERS_SMS.version),
        (False, OFFERS_SMS.version),
    ]
    assert list(Event.objects.order_by("id").values_list("kind", "data")) == [
        (
            "consent_changed",
            {"answers": [["marketing", "sms", True], ["terms", "", True]], "source": "card"},
        ),
        ("consent_changed", {"answers": [["marketing", "sms", False]], "source": "card"}),
    ]


def test_what_holds_already_is_not_written_again() -> None:
    member = factories.member()
    answer(member.pk, {OFFERS_INBOX: True})
    assert answer(member.pk, {OFFERS_INBOX: True}, days=1) == 0


def test_a_yes_to_a_new_text_is_written() -> None:
    member = factories.member()
    answer(member.pk, {TERMS: True})
    newer = Question(TERMS.purpose, TERMS.channel, "2027-03", TERMS.text)
    assert answer(member.pk, {newer: True}) == 1
    assert consent.state(member_id=member.pk)[TERMS]


def test_one_members_yes_is_nobody_elses() -> None:
    member = factories.member()
    other = factories.member("+8613900005678", "李明")
    answer(member.pk, {OFFERS_SMS: True})
    assert not may_text(other.pk)


def test_nobody_is_nobody() -> None:
    with pytest.raises(Refusal) as refused:
        answer(1, {TERMS: True})
    assert refused.value.code == "member_unknown"
