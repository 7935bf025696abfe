"""Every page of the back office, for every role, in both languages; and nothing of other shops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver
from zeal import zeal_context

from tests.admin.conftest import House, SignedIn

pytestmark = pytest.mark.django_db

OWNER, MANAGER, CASHIER = "owner", "manager", "cashier"
ALL = (OWNER, MANAGER, CASHIER)
SENIOR = (OWNER, MANAGER)

# Route → who may open it, and of what. A new route without a line here fails below.
ROUTES: dict[str, tuple[tuple[str, ...], str]] = {
    "index": (ALL, ""),
    "password_change": (ALL, ""),
    "password_change_done": (ALL, ""),
    "members_member_changelist": (ALL, ""),
    "members_member_add": (ALL, ""),
    "members_member_change": (ALL, "member"),
    "members_member_export": ((OWNER,), ""),
    "members_member_edit": (SENIOR, "member"),
    "members_member_adjust": (SENIOR, "member"),
    "members_member_merge": (SENIOR, "member"),
    "members_member_close": (SENIOR, "member"),
    "members_tag_changelist": (SENIOR, ""),
    "members_tag_add": (SENIOR, ""),
    "members_tag_change": (SENIOR, "tag"),
    "members_tag_delete": (SENIOR, "tag"),
    "members_event_changelist": (SENIOR, ""),
    "members_shop_changelist": ((OWNER,), ""),
    "members_shop_add": ((OWNER,), ""),
    "members_shop_change": ((OWNER,), "shop"),
    "members_shop_delete": ((OWNER,), "shop"),
    "members_staff_changelist": ((OWNER,), ""),
    "members_staff_add": ((OWNER,), ""),
    "members_staff_change": ((OWNER,), "cashier"),
    "members_staff_delete": ((OWNER,), "cashier"),
    "members_cardface_changelist": (SENIOR, ""),
    "members_cardface_add": ((OWNER,), ""),
    "members_cardface_change": (SENIOR, "face"),
    "members_cardface_delete": ((OWNER,), "face"),
    "loyalty_tier_changelist": (SENIOR, ""),
    "loyalty_tier_delete": ((OWNER,), "tier"),
    "loyalty_policy_change": (SENIOR, "policy"),
    "loyalty_topupplan_changelist": (SENIOR, ""),
    "loyalty_topupplan_add": ((OWNER,), ""),
    "loyalty_topupplan_change": (SENIOR, "plan"),
    "loyalty_topupplan_delete": ((OWNER,), "plan"),
    "loyalty_benefit_changelist": (SENIOR, ""),
    "loyalty_benefit_add": ((OWNER,), ""),
    "loyalty_benefit_change": (SENIOR, "benefit"),
    "loyalty_benefit_delete": ((OWNER,), "benefit"),
    "loyalty_coupontemplate_changelist": (SENIOR, ""),
    "loyalty_coupontemplate_add": ((OWNER,), ""),
    "loyalty_coupontemplate_change": (SENIOR, "template"),
    "loyalty_coupontemplate_delete": ((OWNER,), "template"),
    "loyalty_giftpack_changelist": (SENIOR, ""),
    "loyalty_giftpack_add": ((OWNER,), ""),
    "loyalty_giftpack_change": (SENIOR, "pack"),
    "loyalty_giftpack_delete": ((OWNER,), "pack"),
    "loyalty_coupon_changelist": (ALL, ""),
    "loyalty_loan_changelist": (ALL, ""),
    "loyalty_bulkissue_changelist": (SENIOR, ""),
    "loyalty_bulkissue_change": (SENIOR, "bulk_issue"),
    "loyalty_bulkissue_progress": (SENIOR, "bulk_issue"),
    "loyalty_order_changelist": (ALL, ""),
    "loyalty_order_change": (ALL, "order"),
    "loyalty_refund_changelist": (ALL, ""),
    "loyalty_topup_changelist": (ALL, ""),
    "loyalty_approval_changelist": (SENIOR, ""),
    "loyalty_approval_change": (SENIOR, "approval"),
    "loyalty_entry_changelist": (SENIOR, ""),
    "loyalty_nightlyrun_changelist": (SENIOR, ""),
    "loyalty_nightlyrun_change": (SENIOR, "run"),
    "loyalty_ruleset_changelist": (SENIOR, ""),
    "loyalty_ruleset_change": (SENIOR, "ruleset"),
    "loyalty_product_changelist": (SENIOR, ""),
    "loyalty_product_add": ((OWNER,), ""),
    "loyalty_product_change": (SENIOR, "product"),
    "loyalty_product_delete": ((OWNER,), "product"),
    "loyalty_category_changelist": (SENIOR, ""),
    "loyalty_category_add": ((OWNER,), ""),
    "loyalty_category_change": (SENIOR, "category"),
    "loyalty_category_delete": ((OWNER,), "category"),
}
# Answers to the pages above, redirections, and what Django has and we have no page for.
ELSEWHERE = {
    "login",
    "logout",
    "jsi18n",
    "search",
    "autocomplete",
    "view_on_site",
    "app_list",
    "members_member_phone",
    "members_member_freeze",
    "members_member_unfreeze",
    "members_member_tag",
    "members_member_note",
    "members_member_forget_phone",
    "members_member_unlink",
    "members_member_views",
    "members_event_views",
    "loyalty_order_views",
    "loyalty_topup_views",
    "loyalty_entry_views",
    "loyalty_coupon_views",
    "loyalty_loan_views",
    "loyalty_approval_approve",
    "loyalty_approval_decline",
    "loyalty_approval_withdraw",
    "loyalty_loan_back",
    "loyalty_loan_write_off",
    "loyalty_bulkissue_stop",
    "loyalty_bulkissue_take_back",
    "loyalty_tier_counts",
    "loyalty_ruleset_cancel",
    "loyalty_tier_change",
    "loyalty_policy_changelist",
}
NEVER = ("_history",)
# What nobody writes by hand has these routes by Django's way, and refuses them to everybody.
READ_ONLY: tuple[str, ...] = (
    "members_event",
    "loyalty_order",
    "loyalty_refund",
    "loyalty_topup",
    "loyalty_entry",
)
READ_ONLY += ("loyalty_coupon", "loyalty_nightlyrun", "loyalty_ruleset", "loyalty_bulkissue")
READ_ONLY += ("loyalty_loan", "loyalty_approval")
REFUSED = {f"{table}_{page}" for table in READ_ONLY for page in ("add", "delete")}
REFUSED |= {"members_member_delete", "loyalty_tier_add", "loyalty_policy_add"}
REFUSED |= {"loyalty_policy_delete"}
# A plain table's row has no page of its own worth linking to; Django shows its columns.
PLAIN = {"members_event_change", "loyalty_refund_change", "loyalty_topup_change"}
PLAIN |= {"loyalty_entry_change", "loyalty_coupon_change", "loyalty_loan_change"}


def names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern, pattern.namespace or namespace)
        elif isinstance(pattern, URLPattern) and pattern.name and namespace == "admin":
            yield pattern.name


def address(house: House, name: str, thing: str) -> str:
    if not thing:
        return reverse(f"admin:{name}")
    found = {
        "tier": house.tiers["银卡"],
        "product": house.menu["latte"],
        "category": house.menu["latte"].category,
        "ruleset": house.order.ruleset,
    }
    row = found.get(thing) or getattr(house, thing, None)
    return reverse(f"admin:{name}", args=[1 if thing == "policy" else row.pk])


def test_every_route_has_its_line() -> None:
    known = {*ROUTES, *ELSEWHERE, *REFUSED, *PLAIN}
    missing = {
        name
        for name in names(get_resolver())
        if name not in known and not name.endswith((*NEVER, "_preview"))
    }
    assert missing == set()


@pytest.mark.parametrize("role", ALL)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_each_page_opens_for_those_it_is_for(
    house: House, signed_in: SignedIn, role: str, language: str
) -> None:
    browser = signed_in(role, language)
    wrong = {}
    for name, (roles, thing) in ROUTES.items():
        with zeal_context():
            status = browser.get(address(house, name, thing)).status_code
        if status != (200 if role in roles else 403):
            wrong[name] = status
    assert wrong == {}


@pytest.mark.parametrize("role", ALL)
def test_nobody_writes_what_is_a_fact(house: House, signed_in: SignedIn, role: str) -> None:
    browser = signed_in(role)
    pks = {"loyalty_order": house.order.pk, "loyalty_nightlyrun": house.run.pk}
    for name in sorted(REFUSED):
        table, _dash, page = name.rpartition("_")
        args = [] if page == "add" else [pks.get(table, 1)]
        assert browser.post(reverse(f"admin:{name}", args=args)).status_code == 403, name


def test_without_a_login_there_is_only_the_login_page(house: House) -> None:
    answer = Client().get("/admin/loyalty/order/")
    assert (answer.status_code, answer["Location"]) == (
        302,
        "/admin/login/?next=/admin/loyalty/order/",
    )


def test_only_our_own_tables_have_pages() -> None:
    assert {model._meta.app_label for model in admin.site._registry} == {"members", "loyalty"}


@pytest.mark.parametrize("role", [MANAGER, CASHIER])
def test_another_shops_sale_does_not_exist(house: House, signed_in: SignedIn, role: str) -> None:
    browser = signed_in(role)
    far = reverse("admin:loyalty_order_change", args=[house.far_order.pk])
    assert browser.get(far).status_code == 404
    page = browser.get(reverse("admin:loyalty_order_changelist"))
    assert [row.pk for row in page.context["cl"].result_list] == [house.order.pk]
    refunds = browser.get(reverse("admin:loyalty_refund_changelist")).context["cl"].result_list
    assert [row.order_id for row in refunds] == [house.order.pk]


def test_the_owner_sees_all_shops(house: House, signed_in: SignedIn) -> None:
    page = signed_in(OWNER).get(reverse("admin:loyalty_order_changelist"))
    assert {row.pk for row in page.context["cl"].result_list} == {
        house.order.pk,
        house.far_order.pk,
    }


def test_a_managers_trail_leaves_out_other_shops(house: House, signed_in: SignedIn) -> None:
    rows = signed_in(MANAGER).get(reverse("admin:members_event_changelist")).context["cl"]
    assert {row.shop_id for row in rows.result_list} <= {house.shop.pk, None}
    assert house.far_shop.pk in {
        row.shop_id
        for row in signed_in(OWNER)
        .get(reverse("admin:members_event_changelist"))
        .context["cl"]
        .result_list
    }


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        (OWNER, {"members_staff", "loyalty_tier", "loyalty_entry"}, set()),
        (MANAGER, {"loyalty_tier", "loyalty_entry"}, {"members_staff", "members_shop"}),
        (
            CASHIER,
            {"members_member", "loyalty_order"},
            {"members_staff", "loyalty_tier", "loyalty_entry", "members_event", "members_tag"},
        ),
    ],
)
def test_the_sidebar_shows_what_one_may_open(
    house: House, signed_in: SignedIn, role: str, shown: set[str], hidden: set[str]
) -> None:
    page = signed_in(role).get(reverse("admin:index"))
    links = {
        item["link"] for group in page.context["sidebar_navigation"] for item in group["items"]
    }
    assert {reverse(f"admin:{table}_changelist") for table in shown} <= links
    assert not {reverse(f"admin:{table}_changelist") for table in hidden} & links
