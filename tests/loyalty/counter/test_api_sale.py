"""POST /counter/api/quote and /counter/api/settle."""

from __future__ import annotations

from tests.loyalty.counter.conftest import Api, Cast


def test_quote_explains_every_fen(api: Api, cast: Cast) -> None:
    status, quote = api.post(
        "quote",
        {
            "member": {"phone": "138 0000 1234"},
            "lines": [{"sku": "latte", "quantity": 2}, {"sku": "cake"}],
        },
    )
    assert status == 200, quote
    assert quote["gross_fen"] == 10000
    print(quote)
