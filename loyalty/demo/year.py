"""One member's year, worked out by the real rules. Gathers rows, writes nothing."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loyalty.demo.people import Person
from loyalty.demo.scene import (
    Article,
    CouponRow,
    Happened,
    Ids,
    LotRow,
    Plan,
    Posted,
    Sold,
    World,
)
from loyalty.models import Entry
from loyalty.services import coupons as coupon_service
from loyalty.services import ledger, tiers
from loyalty.services.ledger import Move, NewLot
from loyalty.settlement import calculator
from loyalty.settlement.rulebook import Inputs, TierRule, WalletCoupon, next_birthday
from loyalty.settlement.types import Ask, Line, ValueLot
from members import clock

Side = Entry.Side
TRAILING = dt.timedelta(days=365)
NIGHT = dt.timedelta(hours=3, minutes=20)  # when the birthday gifts are given


@dataclass(slots=True)
class MemberYear:
    """A member's state as the year goes on, and every row it leaves behind."""

    person: Person
    member_id: int
    world: World
    ids: Ids
    phone_proved_at: dt.datetime | None = None
    tier_id: int | None = None
    tier_since: dt.date | None = None
    tier_until: dt.date | None = None
    balances: dict[str, int] = field(
        default_factory=lambda: {"points": 0, "principal": 0, "bonus": 0}
    )
    lots: list[LotRow] = field(default_factory=list)
    coupons: list[CouponRow] = field(default_factory=list)
    entries: list[Posted] = field(default_factory=list)
    orders: list[Sold] = field(default_factory=list)
    top_ups: list[tuple[int, Plan, dt.datetime, int, int]] = field(default_factory=list)
    events: list[Happened] = field(default_factory=list)
    birthday_at: dt.datetime | None = None
    birthday_gifts: list[tuple[int, int, dt.datetime]] = field(default_factory=list)
    weeks: dict[str, list[str]] = field(default_factory=dict)

    def live(self) -> None:
        """Join, visit, top up, climb."""
        draw = random.Random(f"year {self.person.number}")  # noqa: S311 (no secret: a demo)
        joined = self._aware(self.person.joined)
        self._join(joined)
        for number, visit in enumerate(self.person.visits):
            at = self._aware(visit)
            if at > self.world.now:  # later today
                break
            self._birthday(until=at)
            if self.person.tops_up and number % 6 == 1 and self.value_fen < 3000:
                self._top_up(at - dt.timedelta(minutes=1), draw)
            self._buy(at, draw)
        self._birthday(until=self.world.now)

    @property
    def value_fen(self) -> int:
        return self.balances["principal"] + self.balances["bonus"]

    def _aware(self, local: dt.datetime) -> dt.datetime:
        return local.replace(tzinfo=clock.shop_zone()).astimezone(dt.UTC)

    def _shop(self, draw: random.Random) -> tuple[int, int]:
        """A shop (mostly their own) and the cashier who was there."""
        index = self.person.shop
        if draw.random() < 0.15:
            index = draw.randrange(len(self.world.shops))
        return self.world.shops[index], self.world.cashiers[index]

    def _join(self, at: dt.datetime) -> None:
        first = self.world.book.tiers[0]
        self.tier_id, self.tier_since = first.id, clock.local_date(at)
        day = next_birthday(self.tier_since + dt.timedelta(days=1), self.person.birthday[1:])
        self.birthday_at = clock.start_of_day(day) + NIGHT
        # One in eight never opened the card on their phone; none of them tops up.
        if self.person.tops_up or self.person.number % 8:
            self.phone_proved_at = at
        shop = self.world.shops[self.person.shop]
        self.events.append(Happened("joined", at, self.member_id, None, shop, {}))
        pack = self.world.book.packs.get(self.world.book.policy["welcome_pack_id"] or 0)
        if pack is not None:
            self._give(pack, "welcome", at, None)

    def _birthday(self, *, until: dt.datetime) -> None:
        """What the night of the birthday gave if it has come, by the tier of that night."""
        at = self.birthday_at
        if at is None or at > until:
            return
        self.birthday_at = None  # the year has one
        tier = self.world.book.tier_by_id[self.tier_id or 0]
        pack = self.world.book.packs.get(tier.birthday_pack or 0)
        if pack is None:
            return
        year = clock.local_date(at).year
        self.birthday_gifts.append((year, tier.id, at))
        held = len(self.coupons)
        self._give(pack, "birthday", at, None)
        facts = {
            "year": year,
            "in_tier": tier.id,
            "pack": pack["id"],
            "name": pack["name"],
            "points": pack["points"],
            "bonus_fen": pack["bonus_fen"],
            "coupons": [row.id for row in self.coupons[held:]],
            "tier": None,
            "tier_days": None,
        }
        self.events.append(Happened("birthday_gift", at, self.member_id, None, None, facts))

    def _give(
        self, pack: Mapping[str, Any], source: str, at: dt.datetime, order: Sold | None
    ) -> None:
        moves, lots = self._earn(pack["points"], Side.GIVEN, source, at)
        if pack["bonus_fen"]:
            new = len(lots)
            moves.append(Move(self.member_id, "bonus", pack["bonus_fen"], Side.GIVEN, new=new))
            lots.append(NewLot(self.member_id, "value", source, bonus=pack["bonus_fen"]))
        self._post(moves, lots, at, order=order, reason=pack["name"])
        for template_id, count in pack["coupons"]:
            template = self.world.book.template_rows[template_id]
            valid_from, expires_at = coupon_service.validity(template, at)
            for _number in range(count):
                self.coupons.append(
                    CouponRow(
                        next(self.ids.coupon),
                        template_id,
                        self.member_id,
                        at,
                        valid_from,
                        expires_at,
                        source,
                        template["uses"],
                        order,
                    )
                )

    def _earn(
        self, points: int, side: str, source: str, at: dt.datetime
    ) -> tuple[list[Move], list[NewLot]]:
        return ledger.earn_moves(
            member_id=self.member_id,
            points=points,
            debt=0,
            side=side,
            source=source,
            expires_at=clock.end_of_validity(at, months=self.world.book.policy["points_months"]),
        )

    def _post(
        self,
        moves: Sequence[Move],
        new_lots: Sequence[NewLot],
        at: dt.datetime,
        *,
        order: Sold | None = None,
        top_up: int | None = None,
        reason: str = "",
    ) -> None:
        """What ``ledger.post`` does, on the rows that will be written."""
        opened = [
            LotRow(next(self.ids.lot), new, at, new.points, new.principal, new.bonus, order, top_up)
            for new in new_lots
        ]
        by_id = {row.id: row for row in self.lots}
        for move in moves:
            if not move.delta:
                continue
            self.balances[move.kind] += move.delta
            if move.new is not None:
                lot_id = opened[move.new].id
            else:
                lot_id = move.lot or 0
                row = by_id[lot_id]
                setattr(row, move.kind, getattr(row, move.kind) + move.delta)
            self.entries.append(
                Posted(move, lot_id, at, self.balances[move.kind], order, top_up, reason)
            )
        self.lots += opened

    def _top_up(self, at: dt.datetime, draw: random.Random) -> None:
        plan = draw.choice(self.world.plans)
        number = next(self.ids.top_up)
        shop, cashier = self._shop(draw)
        moves = [
            Move(self.member_id, "principal", plan.pay_fen, Side.CASH, new=0),
            Move(self.member_id, "bonus", plan.bonus_fen, Side.GIVEN, new=0),
        ]
        lot = NewLot(
            self.member_id, "value", "top_up", principal=plan.pay_fen, bonus=plan.bonus_fen
        )
        self._post(moves, [lot], at, top_up=number)
        self.top_ups.append((number, plan, at, shop, cashier))
        facts = {"top_up": number, "paid_fen": plan.pay_fen, "bonus_fen": plan.bonus_fen}
        self.events.append(Happened("topped_up", at, self.member_id, cashier, shop, facts))

    def _cart(self, draw: random.Random) -> list[tuple[Article, int]]:
        wanted: dict[int, int] = {}
        for _number in range(draw.choices((1, 2, 3), (5, 4, 1))[0]):
            index = draw.choice(self.person.favourites)
            wanted[index] = wanted.get(index, 0) + draw.choices((1, 2), (4, 1))[0]
        return [(self.world.articles[index], quantity) for index, quantity in wanted.items()]

    def _inputs(
        self, cart: Sequence[tuple[Article, int]], shop: int, at: dt.datetime, points: int
    ) -> Inputs:
        local = at.astimezone(clock.shop_zone()).replace(tzinfo=None, microsecond=0)
        return Inputs(
            lines=tuple(
                Line(
                    quantity=quantity,
                    unit_price_fen=article.price_fen,
                    product_id=article.id,
                    category_ids=article.categories,
                )
                for article, quantity in cart
            ),
            ask=Ask(points=points, use_stored_value=self.value_fen > 0),
            shop_id=shop,
            channel="counter",
            at=int(at.timestamp()),
            local=local,
            member_id=self.member_id,
            tier_id=self.tier_id,
            birthday=self.person.birthday[1:],
            is_first_order=not self.orders,
            points=self.balances["points"],
            lots=tuple(
                ValueLot(row.id, row.principal, row.bonus)
                for row in self.lots
                if row.new.asset == "value" and (row.principal or row.bonus)
            ),
            coupons=tuple(
                WalletCoupon(
                    row.id,
                    row.template_id,
                    row.uses_left,
                    int(row.valid_from.timestamp()),
                    int(row.expires_at.timestamp()),
                )
                for row in sorted(self.coupons, key=lambda row: (row.expires_at, row.id))
                if row.uses_left and row.valid_from <= at < row.expires_at
            ),
        )

    def _buy(self, at: dt.datetime, draw: random.Random) -> None:
        shop, cashier = self._shop(draw)
        cart = self._cart(draw)
        gross = sum(article.price_fen * quantity for article, quantity in cart)
        held = self.balances["points"] // 100 * 100
        points = min(held, 1000, gross // 200 * 100) if self.person.uses_points else 0
        inputs = self._inputs(cart, shop, at, points)
        result = calculator.settle(self.world.book.sale(inputs))
        order = Sold(
            self.member_id,
            self.tier_id,
            shop,
            cashier,
            at,
            inputs,
            result,
            tuple(article.name for article, _quantity in cart),
            draw.choices(("wechat", "alipay", "cash", "card"), (6, 2, 1, 1))[0],
        )
        self.orders.append(order)
        self._settle(order)

    def _settle(self, order: Sold) -> None:
        result, at = order.result, order.at
        moves = ledger.spend_moves(
            member_id=self.member_id,
            kind="points",
            amount=result.points_used,
            lots=[(row.id, row.points) for row in self.lots if row.new.asset == "points"],
            side=Side.REDEEMED,
        )
        for part in result.draws:
            moves += ledger.draw_moves(self.member_id, part)
        earned, lots = self._earn(result.points_earned, Side.ISSUED, "order", at)
        self._post(moves + earned, lots, at, order=order)
        used = {use.coupon_id: use.uses for use in result.coupon_uses}
        for row in self.coupons:
            row.uses_left -= used.get(row.id, 0)
        net = {"net_fen": result.other_fen + result.principal_fen}
        self.events.append(
            Happened("settled", at, self.member_id, order.staff_id, order.shop_id, net, order)
        )
        monday = order.inputs.local.date() - dt.timedelta(days=order.inputs.local.weekday())
        for line in order.inputs.lines:
            for category in line.category_ids:
                held = self.weeks.setdefault(str(category), [])
                if monday.isoformat() not in held:
                    self.weeks[str(category)] = [*held, monday.isoformat()][-12:]
        self._climb(order)

    def _climb(self, order: Sold) -> None:
        since = order.at - TRAILING
        progress = sum(sold.result.basis_fen for sold in self.orders if sold.at > since)
        target: TierRule | None = tiers.due_promotion(
            book=self.world.book, tier_id=self.tier_id, progress_fen=progress, checkins=0
        )
        columns = tiers.promotion_columns(target, at=order.at)
        if target is None or columns is None:
            return
        before = self.tier_id
        self.tier_id, self.tier_since, self.tier_until = columns
        pack = self.world.book.packs.get(target.upgrade_pack or 0)
        if pack is not None:
            self._give(pack, "upgrade", order.at, order)
        facts = {"before": before, "after": target.id}
        self.events.append(
            Happened("tier_changed", order.at, self.member_id, None, None, facts, order)
        )
