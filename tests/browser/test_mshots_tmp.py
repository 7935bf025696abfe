import datetime as dt, os, uuid
from pathlib import Path
import pytest
from django.conf import settings
from members import clock
from members.models import *
from loyalty.models import *
from loyalty.services import checkins
from loyalty.demo import shop as demo
from loyalty.card import access
from members.services import member_sessions, outbox, inbox
OUT=Path("/tmp/card/shots"); OUT.mkdir(exist_ok=True, parents=True)
def test_shots(browser, site, live_db):
    at=clock.now()
    demo.ensure_demo(passwords={}, at=at)
    m=Member.objects.get(phone="+8613800001234")
    CardFace.objects.get_or_create(name="经典", defaults=dict(slogan="每一次消费，都离特权更近", brand_colour=os.environ.get("BRAND","#7A4B2A")))
    for d in (3,2,1): checkins.check_in(member_id=m.pk, shop=None, actor=None, at=at-dt.timedelta(days=d))
    from loyalty.services.checkout import settle, Cart, CartLine
    shop=Shop.objects.first()
    ps={p.sku:p for p in Product.objects.all()}
    settle(key=uuid.uuid4(), cart=Cart((CartLine(product_id=ps["C02"].pk,quantity=2),CartLine(product_id=ps["B01"].pk)), member_id=m.pk, points=500, use_stored_value=True), expected_hash=None, tender="wechat", shop=shop, actor=Staff.objects.get(username="cashier"), at=at-dt.timedelta(hours=2))
    while outbox.drain_batch(at=clock.now()+dt.timedelta(minutes=1)).claimed: pass
    print(InboxMessage.objects.count())
    tok=member_sessions.token(member=m, proved_at=at-dt.timedelta(hours=1), at=at)
    from loyalty.services import confirmations
    only=os.environ.get("ONLY","").split(",") if os.environ.get("ONLY") else None
    pages=["","code","coupons","points","value","tiers","check-ins","orders","inbox","me","me/profile","me/consents","me/freeze","me/pin","terms"]
    order=Order.objects.filter(member=m).order_by("-pk").first()
    pages.append(f"orders/{order.pk}")
    for lang,scheme in (("zh-hans","light"),("zh-hans","dark"),("en","light"),("en","dark")):
        ctx=browser.new_context(viewport={"width":390,"height":844}, device_scale_factor=1.5, color_scheme=scheme, locale="zh-CN")
        ctx.add_cookies([{"name":"django_language","value":lang,"url":site}])
        page=ctx.new_page(); bad=[]
        page.on("console", lambda msg: bad.append(msg.text) if msg.type in("error","warning") else None)
        if not only or "join" in only:
            page.goto(site+"/m/join?c=poster"); page.screenshot(path=OUT/f"join-{lang}-{scheme}.png", full_page=True)
            page.fill("#phone","13611112222"); page.check("[name=terms]"); page.click("button.main")
            page.wait_for_url("**/join/code"); page.screenshot(path=OUT/f"joincode-{lang}-{scheme}.png", full_page=True)
        ctx.add_cookies([{"name":access.COOKIE,"value":tok,"domain":"127.0.0.1","path":"/m/"}])
        for name in pages:
            short=name.replace("/","_") or "home"
            if only and short not in only: continue
            if scheme=="dark" and lang=="en": continue
            page.goto(site+"/m/"+name); page.wait_for_timeout(250)
            page.screenshot(path=OUT/f"{short}-{lang}-{scheme}.png", full_page=True)
        print(lang, scheme, bad)
        ctx.close()
