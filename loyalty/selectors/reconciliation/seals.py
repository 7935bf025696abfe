"""The ledger against its seals: also what was changed everywhere at once is found."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from loyalty.selectors.reconciliation.checks import Check, differing

# One entry as text; the same in every time zone and language.
ENTRY = (
    "concat_ws('|', id, account_id, COALESCE(lot_id, 0), side, delta, balance_after, list_fen,"
    " (extract(epoch FROM at) * 1000000)::bigint, COALESCE(order_id, 0), COALESCE(refund_id, 0),"
    " COALESCE(top_up_id, 0), reason)"
)


def content_of(first_id: str, last_id: str) -> str:
    """Two columns as SQL: how many entries have ids from … through …, and their SHA-256 in hex."""
    of_run = f"FROM loyalty_entry WHERE id BETWEEN {first_id} AND {last_id}"
    return (
        f"(SELECT count(*) {of_run}) AS entries,"
        f" (SELECT encode(sha256(convert_to(COALESCE(string_agg({ENTRY}, chr(10) ORDER BY id), ''),"
        f" 'UTF8')), 'hex') {of_run}) AS content"
    )


LEDGER_SEALS = differing(
    f"""WITH seals AS (
        SELECT id, first_id, last_id, entries, content, chain,
            COALESCE(lag(last_id) OVER run, 0) + 1 AS next_id,
            COALESCE(lag(chain) OVER run, '') AS before
        FROM loyalty_ledgerseal WINDOW run AS (ORDER BY first_id)
    ) FROM ROWS seals s CROSS JOIN LATERAL (
        SELECT {content_of("s.first_id", "s.last_id")}
    ) e""",
    [
        ("movements", "s.entries", "e.entries"),
        ("content", "s.content", "e.content"),
        (
            "seal",
            "s.chain",
            "encode(sha256(convert_to(s.before || s.content, 'UTF8')), 'hex')",
        ),
        ("first movement", "s.first_id", "s.next_id"),
    ],
    member="NULL::bigint",
    subject="s.id",
)

CHECKS = (
    Check(
        "ledger_seals",
        _("Movements that were sealed have been changed, or a seal has."),
        "seal",
        LEDGER_SEALS,
    ),
)
