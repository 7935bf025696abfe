from django.urls import include, path

from loyalty.counter import (
    accent,
    api,
    closing,
    confirming,
    joining,
    orders,
    receipts,
    sale,
    serving,
    sign_in,
    topping_up,
    upgrades,
)

app_name = "counter"

API = [
    path("quote", api.quote, name="api_quote"),
    path("settle", api.settle, name="api_settle"),
    path("orders/<int:order_id>/void", api.void, name="api_void"),
    path("orders/<int:order_id>/refund", api.refund, name="api_refund"),
    path("top-ups", api.top_up, name="api_top_up"),
    path("members/identify", api.identify, name="api_identify"),
    path("members", api.member, name="api_member"),
]

urlpatterns = [
    path("api/", include(API)),  # first: the most asked for
    path("", sale.home, name="home"),
    path("sale/<uuid:draft_id>/", sale.ring_up, name="sale"),
    path("sale/<uuid:draft_id>/confirm/", confirming.confirm, name="confirm"),
    path("sale/<uuid:draft_id>/confirm/state", confirming.state, name="confirm_state"),
    path("sale/<uuid:draft_id>/serve/", serving.serve, name="serve"),
    path("sale/<uuid:draft_id>/upgrade/<int:tier_id>/", upgrades.upgrade, name="upgrade"),
    path("upgraded/<int:purchase_id>/", upgrades.upgraded, name="upgraded"),
    path("login/", sign_in.log_in, name="login"),
    path("logout/", sign_in.log_out, name="logout"),
    path("shop/", sign_in.choose_shop, name="shop"),
    path("shop/take-over/", sign_in.take_over, name="take_over"),
    path("join/", joining.join, name="join"),
    path("top-up/", topping_up.top_up, name="top_up"),
    path("top-ups/<int:top_up_id>/", topping_up.topped_up, name="topped_up"),
    path("orders/", orders.last, name="orders"),
    path("orders/<int:order_id>/", orders.order, name="order"),
    path("orders/<int:order_id>/void/", orders.void, name="void"),
    path("orders/<int:order_id>/refund/", orders.refund, name="refund"),
    path("orders/<int:order_id>/withdraw/", orders.withdraw, name="withdraw"),
    path("orders/<int:order_id>/receipt/", receipts.receipt, name="receipt"),
    path("day/", closing.day, name="day"),
    path("accent.css", accent.accent_css, name="accent"),
]
