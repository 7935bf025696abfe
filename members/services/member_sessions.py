"""A card open in a browser: a signed token that names the member and their epoch.

Not a server session: a card must show its number also while Valkey is away, and a member's
phone stays logged in for months. "Log out everywhere" moves the epoch, and no older token holds.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.core import signing
from django.db import transaction
from django.db.models import F

from members.models import Member
from members.services import events, identities

SALT = "members.member_sessions"
LIFE = dt.timedelta(days=180)
RENEW = dt.timedelta(days=30)  # a token older than this is handed out anew
FRESH = dt.timedelta(minutes=10)  # so long after a texted code we know who holds the phone


@dataclass(frozen=True, slots=True)
class Session:
    """``proved_at``: when the phone was last proved by a code; ``issued_at``: the token's age."""

    member: Member
    proved_at: dt.datetime
    issued_at: dt.datetime

    def is_fresh(self, at: dt.datetime) -> bool:
        return at - self.proved_at <= FRESH

    def is_due(self, at: dt.datetime) -> bool:
        """Whether the token should be replaced by a younger one."""
        return at - self.issued_at >= RENEW


def token(*, member: Member, proved_at: dt.datetime, at: dt.datetime) -> str:
    """A token for the browser of a member."""
    content = [member.pk, member.session_epoch, int(proved_at.timestamp()), int(at.timestamp())]
    return signing.dumps(content, salt=SALT)


def read(*, token: str, at: dt.datetime) -> Session | None:
    """Whose card this token opens now, or None. One statement."""
    try:
        member_id, epoch, proved_s, issued_s = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    issued_at = dt.datetime.fromtimestamp(issued_s, tz=dt.UTC)
    if at - issued_at > LIFE:
        return None
    member = Member.objects.filter(pk=member_id, session_epoch=epoch).first()
    if member is None or member.status == Member.Status.CLOSED:
        return None
    return Session(member, dt.datetime.fromtimestamp(proved_s, tz=dt.UTC), issued_at)


def end_all(*, member_id: int, at: dt.datetime) -> None:
    """Log the member out of every browser; one event ``logged_out_everywhere``.

    Linked accounts go, too: they would open the card again by themselves. The phone is proved anew.
    """
    with transaction.atomic():
        Member.objects.filter(pk=member_id).update(session_epoch=F("session_epoch") + 1)
        identities.drop(member_id=member_id)
        events.record(kind="logged_out_everywhere", at=at, member_id=member_id)
