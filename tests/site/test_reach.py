"""Every route outside the back office × who asks × whose thing it is.

A row says what a GET and a POST are answered with, for each way of coming in. A new route without
a row fails. (The back office has its table in tests/admin/test_who_sees_what.py; what of it belongs
to one shop is at the end of this one.)
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver
from pytest_django import Settings

from loyalty.card import access
from loyalty.models import Refund, TierPurchase, TopUp
from loyalty.services import confirmations
from members.models import Event, Member, Staff
from members.services import member_sessions
from tests import factories
from tests.admin.conftest import House
from tests.factories import AT

pytestmark = pytest.mark.django_db

# Who asks. "far" is the manager of another shop, "other" another member with the card open.
STAFF = ("cashier", "manager", "owner", "far")
EVERYBODY = ("nobody", *STAFF, "member", "other")

# "login" and "join": sent to sign in; "on": sent on elsewhere; else the status.
Row = dict[str, str]


def alike(answer: str) -> Row:
    return dict.fromkeys(EVERYBODY, answer)


def staff(answer: str, *, far: str | None = None, else_: str = "login") -> Row:
    """For whoever is signed in at the counter; ``far`` where the thing is another shop's."""
    return alike(else_) | dict.fromkeys(STAFF, answer) | {"far": far or answer}


def card(answer: str, *, other: str | None = None, else_: str = "join") -> Row:
    """For whoever has their card open; ``other`` where the thing is another member's."""
    return alike(else_) | {"member": answer, "other": other or answer}


NO = alike("405")
PUBLIC = alike("200")
ON = alike("on")
# Route → (GET, POST with what BODIES has for it).
ROWS: dict[str, tuple[Row, Row]] = {
    "": (ON, ON),
    "healthz": (alike("503"), NO),  # no worker reports in a test
    "metrics": (alike("404"), NO),  # closed without a token
    "set_language": (ON, ON),
    # The counter's interface.
    "counter:api_quote": (NO, staff("400", else_="401")),
    "counter:api_settle": (NO, staff("400", else_="401")),
    "counter:api_void": (NO, staff("200", far="404", else_="401")),
    "counter:api_refund": (NO, staff("200", far="404", else_="401")),
    "counter:api_top_up": (NO, staff("400", else_="401")),
    "counter:api_identify": (NO, staff("400", else_="401")),
    "counter:api_member": (staff("400", else_="401"), NO),
    # The counter's pages.
    "counter:home": (staff("200"), NO),
    "counter:sale": (staff("200"), staff("400")),
    "counter:confirm": (staff("on"), staff("on")),
    "counter:confirm_state": (staff("200", else_="401"), NO),
    "counter:serve": (NO, staff("400")),
    "counter:upgrade": (staff("on"), staff("400")),  # no member in this sale yet
    "counter:upgraded": (staff("200", far="404"), staff("409", far="404")),  # too late to undo
    "counter:login": (staff("on", else_="200"), alike("401")),
    "counter:logout": (NO, alike("login")),
    "counter:shop": (staff("200"), staff("403")),  # without naming one
    "counter:take_over": (NO, staff("400")),  # without naming anybody
    "counter:join": (staff("200"), staff("400")),
    "counter:top_up": (staff("200"), staff("400")),
    "counter:topped_up": (staff("200", far="404"), NO),
    "counter:orders": (staff("200"), NO),
    "counter:order": (staff("200", far="404"), NO),
    "counter:void": (staff("on", far="404"), staff("400", far="404")),
    "counter:refund": (staff("200", far="404"), staff("400", far="404")),
    "counter:withdraw": (staff("on", far="404"), staff("404")),  # nothing that was asked
    "counter:receipt": (staff("200", far="404"), NO),
    "counter:day": (staff("200"), NO),
    "counter:accent": (PUBLIC, NO),
    # The member card.
    "card:home": (card("200"), NO),
    "card:code": (card("200"), NO),
    "card:fresh_code": (card("200"), NO),
    "card:now": (card("200", else_="401"), NO),
    "card:check_in": (NO, card("on")),
    "card:coupons": (card("200"), NO),
    "card:points": (card("200"), NO),
    "card:value": (card("200"), NO),
    "card:tiers": (card("200"), NO),
    "card:upgrade": (card("on"), card("409")),  # not sold
    "card:check_ins": (card("200"), NO),
    "card:orders": (card("200"), NO),
    "card:order": (card("200", other="404"), NO),
    "card:inbox": (card("200"), card("on")),
    "card:me": (card("200"), NO),
    "card:profile": (card("200"), card("on")),
    "card:language": (NO, card("404")),  # none that there is
    "card:consents": (card("200"), card("on")),
    "card:freeze": (card("200"), card("on")),
    "card:pin": (card("200"), card("400")),
    "card:end_all": (NO, alike("join")),
    "card:confirm": (card("200", other="404"), card("on", other="404")),
    "card:claim": (card("404"), card("404")),  # a receipt that nobody gave
    "card:join": (card("on", else_="200"), alike("400")),
    "card:join_code": (alike("join"), alike("join")),
    "card:terms": (PUBLIC, NO),
    # WeChat's, nowhere to be found until it is set up.
    "card:linked": (card("404"), card("404")),
    "card:wechat": (alike("404"), NO),
    "card:enter": (alike("404"), NO),
    "card:mini_terms": (alike("404"), alike("404")),
    "card:mini_login": (alike("404"), alike("404")),
    "card:mini_join": (alike("404"), alike("404")),
    "card:logout": (NO, alike("join")),
    "card:face": (PUBLIC, NO),
    "card:face_over": (alike("404"), NO),  # a picture that nobody uploaded
    "card:image": (alike("404"), NO),
}
# Of these what is answered where it is set up: the form, and refusals without codes of WeChat's.
WITH_WECHAT: dict[str, tuple[Row, Row]] = {
    "card:linked": (card("200"), card("on")),
    "card:wechat": (alike("join"), NO),
    "card:enter": (alike("join"), NO),
    "card:mini_terms": (PUBLIC, NO),
    "card:mini_login": (NO, alike("400")),
    "card:mini_join": (NO, alike("400")),
}
# What a POST needs to get as far as asking whose thing it is.
BODIES: dict[str, dict[str, Any]] = {
    "counter:void": {"reason": "敲错"},
    "card:confirm": {"yes": "1"},
    "card:upgrade": {"key": str(uuid.UUID(int=7)), "price": "5000"},
    "counter:upgrade": {"key": str(uuid.UUID(int=7)), "price": "5000"},
    "counter:upgraded": {"key": str(uuid.UUID(int=7))},
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    name: {"key": str(uuid.UUID(int=7)), "reason": "敲错"}
    for name in ("counter:api_void", "counter:api_refund")
}

LEAVING = {"counter:login", "counter:logout", "card:logout", "card:end_all", "card:freeze"}

# Style sheets and pictures are named by what is in them.
FILES: dict[str, list[str]] = {
    "card:face": ["7a4b2a", "ffffff"],
    "card:face_over": ["7a4b2a", "ffffff", "0" * 64],
    "card:image": ["0" * 64],
}


class World:
    """The cast of the back office, another member, and one thing of each kind."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.other = factories.member("+8613900005678", "李明")
        self.things: dict[str, Any] = {
            "order_id": house.order.pk,
            "top_up_id": TopUp.objects.get().pk,
            "draft_id": uuid.UUID(int=1),
            "confirmation_id": self._asked(),
            "token": "none",
            "tier_id": house.tiers["黑卡"].pk,
            "purchase_id": self._bought(),
        }
        self.open: dict[str, Client] = {}

    def _asked(self) -> int:
        """A large spend that the member is asked about."""
        return confirmations.request(
            member_id=self.house.member.pk,
            stored_fen=25000,
            points=0,
            points_fen=0,
            cart_hash="h",
            shop=self.house.shop,
            actor=None,
            at=AT,
        ).pk

    def _bought(self) -> int:
        """A tier that the member had for points, the day before."""
        return TierPurchase.objects.create(
            member=self.house.member,
            tier=self.house.tiers["金卡"],
            until=AT.date(),
            points=5000,
            points_fen=5000,
            shop=self.house.shop,
            at=AT - dt.timedelta(days=1),
        ).pk

    def browser(self, who: str) -> Client:
        """The same browser each time, until ``leave``."""
        if who not in self.open:
            self.open[who] = self._new(who)
        return self.open[who]

    def leave(self) -> None:
        """Whoever signed out comes in anew."""
        self.open.clear()

    def _new(self, who: str) -> Client:
        if who in ("member", "other"):
            return self._phone(self.house.member if who == "member" else self.other)
        client = Client()
        if who != "nobody":
            person = self.house.far_manager if who == "far" else self.house.person(who)
            self._sign_in(client, person)
        return client

    def _sign_in(self, client: Client, person: Staff) -> None:
        client.force_login(person, backend="members.backends.StaffBackend")
        shop = person.shops.first() or self.house.shop
        client.post(reverse("counter:shop"), {"shop": shop.pk})

    def _phone(self, member: Member) -> Client:
        client = Client()
        client.cookies[access.COOKIE] = member_sessions.token(member=member, proved_at=AT, at=AT)
        return client


@pytest.fixture
def world(house: House) -> World:
    return World(house)


def routes(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, pattern.namespace or space)
        elif space != "admin":
            name = pattern.name or str(pattern.pattern)
            yield (f"{space}:{name}" if space else name), pattern


def address(world: World, name: str, pattern: URLPattern) -> str:
    if not pattern.name:
        return f"/{pattern.pattern}"
    if name in FILES:
        return reverse(name, args=FILES[name])
    return reverse(name, kwargs={key: world.things[key] for key in pattern.pattern.converters})


def outcome(answer: Any) -> str:
    if answer.status_code != 302:
        return str(answer.status_code)
    place = answer["Location"]
    if place.startswith((reverse("counter:login"), "/admin/login/")):
        return "login"
    return "join" if place.startswith(reverse("card:join")) else "on"


def ask(world: World, name: str, url: str, method: str, who: str) -> str:
    """What this person is answered; nothing of it stays."""
    mark = transaction.savepoint()
    browser = world.browser(who)
    if method == "get":
        answer = browser.get(url)
    elif name in DOCUMENTS:
        answer = browser.post(url, DOCUMENTS[name], content_type="application/json")
    else:
        answer = browser.post(url, BODIES.get(name))
    transaction.savepoint_rollback(mark)
    return outcome(answer)


def test_every_route_has_its_row() -> None:
    assert {name for name, _pattern in routes(get_resolver())} == set(ROWS)


def test_each_is_answered_what_the_table_says(world: World) -> None:
    assert differing(world, ROWS) == {}


def test_each_of_wechats_is_where_it_is_set_up(world: World, settings: Settings) -> None:
    settings.WECHAT_APPID = settings.WECHAT_MINI_APPID = "wx00000000000000aa"
    settings.WECHAT_SECRET = settings.WECHAT_MINI_SECRET = "s"
    assert differing(world, WITH_WECHAT) == {}


def differing(world: World, rows: dict[str, tuple[Row, Row]]) -> dict[str, str]:
    """What is answered otherwise than these rows say."""
    wrong = {}
    for name, pattern in routes(get_resolver()):
        if name not in rows:
            continue
        url = address(world, name, pattern)
        for row, method in zip(rows[name], ("get", "post"), strict=True):
            for who in EVERYBODY:
                found = ask(world, name, url, method, who)
                if found != row[who]:
                    wrong[f"{method} {name} by {who}"] = found
        if name in LEAVING:
            world.leave()
    return wrong


def test_another_shops_things_are_not_in_the_back_office(house: House) -> None:
    browser = Client()
    browser.force_login(house.far_manager, backend="members.backends.StaffBackend")
    near = {
        "loyalty_order": (house.order.pk, "404"),
        "loyalty_refund": (Refund.objects.get(order=house.order).pk, "404"),
        "loyalty_topup": (TopUp.objects.get().pk, "404"),
        "members_event": (Event.objects.filter(shop=house.shop).latest("pk").pk, "404"),
        "members_shop": (house.shop.pk, "403"),
        "members_staff": (house.cashier.pk, "403"),
    }
    found = {
        table: outcome(browser.get(reverse(f"admin:{table}_change", args=[pk])))
        for table, (pk, _answer) in near.items()
    }
    assert found == {table: answer for table, (_pk, answer) in near.items()}
