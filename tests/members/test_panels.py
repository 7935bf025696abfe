"""Panels of other apps: in their order, rendered on the server; a broken one takes nothing down."""

from __future__ import annotations

import datetime as dt

import pytest
from django.http import HttpRequest
from django.template import engines
from django.test import RequestFactory

from members import registry
from members.models import Member
from members.registry import Shown
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db
TEMPLATE = '{% load panels %}{% panels "card" member at %}'


@pytest.fixture(autouse=True)
def _no_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_panels", {})


def shown(member: Member | None) -> str:
    request = RequestFactory().get("/m/")
    return engines["django"].from_string(TEMPLATE).render({"member": member, "at": AT}, request)


def names(label: str) -> registry.PanelRender:
    def render(member: Member, request: HttpRequest, at: dt.datetime) -> Shown:
        return Shown("components/error.html", {"error": {"message": f"{label}:{member.name}"}})

    return render


def broken(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    raise RuntimeError("not today")


def nothing(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    return None


def test_in_order_and_only_in_their_place() -> None:
    registry.register_panel("card", "late", names("late"), order=20)
    registry.register_panel("card", "early", names("early"), order=10)
    registry.register_panel("counter", "other", names("other"))
    page = shown(factories.member())
    assert page.index("early:王小敏") < page.index("late:王小敏")
    assert "other:" not in page


def test_a_broken_or_empty_panel_is_left_out() -> None:
    registry.register_panel("card", "broken", broken)
    registry.register_panel("card", "nothing", nothing)
    registry.register_panel("card", "whole", names("whole"), order=1)
    page = shown(factories.member())
    assert page.count("data-code") == page.count("whole:王小敏") == 1


def test_without_a_member_there_are_none() -> None:
    registry.register_panel("card", "whole", names("whole"))
    assert shown(None) == ""


def test_names_are_taken_once_and_places_are_known() -> None:
    registry.register_panel("member", "notes", nothing)
    with pytest.raises(ValueError, match="registered already"):
        registry.register_panel("member", "notes", nothing)
    with pytest.raises(ValueError, match="no place"):
        registry.register_panel("till", "notes", nothing)
