from members.models.cards import Card, CardFace
from members.models.events import ConsumerDone, Event, Outbox
from members.models.people import Member, Tag
from members.models.shops import Shop, Staff

__all__ = [
    "Card",
    "CardFace",
    "ConsumerDone",
    "Event",
    "Member",
    "Outbox",
    "Shop",
    "Staff",
    "Tag",
]
