"""Where upper apps hang in what a lower app must call but may not import.

They register from their ``AppConfig.ready()``; nothing here reads the database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from members.models import Event, Member

EventHandler = Callable[[Event, dt.datetime], None]
ClosingGuard = Callable[[Member, dt.datetime], None]
PLACES = frozenset({"card", "counter", "member"})


@dataclass(frozen=True)
class Consumer:
    """Someone who must act on events of some kinds, each exactly once.

    ``handler(event, at)`` runs in a transaction of its own together with its mark "done". It may
    run again after a failure, so what it does outside the database must bear that.
    """

    name: str
    kinds: frozenset[str]
    handler: EventHandler


@dataclass(frozen=True)
class Shown:
    """What a panel shows for a member now: a template and what it needs."""

    template: str
    context: dict[str, Any]


PanelRender = Callable[[Member, HttpRequest, dt.datetime], "Shown | None"]


@dataclass(frozen=True)
class Panel:
    """A part of the card, of the counter or of the member's page in the back office.

    ``render(member, request, at)`` gives what to show, or None for nothing; it only reads.
    """

    place: str
    name: str
    render: PanelRender
    order: int


_consumers: dict[str, Consumer] = {}
_closing_guards: dict[str, ClosingGuard] = {}
_panels: dict[tuple[str, str], Panel] = {}


def register_consumer(name: str, kinds: Iterable[str], handler: EventHandler) -> None:
    """Have ``handler(event, at)`` called for every event of these kinds from now on."""
    if name in _consumers:
        raise ValueError(f"consumer {name} is registered already")
    _consumers[name] = Consumer(name, frozenset(kinds), handler)


def consumers_of(kind: str) -> list[Consumer]:
    """Who acts on events of this kind, in the order of registering."""
    return [consumer for consumer in _consumers.values() if kind in consumer.kinds]


def register_closing_guard(name: str, guard: ClosingGuard) -> None:
    """Have ``guard(member, at)`` asked before a member is closed; it refuses by a Refusal."""
    if name in _closing_guards:
        raise ValueError(f"closing guard {name} is registered already")
    _closing_guards[name] = guard


def closing_guards() -> list[ClosingGuard]:
    """Who is asked before a member is closed."""
    return list(_closing_guards.values())


def register_panel(place: str, name: str, render: PanelRender, *, order: int = 0) -> None:
    """Show a panel on the ``card``, at the ``counter`` or on the ``member`` page from now on.

    Lower ``order`` comes first; equal ones by name.
    """
    if place not in PLACES:
        raise ValueError(f"no place {place}")
    if (place, name) in _panels:
        raise ValueError(f"panel {name} is registered already")
    _panels[place, name] = Panel(place, name, render, order)


def panels_of(place: str) -> list[Panel]:
    """The panels of a place in the order they are shown."""
    found = [panel for panel in _panels.values() if panel.place == place]
    return sorted(found, key=lambda panel: (panel.order, panel.name))
