from members.models.cards import Card, CardFace
from members.models.consents import Consent
from members.models.events import ConsumerDone, Event, Outbox
from members.models.identities import Identity
from members.models.images import CardImage
from members.models.inbox import InboxMessage
from members.models.people import FormerPhone, Member, MemberNote, Tag
from members.models.shops import SavedView, Shop, Staff

__all__ = [
    "Card",
    "CardFace",
    "CardImage",
    "Consent",
    "ConsumerDone",
    "Event",
    "FormerPhone",
    "Identity",
    "InboxMessage",
    "Member",
    "MemberNote",
    "Outbox",
    "SavedView",
    "Shop",
    "Staff",
    "Tag",
]
