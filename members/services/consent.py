"""What a member agreed to: asked for by purpose and channel, written down with its text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.locks import lock_member
from members.models import Consent, Staff
from members.services import events

Purpose, Channel = Consent.Purpose, Consent.Channel


@dataclass(frozen=True, slots=True)
class Question:
    """What a member is asked. A changed text gets a new version; old answers keep theirs."""

    purpose: str
    channel: str
    version: str
    text: Promise

    @property
    def name(self) -> str:
        """Its name in a form."""
        return f"{self.purpose}-{self.channel}" if self.channel else self.purpose

    @property
    def key(self) -> tuple[str, str]:
        return self.purpose, self.channel


TERMS = Question(
    Purpose.TERMS,
    Channel.NONE,
    "2026-11",
    _("I agree to the membership terms and how my data is used."),
)
OFFERS_INBOX = Question(
    Purpose.MARKETING, Channel.INBOX, "2026-01", _("Offers and reminders in this card")
)
OFFERS_SMS = Question(
    Purpose.MARKETING, Channel.SMS, "2026-01", _("Offers and reminders by text message")
)
PROFILE = Question(
    Purpose.PROFILE, Channel.NONE, "2026-01", _("Recommendations from what I usually buy")
)
# The terms end with the membership; the others are given and taken back one by one.
OPTIONAL = (OFFERS_INBOX, OFFERS_SMS, PROFILE)
AT_JOINING = (OFFERS_INBOX, OFFERS_SMS)
QUESTIONS = (TERMS, *OPTIONAL)


def answer(
    *,
    member_id: int,
    answers: Mapping[Question, bool],
    source: str,
    actor: Staff | None,
    at: dt.datetime,
) -> list[Consent]:
    """Write down answers; those that hold already with this text are not written again.

    One event ``consent_changed`` naming them. Refuses with ``member_unknown``.
    """
    with transaction.atomic():
        lock_member(member_id)
        held = _newest(member_id)
        rows = [
            Consent(
                member_id=member_id,
                purpose=question.purpose,
                channel=question.channel,
                granted=granted,
                text_version=question.version,
                source=source,
                staff=actor,
                at=at,
            )
            for question, granted in answers.items()
            if _is_news(held.get(question.key), granted, question.version)
        ]
        if not rows:
            return []
        written = Consent.objects.bulk_create(rows)
        events.record(
            kind="consent_changed",
            at=at,
            member_id=member_id,
            staff_id=actor.pk if actor else None,
            data={
                "answers": [[row.purpose, row.channel, row.granted] for row in written],
                "source": source,
            },
        )
    return written


def _is_news(held: Consent | None, granted: bool, version: str) -> bool:
    if held is None:
        return granted  # silence is a no already
    return held.granted != granted or (granted and held.text_version != version)


def _newest(member_id: int) -> dict[tuple[str, str], Consent]:
    rows = Consent.objects.filter(member_id=member_id).order_by("purpose", "channel", "-id")
    return {(row.purpose, row.channel): row for row in rows.distinct("purpose", "channel")}


def state(*, member_id: int, questions: Iterable[Question] = QUESTIONS) -> dict[Question, bool]:
    """What the member says now to each question; never asked is no."""
    held = _newest(member_id)
    return {question: question.key in held and held[question.key].granted for question in questions}


def allows(*, member_id: int, purpose: str, channel: str = "") -> bool:
    """Whether the member agrees to this now. Asked again at the moment of sending."""
    newest = Consent.objects.filter(member_id=member_id, purpose=purpose, channel=channel)
    return bool(newest.order_by("-id").values_list("granted", flat=True).first())
