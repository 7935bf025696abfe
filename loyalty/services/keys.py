"""One intent, one effect: the client's key, claimed and answered in the effect's transaction."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty import locks
from members import statements
from members.errors import Refusal


def content_hash(content: Any) -> str:
    """A hash of what was asked for, independent of the order of its keys."""
    text = json.dumps(content, sort_keys=True, cls=DjangoJSONEncoder, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def once(
    *,
    key: uuid.UUID,
    kind: str,
    content: Any,
    staff_id: int | None,
    at: dt.datetime,
    effect: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Run ``effect`` for this key at most once, ever; a repeat gets the first one's answer.

    Refuses ``key_reused`` (422) when the key came with other content, ``busy`` (409) when the
    first one is still at work after the lock timeout. A refusal in ``effect`` frees the key.
    """
    digest = content_hash(content)
    with locks.waiting_politely(), transaction.atomic():
        found = locks.claim_key(key=key, kind=kind, content_hash=digest, staff_id=staff_id, at=at)
        if found is not None:
            if found[:2] != (kind, digest) or found[2] is None:
                raise Refusal(
                    "key_reused",
                    _("This key was already used for something else. Start again with a new one."),
                    status=422,
                )
            return {**found[2], "replayed": True}
        response = effect()
        statements.run(
            "UPDATE loyalty_clientkey SET response = %s WHERE key = %s",
            [json.dumps(response, cls=DjangoJSONEncoder), key],
        )
    return {**response, "replayed": False}
