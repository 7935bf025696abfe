"""What happened, in a sentence: the member's timeline and the audit trail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.admin import approval_events, changes, gift_events, loan_events
from loyalty.counter.wording import points_words, why
from loyalty.models import Loan, Tier
from loyalty.money import format_yuan
from members.models import Event, MemberNote, Staff

Facts = Mapping[str, Any]


@dataclass(slots=True)
class Names:
    """What the facts' ids are called: read once for all the events of a page."""

    tiers: dict[int, str] = field(default_factory=dict)
    staff: dict[int, str] = field(default_factory=dict)
    rows: changes.Names = field(default_factory=changes.Names)
    notes: dict[int, str] = field(default_factory=dict)
    things: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """An event in words. ``icon`` is a Material symbol; ``order_id`` the sale it is about."""

    event: Event
    text: str
    icon: str
    note: str
    by: str
    order_id: int | None


def tell_all(events: Iterable[Event]) -> list[Told]:
    """Every event in words, in the order given. ``staff`` and ``shop`` are read with the events."""
    rows = list(events)
    names = names_in(rows)
    return [tell(row, names) for row in rows]


def names_in(rows: Collection[Event]) -> Names:
    """What these events name by an id."""
    people = {row.data["staff"] for row in rows if isinstance(row.data.get("staff"), int)}
    people |= {row.data["by"] for row in rows if isinstance(row.data.get("by"), int)}
    people |= {row.data["approver"] for row in rows if "approver" in row.data}
    written = [row.data.get("note", 0) for row in rows if row.kind == "note_added"]
    lent = [row.data["loan"] for row in rows if "loan" in row.data]
    return Names(
        tiers=dict(Tier.objects.values_list("pk", "name")),
        staff={person.pk: str(person) for person in Staff.objects.filter(pk__in=people)}
        if people
        else {},
        notes=dict(MemberNote.objects.filter(pk__in=written).values_list("pk", "text"))
        if written
        else {},
        things=dict(Loan.objects.filter(pk__in=lent).values_list("pk", "thing")) if lent else {},
    )


def tell(event: Event, names: Names) -> Told:
    """One event in words, with the names its facts need."""
    teller, icon = TELLERS.get(event.kind, (_unknown(event.kind), "radio_button_unchecked"))
    by = str(event.staff) if event.staff else names.staff.get(event.data.get("by", 0), "")
    if "approver" in event.data:
        by = approval_events.by_whom(by, names.staff.get(event.data["approver"], "–"))
    return Told(
        event=event,
        text=teller(event.data, names),
        icon=icon,
        note=why(str(event.data.get("reason", "") or "")) or _before_and_after(event, names),
        by=by,
        order_id=event.data.get("order"),
    )


def _before_and_after(event: Event, names: Names) -> str:
    """What was different about a setting, column by column."""
    model = changes.model_of(str(event.data.get("model", "")))
    if event.kind != "row_changed" or model is None:
        return ""
    found = changes.columns("", model, event.data["before"], event.data["after"], names.rows)
    return "; ".join(str(one) for one in found)


Teller = Callable[[Facts, Names], str]


def _unknown(kind: str) -> Teller:
    return lambda _facts, _names: kind.replace("_", " ")


def _money(facts: Facts, name: str) -> str:
    return format_yuan(int(facts.get(name, 0)))


def _joined(facts: Facts, names: Names) -> str:
    return _("Joined")


def _settled(facts: Facts, names: Names) -> str:
    return _("Purchase %(order)s, paid %(amount)s") % {
        "order": f"#{facts.get('order')}",
        "amount": _money(facts, "net_fen"),
    }


def _refunded(facts: Facts, names: Names) -> str:
    return _("Refund of purchase %(order)s, %(amount)s") % {
        "order": f"#{facts.get('order')}",
        "amount": _money(facts, "base_fen"),
    }


def _voided(facts: Facts, names: Names) -> str:
    return _("Purchase %(order)s undone") % {"order": f"#{facts.get('order')}"}


def _topped_up(facts: Facts, names: Names) -> str:
    if facts.get("bonus_fen"):
        return _("Topped up %(paid)s, %(bonus)s on top") % {
            "paid": _money(facts, "paid_fen"),
            "bonus": _money(facts, "bonus_fen"),
        }
    return _("Topped up %(paid)s") % {"paid": _money(facts, "paid_fen")}


def _adjusted(facts: Facts, names: Names) -> str:
    if facts.get("account") == "points":
        before, after = f"{facts['before']:,}", f"{facts['after']:,}"
        return _("Points corrected from %(before)s to %(after)s") % {
            "before": before,
            "after": after,
        }
    values = {"before": _money(facts, "before"), "after": _money(facts, "after")}
    if facts.get("account") == "bonus":
        return _("Bonus corrected from %(before)s to %(after)s") % values
    return _("Principal corrected from %(before)s to %(after)s") % values


def _tier_changed(facts: Facts, names: Names) -> str:
    before = names.tiers.get(facts.get("before") or 0, "–")
    after = names.tiers.get(facts.get("after") or 0, "–")
    return _("Tier changed from %(before)s to %(after)s") % {"before": before, "after": after}


def _tier_bought(facts: Facts, names: Names) -> str:
    return _("Upgrade to %(tier)s for %(points)s") % {
        "tier": facts.get("name", ""),
        "points": points_words(int(facts.get("points", 0))),
    }


def _tier_purchase_undone(facts: Facts, names: Names) -> str:
    return _("Upgrade to %(tier)s undone, %(points)s given back") % {
        "tier": facts.get("name", ""),
        "points": points_words(int(facts.get("points", 0))),
    }


def _points_expired(facts: Facts, names: Names) -> str:
    return _("%(points)s expired") % {"points": points_words(int(facts.get("points", 0)))}


def _points_claimed(facts: Facts, names: Names) -> str:
    return _("%(points)s claimed by the receipt of purchase %(order)s") % {
        "points": points_words(int(facts.get("points", 0))),
        "order": f"#{facts.get('order')}",
    }


def _code_taken(facts: Facts, names: Names) -> str:
    return _("“%(name)s” by the code %(code)s") % {
        "name": facts.get("name", ""),
        "code": facts.get("code", ""),
    }


def _updated(facts: Facts, names: Names) -> str:
    return _("Data corrected")


def _tagged(facts: Facts, names: Names) -> str:
    return _("Tagged “%(name)s”") % {"name": facts.get("name", "")}


def _untagged(facts: Facts, names: Names) -> str:
    return _("Tag “%(name)s” taken off") % {"name": facts.get("name", "")}


def _coupon_given(facts: Facts, names: Names) -> str:
    return _("Coupon “%(name)s” given") % {"name": facts.get("name", "")}


def _coupon_taken_back(facts: Facts, names: Names) -> str:
    return _("Coupon “%(name)s” taken back") % {"name": facts.get("name", "")}


def _note_added(facts: Facts, names: Names) -> str:
    text = names.notes.get(facts.get("note", 0))
    return _("Note: %(text)s") % {"text": text} if text else _("Note written")


def _merged(facts: Facts, names: Names) -> str:
    return _("Another card merged into this one: %(points)s, %(amount)s stored value") % {
        "points": points_words(int(facts.get("points", 0))),
        "amount": format_yuan(int(facts.get("principal_fen", 0)) + int(facts.get("bonus_fen", 0))),
    }


def _bulk(sentence: Callable[[], str]) -> Teller:
    return lambda facts, _names: (
        sentence() % {"name": facts.get("name", ""), "members": f"{int(facts.get('members', 0)):,}"}
    )


def _spend(facts: Facts, names: Names) -> str:
    return _("Spend of %(amount)s confirmed on the phone") % {"amount": _money(facts, "stored_fen")}


def _spend_refused(facts: Facts, names: Names) -> str:
    return _("Spend of %(amount)s refused on the phone") % {"amount": _money(facts, "stored_fen")}


def _rules(facts: Facts, names: Names) -> str:
    return _("Rules changed: version %(version)s") % {"version": facts.get("ruleset")}


def _exported(facts: Facts, names: Names) -> str:
    rows = int(facts.get("rows", 0))
    return ngettext(
        "A list of %(rows)s row was taken out", "A list of %(rows)s rows was taken out", rows
    ) % {"rows": f"{rows:,}"}


def _imported(facts: Facts, names: Names) -> str:
    return _("Receipts imported")


def _pin_set(facts: Facts, names: Names) -> str:
    return _("PIN of %(name)s set") % {"name": names.staff.get(facts.get("staff", 0), "–")}


def _row_changed(facts: Facts, names: Names) -> str:
    return _("%(what)s changed") % {"what": thing_words(facts)}


def _row_added(facts: Facts, names: Names) -> str:
    return _("%(what)s added") % {"what": thing_words(facts)}


def _row_removed(facts: Facts, names: Names) -> str:
    return _("%(what)s deleted") % {"what": thing_words(facts)}


def _planned(facts: Facts, names: Names) -> str:
    return _("%(what)s: change planned from %(day)s") % _of_plan(facts)


def _plan_applied(facts: Facts, names: Names) -> str:
    return _("%(what)s: the change planned for %(day)s is in force") % _of_plan(facts)


def _plan_cancelled(facts: Facts, names: Names) -> str:
    return _("%(what)s: the change planned for %(day)s was called off") % _of_plan(facts)


def _plan_failed(facts: Facts, names: Names) -> str:
    return _("%(what)s: the change planned for %(day)s could not be applied") % _of_plan(facts)


def _of_plan(facts: Facts) -> dict[str, str]:
    return {
        "what": thing_words(facts),
        "day": date_format(dt.date.fromisoformat(facts["from"]), "SHORT_DATE_FORMAT"),
    }


def thing_words(facts: Facts) -> str:
    """A rule or setting by its kind and its name. Of some there is one, and it has no name."""
    kind = kind_words(str(facts.get("model", "")))
    if facts.get("model") == "policy":
        return kind
    return _("%(kind)s “%(name)s”") % {"kind": kind, "name": facts.get("name", "")}


def kind_words(model: str) -> str:
    """What a kind of row is called."""
    words = {
        "shop": _("Shop"),
        "staff": _("Staff member"),
        "tag": _("Tag"),
        "cardface": _("Card face"),
        "category": _("Category"),
        "product": _("Article"),
        "tier": _("Tier"),
        "policy": _("Points and rounding"),
        "benefit": _("Benefit"),
        "coupontemplate": _("Coupon"),
        "giftpack": _("Gift pack"),
        "topupplan": _("Top-up plan"),
    }
    return words.get(model, model)


def _fixed(sentence: Callable[[], str]) -> Teller:
    return lambda _facts, _names: sentence()


TELLERS: dict[str, tuple[Teller, str]] = {
    "joined": (_joined, "person_add"),
    "settled": (_settled, "receipt_long"),
    "refunded": (_refunded, "undo"),
    "voided": (_voided, "undo"),
    "topped_up": (_topped_up, "savings"),
    "balance_adjusted": (_adjusted, "tune"),
    "tier_changed": (_tier_changed, "military_tech"),
    "tier_bought": (_tier_bought, "workspace_premium"),
    "tier_purchase_undone": (_tier_purchase_undone, "undo"),
    **gift_events.TELLERS,
    **loan_events.TELLERS,
    **approval_events.TELLERS,
    "points_expired": (_points_expired, "hourglass_bottom"),
    "points_claimed": (_points_claimed, "qr_code"),
    "code_taken": (_code_taken, "redeem"),
    "member_updated": (_updated, "edit"),
    "phone_changed": (_fixed(lambda: _("Phone changed")), "phone_iphone"),
    "phone_proved": (_fixed(lambda: _("Phone confirmed by the member")), "mobile_friendly"),
    "former_phone_forgotten": (
        _fixed(lambda: _("A former phone forgotten")),
        "phonelink_erase",
    ),
    "phone_seen": (_fixed(lambda: _("Phone looked at in full")), "visibility"),
    "frozen": (_fixed(lambda: _("Card frozen")), "ac_unit"),
    "unfrozen": (_fixed(lambda: _("Card unfrozen")), "lock_open"),
    "closed": (_fixed(lambda: _("Membership ended")), "person_off"),
    "consent_changed": (_fixed(lambda: _("Consents changed")), "contract"),
    "member_pin_set": (_fixed(lambda: _("Payment PIN set")), "pin"),
    "identity_linked": (_fixed(lambda: _("WeChat opens the card from now on")), "link"),
    "identity_removed": (_fixed(lambda: _("WeChat no longer opens the card")), "link_off"),
    "logged_out_everywhere": (_fixed(lambda: _("Logged out on all phones")), "logout"),
    "tagged": (_tagged, "sell"),
    "untagged": (_untagged, "sell"),
    "spend_approved": (_spend, "verified_user"),
    "spend_refused": (_spend_refused, "gpp_bad"),
    "spend_expired": (
        _fixed(lambda: _("A spend was not confirmed in time")),
        "timer_off",
    ),
    "rules_published": (_rules, "rule"),
    "rule_planned": (_planned, "event_upcoming"),
    "rule_plan_applied": (_plan_applied, "event_available"),
    "rule_plan_cancelled": (_plan_cancelled, "event_busy"),
    "rule_plan_failed": (_plan_failed, "error"),
    "receipts_imported": (_imported, "upload_file"),
    "demo_filled": (_fixed(lambda: _("The demo members moved in")), "group_add"),
    "note_added": (_note_added, "sticky_note_2"),
    "note_removed": (_fixed(lambda: _("Note taken away")), "sticky_note_2"),
    "merged": (_merged, "merge"),
    "merged_away": (_fixed(lambda: _("Merged into another card")), "merge"),
    "coupon_given": (_coupon_given, "confirmation_number"),
    "coupon_taken_back": (_coupon_taken_back, "remove_shopping_cart"),
    "bulk_issue_started": (
        _bulk(lambda: _("Coupon “%(name)s” for %(members)s members begun")),
        "confirmation_number",
    ),
    "bulk_issue_stopped": (
        _bulk(lambda: _("Coupon “%(name)s” for %(members)s members stopped")),
        "block",
    ),
    "bulk_issue_taken_back": (
        _bulk(lambda: _("Coupon “%(name)s” for %(members)s members taken back")),
        "undo",
    ),
    "exported": (_exported, "download"),
    "pin_set": (_pin_set, "pin"),
    "row_changed": (_row_changed, "edit"),
    "row_added": (_row_added, "add"),
    "row_removed": (_row_removed, "delete"),
}
