from django.urls import path, re_path

from loyalty.card import claiming, entry, face, home, me, mini, upgrades, wallet, wechat

app_name = "card"

urlpatterns = [
    path("", home.home, name="home"),
    path("code", home.code, name="code"),
    path("code/fresh", home.fresh_code, name="fresh_code"),
    path("now", home.now, name="now"),
    path("check-in", home.check_in, name="check_in"),
    path("coupons", wallet.coupons, name="coupons"),
    path("points", wallet.points, name="points"),
    path("value", wallet.value, name="value"),
    path("tiers", wallet.tiers, name="tiers"),
    path("tiers/<int:tier_id>/upgrade", upgrades.upgrade, name="upgrade"),
    path("check-ins", wallet.check_ins, name="check_ins"),
    path("orders", wallet.orders, name="orders"),
    path("orders/<int:order_id>", wallet.order, name="order"),
    path("inbox", me.messages_page, name="inbox"),
    path("me", me.me, name="me"),
    path("me/profile", me.profile, name="profile"),
    path("me/language", me.language, name="language"),
    path("me/consents", me.consents, name="consents"),
    path("me/wechat", me.linked, name="linked"),
    path("me/freeze", me.freeze, name="freeze"),
    path("me/pin", me.pin, name="pin"),
    path("me/logout-everywhere", me.end_all, name="end_all"),
    path("confirm/<int:confirmation_id>", me.confirm, name="confirm"),
    path("claim/<str:token>", claiming.claim, name="claim"),
    path("join", entry.join, name="join"),
    path("join/code", entry.join_code, name="join_code"),
    path("wechat", wechat.back, name="wechat"),
    path("enter", mini.enter, name="enter"),
    path("api/mini/terms", mini.terms, name="mini_terms"),
    path("api/mini/login", mini.login, name="mini_login"),
    path("api/mini/join", mini.join, name="mini_join"),
    path("terms", entry.terms, name="terms"),
    path("logout", entry.log_out, name="logout"),
    re_path(r"^face/([0-9a-f]{6})-([0-9a-f]{6})\.css$", face.face_css, name="face"),
    re_path(
        r"^face/([0-9a-f]{6})-([0-9a-f]{6})-([0-9a-f]{64})\.css$",
        face.face_css,
        name="face_over",
    ),
    re_path(r"^face/([0-9a-f]{64})\.webp$", face.face_image, name="image"),
]
