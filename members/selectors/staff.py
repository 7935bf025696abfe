"""Who works where, by plain statements: asked on every request of a counter."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from members import statements
from members.models import Shop, Staff

M = TypeVar("M", bound=Model)


def _columns(model: type[Model], table: str) -> str:
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)


STAFF = f"SELECT {_columns(Staff, 's')} FROM members_staff s WHERE s.id = %s"
# An owner may work in every open shop, anybody else in their own.
SHOP = f"""
SELECT {_columns(Shop, "p")} FROM members_shop p
WHERE p.id = %(shop)s AND p.is_active AND (%(everywhere)s OR EXISTS (
    SELECT FROM members_staff_shops w WHERE w.shop_id = p.id AND w.staff_id = %(staff)s))
"""


def _one(model: type[M], query: str, params: Any) -> M | None:
    rows = statements.run(query, params)
    if not rows:
        return None
    names = [field.attname for field in model._meta.concrete_fields]
    return model.from_db(DEFAULT_DB_ALIAS, names, rows[0])


def by_id(staff_id: int) -> Staff | None:
    """The staff member with this id, active or not; one statement."""
    return _one(Staff, STAFF, [staff_id])


def shop_of(staff: Staff, shop_id: int) -> Shop | None:
    """This shop, if it is open and the person may work in it; one statement."""
    everywhere = staff.role == Staff.Role.OWNER
    return _one(Shop, SHOP, {"staff": staff.pk, "everywhere": everywhere, "shop": shop_id})
