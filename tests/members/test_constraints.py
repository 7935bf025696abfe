"""Every constraint of the members' tables refuses the bad value it is there for."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from members.models import (
    Card,
    CardFace,
    CardImage,
    Consent,
    ConsumerDone,
    Event,
    FormerPhone,
    Identity,
    InboxMessage,
    Member,
    MemberNote,
    Outbox,
    SavedView,
    Shop,
    Staff,
    Tag,
)
from tests import factories
from tests.constraints import (
    Bad,
    change,
    declared,
    positive_fields,
    refused_by,
    triggers,
    twin,
)
from tests.factories import AT

pytestmark = pytest.mark.django_db

OTHER_ID = uuid.UUID(int=7)

BAD = [
    change(Card, "card_number_16", number="901200000000001"),
    change(Card, "card_number_16", number="９０１２００００００００００００"),
    change(Card, "card_bound_has_member", status="unbound"),
    change(Card, "card_bound_has_member", member=None),
    change(Card, "card_status_known", status="stolen"),
    change(Card, "card_form_known", form="paper"),
    twin(Card, "card_one_in_use_per_member", number="9012000000000099"),
    twin(Card, "Card.number", status="lost"),
    change(CardFace, "cardface_colours_hex", brand_colour="red"),
    change(CardFace, "cardface_colours_hex", text_colour="#12345G"),
    twin(CardFace, "CardFace.name"),
    change(CardImage, "cardimage_hash", sha256="A" * 64),
    change(CardImage, "cardimage_hash", sha256="ab"),
    change(CardImage, "cardimage_colours_hex", darkest="black"),
    change(CardImage, "cardimage_colours_hex", lightest="#FFFFFF"),
    change(CardImage, "cardimage_has_a_size", width=0),
    change(CardImage, "cardimage_has_a_size", height=0),
    twin(Consent, "consent_purpose_fits_channel", purpose="marketing", channel=""),
    twin(Consent, "consent_purpose_fits_channel", channel="sms"),
    twin(Consent, "consent_purpose_fits_channel", purpose="other"),
    twin(Consent, "consent_names_its_text", text_version=""),
    twin(Consent, "consent_names_its_text", source=""),
    twin(ConsumerDone, "consumer_event_once"),
    twin(Event, "event_kind_not_empty", kind=""),
    change(FormerPhone, "formerphone_e164", phone="13800005678"),
    twin(FormerPhone, "FormerPhone.phone"),
    change(Identity, "identity_provider_known", provider="alipay"),
    change(Identity, "identity_names_somebody", app_id=""),
    change(Identity, "identity_names_somebody", subject=""),
    twin(Identity, "identity_of_one_member"),
    change(MemberNote, "membernote_not_empty", text=""),
    change(SavedView, "savedview_has_name", name=""),
    twin(SavedView, "savedview_once"),
    change(InboxMessage, "inbox_kind_not_empty", kind=""),
    twin(InboxMessage, "InboxMessage.event"),
    change(Member, "member_birthday_whole", birth_month=13, birth_day=1),
    change(Member, "member_birthday_whole", birth_month=0, birth_day=1),
    change(Member, "member_birthday_whole", birth_month=1, birth_day=32),
    change(Member, "member_birthday_whole", birth_month=5),
    change(Member, "member_birthday_whole", birth_day=5),
    change(Member, "member_closed_is_anonymous", status="closed", name=""),
    change(Member, "member_closed_is_anonymous", status="closed", phone=None),
    change(Member, "member_phone_e164", phone="13800001234"),
    change(Member, "member_phone_e164", phone="+0138000012"),
    change(Member, "member_phone_e164", phone=""),
    change(Member, "member_merged_is_closed", merged_into=1),
    change(Member, "member_proved_has_phone", phone=None),
    change(Member, "member_status_known", status="gone"),
    twin(Member, "Member.external_no", phone=None, phone_proved_at=None, public_id=OTHER_ID),
    twin(Member, "Member.phone", external_no=None, public_id=OTHER_ID),
    twin(Member, "Member.public_id", phone=None, phone_proved_at=None, external_no=None),
    change(Shop, "shop_code_not_empty", code=""),
    change(Shop, "shop_name_not_empty", name=""),
    twin(Shop, "Shop.code"),
    change(Staff, "staff_role_known", role="boss"),
    twin(Staff, "Staff.username", member_id=None),
    twin(Staff, "Staff.member", username="other"),
    change(Tag, "tag_name_not_empty", name=""),
    change(Tag, "tag_kind_known", kind="other"),
    twin(Tag, "Tag.name"),
]


@pytest.fixture
def house() -> dict[type[Model], Model]:
    """One good row of everything."""
    member = factories.member(card="9012000000000011", external_no="H-1")
    cashier = factories.cashier()
    cashier.member = member
    cashier.save()
    event = Event.objects.create(kind="joined", at=AT, member=member)
    return {
        Card: Card.objects.get(),
        CardFace: CardFace.objects.create(name="经典"),
        CardImage: CardImage.objects.create(
            sha256="a" * 64, body=b"", width=1, height=1, darkest="#000000", lightest="#ffffff"
        ),
        Consent: Consent.objects.create(
            member=member, purpose="terms", granted=True, text_version="1", source="join", at=AT
        ),
        ConsumerDone: ConsumerDone.objects.create(consumer="hello", event=event, at=AT),
        Event: event,
        FormerPhone: FormerPhone.objects.create(
            phone="+8613800005678", tail="5678", member=member, at=AT
        ),
        Identity: Identity.objects.create(
            member=member, provider="wechat", app_id="wx0", subject="o-1", at=AT
        ),
        MemberNote: MemberNote.objects.create(member=member, text="不加糖", staff=cashier, at=AT),
        SavedView: SavedView.objects.create(staff=cashier, page="p", name="n", query=""),
        InboxMessage: InboxMessage.objects.create(member=member, event=event, kind="hello", at=AT),
        Member: member,
        Outbox: Outbox.objects.create(event=event, due_at=AT),
        Shop: factories.shop(),
        Staff: cashier,
        Tag: Tag.objects.create(name="常客"),
    }


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_refused(bad: Bad, house: dict[type[Model], Model]) -> None:
    assert refused_by(lambda: bad.store(house[bad.model])) == bad.constraint


def test_every_constraint_has_its_bad_value() -> None:
    assert {bad.constraint for bad in BAD} == declared("members")


@pytest.mark.parametrize(("model", "field"), positive_fields("members"))
def test_no_negative_numbers(
    model: type[Model], field: str, house: dict[type[Model], Model]
) -> None:
    bad = change(model, "", **{field: -1})
    assert refused_by(lambda: bad.store(house[model])) is not None


def update_event() -> None:
    Event.objects.update(kind="other")


def delete_event() -> None:
    _run("DELETE FROM members_event")


def truncate_event() -> None:
    _run("TRUNCATE members_event CASCADE")


def update_consent() -> None:
    Consent.objects.update(granted=False)


def delete_consent() -> None:
    _run("DELETE FROM members_consent")


def truncate_consent() -> None:
    _run("TRUNCATE members_consent")


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        # What the insert left pending would be refused first.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


TRIGGERS: dict[str, list[tuple[Callable[[], None], str]]] = {
    "event_no_change": [
        (update_event, "append-only: UPDATE of members_event refused"),
        (delete_event, "append-only: DELETE of members_event refused"),
    ],
    "event_no_truncate": [(truncate_event, "append-only: TRUNCATE of members_event refused")],
    "consent_no_change": [
        (update_consent, "append-only: UPDATE of members_consent refused"),
        (delete_consent, "append-only: DELETE of members_consent refused"),
    ],
    "consent_no_truncate": [(truncate_consent, "append-only: TRUNCATE of members_consent refused")],
}


@pytest.mark.parametrize(("act", "words"), [case for cases in TRIGGERS.values() for case in cases])
def test_what_was_said_and_done_never_changes(
    act: Callable[[], None], words: str, house: dict[type[Model], Model]
) -> None:
    with pytest.raises(DatabaseError, match=words), transaction.atomic():
        act()
    assert list(Event.objects.values_list("kind", flat=True)) == ["joined"]
    assert list(Consent.objects.values_list("granted", flat=True)) == [True]


def test_every_trigger_is_tried() -> None:
    assert set(TRIGGERS) == triggers("members")
