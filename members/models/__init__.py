from members.models.cards import Card, CardFace
from members.models.consents import Consent
from members.models.events import ConsumerDone, Event, Outbox
from members.models.inbox import InboxMessage
from members.models.people import Member, Tag
from members.models.shops import Shop, Staff

__all__ = [
    "Card",
    "CardFace",
    "Consent",
    "ConsumerDone",
    "Event",
    "InboxMessage",
    "Member",
    "Outbox",
    "Shop",
    "Staff",
    "Tag",
]
