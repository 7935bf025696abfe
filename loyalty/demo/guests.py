"""Sales to people without a card: the share of members is what a shop wants to raise."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence

from loyalty.demo.scene import Article, Happened, Sold, World
from loyalty.settlement import calculator
from loyalty.settlement.rulebook import Inputs
from loyalty.settlement.types import Ask, Line
from members import clock

FOR_ONE = 0.45  # guests for each sale to a member: every third sale or so
BASKET = ((1, 2, 3), (7, 2, 1))  # articles, out of ten guests


def sales(scene: World, sold: Sequence[Sold]) -> list[Sold]:
    """Guests who came within the hour after a member did, to the same till. ``sold`` by time."""
    draw = random.Random("guests")  # noqa: S311 (no secret: a demo)
    return list(_sales(scene, sold, draw))


def events(sold: Sequence[Sold]) -> list[Happened]:
    return [
        Happened(
            "settled",
            order.at,
            None,
            order.staff_id,
            order.shop_id,
            {"net_fen": order.result.other_fen},
            order,
        )
        for order in sold
    ]


def _sales(scene: World, sold: Sequence[Sold], draw: random.Random) -> Iterator[Sold]:
    for before in sold:
        at = before.at + dt.timedelta(seconds=draw.randrange(60, 3600))
        if draw.random() >= FOR_ONE or at > scene.now:
            continue
        cart = draw.sample(scene.articles, draw.choices(*BASKET)[0])
        inputs = _inputs(cart, before.shop_id, at)
        yield Sold(
            None,
            None,
            before.shop_id,
            before.staff_id,
            at,
            inputs,
            calculator.settle(scene.book.sale(inputs)),
            tuple(article.name for article in cart),
            draw.choices(("wechat", "alipay", "cash", "card"), (6, 2, 1, 1))[0],
        )


def _inputs(cart: Sequence[Article], shop: int, at: dt.datetime) -> Inputs:
    return Inputs(
        lines=tuple(
            Line(
                quantity=1,
                unit_price_fen=article.price_fen,
                product_id=article.id,
                category_ids=article.categories,
            )
            for article in cart
        ),
        ask=Ask(),
        shop_id=shop,
        channel="counter",
        at=int(at.timestamp()),
        local=at.astimezone(clock.shop_zone()).replace(tzinfo=None, microsecond=0),
    )
