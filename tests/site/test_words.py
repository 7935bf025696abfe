"""Every page in Chinese holds no English, every page in English no Chinese: a rule, not pictures.

What people wrote themselves (names, slogans, articles: every text in the database) is theirs and
left out; so are the few words below that are the same in both languages.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.db.models import CharField, TextField
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import get_resolver, reverse
from django.utils import translation

from loyalty.models import Loan
from loyalty.services import checkins, rule_changes, rules
from members.models import Staff
from members.services import staff_changes
from tests import factories
from tests.admin.conftest import House
from tests.admin.test_who_sees_what import ROUTES
from tests.admin.test_who_sees_what import address as office_address
from tests.factories import AT
from tests.site.test_reach import ROWS, World, address, routes

pytestmark = pytest.mark.django_db

CHINESE, ENGLISH = "zh-hans", "en"
# Names of things and keys, and the switch to the other language.
SAME = {
    *("Huitou", "English", "PIN", "WeChat", "Excel", "CSV", "xlsx", "SKU", "ID", "IP", "URL"),
    *("Enter", "Esc", "Ctrl", "Alt", "Tab", "PostgreSQL", "Valkey", "Redis", "Celery", "worker"),
    *("JPEG", "PNG", "WebP", "SVG", "MB", "KB", "px", "mm", "QR", "https", "en", "zh", "hans"),
    *("beat", "key", "UUID"),
}
# Our name, the languages' own names, the trade's word for a discount.
KEPT = re.compile("回头|简体中文|中文|折")
EXAMPLE = "满100减20 7天"  # of what to type
ATTRIBUTES = ("title", "placeholder", "aria-label", "alt", "label", "data-label", "content")
SILENT = ("script", "style", "template", "code")
ERROR_PAGES = ("403.html", "403_csrf.html", "404.html", "429.html", "500.html")
CJK = re.compile(r"[\u3400-\u9fff，。！？；：（）]+")
LATIN = re.compile(r"[A-Za-z][A-Za-z’']+")


class Seen(HTMLParser):
    """The words of a page that a person sees or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._skip: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag in SILENT or "material-symbols" in known.get("class", ""):
            self._skip.append(tag)
        if tag == "meta" and known.get("name") != "description":
            return
        self.words += [known[name] for name in ATTRIBUTES if known.get(name)]
        if tag == "input" and known.get("type") in ("submit", "button", "reset"):
            self.words.append(known.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if self._skip and self._skip[-1] == tag:
            self._skip.pop()

    def handle_data(self, data: str) -> None:
        if not self._skip and data.strip():
            self.words.append(" ".join(data.split()))


def written() -> list[str]:
    """Every text that the database holds, the longest first."""
    found: set[str] = set()
    for model in apps.get_models():
        if model._meta.app_label not in {"members", "loyalty"}:
            continue
        names = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, CharField | TextField) and not field.choices
        ]
        for row in model._default_manager.values_list(*names) if names else ():
            found |= {str(value) for value in row if value}
    # A name is shown with its middle hidden.
    found |= {f"{name[0]}*{name[2:]}" for name in found if len(name) in (2, 3)}
    return sorted(found, key=len, reverse=True)


def strange(html: str, language: str, own: list[str]) -> set[str]:
    """The pieces of a page in the other language."""
    seen = Seen()
    seen.feed(html)
    found = set()
    for words in seen.words:
        rest = words.replace(EXAMPLE, " ")
        for text in own:
            if text in rest:
                # Whole words only: a login "en" is no part of "English".
                rest = re.sub(rf"(?<![A-Za-z]){re.escape(text)}(?![A-Za-z])", " ", rest)
        if language == ENGLISH:
            wrong = CJK.search(KEPT.sub(" ", rest)) is not None
        else:
            wrong = any(word not in SAME for word in LATIN.findall(_plain(rest)))
        if wrong:
            found.add(words)
    return found


def _plain(words: str) -> str:
    """Without colours, addresses and file names."""
    return re.sub(r"#[0-9A-Fa-f]{6}|\S*[/@.]\w\S*|\S*_\S*", " ", words)


def pages(world: World, language: str) -> Iterator[tuple[str, str]]:
    """Name and HTML of every page of a shop at work."""
    for name, (_roles, thing) in ROUTES.items():
        yield from _page(world, "owner", language, name, office_address(world.house, name, thing))
    for name, pattern in routes(get_resolver()):
        get, _post = ROWS[name]
        for who in ("nobody", "owner", "member", "other"):
            if get[who] == "200":
                yield from _page(world, who, language, name, address(world, name, pattern))


def _page(
    world: World,
    who: str,
    language: str,
    name: str,
    url: str,
    body: dict[str, str] | None = None,
) -> Iterator[tuple[str, str]]:
    browser = world.browser(who)
    browser.cookies["django_language"] = language
    answer = browser.get(url) if body is None else browser.post(url, body, follow=True)
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        yield f"{name} ({who})", answer.content.decode()


def faults(found: Iterator[tuple[str, str]], language: str) -> dict[str, set[str]]:
    own = written()
    wrong = {name: strange(html, language, own) for name, html in found}
    assert wrong
    return {name: words for name, words in wrong.items() if words}


# What a form with rows below it needs to be read at all.
NO_ROWS = {"seen": "", "items-TOTAL_FORMS": "0", "items-INITIAL_FORMS": "0"}

each_language = pytest.mark.parametrize("language", [CHINESE, ENGLISH])


@each_language
def test_a_shop_at_work_speaks_one_language(house: House, language: str) -> None:
    assert faults(pages(World(house), language), language) == {}


@each_language
def test_refused_forms_and_a_sale_speak_one_language(house: House, language: str) -> None:
    assert faults(answered(World(house), language), language) == {}


def answered(world: World, language: str) -> Iterator[tuple[str, str]]:
    """Forms sent back empty, and a sale as it is worked out, settled and handed back."""
    for name in ROUTES:
        if name.endswith("_add") or name in ("members_member_adjust", "password_change"):
            thing = ROUTES[name][1]
            url = office_address(world.house, name, thing)
            yield from _page(world, "owner", language, f"{name} sent", url, NO_ROWS)
    for name, pattern in routes(get_resolver()):
        _get, post = ROWS[name]
        for who in ("nobody", "owner", "member"):
            if post[who] in ("400", "401", "404"):
                url = address(world, name, pattern)
                yield from _page(world, who, language, f"{name} sent", url, {"reason": ""})
    sale = reverse("counter:sale", args=[uuid.UUID(int=9)])
    for entry in ("13800001234", "2*latte", "cake"):
        yield from _page(world, "owner", language, f"sale {entry}", sale, {"entry": entry})


@each_language
def test_lending_and_days_running_speak_one_language(house: House, language: str) -> None:
    world = World(house)
    loans = lent_out(house)

    def found() -> Iterator[tuple[str, str]]:
        sale = reverse("counter:sale", args=[uuid.UUID(int=9)])
        serve = reverse("counter:serve", args=[uuid.UUID(int=9)])
        yield from _page(world, "cashier", language, "sale", sale, {"entry": "13800001234"})
        for do in ("check-in", f"special:{loans[0].benefit_id}", *(f"back:{x.pk}" for x in loans)):
            keys = {f"loan-key-{loan.pk}": str(uuid.uuid4()) for loan in loans}
            body = {"do": do, "redeem_key": str(uuid.uuid4()), **keys}
            yield from _page(world, "cashier", language, f"sale {do}", serve, body)
        for path in ("home", "check_ins", "inbox"):
            yield from _page(world, "member", language, path, reverse(f"card:{path}"))
        office = reverse("admin:loyalty_loan_changelist")
        for query in ("", "?state=overdue", "?state=all"):
            yield from _page(world, "owner", language, f"loans{query}", office + query)
        member = office_address(house, "members_member_change", "member")
        yield from _page(world, "owner", language, "member", member)
        benefit = reverse("admin:loyalty_benefit_change", args=[loans[0].benefit_id])
        yield from _page(world, "owner", language, "benefit", benefit)
        steps = {"streak_steps-TOTAL_FORMS": "1", "streak_steps-0-days": "7"}
        steps |= {"streak_steps-0-pack": str(house.pack.pk), "streak_steps-0-repeats": "on"}
        preview = reverse("admin:loyalty_policy_preview", args=[1])
        yield from _page(world, "owner", language, "points", preview, steps)

    assert faults(found(), language) == {}


def lent_out(house: House) -> list[Loan]:
    """Three things out: overdue, due today, due later; and a gift that comes today."""
    benefit = factories.benefit("借书回家", "special", text="借书", return_days=14)
    steps = [(2, house.pack, True)]
    rule_changes.save_policy(policy=rules.policy(), streaks=steps, actor=None, at=AT)
    yesterday = AT - dt.timedelta(days=1)
    checkins.check_in(member_id=house.member.pk, shop=house.shop, actor=None, at=yesterday)
    return [
        Loan.objects.create(
            member=house.member,
            benefit=benefit,
            shop=house.shop,
            thing="《活着》",
            lent_at=AT - dt.timedelta(days=days),
            lent_on=AT.date() - dt.timedelta(days=days),
            due_on=AT.date() - dt.timedelta(days=days - 14),
        )
        for days in (19, 14, 1)
    ]


@each_language
def test_an_empty_shop_speaks_one_language(db: None, at_work: object, language: str) -> None:
    staff_changes.first_owner(login="owner", password=factories.PASSWORD, at=AT)
    browser = Client()
    browser.cookies["django_language"] = language
    browser.force_login(Staff.objects.get(), backend="members.backends.StaffBackend")

    def found() -> Iterator[tuple[str, str]]:
        for name, (_roles, thing) in ROUTES.items():
            if not thing:
                answer = browser.get(reverse(f"admin:{name}"))
                if answer.headers.get("Content-Type", "").startswith("text/html"):
                    yield name, answer.content.decode()
        for path in ("counter:home", "card:home", "card:join", "card:terms", "counter:shop"):
            yield path, browser.get(reverse(path), follow=True).content.decode()
        visitor = Client()
        visitor.cookies["django_language"] = language
        for path in ("admin:login", "counter:login"):
            yield path, visitor.get(reverse(path)).content.decode()

    assert faults(found(), language) == {}


@each_language
def test_what_went_wrong_is_told_in_one_language(rf: RequestFactory, language: str) -> None:
    request = rf.get("/")
    with translation.override(language):
        found = {name: render_to_string(name, {"request": request}) for name in ERROR_PAGES}
    assert faults(iter(found.items()), language) == {}


@pytest.mark.parametrize(
    ("language", "html", "found"),
    [
        (CHINESE, "<p>保存 <b>Save the order</b></p>", {"Save the order"}),
        (CHINESE, '<input placeholder="Search">', {"Search"}),
        (CHINESE, "<p>Huitou · zhou</p><script>var words</script>", set()),
        (ENGLISH, "<option>已核销</option><p>Latte 拿铁</p>", {"已核销"}),
    ],
)
def test_the_rule_itself(language: str, html: str, found: set[str]) -> None:
    assert strange(html, language, ["拿铁", "zhou"]) == found
