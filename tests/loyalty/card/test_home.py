"""The card itself: code, balances, progress and the best offer, all in the first HTML."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.conf import settings as site
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loyalty.models import (
    Benefit,
    CheckIn,
    Entry,
    GiftPack,
    GiftPackCoupon,
    Loan,
    MemberStats,
)
from loyalty.services import checkins, confirmations, rule_changes, rules
from members import registry
from members.codes import is_card_number
from members.models import CardFace, Event, Member
from members.registry import Shown
from members.services import live_codes
from members.services.faces import read_picture, save_face
from tests import factories
from tests.factories import AT
from tests.loyalty.card.conftest import CARD, Cast, browser, logged_in
from tests.members.test_pictures import picture

KILOBYTE = 1024


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def card(client: Client) -> str:
    answer = client.get("/m/")
    assert answer.status_code == 200
    return answer.content.decode()


def shown_code(page: str) -> str:
    found = re.search(r"66[0-9]{2}( [0-9]{2,4}){4}", page)
    assert found
    return found[0].replace(" ", "")


def test_everything_is_there_without_a_script(client: Client, cast: Cast) -> None:
    page = card(client)
    code = shown_code(page)
    assert live_codes.is_member_code(code)
    assert live_codes.claim(code=code, place="1", at=AT) == cast.member.pk
    text = words(page)
    assert "¥120.00 Balance" in text
    assert "1,280 Points" in text
    assert "1 Coupons" in text
    assert "金卡" in text
    assert "¥10,001 more to 黑卡" in text
    assert is_card_number(CARD)
    assert " ".join(CARD[i : i + 4] for i in range(0, 16, 4)) in text
    assert '<meta http-equiv="refresh" content="30" />' in page


def test_each_view_shows_a_code_of_its_own(client: Client, cast: Cast) -> None:
    assert shown_code(card(client)) != shown_code(client.get("/m/code/fresh").content.decode())


def test_the_statements_of_the_card_are_counted(client: Client, cast: Cast) -> None:
    card(client)  # the rules are read once a process
    with CaptureQueriesContext(
        connection,
    ) as asked:
        card(client)
    assert len(asked) == 10, [query["sql"][:90] for query in asked]


def test_looking_for_news_takes_three_statements(client: Client, cast: Cast) -> None:
    with CaptureQueriesContext(connection) as asked:
        client.get("/m/now")
    assert len(asked) == 3


def test_looking_writes_nothing(client: Client, cast: Cast) -> None:
    for path in ("", "code", "code/fresh", "now", "coupons", "points", "value", "tiers", "inbox"):
        client.get(f"/m/{path}")
    assert not Event.objects.exclude(kind="rules_published").exists()


def test_the_whole_card_is_light(client: Client, cast: Cast) -> None:
    page = client.get("/m/")
    face = re.search(r"/m/face/[0-9a-f]{6}-[0-9a-f]{6}\.css", page.content.decode())
    assert face
    parts = [page.content, client.get(face[0]).content]
    for name in ("css/tokens.css", "css/member.css", "js/member.js", "css/icon.svg"):
        found = finders.find(name)
        assert isinstance(found, str)
        with open(found, "rb") as file:  # noqa: PTH123
            parts.append(file.read())
    assert sum(len(gzip.compress(part)) for part in parts) < 60 * KILOBYTE / 4


def test_with_the_heaviest_pictures_it_is_still_light(client: Client, cast: Cast) -> None:
    face = CardFace.objects.create(name="图", slogan="再来")
    busy = picture(1600, 1600, "JPEG", quality=60)
    written = {part: read_picture(BytesIO(busy), part=part) for part in ("logo", "background")}
    save_face(face=face, changes={**written}, actor=factories.owner(), at=AT)
    page = client.get("/m/").content.decode()
    assert f'<img class="logo" src="/m/face/{face.logo_id}.webp"' in page
    css = re.search(r"/m/face/[0-9a-f]{6}-[0-9a-f]{6}-[0-9a-f]{64}\.css", page)
    assert css
    assert f"/m/face/{face.background_id}.webp" in client.get(css[0]).content.decode()
    seen = sum(len(gzip.compress(part.body)) for part in written.values())
    assert seen < 60 * KILOBYTE * 3 / 4


def test_the_policy_allows_no_inline_script_or_style(client: Client, cast: Cast) -> None:
    answer = client.get("/m/")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    page = answer.content.decode()
    assert re.search(r"<style|style=|<script>|\son[a-z]+=", page) is None
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_best_offer_is_the_calculators(client: Client, cast: Cast) -> None:
    MemberStats.objects.filter(pk=cast.member.pk).update(
        orders_count=2, net_fen=20000, basis_fen=20000
    )
    # ¥100 at 90 % is ¥90, less 满80减20: ¥70.
    assert "Best today 金卡 9折 + 满80减20 ¥100.00 in hand ¥70.00" in words(card(client))


def test_progress_counts_the_visits(client: Client, cast: Cast) -> None:
    MemberStats.objects.filter(pk=cast.member.pk).update(
        orders_count=3, net_fen=30000, basis_fen=30000
    )
    assert "(about 101 visits) to 黑卡" in words(card(client))


def test_the_highest_tier_has_no_progress(client: Client, cast: Cast) -> None:
    MemberStats.objects.filter(pk=cast.member.pk).update(tier=factories.tiers()["黑卡"])
    assert "<progress" not in card(client)


def test_codes_away_leaves_the_rest_of_the_card(client: Client, cast: Cast, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**site.CACHES["default"], "LOCATION": settings.REDIS_URL}}
    text = words(card(client))
    assert "The code is not available right now" in text
    assert "Tell the cashier your phone number or this card number." in text
    assert f"{CARD[:4]} {CARD[4:8]}" in text
    assert "¥120.00 Balance" in text


def test_a_frozen_card_shows_no_code(client: Client, cast: Cast) -> None:
    Member.objects.update(status="frozen")
    page = card(client)
    assert "This card is frozen" in page
    assert "data-renew" not in page
    assert 'class="qr"' not in client.get("/m/code/fresh").content.decode()


def test_a_confirmation_waits_on_top(client: Client, cast: Cast) -> None:
    row = confirmations.request(
        member_id=cast.member.pk,
        stored_fen=25000,
        points=0,
        points_fen=0,
        cart_hash="h",
        shop=cast.shop,
        actor=None,
        at=AT,
    )
    assert "Confirm a spend of ¥250.00" in words(card(client))
    assert client.get("/m/now").json() == {
        "version": newest(),
        "confirm": f"/m/confirm/{row.pk}",
        "soon": False,
    }


def newest() -> int:
    return (
        Event.objects.exclude(member=None).order_by("-id").values_list("id", flat=True).first() or 0
    )


def test_news_moves_with_every_event(client: Client, cast: Cast) -> None:
    before = client.get("/m/now").json()["version"]
    checkins.check_in(member_id=cast.member.pk, shop=cast.shop, actor=None, at=AT)
    after = client.get("/m/now").json()["version"]
    assert after > before


def test_nobody_has_no_news_and_no_card(db: None, at_home: object) -> None:
    stranger = browser()
    assert stranger.get("/m/now").status_code == 401
    answer = stranger.get("/m/coupons")
    assert (answer.status_code, answer["Location"]) == (302, "/m/join?next=%2Fm%2Fcoupons")
    assert stranger.get("/m/")["Location"] == "/m/join"


def test_check_in_once_a_day(client: Client, cast: Cast) -> None:
    answer = client.post("/m/check-in")
    assert (answer.status_code, answer["Location"]) == (302, "/m/")
    text = words(card(client))
    assert "Checked in, 1 day running. 2 points for you." in text
    assert "Done today" in text
    client.post("/m/check-in", {"page": "1"})
    assert "has checked in today already" in words(client.get("/m/check-ins").content.decode())
    assert CheckIn.objects.count() == 1
    assert Entry.objects.filter(account__kind="points", side="issued").count() == 1


def test_dots_fill_a_week_and_start_anew(client: Client, cast: Cast) -> None:
    full = []
    for days in range(9):
        with time_machine.travel(AT.replace(day=21 + days), tick=False):
            client.post("/m/check-in")
            page = client.get("/m/").content.decode()
            full.append(page.count('<i class="full">'))
    assert full == [1, 2, 3, 4, 5, 6, 7, 1, 2]


def test_the_way_to_the_gift_and_the_gift(client: Client, cast: Cast) -> None:
    coupon = factories.coupon_template("签到5元券", 500)
    pack = GiftPack.objects.create(name="三天礼")
    GiftPackCoupon.objects.create(pack=pack, template=coupon)
    steps = [(3, pack, True)]
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=AT)
    assert "3 days running bring you 签到5元券" in words(card(client))
    said = []
    for day in (21, 22, 23, 24):
        with time_machine.travel(AT.replace(day=day), tick=False):
            before = words(card(client))
            client.post("/m/check-in")
            page = card(client)
            said.append((before, words(page), page.count("<i"), page.count('<i class="full">')))
    assert [(dots, full) for _before, _after, dots, full in said] == [
        (3, 1),
        (3, 2),
        (3, 3),
        (3, 1),
    ]
    assert "2 more days to 签到5元券" in said[0][1]
    assert "1 more day to 签到5元券" in said[1][1]
    assert "Check in today and it is yours: 签到5元券" in said[2][0]
    assert "For coming so faithfully: 签到5元券. Enjoy it!" in said[2][1]
    assert "3 more days to 签到5元券" in said[2][1]
    assert "2 Coupons" in said[2][1]
    assert "Enjoy it!" not in said[3][1]


def test_a_long_way_is_a_bar(client: Client, cast: Cast) -> None:
    pack = GiftPack.objects.create(name="三十天礼", points=100)
    steps = [(30, pack, False)]
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=AT)
    client.post("/m/check-in")
    for page in (card(client), client.get("/m/check-ins").content.decode()):
        assert '<progress max="30" value="1" aria-hidden="true">' in page
        assert "29 more days to 100 points" in words(page)


def test_what_is_gone_is_not_promised_as_given(client: Client, cast: Cast) -> None:
    coupon = factories.coupon_template("签到5元券", 500, stock=0)
    pack = GiftPack.objects.create(name="两天礼")
    GiftPackCoupon.objects.create(pack=pack, template=coupon)
    steps = [(2, pack, True)]
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=AT)
    client.post("/m/check-in")
    with time_machine.travel(AT.replace(day=21), tick=False):
        client.post("/m/check-in")
        text = words(card(client))
    assert "Checked in, 2 days running. 2 points for you." in text
    assert "Enjoy it!" not in text


def lent(cast: Cast, thing: str, *, days_ago: int) -> Loan:
    benefit = Benefit.objects.filter(name="借书回家").first() or factories.benefit(
        "借书回家", Benefit.Kind.SPECIAL, text="借书", return_days=14
    )
    then = AT - dt.timedelta(days=days_ago)
    return Loan.objects.create(
        member=cast.member,
        benefit=benefit,
        shop=cast.shop,
        thing=thing,
        lent_at=then,
        lent_on=then.date(),
        due_on=then.date() + dt.timedelta(days=14),
    )


def test_what_is_out_and_until_when(client: Client, cast: Cast) -> None:
    assert "You have taken along" not in card(client)
    lent(cast, "《活着》", days_ago=1)
    lent(cast, "", days_ago=14)
    text = words(card(client))
    assert "You have taken along 借书回家 回头咖啡 due back today 《活着》" in text
    assert "《活着》 回头咖啡 due back June 2" in text
    assert "Please bring it along" not in text
    lent(cast, "《三体》", days_ago=16)
    page = card(client)
    assert '<span class="chip bad">' in page
    assert "《三体》 回头咖啡 2 days overdue" in words(page)
    assert "Please bring it along next time: the next one waits for it." in words(page)


def test_what_is_back_is_gone_from_the_card(client: Client, cast: Cast) -> None:
    loan = lent(cast, "《活着》", days_ago=1)
    Loan.objects.filter(pk=loan.pk).update(status="returned", ended_at=AT)
    assert "《活着》" not in card(client)


def test_the_face_is_the_tiers_own(client: Client, cast: Cast) -> None:
    face = CardFace.objects.create(
        name="金", brand_colour="#D4AF37", text_colour="#FFFFFF", slogan="每一次消费,都离特权更近"
    )
    gold = factories.tiers()["金卡"]
    gold.face = face
    gold.save()
    page = card(client)
    assert "/m/face/d4af37-ffffff.css" in page
    assert "每一次消费,都离特权更近" in page
    css = client.get("/m/face/d4af37-ffffff.css")
    # White on gold cannot be read: the ink takes its place.
    assert "--face:#d4af37" in css.content.decode()
    assert "--on-face:#12100e" in css.content.decode()
    assert "immutable" in css.headers["Cache-Control"]


def test_a_panel_of_another_app_is_on_the_card(
    client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_panels", {})
    registry.register_panel(
        "card",
        "wish",
        lambda member, request, at: Shown(
            "components/error.html", {"error": {"code": "wish", "message": f"hello {member.name}"}}
        ),
    )
    assert "hello 王小敏" in card(client)


def test_an_old_token_is_renewed(cast: Cast, at_home: time_machine.Traveller) -> None:
    held = logged_in(cast.member)
    before = held.cookies["huitou_member"].value
    at_home.shift(31 * 24 * 3600)
    held.get("/m/")
    assert held.cookies["huitou_member"].value != before
